"""What every store promises of experiments and runs that come from elsewhere."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import structs

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    LoggedModel,
    LoggedModelStatus,
    Metric,
    ModelInput,
    ModelOutput,
    RunInfo,
    RunInputs,
    RunOutputs,
    ViewType,
)
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from millstream.values.paths import RelPath
from tests.stores.calls import T0, covers, get, new_experiment
from tests.stores.suites.models import find, model_of

ELSEWHERE = Experiment("77", "먼 곳", "", "active", {"팀": "비전"}, T0 + 1, T0 + 2)
POINTS = (
    Metric("손실", 0.5, T0, 3),
    Metric("손실", math.nan, T0, 3),
    Metric("손실", 0.5, T0, 3),
    Metric("lr", math.inf, T0 + 5, -1),
)
INPUTS = RunInputs((DatasetInput(Dataset("train", "d1", "local", "{}"), (InputTag("a", "b"),)),), (ModelInput("m-1"),))
OUTPUTS = RunOutputs((ModelOutput("m-2", 7),))


MODEL = LoggedModel(
    model_id="m-far",
    experiment_id="77",
    name="먼 모델",
    artifact_location="",
    creation_timestamp=T0 + 3,
    last_updated_timestamp=T0 + 4,
    model_type="나무",
    source_run_id="abc",
    status=LoggedModelStatus.READY,
    status_message="좋음",
    tags={"t": "x"},
    params={"깊이": "3", "폴더/안": ""},
    metrics=(
        Metric("acc", math.nan, T0, 3, "r1", "m-far"),
        Metric("acc", -math.inf, T0, 7, "r1", "m-far", "train", "d1"),
    ),
)


def plain(model: LoggedModel) -> str:
    """A text of a model in which NaN equals NaN."""
    return repr(structs.replace(model, metrics=tuple(sorted(model.metrics, key=repr))))


def info(run_id: str = "abc", **fields: Any) -> RunInfo:
    made = RunInfo(run_id, "77", "누구", "KILLED", T0, T0 + 9, "active", "", "이름")
    return structs.replace(made, **fields)


def bring(store: Store, **fields: Any) -> RunInfo:
    store.write(ops.ImportExperiment(experiment=ELSEWHERE))
    found = {"params": {"a": "1"}, "tags": {"t": "x"}, "metrics": POINTS, "inputs": INPUTS, "outputs": OUTPUTS}
    return store.write(ops.ImportRun(info=info(), **{**found, **fields}))


def series(store: Store, key: str) -> list[tuple[str, int, int]]:
    points = store.read(queries.MetricHistory(run_id="abc", key=key))
    return [(repr(point.value), point.timestamp, point.step) for point in points]


class ImportSuite:
    """Experiments and runs as they were elsewhere."""

    @covers(ops.ImportExperiment, ops.ImportRun)
    def test_a_run_is_as_it_was(self, store: Store) -> None:
        made = bring(store)
        experiment = store.read(queries.GetExperiment(experiment_id="77"))
        assert structs.replace(experiment, artifact_location="") == ELSEWHERE
        assert made.artifact_uri == f"{experiment.artifact_location}/abc/artifacts"
        run = get(store, "abc")
        assert run.info == made == info(artifact_uri=made.artifact_uri)
        assert (run.data.params, run.data.tags) == ({"a": "1"}, {"t": "x"})
        assert series(store, "손실") == [("0.5", T0, 3), ("nan", T0, 3), ("0.5", T0, 3)]
        assert series(store, "lr") == [("inf", T0 + 5, -1)]
        assert (run.inputs, run.outputs) == (INPUTS, OUTPUTS)

    def test_a_run_that_is_there_is_not_made_again(self, store: Store) -> None:
        bring(store)
        with pytest.raises(AlreadyExists, match="abc"):
            store.write(ops.ImportRun(info=info(run_name="other"), metrics=POINTS))
        assert get(store, "abc").info.run_name == "이름"
        assert len(series(store, "손실")) == 3

    def test_what_is_new_is_added(self, store: Store) -> None:
        made = bring(store)
        more = (Metric("손실", 0.25, T0 + 1, 4), Metric("새", 1.0, T0, 0))
        changed = structs.replace(made, status="FINISHED", end_time=T0 + 20)
        store.write(
            ops.ImportRun(
                info=changed,
                params={"a": "2", "b": "3"},
                tags={"t": "y"},
                metrics=more,
                inputs=INPUTS,
                known={"손실": 3, "새": 0},
            )
        )
        run = get(store, "abc")
        assert run.info == changed
        assert (run.data.params, run.data.tags) == ({"a": "1", "b": "3"}, {"t": "y"})
        assert [value for value, _, _ in series(store, "손실")] == ["0.5", "nan", "0.5", "0.25"]
        assert run.data.metrics["손실"] == 0.25
        assert len(run.inputs.dataset_inputs) == 1

    def test_points_are_added_only_to_what_the_writer_has_seen(self, store: Store) -> None:
        made = bring(store)
        with pytest.raises(AlreadyExists, match="has 3 points and not 2"):
            store.write(ops.ImportRun(info=made, metrics=POINTS[:1], known={"손실": 2}))
        assert len(series(store, "손실")) == 3

    def test_a_deleted_run_and_experiment_come_as_such(self, store: Store) -> None:
        gone = structs.replace(ELSEWHERE, lifecycle_stage="deleted")
        store.write(ops.ImportExperiment(experiment=gone))
        made = store.write(ops.ImportRun(info=info(lifecycle_stage="deleted"), deleted_time=T0 + 30, metrics=POINTS))
        assert structs.replace(store.read(queries.GetExperiment(experiment_id="77")), artifact_location="") == gone
        found = store.read(queries.SearchRuns(experiment_ids=("77",), view=ViewType.DELETED_ONLY))
        assert [run.info for run in found] == [made]
        assert list(store.read(queries.SearchRuns(experiment_ids=("77",)))) == []
        store.write(ops.ImportRun(info=made, deleted_time=T0 + 30, metrics=POINTS[3:], known={"lr": 1}))
        assert len(series(store, "lr")) == 2
        store.write(ops.RestoreExperiment(experiment_id="77", time=T0 + 40))
        assert get(store, "abc").info.lifecycle_stage == "active"

    def test_a_taken_name_or_id_is_refused(self, store: Store) -> None:
        new_experiment(store, "먼 곳")
        with pytest.raises(AlreadyExists, match="먼 곳"):
            store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        new_experiment(store, "other", experiment_id="77")
        with pytest.raises(AlreadyExists, match="77"):
            store.write(ops.ImportExperiment(experiment=structs.replace(ELSEWHERE, name="free")))

    def test_an_id_is_chosen_when_none_is_given(self, store: Store) -> None:
        experiment_id = store.write(ops.ImportExperiment(experiment=structs.replace(ELSEWHERE, experiment_id="")))
        assert store.read(queries.GetExperimentByName(name="먼 곳")).experiment_id == experiment_id != ""

    def test_a_run_of_no_experiment_is_refused(self, store: Store) -> None:
        with pytest.raises(NotFound, match="77"):
            store.write(ops.ImportRun(info=info()))

    @covers(ops.ImportLoggedModel)
    def test_a_logged_model_is_as_it_was(self, store: Store) -> None:
        store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        made = store.write(ops.ImportLoggedModel(model=MODEL))
        location = store.read(queries.GetExperiment(experiment_id="77")).artifact_location
        assert plain(made) == plain(structs.replace(MODEL, artifact_location=f"{location}/models/m-far/artifacts"))
        assert plain(model_of(store, "m-far")) == plain(made)
        assert find(store, "params.깊이 = '3' AND metrics.acc = nan AND status = 'READY'", ("77",)) == ["먼 모델"]
        store.model_artifacts("m-far").put_bytes(b"1", RelPath.parse("MLmodel"))
        assert [item.path for item in store.read(queries.ListModelArtifacts(model_id="m-far"))] == ["MLmodel"]

    def test_a_logged_model_that_is_there_is_not_made_again(self, store: Store) -> None:
        store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        store.write(ops.ImportLoggedModel(model=MODEL))
        with pytest.raises(AlreadyExists, match="m-far"):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, name="other")))
        other = new_experiment(store, "other", experiment_id="78")
        with pytest.raises(AlreadyExists, match="m-far"):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, experiment_id=other)))
        assert model_of(store, "m-far").name == "먼 모델"
        with pytest.raises(NotFound, match="m-none"):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, model_id="m-none"), known=True))
        with pytest.raises(NotFound, match="999"):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, experiment_id="999")))
        with pytest.raises(NotFound, match="999"):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, model_id="m-none", experiment_id="999")))

    def test_what_is_new_is_added_to_a_logged_model(self, store: Store) -> None:
        store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        made = store.write(ops.ImportLoggedModel(model=MODEL))
        later = (
            Metric("acc", 0.75, T0 - 1, 3, "r2", "m-far"),
            Metric("acc", 9.0, T0, 6, "r2", "m-far", "train", "d1"),
            Metric("새", 1.0, T0, 0, "r2", "m-far"),
        )
        changed = structs.replace(
            made,
            experiment_id="nowhere",
            name="둘째 이름",
            lifecycle_stage="deleted",
            last_updated_timestamp=T0 + 50,
            params={"깊이": "4", "새": "1"},
            tags={"t": "y", "u": "z"},
            metrics=later,
        )
        store.write(ops.ImportLoggedModel(model=changed, known=True))
        found = store.read(queries.GetLoggedModel(model_id="m-far", deleted=True))
        assert (found.name, found.lifecycle_stage, found.last_updated_timestamp) == ("둘째 이름", "deleted", T0 + 50)
        assert (found.experiment_id, found.tags) == ("77", {"t": "y", "u": "z"})
        assert found.params == {**MODEL.params, "새": "1"}
        values = {(point.key, point.dataset_name): point.value for point in found.metrics}
        assert values == {("acc", None): 0.75, ("acc", "train"): -math.inf, ("새", None): 1.0}
        assert find(store, "", ("77",)) == []
        with pytest.raises(NotFound):
            store.model_artifacts("m-far")
        store.model_artifacts("m-far", deleted=True).put_bytes(b"1", RelPath.parse("MLmodel"))
        store.write(ops.ImportLoggedModel(model=made, known=True))
        assert find(store, "", ("77",)) == ["먼 모델"]

    def test_a_logged_model_of_a_deleted_experiment_comes(self, store: Store) -> None:
        store.write(ops.ImportExperiment(experiment=structs.replace(ELSEWHERE, lifecycle_stage="deleted")))
        made = store.write(ops.ImportLoggedModel(model=MODEL))
        assert plain(model_of(store, "m-far")) == plain(made)

    @pytest.mark.parametrize(
        "fields",
        [
            {"model_id": "../up"},
            {"name": "a/b"},
            {"lifecycle_stage": "lost"},
            {"creation_timestamp": 2**63},
            {"params": {"../x": "1"}},
            {"tags": {"a": "\0"}},
            {"metrics": (Metric("acc", 1.0, T0, 0, None),)},
            {"metrics": (Metric("acc", 1.0, T0, 2**63, "r1"),)},
        ],
    )
    def test_rules_hold_for_logged_models_from_elsewhere(self, store: Store, fields: dict[str, Any]) -> None:
        store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        with pytest.raises(InvalidValue):
            store.write(ops.ImportLoggedModel(model=structs.replace(MODEL, **fields)))
        assert find(store, "", ("77",)) == []

    @pytest.mark.parametrize(
        "fields",
        [
            {"info": info(run_id="../up")},
            {"info": info(status="DONE")},
            {"info": info(lifecycle_stage="lost")},
            {"info": info(start_time=2**63)},
            {"params": {"../x": "1"}},
            {"tags": {"a": "\0"}},
            {"metrics": (Metric("/abs", 1.0, T0),)},
        ],
    )
    def test_rules_hold_for_what_comes_from_elsewhere(self, store: Store, fields: dict[str, Any]) -> None:
        store.write(ops.ImportExperiment(experiment=ELSEWHERE))
        with pytest.raises(InvalidValue):
            store.write(ops.ImportRun(**{"info": info(), **fields}))
        assert list(store.read(queries.SearchRuns(experiment_ids=("77",), view=ViewType.ALL))) == []
