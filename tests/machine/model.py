"""What a store does, said once more in plain dictionaries: a store that differs is wrong, or this is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from millstream.values import names, ops
from millstream.values.entities import ACTIVE, DELETED, DatasetInput, Experiment, LoggedModel, Metric, Run, RunInfo
from millstream.values.errors import AlreadyExists, InvalidState, InvalidValue, NotFound

Point = tuple[int, float, int]


@dataclass
class ExperimentRecord:
    name: str
    time: int
    changed: int
    tags: dict[str, str]
    stage: str = ACTIVE


@dataclass
class RunRecord:
    experiment_id: str
    name: str
    user: str
    start: int
    tags: dict[str, str]
    status: str = "RUNNING"
    end: int | None = None
    stage: str = ACTIVE
    params: dict[str, str] = field(default_factory=dict)
    points: dict[str, list[Point]] = field(default_factory=dict)
    datasets: dict[tuple[str, str], DatasetInput] = field(default_factory=dict)
    models_in: set[str] = field(default_factory=set)
    models_out: dict[str, int] = field(default_factory=dict)

    def latest(self, key: str) -> Point:
        """The last written point of the highest step."""
        highest = max(step for _, _, step in self.points[key])
        return [point for point in self.points[key] if point[2] == highest][-1]


@dataclass
class LoggedModelRecord:
    experiment_id: str
    name: str
    made: int
    changed: int
    params: dict[str, str]
    tags: dict[str, str]
    status: str = "PENDING"
    stage: str = ACTIVE
    points: dict[tuple[str, str | None], Metric] = field(default_factory=dict)


class Model:
    """Experiments and runs; `apply` does what a store's `write` does, and raises what it raises."""

    def __init__(self) -> None:
        self.experiments: dict[str, ExperimentRecord] = {}
        self.runs: dict[str, RunRecord] = {}
        self.models: dict[str, LoggedModelRecord] = {}
        self.seen: set[str] = set()
        self.writers: dict[type, Callable[[Any], None]] = {
            ops.RenameExperiment: self._rename,
            ops.DeleteExperiment: self._delete_experiment,
            ops.RestoreExperiment: self._restore_experiment,
            ops.SetExperimentTag: self._set_experiment_tag,
            ops.DeleteExperimentTag: self._delete_experiment_tag,
            ops.UpdateRun: self._update,
            ops.DeleteRun: self._delete_run,
            ops.RestoreRun: self._restore_run,
            ops.LogBatch: self._log,
            ops.DeleteTag: self._delete_tag,
            ops.LogInputs: self._log_inputs,
            ops.LogOutputs: self._log_outputs,
            ops.FinalizeLoggedModel: self._finalize_model,
            ops.SetLoggedModelTags: self._set_model_tags,
            ops.DeleteLoggedModelTag: self._delete_model_tag,
            ops.LogLoggedModelParams: self._log_model_params,
            ops.DeleteLoggedModel: self._delete_model,
            ops.MoveRuns: self._move_runs,
            ops.PurgeRun: self._purge_run,
            ops.PurgeLoggedModel: self._purge_model,
            ops.PurgeExperiment: self._purge_experiment,
            ops.FinishPurges: lambda op: None,
            ops.Compact: lambda op: None,
            ops.ImportRun: self._import_run,
            ops.ImportLoggedModel: self._import_model,
        }

    def apply(self, op: ops.Op[Any]) -> None:
        """Carry out an op that makes nothing; one whose id was seen before has no effect."""
        if op.op_id and op.op_id in self.seen:
            return
        self.writers[type(op)](op)
        if op.op_id:
            self.seen.add(op.op_id)

    def check_create_experiment(self, op: ops.CreateExperiment) -> None:
        """Raise what keeps the experiment from being made."""
        self._check_name(op.name)
        first = not self.experiments and op.experiment_id != names.DEFAULT_EXPERIMENT_ID
        if first and op.name == names.DEFAULT_EXPERIMENT_NAME:
            raise AlreadyExists(op.name)  # Before the first experiment comes the default one.
        if op.experiment_id in self.experiments:
            raise AlreadyExists(op.experiment_id)

    def put_experiment(self, made: Experiment) -> None:
        """Note an experiment that a store made."""
        assert made.creation_time is not None
        assert made.last_update_time is not None
        if not self.experiments and made.experiment_id != names.DEFAULT_EXPERIMENT_ID:
            self._put_default(made.creation_time)
        record = ExperimentRecord(made.name, made.creation_time, made.last_update_time, dict(made.tags))
        self.experiments[made.experiment_id] = record

    def _put_default(self, time: int) -> None:
        self.experiments[names.DEFAULT_EXPERIMENT_ID] = ExperimentRecord(names.DEFAULT_EXPERIMENT_NAME, time, time, {})

    def check_goal(self, experiment_id: str) -> None:
        """Raise what keeps something new from going there; the default experiment comes back for it."""
        if experiment_id == names.DEFAULT_EXPERIMENT_ID and experiment_id not in self.experiments:
            self._check_name(names.DEFAULT_EXPERIMENT_NAME)
        else:
            self.require_active(experiment_id)

    def check_create_run(self, op: ops.CreateRun) -> RunRecord | None:
        """The run that is there already, None when one will be made; raises what keeps it from being made."""
        self.check_goal(op.experiment_id)
        there = self.runs.get(op.run_id)
        if there is not None and there.experiment_id != op.experiment_id:
            raise AlreadyExists(op.run_id)
        return there

    def put_run(self, op: ops.CreateRun, made: Run) -> None:
        """Note a run that a store made; a name that it chose is taken from it."""
        name = op.run_name or op.tags.get(names.RUN_NAME_TAG) or made.info.run_name
        tags = {**op.tags, names.RUN_NAME_TAG: name}
        if op.experiment_id not in self.experiments:
            self._put_default(op.start_time)
        self.runs[op.run_id] = RunRecord(op.experiment_id, name, op.user_id, op.start_time, tags)

    def put_model(self, op: ops.CreateLoggedModel, made: LoggedModel) -> None:
        """Note a logged model that a store made; a name that it chose is taken from it."""
        if op.experiment_id not in self.experiments:
            self._put_default(op.time)
        if op.model_id not in self.models:
            record = LoggedModelRecord(op.experiment_id, made.name, op.time, op.time, dict(op.params), dict(op.tags))
            self.models[op.model_id] = record

    def info(self, run_id: str) -> tuple[Any, ...]:
        """What a run's info must say, but for where its artifacts are."""
        run = self.runs[run_id]
        return (run_id, run.experiment_id, run.user, run.status, run.start, run.end, run.stage, run.name)

    def _check_name(self, name: str, but: str | None = None) -> None:
        if any(record.name == name and taken != but for taken, record in self.experiments.items()):
            raise AlreadyExists(name)

    def _experiment(self, experiment_id: str) -> ExperimentRecord:
        if experiment_id not in self.experiments:
            raise NotFound(experiment_id)
        return self.experiments[experiment_id]

    def require_active(self, experiment_id: str) -> ExperimentRecord:
        """The experiment; raises unless it is there and active."""
        record = self._experiment(experiment_id)
        if record.stage != ACTIVE:
            raise InvalidState(experiment_id)
        return record

    def _run(self, run_id: str) -> RunRecord:
        if run_id not in self.runs:
            raise NotFound(run_id)
        return self.runs[run_id]

    def _active_run(self, run_id: str) -> RunRecord:
        run = self._run(run_id)
        if run.stage != ACTIVE:
            raise InvalidState(run_id)
        return run

    def _rename(self, op: ops.RenameExperiment) -> None:
        record = self.require_active(op.experiment_id)
        self._check_name(op.name, but=op.experiment_id)
        record.name, record.changed = op.name, op.time

    def _delete_experiment(self, op: ops.DeleteExperiment) -> None:
        record = self._experiment(op.experiment_id)
        if record.stage != ACTIVE:
            raise NotFound(op.experiment_id)
        self._move(op.experiment_id, record, DELETED, op.time)

    def _restore_experiment(self, op: ops.RestoreExperiment) -> None:
        record = self._experiment(op.experiment_id)
        if record.stage == ACTIVE:
            raise NotFound(op.experiment_id)
        self._move(op.experiment_id, record, ACTIVE, op.time)

    def _move(self, experiment_id: str, record: ExperimentRecord, stage: str, time: int) -> None:
        record.stage, record.changed = stage, time
        for run in self.runs.values():
            if run.experiment_id == experiment_id:
                run.stage = stage

    def _set_experiment_tag(self, op: ops.SetExperimentTag) -> None:
        self.require_active(op.experiment_id).tags[op.key] = op.value

    def _delete_experiment_tag(self, op: ops.DeleteExperimentTag) -> None:
        if self.require_active(op.experiment_id).tags.pop(op.key, None) is None:
            raise NotFound(op.key)

    def _update(self, op: ops.UpdateRun) -> None:
        run = self._active_run(op.run_id)
        run.status = op.status or run.status
        run.end = run.end if op.end_time is None else op.end_time
        if op.run_name:
            run.name = run.tags[names.RUN_NAME_TAG] = op.run_name

    def _delete_run(self, op: ops.DeleteRun) -> None:
        self._run(op.run_id).stage = DELETED

    def _restore_run(self, op: ops.RestoreRun) -> None:
        run = self._run(op.run_id)
        if self.experiments[run.experiment_id].stage != ACTIVE:
            raise InvalidState(op.run_id)
        run.stage = ACTIVE

    def _log(self, op: ops.LogBatch) -> None:
        run = self._active_run(op.run_id)
        if any(run.params.get(param.key, param.value) != param.value for param in op.params):
            raise InvalidValue(op.run_id)
        measured = [self._model(metric.model_id) for metric in op.metrics if metric.model_id]
        for record, metric in zip(measured, (metric for metric in op.metrics if metric.model_id), strict=True):
            place = metric.key, metric.dataset_name
            if place not in record.points or metric.step >= record.points[place].step:
                record.points[place] = structs.replace(metric, run_id=op.run_id)
        run.params |= {param.key: param.value for param in op.params}
        for metric in op.metrics:
            point = metric.timestamp, metric.value, metric.step
            if metric.model_id and repr(point) in map(repr, run.points.get(metric.key, ())):
                continue
            run.points.setdefault(metric.key, []).append(point)
        for tag in op.tags:
            run.tags[tag.key] = tag.value
            if tag.key == names.RUN_NAME_TAG:
                run.name = tag.value

    def _delete_tag(self, op: ops.DeleteTag) -> None:
        if self._active_run(op.run_id).tags.pop(op.key, None) is None:
            raise NotFound(op.key)

    def _log_inputs(self, op: ops.LogInputs) -> None:
        run = self._active_run(op.run_id)
        for source in op.datasets:
            run.datasets.setdefault((source.dataset.name, source.dataset.digest), source)
        run.models_in |= {model.model_id for model in op.models}

    def _log_outputs(self, op: ops.LogOutputs) -> None:
        run = self._active_run(op.run_id)
        for model in op.models:
            run.models_out.setdefault(model.model_id, model.step)

    def _model(self, model_id: str) -> LoggedModelRecord:
        if model_id not in self.models or self.models[model_id].stage != ACTIVE:
            raise NotFound(model_id)
        return self.models[model_id]

    def _finalize_model(self, op: ops.FinalizeLoggedModel) -> None:
        record = self._model(op.model_id)
        record.status, record.changed = op.status, op.time

    def _set_model_tags(self, op: ops.SetLoggedModelTags) -> None:
        self._model(op.model_id).tags.update(op.tags)

    def _delete_model_tag(self, op: ops.DeleteLoggedModelTag) -> None:
        if self._model(op.model_id).tags.pop(op.key, None) is None:
            raise NotFound(op.key)

    def _log_model_params(self, op: ops.LogLoggedModelParams) -> None:
        record = self._model(op.model_id)
        if any(record.params.get(key, value) != value for key, value in op.params.items()):
            raise InvalidValue(op.model_id)
        record.params.update(op.params)

    def _delete_model(self, op: ops.DeleteLoggedModel) -> None:
        if op.model_id not in self.models:
            raise NotFound(op.model_id)
        record = self.models[op.model_id]
        if record.stage == ACTIVE:
            record.stage, record.changed = DELETED, op.time

    def _move_runs(self, op: ops.MoveRuns) -> None:
        self.require_active(op.experiment_id)
        for run_id in op.run_ids:
            self._active_run(run_id)
        for run_id in op.run_ids:
            self.runs[run_id].experiment_id = op.experiment_id

    def _purge_run(self, op: ops.PurgeRun) -> None:
        if self._run(op.run_id).stage != DELETED:
            raise InvalidState(op.run_id)
        del self.runs[op.run_id]

    def _purge_model(self, op: ops.PurgeLoggedModel) -> None:
        if op.model_id not in self.models:
            raise NotFound(op.model_id)
        if self.models[op.model_id].stage != DELETED:
            raise InvalidState(op.model_id)
        del self.models[op.model_id]

    def _purge_experiment(self, op: ops.PurgeExperiment) -> None:
        if self._experiment(op.experiment_id).stage != DELETED:
            raise InvalidState(op.experiment_id)
        del self.experiments[op.experiment_id]
        self.runs = {key: run for key, run in self.runs.items() if run.experiment_id != op.experiment_id}
        self.models = {key: item for key, item in self.models.items() if item.experiment_id != op.experiment_id}

    def _import_run(self, op: ops.ImportRun) -> None:
        info = op.info
        if op.known is None:
            self._experiment(info.experiment_id)
            if info.run_id in self.runs:
                raise AlreadyExists(info.run_id)
            assert info.start_time is not None
            run = RunRecord(info.experiment_id, info.run_name, info.user_id, info.start_time, {})
            self.runs[info.run_id] = run
        else:
            run = self._run(info.run_id)
            if any(len(run.points.get(key, [])) != count for key, count in op.known.items()):
                raise AlreadyExists(info.run_id)
        run.name, run.status, run.end, run.stage = info.run_name, info.status, info.end_time, info.lifecycle_stage
        run.params = {**op.params, **run.params}
        run.tags |= op.tags
        for metric in op.metrics:
            run.points.setdefault(metric.key, []).append((metric.timestamp, metric.value, metric.step))

    def _import_model(self, op: ops.ImportLoggedModel) -> None:
        model = op.model
        record = self.models.get(model.model_id)
        if not op.known:
            self._experiment(model.experiment_id)
            if record is not None:
                raise AlreadyExists(model.model_id)
            record = LoggedModelRecord(model.experiment_id, "", model.creation_timestamp, 0, {}, {})
            self.models[model.model_id] = record
        if record is None:
            raise NotFound(model.model_id)
        record.name, record.made, record.changed = model.name, model.creation_timestamp, model.last_updated_timestamp
        record.status, record.stage = str(model.status), model.lifecycle_stage
        record.params = {**model.params, **record.params}
        record.tags |= model.tags
        for point in model.metrics:
            place = (point.key, point.dataset_name)
            if place not in record.points or point.step >= record.points[place].step:
                record.points[place] = point


def said(info: RunInfo) -> tuple[Any, ...]:
    """A store's run info in the form of `Model.info`."""
    return (
        info.run_id, info.experiment_id, info.user_id, info.status,
        info.start_time, info.end_time, info.lifecycle_stage, info.run_name,
    )  # fmt: skip


def metric_order(run: RunRecord, key: str) -> tuple[int, float]:
    """Where a run stands by its latest value, ascending: numbers, then NaN, then runs without one."""
    if key not in run.points:
        return (2, 0.0)
    value = run.latest(key)[1]
    return (1, 0.0) if math.isnan(value) else (0, value)


def as_text(points: list[Point] | list[Metric]) -> list[str]:
    """Points so that NaN equals NaN, and no zero another."""
    return [
        repr((p.timestamp, float(p.value), p.step) if isinstance(p, Metric) else (p[0], float(p[1]), p[2]))
        for p in points
    ]
