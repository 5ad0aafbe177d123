"""What every store does with logged models that go for good."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import Metric, ModelOutput
from millstream.values.errors import InvalidState, InvalidValue, NotFound
from millstream.values.paths import RelPath
from tests.stores.calls import T0, covers, get, new_experiment, new_run
from tests.stores.suites.models import find, measure, model_of, new_model


def filled_model(store: Store, experiment_id: str = "0", name: str = "모델", size: int = 3000) -> str:
    """A logged model with a param, a tag, a point and two files."""
    model = new_model(store, experiment_id, name=name, params={"p": "값"}, tags={"t": "x" * 500})
    measure(store, new_run(store, experiment_id), model, ("손실/a", 0.5))
    store.model_artifacts(model).put_bytes(b"x" * size, RelPath.parse("데이터 dir/가중치.bin"))
    store.model_artifacts(model).put_bytes(b"y", RelPath.parse("MLmodel"))
    return model


def model_place(store: Store, model: str) -> Path:
    place = store.model_artifacts(model, deleted=True).local_path(RelPath())
    assert place is not None
    return place


def delete(store: Store, model: str, time: int = T0) -> None:
    store.write(ops.DeleteLoggedModel(model_id=model, time=time))


class ModelLifeSuite:
    @covers(ops.PurgeLoggedModel)
    def test_a_purged_model_is_gone_with_its_artifacts_and_as_large_as_was_said(self, store: Store) -> None:
        kept, model, run = filled_model(store, name="kept"), filled_model(store), new_run(store)
        store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(model),)))
        place = model_place(store, model)
        delete(store, model, T0 + 5)
        (space,) = store.read(queries.FindDeleted()).models
        assert (space.model_id, space.name, space.experiment_id, space.deleted_time) == (model, "모델", "0", T0 + 5)
        assert (space.artifact_bytes, space.artifact_files, space.kept) == (3001, 2, "")
        assert space.text_bytes > 500
        freed = store.write(ops.PurgeLoggedModel(model_id=model))
        assert (freed.models, freed.runs, freed.size, freed.kept) == (1, 0, space.size, ())
        assert not place.parent.exists()
        for deleted in (False, True):
            with pytest.raises(NotFound):
                store.read(queries.GetLoggedModel(model_id=model, deleted=deleted))
        assert find(store) == ["kept"]
        assert store.read(queries.FindDeleted()).models == ()
        assert len(get(store, run).outputs.model_outputs) == 1
        assert model_of(store, kept).metrics[0].value == 0.5
        assert model_place(store, kept).joinpath("MLmodel").read_bytes() == b"y"
        again = store.write(ops.FinishPurges(time=T0))
        assert (again.models, again.size) == (0, 0)
        measure(store, run, kept, ("m", 1.0))

    def test_the_id_of_a_purged_model_can_be_used_again(self, store: Store) -> None:
        model = filled_model(store)
        delete(store, model)
        store.write(ops.PurgeLoggedModel(model_id=model))
        new_model(store, model_id=model, name="neu")
        found = model_of(store, model)
        assert (found.name, found.params, found.tags, found.metrics) == ("neu", {}, {}, ())
        assert find(store) == ["neu"]

    def test_only_deleted_models_can_be_purged(self, store: Store) -> None:
        model, old, young = filled_model(store), filled_model(store), filled_model(store)
        delete(store, old, T0)
        delete(store, young, T0 + 1000)
        for kind, asked in (
            (InvalidState, {"model_id": model}),
            (InvalidState, {"model_id": young, "before": T0 + 500}),
            (NotFound, {"model_id": "m-" + "0" * 32}),
            (InvalidValue, {"model_id": "../x"}),
        ):
            with pytest.raises(kind):
                store.write(ops.PurgeLoggedModel(**asked))  # type: ignore[arg-type]
            query = queries.FindDeleted(model_ids=(asked["model_id"],), before=asked.get("before"))  # type: ignore[arg-type]
            with pytest.raises(kind):
                store.read(query)
        found = store.read(queries.FindDeleted(before=T0 + 500))
        assert [space.model_id for space in found.models] == [old]
        only = store.read(queries.FindDeleted(model_ids=(young,)))
        assert ([space.model_id for space in only.models], only.runs, only.experiments) == ([young], (), ())
        assert {space.model_id for space in store.read(queries.FindDeleted()).models} == {old, young}
        for one in (model, old, young):
            assert model_place(store, one).joinpath("MLmodel").exists()

    def test_artifacts_that_are_not_the_models_alone_are_kept(self, store: Store, tmp_path: Path) -> None:
        made = new_experiment(store, artifact_location=str(tmp_path / "밖 files"))
        model, other = filled_model(store, made), filled_model(store, made)
        place, others = model_place(store, model), model_place(store, other)
        assert place == tmp_path / "밖 files" / "models" / model / "artifacts"
        (place / "link").symlink_to(others)
        delete(store, model)
        (space,) = store.read(queries.FindDeleted()).models
        assert space.artifact_bytes is not None
        assert space.artifact_bytes > 3000
        assert store.write(ops.PurgeLoggedModel(model_id=model)).size == space.size
        assert not place.exists()
        assert others.joinpath("MLmodel").exists()
        others.rename(tmp_path / "moved")
        others.symlink_to(tmp_path / "moved")
        delete(store, other)
        (space,) = store.read(queries.FindDeleted()).models
        assert other in space.kept
        freed = store.write(ops.PurgeLoggedModel(model_id=other))
        assert (freed.size, len(freed.kept)) == (space.size, 1)
        assert (tmp_path / "moved" / "MLmodel").exists()

    def test_models_take_up_space_of_their_own(self, store: Store) -> None:
        made = new_experiment(store)
        before = store.read(queries.MeasureSpace()).size
        model, gone = filled_model(store, made), filled_model(store, size=10_000)
        delete(store, gone)
        found = store.read(queries.MeasureSpace())
        spaces = {space.model_id: space for space in found.models}
        assert spaces.keys() == {model, gone}
        assert (spaces[model].artifact_bytes, spaces[gone].artifact_bytes) == (3001, 10_001)
        assert (spaces[model].deleted_time, spaces[gone].deleted_time) == (None, T0)
        assert found.size - before >= 13_002 + 2 * 500
        (only,) = store.read(queries.MeasureSpace(experiment_ids=(made,))).models
        assert only == spaces[model]
        whole = {item.experiment_id: item.own_bytes for item in found.experiments}
        store.write(ops.LogBatch(run_id=new_run(store), metrics=(Metric("m", 1.0, T0, model_id=model),)))
        store.model_artifacts(model).put_bytes(b"x" * 5000, RelPath.parse("more"))
        again = store.read(queries.MeasureSpace())
        assert {item.experiment_id: item.own_bytes for item in again.experiments} == whole
