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
    ModelVersion,
    RegisteredModel,
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


REGISTERED = ops.ImportRegisteredModel(
    model=RegisteredModel(
        "등록 모델", T0 + 1, T0 + 9, "설명\n둘째 줄", {"팀": "가", "x/y": ""}, aliases={"a": 2, "b-1": 7}
    ),
    versions=(
        ModelVersion(
            "등록 모델", 2, T0 + 2, T0 + 3, "runs:/abc/모델", "Production", "판\n2", "나", "abc", "http://l",
            model_id="m-far", storage_location="/먼 곳/abc/artifacts/모델", tags={"t": "", "a/b": "값"}, aliases=["a"],
        ),
        ModelVersion(
            "등록 모델", 7, T0 + 4, T0 + 4, "s3://bucket/m", status="FAILED_REGISTRATION", status_message="끊김",
            tags={"t": "x"}, aliases=["b-1"],
        ),
    ),
    last=9,
)  # fmt: skip
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

    @covers(ops.ImportRegisteredModel)
    def test_a_registered_model_is_as_it_was(self, store: Store) -> None:
        made = store.write(REGISTERED)
        assert made == store.read(queries.GetRegisteredModel(name="등록 모델"))
        assert structs.replace(made, latest_versions=[]) == REGISTERED.model
        for version in REGISTERED.versions:
            assert store.read(queries.GetModelVersion(name="등록 모델", version=version.version)) == version
        found = store.read(queries.SearchModelVersions(filter="tags.t = 'x' AND status = 'FAILED_REGISTRATION'"))
        assert list(found) == [REGISTERED.versions[1]]
        # Numbers of versions that were deleted elsewhere are not given again.
        new = store.write(ops.CreateModelVersion(name="등록 모델", source="s3://x", time=T0))
        assert new.version == 10

    def test_more_comes_to_a_registered_model(self, store: Store) -> None:
        store.write(REGISTERED)
        second, seventh = REGISTERED.versions
        third = structs.replace(second, version=3, aliases=["c"], tags={})
        moved = structs.replace(seventh, current_stage="Staging", description=None, tags={"t": "y", "u": ""})
        model = structs.replace(REGISTERED.model, description="새", tags={"팀": "나"}, aliases={"a": 3, "c": 3})
        made = store.write(
            ops.ImportRegisteredModel(model=model, versions=(third,), changed=(moved,), last=4, known=True)
        )
        assert (made.description, made.tags, made.aliases) == (
            "새",
            {"팀": "나", "x/y": ""},
            {"a": 3, "b-1": 7, "c": 3},
        )
        assert store.read(queries.GetModelVersion(name="등록 모델", version=7)) == moved
        found = store.read(queries.SearchModelVersions(filter="name = '등록 모델'", order_by=("version_number",)))
        assert [(item.version, item.aliases) for item in found] == [(2, []), (3, ["a", "c"]), (7, ["b-1"])]
        # One that was deleted here comes again.
        store.write(ops.DeleteModelVersion(name="등록 모델", version=3, time=T0))
        store.write(ops.ImportRegisteredModel(model=model, versions=(third,), known=True))
        assert store.read(queries.GetModelVersionByAlias(name="등록 모델", alias="c")).version == 3
        new = store.write(ops.CreateModelVersion(name="등록 모델", source="s3://x", time=T0))
        assert new.version == 10

    def test_a_registered_model_that_is_there_is_not_made_again(self, store: Store) -> None:
        made = store.write(REGISTERED)
        model, (second, seventh) = REGISTERED.model, REGISTERED.versions
        other = structs.replace(model, description="other")
        eighth = structs.replace(seventh, version=8)
        with pytest.raises(AlreadyExists, match="등록 모델"):
            store.write(ops.ImportRegisteredModel(model=other))
        with pytest.raises(AlreadyExists, match="version=2"):
            store.write(ops.ImportRegisteredModel(model=other, versions=(eighth, second), known=True))
        with pytest.raises(NotFound, match="version=8"):
            store.write(ops.ImportRegisteredModel(model=other, changed=(eighth,), known=True))
        with pytest.raises(NotFound, match="version=9"):
            store.write(ops.ImportRegisteredModel(model=structs.replace(other, aliases={"z": 9}), known=True))
        with pytest.raises(NotFound, match="없음"):
            store.write(ops.ImportRegisteredModel(model=structs.replace(other, name="없음", aliases={}), known=True))
        assert store.read(queries.GetRegisteredModel(name="등록 모델")) == made
        with pytest.raises(NotFound):
            store.read(queries.GetModelVersion(name="등록 모델", version=8))

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "a/b"},
            {"creation_timestamp": 2**63},
            {"description": "\0"},
            {"tags": {"../x": "1"}},
            {"aliases": {"latest": 2}},
            {"aliases": {"a": 10**9}},
        ],
    )
    def test_rules_hold_for_registered_models_from_elsewhere(self, store: Store, fields: dict[str, Any]) -> None:
        with pytest.raises(InvalidValue):
            store.write(ops.ImportRegisteredModel(model=structs.replace(REGISTERED.model, **fields)))
        assert store.read(queries.SearchRegisteredModels()) == []

    @pytest.mark.parametrize(
        "fields",
        [
            {"version": 0},
            {"version": 10**9},
            {"version": 7},
            {"name": "other"},
            {"source": ""},
            {"run_id": "../up"},
            {"current_stage": "production"},
            {"status": "FINE"},
            {"last_updated_timestamp": -(2**64)},
            {"tags": {"a": "\0"}},
        ],
    )
    def test_rules_hold_for_versions_from_elsewhere(self, store: Store, fields: dict[str, Any]) -> None:
        second, seventh = REGISTERED.versions
        with pytest.raises(InvalidValue):
            store.write(structs.replace(REGISTERED, versions=(structs.replace(second, **fields), seventh)))
        assert store.read(queries.SearchRegisteredModels()) == []

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
