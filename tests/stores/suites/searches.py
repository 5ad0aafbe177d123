"""What every store answers to searches, counts and listings. The grammar has its own tests."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import ViewType
from millstream.values.errors import InvalidValue, MillstreamError, NotFound
from millstream.values.paths import RelPath
from tests.stores.calls import T0, covers, finish, get, log, new_experiment, new_run, search


class SearchSuite:
    @covers(queries.SearchRuns)
    def test_searching_filters_sorts_and_pages(self, store: Store) -> None:
        runs = [new_run(store) for _ in range(5)]
        elsewhere = new_run(store, new_experiment(store))
        for number, run in enumerate(runs):
            log(store, run, [("m", number / 2)], {"p": f"값 {number}"})
        assert search(store) == runs[::-1]
        assert search(store, "metrics.m >= 1 and params.p != '값 3'", ["metrics.m"]) == [runs[2], runs[4]]
        assert search(store, ids=()) == []
        assert set(search(store, ids=["0", get(store, elsewhere).info.experiment_id])) == {*runs, elsewhere}
        seen: list[str] = []
        token = None
        for _ in range(5):
            query = queries.SearchRuns(
                experiment_ids=("0",), order_by=("metrics.m DESC",), max_results=2, page_token=token
            )
            page = store.read(query)
            seen += [run.info.run_id for run in page]
            token = page.token
            if token is None:
                break
        assert seen == runs[::-1]

    def test_nan_comes_after_numbers_and_missing_last_in_both_directions(self, store: Store) -> None:
        named: dict[str, float | None] = {"one": 1.0, "inf": math.inf, "low": -math.inf, "nan": math.nan, "none": None}
        for name, value in named.items():
            run = new_run(store, run_name=name)
            if value is not None:
                log(store, run, [("m", value)])

        def order(term: str) -> list[str]:
            query = queries.SearchRuns(experiment_ids=("0",), order_by=(term,))
            return [run.info.run_name for run in store.read(query)]

        assert order("metrics.m ASC") == ["low", "one", "inf", "nan", "none"]
        assert order("metrics.m DESC") == ["inf", "one", "low", "nan", "none"]

    def test_a_search_shows_the_stage_asked_for(self, store: Store) -> None:
        kept, deleted = new_run(store), new_run(store)
        store.write(ops.DeleteRun(run_id=deleted, time=T0))
        assert search(store) == [kept]
        assert search(store, view=ViewType.DELETED_ONLY) == [deleted]
        assert set(search(store, view=ViewType.ALL)) == {kept, deleted}

    def test_every_attribute_is_searched(self, store: Store) -> None:
        run = new_run(store, run_name="이름", user_id="지민", start_time=T0 - 5)
        new_run(store, run_name="other", user_id="u", start_time=T0 - 1)
        finish(store, run, "FAILED")
        for clause in (
            "run_name = '이름'",
            "attributes.status = 'FAILED'",
            "attributes.user_id LIKE '지%'",
            f"attributes.run_id = '{run}'",
            f"attributes.start_time < {T0 - 4}",
            f"attributes.end_time = {T0 + 60_000}",
            f"attributes.artifact_uri LIKE '%{run}%'",
        ):
            assert search(store, clause) == [run], clause

    @pytest.mark.parametrize(
        "bad",
        [
            {"max_results": 0},
            {"max_results": 50_001},
            {"filter": "metrics.m"},
            {"order_by": ("metrics.m UP",)},
            {"page_token": "no token"},
            {"view": 0},
        ],
    )
    def test_a_wrong_search_is_refused(self, store: Store, bad: dict[str, object]) -> None:
        new_run(store)
        with pytest.raises(MillstreamError) as caught:
            store.read(queries.SearchRuns(experiment_ids=("0",), **bad))
        assert caught.value.http_status == 400

    def test_a_number_beyond_64_bits_in_a_filter_does_no_harm(self, store: Store) -> None:
        run = new_run(store)
        with suppress(InvalidValue):
            assert search(store, "attributes.start_time > 99999999999999999999999") == []
        with suppress(InvalidValue):
            assert search(store, "attributes.start_time < 99999999999999999999999") == [run]

    def test_very_many_experiments_may_be_searched_at_once(self, store: Store) -> None:
        run = new_run(store)
        assert search(store, ids=[*map(str, range(40_000))]) == [run]

    @covers(queries.TabulateRuns)
    def test_a_table_has_a_column_for_each_key_and_a_row_for_each_run(self, store: Store) -> None:
        first = new_run(store, run_name="하나", user_id="u")
        second = new_run(store, run_name="둘")
        third = new_run(store)
        log(store, first, [("m", 1.0), ("nan", math.nan)], {"p": "1"}, {"t/u": "2"})
        log(store, second, [("m", 2.0)])
        finish(store, second)
        store.write(ops.DeleteRun(run_id=third, time=T0))
        table = store.read(queries.TabulateRuns(experiment_ids=("0",), order_by=("metrics.m ASC",)))
        assert (table.total, table.run_id, table.run_name) == (2, [first, second], ["하나", "둘"])
        assert table.metrics["m"] == [1.0, 2.0]
        assert math.isnan(table.metrics["nan"][0] or 0.0)
        assert table.metrics["nan"][1] is None
        assert (table.params, table.tags["t/u"]) == ({"p": ["1", None]}, ["2", None])
        assert (table.status, table.end_time) == (["RUNNING", "FINISHED"], [None, T0 + 60_000])
        assert (table.experiment_id, table.user_id, table.lifecycle_stage) == (["0"] * 2, ["u", ""], ["active"] * 2)
        window = store.read(queries.TabulateRuns(experiment_ids=("0",), view=ViewType.ALL, offset=1, limit=1))
        assert (window.total, len(window.run_id)) == (3, 1)
        empty = store.read(queries.TabulateRuns(experiment_ids=("0",), limit=0))
        assert (empty.total, empty.run_id) == (2, [])
        with pytest.raises(InvalidValue):
            store.read(queries.TabulateRuns(experiment_ids=("0",), offset=-1))

    @covers(queries.DescribeStore)
    def test_a_store_describes_itself(self, store: Store) -> None:
        made = new_experiment(store)
        new_run(store, made)
        store.write(ops.DeleteRun(run_id=new_run(store, made), time=T0))
        facts = store.read(queries.DescribeStore())
        assert (facts.exists, facts.experiments, facts.runs, facts.problems) == (True, 2, 1, ())
        assert facts.kind
        assert facts.location
        assert store.uri

    @covers(queries.ListArtifacts)
    def test_artifacts_are_kept_listed_and_read(self, store: Store) -> None:
        run = new_run(store)
        assert store.read(queries.ListArtifacts(run_id=run)) == []
        artifacts = store.artifacts(run)
        artifacts.put_bytes("안녕".encode(), RelPath.parse("메모/인사 1.txt"))
        artifacts.put_bytes(b"", RelPath.parse("empty"))
        listed = [(file.path, file.is_dir, file.file_size) for file in store.read(queries.ListArtifacts(run_id=run))]
        assert listed == [("empty", False, 0), ("메모", True, None)]
        (below,) = store.read(queries.ListArtifacts(run_id=run, path="메모"))
        assert (below.path, below.file_size) == ("메모/인사 1.txt", 6)
        with artifacts.open(RelPath.parse("메모/인사 1.txt")) as file:
            assert file.read().decode() == "안녕"
        with pytest.raises(NotFound):
            artifacts.open(RelPath.parse("nothing"))
        for path in ("..", "../x", "/etc", "a/../../b", "%2e%2e/x"):
            with pytest.raises(InvalidValue):
                store.read(queries.ListArtifacts(run_id=run, path=path))

    def test_a_closed_store_opens_again(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, [("m", 1.0)])
        assert search(store) == [run]
        store.close()
        log(store, run, [("m", 2.0, 1)])
        assert search(store, "metrics.m = 2") == [run]

    def test_what_is_no_op_and_no_query_is_refused(self, store: Store) -> None:
        with pytest.raises(InvalidValue, match="Unknown"):
            store.write(type("Unknown", (ops.Op,), {})())
        with pytest.raises(InvalidValue, match="Unheard"):
            store.read(type("Unheard", (queries.Query,), {})())
