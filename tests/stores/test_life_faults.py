"""Purges and moves that are killed at every step, raced by writers, or given hostile data."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from millstream.drivers.files import appender, movement, reader
from millstream.formats.mlruns import layout
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import ViewType
from millstream.values.errors import AlreadyExists, StorageFailed, Unavailable
from tests.kills import killed_at
from tests.stores.calls import T0, get, history, log, new_experiment, new_run, search
from tests.stores.suites.life import artifact_place, delete, filled_run
from tests.stores.suites.model_life import filled_model, model_place

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and signals")

Opener = Callable[[], Store]


def purge_is_killed_everywhere(open_store: Opener, tmp_path: Path) -> None:
    """At every step: the run is whole or invisible, the other one untouched, and the next gc completes it."""
    store = open_store()
    made = new_experiment(store, artifact_location=str(tmp_path / "밖 files"))
    other = filled_run(store, made)
    number, ended = 0, False
    while not ended:
        number += 1
        run = filled_run(store, made)
        place = artifact_place(store, run)
        delete(store, run)
        store.close()
        ended = not killed_at(number, lambda run=run: open_store().write(ops.PurgeRun(run_id=run)))  # type: ignore[misc]
        fresh = open_store()
        if run in search(fresh, ids=[made], view=ViewType.ALL):
            assert len(history(fresh, run, "손실/a")) == 50
            assert place.joinpath("b.txt").exists()
            fresh.write(ops.PurgeRun(run_id=run))
        fresh.write(ops.FinishPurges(time=T0))
        assert not place.parent.exists()
        assert search(fresh, ids=[made], view=ViewType.ALL) == [other]
        assert len(history(fresh, other, "손실/a")) == 50
        assert artifact_place(fresh, other).joinpath("b.txt").exists()
        assert fresh.read(queries.FindDeleted()).size == 0
    assert number > 5


def test_a_purge_of_files_may_be_killed_anywhere(open_tree: Opener, root: Path, tmp_path: Path) -> None:
    purge_is_killed_everywhere(open_tree, tmp_path)
    left = [path for path in root.rglob("*") if path.name.startswith(".millstream-")]
    assert left == []


@pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)
def test_a_purge_of_rows_may_be_killed_anywhere(open_database: Opener, tmp_path: Path) -> None:
    purge_is_killed_everywhere(open_database, tmp_path)


def purge_of_a_model_is_killed_everywhere(open_store: Opener, tmp_path: Path) -> None:
    """At every step: the model is whole or invisible, the other one untouched, and the next gc completes it."""
    store = open_store()
    made = new_experiment(store, artifact_location=str(tmp_path / "밖 files"))
    other = filled_model(store, made, "bleibt")
    number, ended = 0, False
    while not ended:
        number += 1
        model = filled_model(store, made)
        place = model_place(store, model)
        store.write(ops.DeleteLoggedModel(model_id=model, time=T0))
        store.close()
        ended = not killed_at(number, lambda id=model: open_store().write(ops.PurgeLoggedModel(model_id=id)))  # type: ignore[misc]
        fresh = open_store()
        if fresh.read(queries.FindDeleted()).models:
            assert fresh.read(queries.GetLoggedModel(model_id=model, deleted=True)).params == {"p": "값"}
            assert place.joinpath("MLmodel").exists()
            fresh.write(ops.PurgeLoggedModel(model_id=model))
        fresh.write(ops.FinishPurges(time=T0))
        assert not place.parent.exists()
        assert [space.model_id for space in fresh.read(queries.MeasureSpace()).models] == [other]
        assert model_place(fresh, other).joinpath("MLmodel").exists()
    assert number > 5


def test_a_purge_of_a_models_files_may_be_killed_anywhere(open_tree: Opener, root: Path, tmp_path: Path) -> None:
    purge_of_a_model_is_killed_everywhere(open_tree, tmp_path)
    assert [path for path in root.rglob("*") if path.name.startswith(".millstream-")] == []


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
def test_a_purge_of_a_models_rows_may_be_killed_anywhere(open_database: Opener, tmp_path: Path) -> None:
    purge_of_a_model_is_killed_everywhere(open_database, tmp_path)


def test_a_purge_of_an_experiment_may_be_killed_anywhere(open_tree: Opener, root: Path) -> None:
    number, ended = 0, False
    while not ended:
        number += 1
        store = open_tree()
        made = new_experiment(store, "하나")
        filled_run(store, made)
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        ended = not killed_at(number, lambda id=made: open_tree().write(ops.PurgeExperiment(experiment_id=id)))  # type: ignore[misc]
        fresh = open_tree()
        found = fresh.read(queries.FindDeleted())
        assert len(found.experiments) == len(found.runs)
        if found.experiments:
            fresh.write(ops.PurgeExperiment(experiment_id=made))
        fresh.write(ops.FinishPurges(time=T0))
        assert fresh.read(queries.DescribeStore()).problems == ()
        assert sorted(os.listdir(root / ".trash")) == []
    assert number > 5


def test_a_move_may_be_killed_anywhere(open_tree: Opener, root: Path) -> None:
    store = open_tree()
    source, target = new_experiment(store, "하나"), new_experiment(store, "둘")
    number, ended = 0, False
    while not ended:
        number += 1
        run = filled_run(store, source)
        move = ops.MoveRuns(run_ids=(run,), experiment_id=target)
        ended = not killed_at(number, lambda op=move: open_tree().write(op))  # type: ignore[misc]
        fresh = open_tree()
        assert search(fresh, ids=[source, target], filter=f"run_id = '{run}'") == [run]
        assert len(history(fresh, run, "손실/a")) == 50
        assert artifact_place(fresh, run).joinpath("b.txt").exists()
        log(fresh, run, [("손실/a", 1.0, 50)])
        fresh.write(move)
        assert get(fresh, run).info.experiment_id == target
        assert [len(get(fresh, run).inputs.dataset_inputs), len(history(fresh, run, "손실/a"))] == [1, 51]
        assert artifact_place(fresh, run) == root / target / run / "artifacts"
        assert search(fresh, ids=[source]) == []
        assert not list((root / target / run).glob(".millstream-moving"))
        assert fresh.read(queries.DescribeStore()).problems == ()
    assert number > 10


def test_an_info_that_was_read_just_before_a_move_ended_is_read_again(
    store: EmbeddedStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = new_experiment(store, "하나"), new_experiment(store, "둘")
    run = new_run(store, source)
    goal = root / target / run
    (root / source / run).rename(goal)
    goal.joinpath(layout.MOVING).write_text(f"{source}\n{target}\n")

    def end_and_look(directory: str) -> tuple[str, ...]:
        monkeypatch.undo()
        movement.settle(directory)
        return reader.moving_between(directory)

    monkeypatch.setattr(reader, "moving_between", end_and_look)
    assert reader.read_info(str(goal)).experiment_id == target


def test_a_run_that_is_moved_while_the_first_point_of_a_key_is_written_leaves_no_ghost(
    store: EmbeddedStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = new_experiment(store, "하나"), new_experiment(store, "둘")
    run = new_run(store, source)

    def move_first(path: str, scratch: str) -> None:
        monkeypatch.undo()
        EmbeddedStore(root).write(ops.MoveRuns(run_ids=(run,), experiment_id=target))
        appender.make_parents(path, scratch)

    monkeypatch.setattr(appender, "make_parents", move_first)
    log(store, run, [("손실/a", 1.0, 0)])
    assert not (root / source / run).exists()
    assert len(history(store, run, "손실/a")) == 1


WRITER = """
import sys
from millstream.stores.open import open_store
from millstream.values.entities import Metric, Param, RunTag
from millstream.values.ops import LogBatch, UpdateRun
uri, run = sys.argv[1:]
store = open_store(uri)
print("ready", flush=True)
for number in range(1500):
    metrics = (Metric("loss", float(number), number, number), Metric(f"m/{number % 700}", 1.0, number, number))
    params = (Param(f"p{number}", "v"),) if number % 10 == 0 else ()
    tags = (RunTag("mlflow.runName", f"name {number}"), RunTag("t", str(number))) if number % 50 == 0 else ()
    store.write(LogBatch(run_id=run, metrics=metrics, params=params, tags=tags))
    if number % 25 == 0:
        print(number, flush=True)
