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
    Metric,
    ModelInput,
    ModelOutput,
    RunInfo,
    RunInputs,
    RunOutputs,
    ViewType,
)
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from tests.stores.calls import T0, covers, get, new_experiment

ELSEWHERE = Experiment("77", "먼 곳", "", "active", {"팀": "비전"}, T0 + 1, T0 + 2)
POINTS = (
    Metric("손실", 0.5, T0, 3),
    Metric("손실", math.nan, T0, 3),
    Metric("손실", 0.5, T0, 3),
    Metric("lr", math.inf, T0 + 5, -1),
)
INPUTS = RunInputs((DatasetInput(Dataset("train", "d1", "local", "{}"), (InputTag("a", "b"),)),), (ModelInput("m-1"),))
OUTPUTS = RunOutputs((ModelOutput("m-2", 7),))


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
