"""What every store does with things that move, take up space, and go for good."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import Dataset, DatasetInput, ModelOutput, ViewType
from millstream.values.errors import InvalidState, InvalidValue, NotFound
from millstream.values.paths import RelPath
from tests.stores.calls import T0, covers, experiment_names, finish, get, history, log, new_experiment, new_run, search

DATASET = DatasetInput(Dataset("한글 data", "abc123", "local", "/data/한글.csv"), {"mlflow.data.context": "train"})


def filled_run(store: Store, experiment_id: str = "0") -> str:
    """A run with points, a param, a tag, a dataset and two files."""
    run = new_run(store, experiment_id, run_name="실험 run")
    log(store, run, [("손실/a", float(step), step) for step in range(50)], {"p": "값"}, {"t": "x" * 500})
    store.write(ops.LogInputs(run_id=run, datasets=(DATASET,)))
    store.artifacts(run).put_bytes(b"x" * 3000, RelPath.parse("모델 dir/가중치.bin"))
    store.artifacts(run).put_bytes(b"y", RelPath.parse("b.txt"))
    return run


def artifact_place(store: Store, run: str) -> Path:
    place = store.artifacts(run).local_path(RelPath())
    assert place is not None
    return place


def delete(store: Store, run: str, time: int = T0) -> None:
    store.write(ops.DeleteRun(run_id=run, time=time))


class LifeSuite:
    @covers(ops.PurgeRun, ops.FinishPurges, ops.Compact, queries.FindDeleted)
    def test_a_purged_run_is_gone_with_its_artifacts_and_as_large_as_was_said(self, store: Store) -> None:
        kept, run = filled_run(store), filled_run(store)
        place = artifact_place(store, run)
        delete(store, run)
        (space,) = store.read(queries.FindDeleted()).runs
        assert (space.run_id, space.run_name, space.deleted_time, space.points) == (run, "실험 run", T0, 50)
        assert (space.artifact_bytes, space.artifact_files, space.kept) == (3001, 2, "")
        assert space.metric_bytes > 0 < space.text_bytes
        freed = store.write(ops.PurgeRun(run_id=run))
        assert (freed.runs, freed.size, freed.kept) == (1, space.size, ())
        assert not place.exists()
        assert not place.parent.exists()
        for query in (queries.GetRun(run_id=run), queries.GetRunInfo(run_id=run)):
            with pytest.raises(NotFound):
                store.read(query)
        assert search(store, view=ViewType.ALL) == [kept]
        assert store.read(queries.FindDeleted()).runs == ()
        assert len(history(store, kept, "손실/a")) == 50
        assert artifact_place(store, kept).joinpath("b.txt").read_bytes() == b"y"
        assert get(store, kept).inputs.dataset_inputs == (DATASET,)
        again = store.write(ops.FinishPurges(time=T0))
        assert (again.runs, again.size) == (0, 0)
        compacted = store.write(ops.Compact())
        assert (compacted.before is None) == (compacted.after is None)
        log(store, kept, [("m", 1.0)])

    def test_a_run_id_that_was_purged_can_be_used_again(self, store: Store) -> None:
        run = filled_run(store)
        delete(store, run)
        store.write(ops.PurgeRun(run_id=run))
        new_run(store, run_id=run)
        log(store, run, [("m", 1.0)])
        assert get(store, run).data.metrics == {"m": 1.0}
        assert get(store, run).data.params == {}
        assert history(store, run, "손실/a") == []

    def test_only_what_is_deleted_can_be_purged(self, store: Store) -> None:
        made = new_experiment(store)
        run = filled_run(store, made)
        for op in (ops.PurgeRun(run_id=run), ops.PurgeExperiment(experiment_id=made)):
            with pytest.raises(InvalidState, match="not deleted"):
                store.write(op)
        for query in (queries.FindDeleted(run_ids=(run,)), queries.FindDeleted(experiment_ids=(made,))):
            with pytest.raises(InvalidState, match="not deleted"):
                store.read(query)
        unknown = names.new_run_id()
        for op in (ops.PurgeRun(run_id=unknown), ops.PurgeExperiment(experiment_id="999")):
            with pytest.raises(NotFound):
                store.write(op)
        for query in (queries.FindDeleted(run_ids=(unknown,)), queries.FindDeleted(experiment_ids=("999",))):
            with pytest.raises(NotFound):
                store.read(query)
        for bad in (ops.PurgeRun(run_id="../x"), ops.PurgeExperiment(experiment_id="..")):
            with pytest.raises(InvalidValue):
                store.write(bad)
        assert len(history(store, run, "손실/a")) == 50
        assert artifact_place(store, run).joinpath("b.txt").exists()

    def test_age_counts_from_the_deletion(self, store: Store) -> None:
        old, young = filled_run(store), filled_run(store)
        delete(store, old, T0)
        delete(store, young, T0 + 1000)
        made = new_experiment(store)
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0 + 1000))
        found = store.read(queries.FindDeleted(before=T0 + 500))
        assert [run.run_id for run in found.runs] == [old]
        assert found.experiments == ()
        for op in (
            ops.PurgeRun(run_id=young, before=T0 + 500),
            ops.PurgeExperiment(experiment_id=made, before=T0 + 500),
        ):
            with pytest.raises(InvalidState, match="long enough"):
                store.write(op)
        for query in (
            queries.FindDeleted(run_ids=(young,), before=T0 + 500),
            queries.FindDeleted(experiment_ids=(made,), before=T0 + 500),
        ):
            with pytest.raises(InvalidState, match="long enough"):
                store.read(query)
        store.write(ops.PurgeRun(run_id=old, before=T0 + 500))
        assert search(store, view=ViewType.ALL) == [young]
        assert len(store.read(queries.FindDeleted(before=T0 + 1000)).experiments) == 1

    @covers(ops.PurgeExperiment)
    def test_a_purged_experiment_takes_its_runs_along_and_frees_its_name(self, store: Store) -> None:
        made = new_experiment(store, "하나", tags={"a/b": "c"})
        run = filled_run(store, made)
        place = artifact_place(store, run)
        model = store.write(ops.CreateLoggedModel(model_id="m-" + "1" * 32, experiment_id=made, time=T0))
        models_place = store.model_artifacts(model.model_id).local_path(RelPath())
        assert models_place is not None
        models_place.mkdir(parents=True, exist_ok=True)
        (models_place / "모델.bin").write_bytes(b"z" * 7000)
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        found = store.read(queries.FindDeleted(experiment_ids=(made,)))
        assert [item.experiment_id for item in found.experiments] == [made]
        assert [space.run_id for space in found.runs] == [run]
        assert [space.model_id for space in found.models] == [model.model_id]
        freed = store.write(ops.PurgeExperiment(experiment_id=made))
        assert (freed.experiments, freed.runs, freed.models, freed.size) == (1, 1, 1, found.size)
        assert freed.size > 7000
        assert not place.exists()
        assert not models_place.exists()
        with pytest.raises(NotFound):
            store.read(queries.GetLoggedModel(model_id=model.model_id))
        assert experiment_names(store, view=ViewType.ALL) == ["Default"]
        with pytest.raises(NotFound):
            store.read(queries.GetRunInfo(run_id=run))
        assert new_experiment(store, "하나")
        assert store.read(queries.FindDeleted()).experiments == ()

    def test_artifacts_that_are_not_the_runs_alone_are_kept(self, store: Store, tmp_path: Path) -> None:
        made = new_experiment(store, artifact_location=str(tmp_path / "밖 files"))
        run, other = filled_run(store, made), filled_run(store, made)
        place, others = artifact_place(store, run), artifact_place(store, other)
        assert place == tmp_path / "밖 files" / run / "artifacts"
        (place.parent / "note.txt").write_text("somebody's")
        (place / "link").symlink_to(others)
        delete(store, run)
        (space,) = store.read(queries.FindDeleted()).runs
        assert store.write(ops.PurgeRun(run_id=run)).size == space.size
        assert not place.exists()
        assert (place.parent / "note.txt").exists()
        assert others.joinpath("b.txt").exists()
        others.rename(tmp_path / "moved")
        others.symlink_to(tmp_path / "moved")
        delete(store, other)
        (space,) = store.read(queries.FindDeleted()).runs
        assert unquote(urlsplit(space.kept).path) == str(others)
        freed = store.write(ops.PurgeRun(run_id=other))
        assert freed.size == space.size
        assert len(freed.kept) == 1
        assert (tmp_path / "moved" / "b.txt").exists()

    @covers(ops.MoveRuns)
    def test_a_moved_run_is_whole_in_its_new_experiment(self, store: Store) -> None:
        source, target = new_experiment(store, "하나"), new_experiment(store, "둘 two")
        run, stays = filled_run(store, source), filled_run(store, source)
        model = store.write(
            ops.CreateLoggedModel(
                model_id="m-" + "1" * 32, experiment_id=source, time=T0, name="net", source_run_id=run
            )
        )
        store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(model.model_id),)))
        before = get(store, run)
        store.write(ops.MoveRuns(run_ids=(run,), experiment_id=target))
        assert store.logged_model(run, "net") is not None
        moved = get(store, run)
        assert moved.info.experiment_id == target
        assert (moved.data, moved.inputs) == (before.data, before.inputs)
        assert (search(store, ids=[source]), search(store, ids=[target])) == ([stays], [run])
        assert artifact_place(store, run).joinpath("모델 dir/가중치.bin").read_bytes() == b"x" * 3000
        log(store, run, [("손실/a", 50.0, 50), ("new", 1.0)], {"p2": "v"}, {"t": "y"})
        store.artifacts(run).put_bytes(b"z", RelPath.parse("c.txt"))
        finish(store, run)
        assert [step for step, _, _ in history(store, run, "손실/a")] == list(range(51))
        assert get(store, run).info.status == "FINISHED"
        store.write(ops.MoveRuns(run_ids=(run, stays), experiment_id=source))
        assert set(search(store, ids=[source])) == {run, stays}
        assert artifact_place(store, run).joinpath("c.txt").read_bytes() == b"z"
        assert get(store, run).inputs == before.inputs
        delete(store, run)
        place = artifact_place(store, run)
        store.write(ops.PurgeRun(run_id=run))
        assert not place.exists()
        assert artifact_place(store, stays).joinpath("b.txt").read_bytes() == b"y"

    def test_a_move_that_cannot_be_leaves_everything(self, store: Store) -> None:
        source, target, gone = (new_experiment(store, name) for name in ("a", "b", "c"))
        run, deleted = filled_run(store, source), filled_run(store, source)
        delete(store, deleted)
        store.write(ops.DeleteExperiment(experiment_id=gone, time=T0))
        unknown = names.new_run_id()
        for ids, goal, kind in (
            ((run,), "999", NotFound),
            ((run,), gone, InvalidState),
            ((run, unknown), target, NotFound),
            ((run, deleted), target, InvalidState),
            (("../x",), target, InvalidValue),
            ((run,), "../x", InvalidValue),
        ):
            with pytest.raises(kind):
                store.write(ops.MoveRuns(run_ids=ids, experiment_id=goal))
        assert search(store, ids=[source], view=ViewType.ALL, order=["start_time"]) == [run, deleted]
        store.write(ops.MoveRuns(run_ids=(run,), experiment_id=source))
        assert search(store, ids=[source]) == [run]

    @covers(queries.MeasureSpace)
    def test_space_is_that_of_runs_and_experiments(self, store: Store) -> None:
        made = new_experiment(store, "큰 것", tags={"note": "n" * 100})
        run, empty = filled_run(store, made), new_run(store)
        found = store.read(queries.MeasureSpace())
        spaces = {space.run_id: space for space in found.runs}
        assert spaces.keys() == {run, empty}
        assert (spaces[run].points, spaces[run].artifact_bytes, spaces[run].artifact_files) == (50, 3001, 2)
        assert (spaces[empty].points, spaces[empty].metric_bytes, spaces[empty].artifact_bytes) == (0, 0, 0)
        assert spaces[run].text_bytes > 500
        assert {item.experiment_id for item in found.experiments} == {"0", made}
        assert next(item for item in found.experiments if item.experiment_id == made).own_bytes > 100
        only = store.read(queries.MeasureSpace(experiment_ids=(made,)))
        assert [space.run_id for space in only.runs] == [run]
        assert only.size < found.size
        with pytest.raises(NotFound):
            store.read(queries.MeasureSpace(experiment_ids=("999",)))
