"""What every store answers to searches, counts and listings. The grammar has its own tests."""

from __future__ import annotations

import math
from contextlib import suppress

import pytest

from millstream.stores.base import Store
from millstream.values import ops, outlines, queries
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

    def test_a_table_has_just_the_columns_asked_for(self, store: Store) -> None:
        run = new_run(store)
        other = new_run(store)
        log(store, run, [("m", 3.0), ("m", 1.0, 1), ("m", 2.0, 2), ("n", 1.0)], {"p": "1", "q": "2"}, {"t": "3"})
        ids = ("0",)

        def table(*columns: str) -> queries.RunTable:
            query = queries.TabulateRuns(experiment_ids=ids, order_by=("metrics.m",), columns=columns)
            return store.read(query)

        some = table("metrics.m.min", "metrics.m", "metrics.m.mean", "params.q", "params.none", "status")
        assert some.metrics == {"m": [2.0, None], "m.mean": [2.0, None], "m.min": [1.0, None]}
        assert (some.params, some.tags, some.run_id) == ({"none": [None] * 2, "q": ["2", None]}, {}, [run, other])
        every = table("metrics.*", "metrics.m.count")
        assert every.metrics == {"m": [2.0, None], "m.count": [3, None], "n": [1.0, None]}
        assert set(table("tags.*").tags) >= {"t"}
        with pytest.raises(InvalidValue, match="unexpected 'q'"):
            table("params.p q")
        log(store, other, [("m.min", 5.0)])
        assert table("metrics.m.min").metrics == {"m.min": [None, 5.0]}
        assert table("metrics.`m`.min").metrics == {"m.min": [1.0, None]}
        query = queries.SearchRuns(experiment_ids=ids, filter="metrics.n = 1", columns=("metrics.m", "params.*"))
        (found,) = store.read(query)
        assert (found.data.metrics, found.data.params, found.data.tags) == ({"m": 2.0}, {"p": "1", "q": "2"}, {})
        with pytest.raises(InvalidValue, match="need a table"):
            store.read(queries.SearchRuns(experiment_ids=ids, columns=("metrics.m.max",)))

    @covers(queries.CountRuns)
    def test_runs_are_counted(self, store: Store) -> None:
        for number in range(3):
            log(store, new_run(store), params={"p": str(number)})
        deleted = new_run(store)
        store.write(ops.DeleteRun(run_id=deleted, time=T0))
        count = queries.CountRuns(experiment_ids=("0",), filter="params.p >= 1")
        assert store.read(count) == 2
        assert store.read(queries.CountRuns(experiment_ids=("0", "7"), view=ViewType.ALL)) == 4
        assert store.read(queries.CountRuns(experiment_ids=())) == 0

    @covers(queries.FacetRuns)
    def test_facets_say_what_the_matching_runs_have(self, store: Store) -> None:
        for number, text in enumerate(["0.5", "0.5", "값", "10"]):
            run = new_run(store, user_id="지민" if number else "u")
            value = math.nan if number == 3 else float(number)
            log(store, run, [("m", value + 1), ("m", value, 1)], {"p": text}, {"t": "x"})
        new_run(store)
        keys = ("params.p", "tags.t", "metrics.m", "metrics.m.first", "status", "user_id", "metrics.none", "end_time")
        query = queries.FacetRuns(experiment_ids=("0",), keys=keys, limit=2)
        facets = {facet.key: facet for facet in store.read(query)}
        facet = queries.Facet
        assert facets["params.p"] == facet("params.p", 4, 3, (("0.5", 2), ("10", 1)), 0.5, 10.0, 1)
        assert facets["tags.t"] == facet("tags.t", 4, 1, (("x", 4),))
        assert facets["metrics.m"] == facet("metrics.m", 4, 3, (), 0.0, 2.0, 1)
        assert facets["metrics.m.first"] == facet("metrics.m.first", 4, 3, (), 1.0, 3.0, 1)
        assert facets["status"].values == (("RUNNING", 5),)
        assert facets["user_id"].values == (("지민", 3), ("", 1))
        assert facets["metrics.none"] == facet("metrics.none", 0, 0)
        assert facets["end_time"] == facet("end_time", 0, 0, undefined=0)
        (few,) = store.read(
            queries.FacetRuns(experiment_ids=("0",), keys=("params.p",), filter="metrics.m.first <= 2", limit=0)
        )
        assert (few.present, few.distinct, few.values, few.maximum) == (2, 1, (), 0.5)
        for bad in ({"keys": ("nothing",)}, {"keys": ("status",), "limit": -1}, {"keys": ("status",) * 101}):
            with pytest.raises(InvalidValue):
                store.read(queries.FacetRuns(experiment_ids=("0",), **bad))

    @covers(outlines.ListKeys)
    def test_keys_say_how_many_runs_have_them_and_whether_these_differ(self, store: Store) -> None:
        for number in range(3):
            params = {"same": "값", "lr": str(number / 10), "word": "ab"[number % 2]}
            run = new_run(store)
            log(store, run, [("m", float(number)), ("flat", 1.0), ("nan", math.nan)], params, {"t": "x"})
            if number:
                log(store, run, [("flat", 2.0, 1), ("some", math.nan if number == 1 else 7.0)], {"rare": "1"})
        log(store, new_run(store, new_experiment(store)), params={"elsewhere": "1"})
        found = store.read(outlines.ListKeys(experiment_ids=("0",)))
        columns = outlines.KeyColumns
        assert (found.total, found.metrics) == (
            3,
            columns(["flat", "m", "nan", "some"], [3, 3, 3, 2], [True, True, False, True], [True] * 4, [None] * 4),
        )
        names, runs, varies = ["lr", "rare", "same", "word"], [3, 2, 3, 3], [True, True, False, True]
        assert found.params == columns(names, runs, varies, [True, True, False, False], [None, None, "값", None])
        place = found.tags.key.index("t")
        assert (found.tags.runs[place], found.tags.varies[place], found.tags.value[place]) == (3, False, "x")
        some = store.read(outlines.ListKeys(experiment_ids=("0",), filter="params.rare = '1'"))
        assert (some.total, some.params.value) == (2, [None, "1", "값", None])
        assert store.read(outlines.ListKeys(experiment_ids=("0",), view=ViewType.DELETED_ONLY)).params.key == []
        with pytest.raises(InvalidValue):
            store.read(outlines.ListKeys(experiment_ids=("0",), filter="params."))

    def test_parts_of_a_series_are_searched_and_sorted(self, store: Store) -> None:
        down, up, nan = (new_run(store, run_name=name) for name in ("down", "up", "nan"))
        log(store, down, [("m", 3.0, 5), ("m", 9.0, -1), ("m", 1.0, 7)])
        log(store, up, [("m", 2.0, 0, T0), ("m", 4.0, 0, T0 - 1), ("m", 5.0, 1)])
        log(store, nan, [("m", math.nan, 0)])
        none = new_run(store, run_name="none")
        assert search(store, "metrics.m.first = 9") == [down]
        assert search(store, "metrics.m.first = 2 AND metrics.m.last = 5 AND metrics.m.max > 4.5") == [up]
        assert search(store, "metrics.m.min <= 2", ["metrics.m.min DESC"]) == [up, down]
        assert search(store, "metrics.m.count >= 2.5 AND metrics.`m`.mean > 4") == [down]
        assert search(store, "metrics.m.mean = nan") == [nan]
        assert search(store, order=["metrics.m.max ASC"]) == [up, down, nan, none]
        assert search(store, order=["metrics.m.mean DESC", "run_name"]) == [down, up, nan, none]

    def test_a_metric_of_the_whole_name_is_meant_when_there_is_one(self, store: Store) -> None:
        run, other = new_run(store), new_run(store)
        elsewhere = new_experiment(store)
        log(store, run, [("m", 3.0), ("m", 1.0, 1)])
        log(store, new_run(store, elsewhere), [("m.min", 1.0)])
        assert search(store, "metrics.m.min = 1") == [run]
        log(store, other, [("m.min", 1.0)])
        assert search(store, "metrics.m.min = 1") == [other]
        assert search(store, "NOT (metrics.m.min = 2 OR metrics.m.max = 3)") == [other]
        assert search(store, "metrics.`m.min` = 1") == [other]
        assert search(store, "metrics.`m`.min = 1") == [run]
        assert search(store, order=["metrics.m.min"]) == [other, run]

    def test_params_are_compared_and_sorted_as_numbers(self, store: Store) -> None:
        texts = ["10", "9", "1e-3", "-inf", "nan", "값", " 9.0 ", None]
        runs = [new_run(store) for _ in texts]
        for run, text in zip(runs, texts, strict=True):
            if text is not None:
                log(store, run, params={"p": text})
        assert search(store, "params.p > 0.0005 AND params.p <= 9") == [runs[6], runs[2], runs[1]]
        assert search(store, "params.p = 9") == [runs[6], runs[1]]
        assert search(store, "params.p = '9'") == [runs[1]]
        assert search(store, "params.p < -1e300") == [runs[3]]
        assert set(search(store, "NOT params.p != 9")) == {runs[place] for place in (1, 4, 5, 6, 7)}
        ascending = [runs[place] for place in (3, 2, 6, 1, 0, 5, 4, 7)]
        assert search(store, order=["number(params.p)"]) == ascending
        assert search(store, order=["number(params.p) DESC"])[:3] == [runs[0], runs[6], runs[1]]
        assert search(store, "params.p LIKE '%9%' OR params.p = '10'", ["params.p"]) == [runs[6], runs[0], runs[1]]

    def test_patterns_and_words_find_runs(self, store: Store) -> None:
        first = new_run(store, run_name="ResNet 50")
        second = new_run(store, run_name="나무")
        log(store, first, params={"opt": "AdamW"}, tags={"mlflow.note.content": "첫 실험,\n100% 끝"})
        log(store, second, params={"opt": "sgd"})
        for clause, found in {
            "run_name RLIKE '^Res.*\\d+$'": [first],
            "params.opt RLIKE '(?i)adam|SGD'": [second, first],
            "tags.`mlflow.note.content` RLIKE '실험.+끝$'": [first],
            "tags.none RLIKE ''": [],
            "params.opt CONTAINS 'ADAM'": [first],
            "text CONTAINS 'resnet adamw'": [first],
            "text CONTAINS '실험 100%'": [first],
            "text CONTAINS 'sgd' OR text CONTAINS '없음'": [second],
            "NOT text CONTAINS 'S'": [],
            f"text CONTAINS '{second[:20].upper()}'": [second],
        }.items():
            assert search(store, clause) == found, clause

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
