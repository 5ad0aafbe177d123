"""The embedded store keeps what every store promises, and its own promises on files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.stores.answers import Answers
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries, rules
from millstream.values.entities import ViewType
from millstream.values.errors import InvalidState, NotFound
from millstream.values.paths import RelPath
from tests.stores.calls import T0, experiment_names, get, log, new_experiment, new_run, search
from tests.stores.suite import StoreSuite, covered
from tests.stores.suites.experiments import ExperimentSuite
from tests.stores.suites.life import LifeSuite
from tests.stores.suites.metrics import MetricSuite
from tests.stores.suites.models import new_model
from tests.stores.suites.runs import RunSuite
from tests.stores.suites.searches import SearchSuite


class TestEmbeddedStore(StoreSuite):
    """A directory."""


def every(base: type) -> set[type]:
    """Direct sub-classes, and theirs, that the package defines for stores; those about users are another store's."""
    kinds = [kind for kind in base.__subclasses__() if kind.__module__.startswith("millstream.")]
    found = {kind for kind in kinds if kind.__module__ != "millstream.values.accounts"}
    return found | {below for kind in found for below in every(kind)}


def test_every_op_has_a_rule_a_writer_and_a_test(store: EmbeddedStore) -> None:
    assert set(rules.RULES) == set(store._writers) == every(ops.Op)
    assert every(ops.Op) - covered() == set()


def test_every_query_has_one_reader_and_a_test(store: EmbeddedStore) -> None:
    searches = store._searches()
    assert isinstance(searches, Answers)
    # What was done under a key is known beside the tree.
    keyed = {queries.WasDone}
    assert set(store._lookups.readers) | set(searches._readers) | keyed == every(queries.Query)
    assert set(store._lookups.readers) & set(searches._readers) == set()
    assert every(queries.Query) - covered() == set()


def test_no_test_of_the_suite_hides_another() -> None:
    names = [name for part in (ExperimentSuite, RunSuite, MetricSuite, SearchSuite, LifeSuite) for name in vars(part)]
    tests = [name for name in names if name.startswith("test_")]
    assert len(tests) == len(set(tests))


def test_the_default_experiment_in_the_trash_is_not_made_again(store: EmbeddedStore) -> None:
    new_run(store)
    store.write(ops.DeleteExperiment(experiment_id="0", time=T0))
    with pytest.raises(InvalidState):
        new_run(store)
    assert experiment_names(store) == []


def test_a_deletion_that_was_cut_off_can_be_completed_or_undone(store: EmbeddedStore, root: Path) -> None:
    made = new_experiment(store)
    run = new_run(store, made)
    store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
    (root / ".trash" / made).rename(root / made)  # as if the process had died before it moved the directory
    assert experiment_names(store, view=ViewType.DELETED_ONLY) == ["실험 하나"]
    store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
    assert (root / ".trash" / made).is_dir()
    (root / ".trash" / made).rename(root / made)
    store.write(ops.RestoreExperiment(experiment_id=made, time=T0))
    log(store, run, [("m", 1.0)])
    assert search(store, ids=[made]) == [run]


def test_a_writer_leaves_no_ghost_where_its_experiment_was(
    store: EmbeddedStore, open_tree: Callable[[], EmbeddedStore], root: Path
) -> None:
    made = new_experiment(store)
    run = new_run(store, made)
    log(store, run, [("a", 1.0)])
    open_tree().write(ops.DeleteExperiment(experiment_id=made, time=T0))
    for batch in ({"metrics": [("new/metric", 1.0)]}, {"params": {"p": "1"}}, {"tags": {"t/u": "1"}}):
        with pytest.raises(InvalidState, match="deleted"):
            log(store, run, **batch)
    assert not (root / made).exists()
    open_tree().write(ops.RestoreExperiment(experiment_id=made, time=T0))
    log(store, run, [("new/metric", 1.0)])
    assert get(store, run).data.metrics == {"a": 1.0, "new/metric": 1.0}


def test_nothing_is_made_before_the_first_write(store: EmbeddedStore, root: Path) -> None:
    assert store.read(queries.DescribeStore()).exists is False
    assert search(store) == []
    assert experiment_names(store) == []
    with pytest.raises(NotFound):
        get(store, "abc")
    assert not root.exists()


def test_a_removed_tag_leaves_its_name_free_for_a_directory_or_a_file(store: EmbeddedStore) -> None:
    run = new_run(store)
    log(store, run, tags={"a/b": "1"})
    store.write(ops.DeleteTag(run_id=run, key="a/b"))
    log(store, run, tags={"a": "2"})
    assert get(store, run).data.tags["a"] == "2"


def test_artifacts_outside_of_the_tree_go_there_from_the_first_file_on(store: EmbeddedStore, tmp_path: Path) -> None:
    """A location that ends with the experiment's id looks like that of a tree that was moved; it is not."""
    place = tmp_path / "큰 disk" / "77"
    made = store.write(ops.CreateExperiment(name="out", time=1, experiment_id="77", artifact_location=place.as_uri()))
    run, model = new_run(store, made), new_model(store, made)
    store.artifacts(run).put_bytes(b"1", RelPath.parse("a"))
    store.model_artifacts(model).put_bytes(b"2", RelPath.parse("b"))
    assert (place / run / "artifacts" / "a").read_bytes() == b"1"
    assert (place / "models" / model / "artifacts" / "b").read_bytes() == b"2"


def test_new_runs_of_a_tree_that_moved_keep_artifacts_beside_them(
    store: EmbeddedStore, root: Path, tmp_path: Path
) -> None:
    made = new_experiment(store)
    there = tmp_path / "다른 곳"
    shutil.move(store.root, there)
    moved = EmbeddedStore(there)
    try:
        run = new_run(moved, made)
        moved.artifacts(run).put_bytes(b"1", RelPath.parse("a"))
        assert (there / made / run / "artifacts" / "a").read_bytes() == b"1"
        assert not root.exists()
        shutil.copytree(there, root)
        second = new_run(moved, made)
        moved.artifacts(second).put_bytes(b"2", RelPath.parse("a"))
        assert (there / made / second / "artifacts" / "a").read_bytes() == b"2"
    finally:
        moved.close()
