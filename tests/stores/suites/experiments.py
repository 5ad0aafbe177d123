"""What every store does with experiments."""

from __future__ import annotations

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import ACTIVE, DELETED, ViewType
from millstream.values.errors import AlreadyExists, InvalidState, InvalidValue, MillstreamError, NotFound
from millstream.values.rights import Seen
from tests.stores.calls import T0, covers, experiment_names, get, log, new_experiment, new_run, search


class ExperimentSuite:
    @covers(ops.CreateExperiment, queries.GetExperiment, queries.GetExperimentByName)
    def test_a_new_experiment_is_there_whole(self, store: Store) -> None:
        tags = {"팀": "비전", "a/b c": "", "long": "가" * 20_000}
        made = new_experiment(store, "고양이 vs 개: #1", tags=tags)
        found = store.read(queries.GetExperiment(experiment_id=made))
        assert found == store.read(queries.GetExperimentByName(name="고양이 vs 개: #1"))
        assert (found.experiment_id, found.name, found.tags) == (made, "고양이 vs 개: #1", tags)
        assert (found.lifecycle_stage, found.creation_time, found.last_update_time) == (ACTIVE, T0, T0)
        assert found.artifact_location

    def test_the_first_experiment_comes_with_the_default_one(self, store: Store) -> None:
        made = new_experiment(store)
        assert made != "0"
        assert store.read(queries.GetExperiment(experiment_id="0")).name == "Default"

    def test_a_chosen_id_and_location_are_kept(self, store: Store) -> None:
        fields = {"experiment_id": "77", "artifact_location": "s3://bucket/my dir"}
        assert new_experiment(store, **fields) == "77"
        found = store.read(queries.GetExperiment(experiment_id="77"))
        assert found.artifact_location == "s3://bucket/my dir"
        with pytest.raises(AlreadyExists):
            new_experiment(store, "another", experiment_id="77")

    def test_a_name_is_taken_once_even_by_a_deleted_one(self, store: Store) -> None:
        made = new_experiment(store, "하나")
        with pytest.raises(AlreadyExists, match="하나"):
            new_experiment(store, "하나")
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        with pytest.raises(AlreadyExists, match=r"[Rr]estore"):
            new_experiment(store, "하나")
        with pytest.raises(AlreadyExists):
            new_experiment(store, "Default")

    @pytest.mark.parametrize("name", ["", " ", "x" * 501, "a\0b", "\ud800"])
    def test_a_bad_name_is_refused(self, store: Store, name: str) -> None:
        with pytest.raises(InvalidValue):
            new_experiment(store, name)
        assert experiment_names(store) in ([], ["Default"])

    def test_an_unknown_experiment_is_not_found(self, store: Store) -> None:
        new_experiment(store)
        for query in (queries.GetExperiment(experiment_id="999"), queries.GetExperimentByName(name="nobody")):
            with pytest.raises(NotFound):
                store.read(query)
        for op in (
            ops.RenameExperiment(experiment_id="999", name="x", time=T0),
            ops.DeleteExperiment(experiment_id="999", time=T0),
            ops.RestoreExperiment(experiment_id="999", time=T0),
            ops.SetExperimentTag(experiment_id="999", key="k", value="v"),
            ops.DeleteExperimentTag(experiment_id="999", key="k"),
        ):
            with pytest.raises(NotFound):
                store.write(op)
        with pytest.raises(NotFound):
            new_run(store, "999")

    def test_an_id_that_is_a_path_is_refused(self, store: Store) -> None:
        for bad in ("../0", "..", "a/b", "", ".trash", "0\n"):
            with pytest.raises(InvalidValue):
                store.read(queries.GetExperiment(experiment_id=bad))
            with pytest.raises(InvalidValue):
                store.write(ops.DeleteExperiment(experiment_id=bad, time=T0))

    @covers(ops.RenameExperiment)
    def test_renaming(self, store: Store) -> None:
        made, other = new_experiment(store, "옛 이름"), new_experiment(store, "other")
        store.write(ops.RenameExperiment(experiment_id=made, name="새 이름", time=T0 + 5))
        found = store.read(queries.GetExperimentByName(name="새 이름"))
        assert (found.experiment_id, found.creation_time, found.last_update_time) == (made, T0, T0 + 5)
        with pytest.raises(NotFound):
            store.read(queries.GetExperimentByName(name="옛 이름"))
        assert sorted(experiment_names(store)) == ["Default", "other", "새 이름"]
        with pytest.raises(AlreadyExists):
            store.write(ops.RenameExperiment(experiment_id=other, name="새 이름", time=T0))
        store.write(ops.RenameExperiment(experiment_id=made, name="새 이름", time=T0 + 6))
        new_experiment(store, "옛 이름")

    @covers(ops.DeleteExperiment, ops.RestoreExperiment)
    def test_deleting_and_restoring_takes_the_runs_along(self, store: Store) -> None:
        made = new_experiment(store, tags={"k": "v"})
        run = new_run(store, made)
        log(store, run, [("m", 1.0)], {"p": "1"}, {"t": "2"})
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0 + 1))
        found = store.read(queries.GetExperiment(experiment_id=made))
        assert (found.lifecycle_stage, found.tags, found.last_update_time) == (DELETED, {"k": "v"}, T0 + 1)
        assert get(store, run).info.lifecycle_stage == DELETED
        assert search(store, ids=[made]) == []
        assert search(store, ids=[made], view=ViewType.DELETED_ONLY) == [run]
        assert get(store, run).data.metrics == {"m": 1.0}
        store.write(ops.RestoreExperiment(experiment_id=made, time=T0 + 2))
        assert store.read(queries.GetExperiment(experiment_id=made)).lifecycle_stage == ACTIVE
        assert search(store, ids=[made]) == [run]
        log(store, run, [("m", 2.0, 1), ("new", 3.0)])
        assert get(store, run).data.metrics == {"m": 2.0, "new": 3.0}

    def test_a_deleted_experiment_takes_no_writes(self, store: Store) -> None:
        made = new_experiment(store)
        run = new_run(store, made)
        log(store, run, [("m", 1.0)])
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        for op in (
            ops.RenameExperiment(experiment_id=made, name="x", time=T0),
            ops.SetExperimentTag(experiment_id=made, key="k", value="v"),
            ops.DeleteExperimentTag(experiment_id=made, key="k"),
            ops.RestoreRun(run_id=run),
        ):
            with pytest.raises(InvalidState):
                store.write(op)
        for batch in (
            {"metrics": [("m", 2.0)]},
            {"metrics": [("n", 2.0)]},
            {"params": {"p": "1"}},
            {"tags": {"t": ""}},
        ):
            with pytest.raises(InvalidState):
                log(store, run, **batch)
        with pytest.raises(InvalidState):
            new_run(store, made)
        store.write(ops.RestoreExperiment(experiment_id=made, time=T0))
        assert get(store, run).data.metrics == {"m": 1.0}

    def test_deleting_twice_and_restoring_what_is_not_deleted(self, store: Store) -> None:
        made = new_experiment(store)
        with pytest.raises(NotFound):
            store.write(ops.RestoreExperiment(experiment_id=made, time=T0))
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        with pytest.raises(NotFound):
            store.write(ops.DeleteExperiment(experiment_id=made, time=T0))

    @covers(ops.SetExperimentTag, ops.DeleteExperimentTag)
    def test_tags_are_set_overwritten_and_removed(self, store: Store) -> None:
        made = new_experiment(store, tags={"a": "1"})
        for key, value in (("a", "2"), ("b/c", "둘"), ("empty", "")):
            store.write(ops.SetExperimentTag(experiment_id=made, key=key, value=value))
        store.write(ops.DeleteExperimentTag(experiment_id=made, key="empty"))
        (found,) = store.read(queries.SearchExperiments(filter="tags.`b/c` = '둘'"))
        assert found.tags == {"a": "2", "b/c": "둘"}
        with pytest.raises(NotFound):
            store.write(ops.DeleteExperimentTag(experiment_id=made, key="empty"))
        with pytest.raises(NotFound):
            store.write(ops.DeleteExperimentTag(experiment_id=made, key="b"))
        for key, value in (("../up", "x"), ("k", "x" * 20_001)):
            with pytest.raises(InvalidValue):
                store.write(ops.SetExperimentTag(experiment_id=made, key=key, value=value))

    @covers(queries.SearchExperiments)
    def test_searching_pages_sorts_and_filters(self, store: Store) -> None:
        made = [new_experiment(store, f"e{number}", time=T0 + number) for number in range(5)]
        store.write(ops.DeleteExperiment(experiment_id=made[0], time=T0))
        assert [name for name in experiment_names(store) if name != "Default"] == ["e4", "e3", "e2", "e1"]
        assert experiment_names(store, view=ViewType.DELETED_ONLY) == ["e0"]
        assert set(experiment_names(store, view=ViewType.ALL)) == {"Default", "e0", "e1", "e2", "e3", "e4"}
        assert experiment_names(store, filter="name LIKE 'e%'", order_by=("name ASC",)) == ["e1", "e2", "e3", "e4"]
        seen: list[str] = []
        token = None
        for _ in range(5):
            page = store.read(queries.SearchExperiments(max_results=2, order_by=("name ASC",), page_token=token))
            assert len(page) <= 2
            seen += [found.name for found in page]
            token = page.token
            if token is None:
                break
        assert seen == ["Default", "e1", "e2", "e3", "e4"]

    @pytest.mark.parametrize(
        "bad",
        [
            {"max_results": 0},
            {"max_results": 50_001},
            {"filter": "name ="},
            {"order_by": ("nonsense.key",)},
            {"page_token": "no token"},
            {"view": 9},
        ],
    )
    def test_a_wrong_search_for_experiments_is_refused(self, store: Store, bad: dict[str, object]) -> None:
        with pytest.raises(MillstreamError) as caught:
            store.read(queries.SearchExperiments(**bad))
        assert caught.value.http_status == 400

    def test_lists_and_counts_know_only_what_is_seen(self, store: Store) -> None:
        ids = [new_experiment(store, f"팀 {number}", time=T0 + number) for number in range(5)]
        for made in ids:
            new_run(store, made)
        for seen, expected in (
            (Seen(frozenset({ids[1], ids[3], "99"})), [ids[3], ids[1]]),
            (Seen(frozenset({*ids[:4], "0"}), others=True), [ids[4]]),
            (Seen(), []),
            (Seen(frozenset(ids) | {f"x{number}" for number in range(1500)}), ids[::-1]),
        ):
            found: list[str] = []
            token = None
            while True:
                page = store.read(queries.SearchExperiments(seen=seen, max_results=1, page_token=token))
                found += [item.experiment_id for item in page]
                token = page.token
                if token is None:
                    break
            assert found == expected, seen
            named = queries.SearchExperiments(seen=seen, filter="name LIKE '팀%'", order_by=("name",))
            assert [item.experiment_id for item in store.read(named)] == sorted(expected, key=ids.index)
            facts = store.read(queries.DescribeStore(seen=seen))
            assert (facts.experiments, facts.runs, facts.location) == (len(expected), len(expected), "")
        everything = store.read(queries.DescribeStore())
        assert (everything.experiments, everything.runs) == (6, 5)
        assert everything.location

    def test_the_default_experiment_comes_back_for_what_goes_there(self, store: Store) -> None:
        def remove() -> None:
            store.write(ops.DeleteExperiment(experiment_id="0", time=T0))
            store.write(ops.PurgeExperiment(experiment_id="0"))
            with pytest.raises(NotFound):
                store.read(queries.GetExperiment(experiment_id="0"))

        new_run(store, "0")
        other = new_experiment(store, "other")
        there = new_run(store, other)
        remove()
        with pytest.raises(AlreadyExists, match=there):
            new_run(store, "0", run_id=there)
        with pytest.raises(NotFound):
            store.read(queries.GetExperiment(experiment_id="0"))
        run = new_run(store, "0", start_time=T0 + 5)
        found = store.read(queries.GetExperiment(experiment_id="0"))
        assert (found.name, found.creation_time, found.lifecycle_stage) == ("Default", T0 + 5, "active")
        assert store.read(queries.GetRunInfo(run_id=run)).experiment_id == "0"
        remove()
        store.write(ops.CreateLoggedModel(model_id="m-1", experiment_id="0", time=T0))
        remove()
        new_experiment(store, "Default")
        with pytest.raises(AlreadyExists, match="Default"):
            new_run(store, "0")

    def test_before_the_first_experiment_comes_the_default_one(self, store: Store) -> None:
        new_run(store, "0")
        store.write(ops.DeleteExperiment(experiment_id="0", time=T0))
        store.write(ops.PurgeExperiment(experiment_id="0"))
        assert experiment_names(store, view=ViewType.ALL) == []
        new_experiment(store, "하나", time=T0 + 1)
        assert sorted(experiment_names(store)) == ["Default", "하나"]