store.write(UpdateRun(run_id=run, status="FINISHED", end_time=5))
"""


def test_a_run_that_is_moved_while_it_is_written_loses_nothing(store: EmbeddedStore, root: Path) -> None:
    places = [new_experiment(store, "하나"), new_experiment(store, "둘")]
    run = new_run(store, places[0])
    writer = subprocess.Popen([sys.executable, "-c", WRITER, store.uri, run], stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    assert writer.stdout.readline() == "ready\n"
    moves = 0
    for _ in writer.stdout:  # The writer goes on meanwhile.
        moves += 1
        store.write(ops.MoveRuns(run_ids=(run,), experiment_id=places[moves % 2]))
    writer.wait()
    writer.stdout.close()
    assert writer.returncode == 0
    assert moves > 5
    found = get(store, run)
    assert [step for step, _, _ in history(store, run, "loss")] == list(range(1500))
    assert sum(len(history(store, run, f"m/{number}")) for number in range(700)) == 1500
    assert len(found.data.params) == 150
    assert (found.data.tags["t"], found.info.run_name, found.info.status) == ("1450", "name 1450", "FINISHED")
    assert found.info.experiment_id == places[moves % 2]
    assert not (root / places[(moves + 1) % 2] / run).exists()
    assert store.read(queries.DescribeStore()).problems == ()


def rewrite(path: Path, **fields: object) -> None:
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(found | fields, allow_unicode=True), encoding="utf-8")


def test_a_hostile_artifact_uri_makes_a_purge_remove_nothing_else(store: EmbeddedStore, root: Path) -> None:
    victim = filled_run(store)
    for uri in (
        "file:///", str(root), f"file://{root}/0/{victim}/artifacts", f"{root}/0/{victim}", "s3://bucket/x",
        f"{root}/0/x/../{victim}/artifacts", "file:///nowhere/artifacts", "..", "",
    ):  # fmt: skip
        run = filled_run(store)
        rewrite(root / "0" / run / "meta.yaml", artifact_uri=uri)
        delete(store, run)
        store.read(queries.FindDeleted())
        store.write(ops.PurgeRun(run_id=run))
        assert len(history(store, victim, "손실/a")) == 50
        assert artifact_place(store, victim).joinpath("b.txt").exists()
    assert search(store, view=ViewType.ALL) == [victim]


def test_purging_a_copy_of_a_tree_leaves_the_first(store: EmbeddedStore, root: Path, tmp_path: Path) -> None:
    run = filled_run(store)
    copied = tmp_path / "copy" / "mlruns"
    shutil.copytree(root, copied)
    copy = EmbeddedStore(copied)
    delete(copy, run)
    assert len(copy.write(ops.PurgeRun(run_id=run)).kept) == 1
    assert artifact_place(store, run).joinpath("b.txt").exists()
    assert search(store) == [run]
    copy.close()


def test_a_run_id_that_is_taken_in_the_other_experiment_is_not_overwritten(store: EmbeddedStore, root: Path) -> None:
    target = new_experiment(store)
    run = filled_run(store)
    (root / target / run).mkdir()
    (root / target / run / "note.txt").write_text("mine")
    with pytest.raises(AlreadyExists):
        store.write(ops.MoveRuns(run_ids=(run,), experiment_id=target))
    assert search(store) == [run]
    (root / target / run / "note.txt").unlink()
    store.write(ops.MoveRuns(run_ids=(run,), experiment_id=target))
    assert search(store, ids=[target]) == [run]


def test_datasets_go_when_no_run_uses_them(store: EmbeddedStore, root: Path) -> None:
    run, keeps = filled_run(store), new_run(store)
    (dataset,) = (root / "0" / "datasets").iterdir()
    os.utime(dataset, (1, 1))
    delete(store, run)
    now = 10 * 3_600_000
    store.write(ops.FinishPurges(time=now))
    assert dataset.exists()
    store.write(ops.PurgeRun(run_id=run))
    os.utime(dataset, (now / 1000, now / 1000))
    store.write(ops.FinishPurges(time=now))
    assert dataset.exists()
    os.utime(dataset, (1, 1))
    assert store.write(ops.FinishPurges(time=now)).size > 0
    assert not dataset.exists()
    assert search(store) == [keeps]


def test_what_is_being_backed_up_stays_where_it_is(
    store: EmbeddedStore, open_tree: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millstream.drivers.files.atomic.PATIENCE_SECONDS", 0.0)
    made = new_experiment(store)
    run = filled_run(store)
    delete(store, run)
    with store._tree.staying():
        for op in (
            ops.PurgeRun(run_id=run),
            ops.DeleteExperiment(experiment_id=made, time=T0),
            ops.MoveRuns(run_ids=(run,), experiment_id=made),
        ):
            with pytest.raises(Unavailable, match="backed up"):
                open_tree().write(op)
        assert new_run(store, made)
    store.write(ops.PurgeRun(run_id=run))


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
def test_artifacts_that_cannot_be_removed_are_found_again(
    database: DatabaseStore, open_database: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = filled_run(database)
    place = artifact_place(database, run)
    delete(database, run)

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    with monkeypatch.context() as patch:
        patch.setattr("millstream.drivers.artifacts.disk.shutil.rmtree", refuse)
        with pytest.raises(StorageFailed, match="Permission denied"):
            database.write(ops.PurgeRun(run_id=run))
    assert search(database, view=ViewType.ALL) == []
    assert place.exists()
    assert open_database().write(ops.FinishPurges(time=T0)).size == 3001
    assert not place.exists()


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
def test_a_smaller_file_is_left(database: DatabaseStore, root: Path) -> None:
    run, kept = new_run(database), new_run(database)
    for start in range(0, 20_000, 1000):
        log(
            database,
            run,
            [("m", (step * 7919 % 10007) / 3, step, T0 + step * 17) for step in range(start, start + 1000)],
        )
    log(database, kept, [("m", 1.0)])
    delete(database, run)
    (space,) = database.read(queries.FindDeleted()).runs
    database.write(ops.PurgeRun(run_id=run))
    compacted = database.write(ops.Compact())
    assert compacted.before is not None
    assert compacted.after is not None
    assert compacted.before - compacted.after > space.size * 0.8
    assert history(database, kept, "m") == [(0, 1.0, T0)]
