"""What an op must be before any sink may see it. Every store checks every op here, so the rules hold everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from millstream.values import names, ops
from millstream.values.entities import (
    ACTIVE,
    DELETED,
    DatasetInput,
    LoggedModelStatus,
    Metric,
    ModelInput,
    ModelOutput,
    RunStatus,
)
from millstream.values.errors import InvalidValue
from millstream.values.registry_rules import REGISTRY_RULES

# Training code logs the same few keys again and again.
_known_key = lru_cache(maxsize=4096)(names.check_key)


def check(op: ops.Op[Any]) -> None:
    """Raise InvalidValue when `op` breaks a rule on names, lengths or numbers."""
    rule = RULES.get(type(op))
    if rule is None:
        raise InvalidValue(f"{type(op).__name__} is not an operation that can be written.")
    rule(op)


def check_batch(op: ops.LogBatch) -> None:
    """Rules of metrics, params and tags, and that no param is given twice with different values."""
    for metric in op.metrics:
        _known_key(metric.key, "metric")
        if type(metric.value) is not float:
            raise InvalidValue(f"The value of metric {metric.key!r} must be a float; got {metric.value!r}.")
        names.check_int64(metric.step, "step of a metric")
        if names.check_int64(metric.timestamp, "timestamp of a metric") < 0:
            raise InvalidValue(
                f"The timestamp of metric {metric.key!r} is {metric.timestamp}; it must not be negative."
            )
        if metric.model_id:
            names.check_model_id(metric.model_id)
        if metric.dataset_name:
            check_dataset_words(metric)
    if op.params:
        _check_params(op)
    for tag in op.tags:
        _check_tag(tag.key, tag.value)


def check_dataset_words(metric: Metric) -> None:
    """Raise InvalidValue unless name and digest of the dataset are single words, as the line of a file needs them."""
    for word, most in ((metric.dataset_name, 500), (metric.dataset_digest, 36)):
        if not word or word.split() != [word] or len(word) > most:
            raise InvalidValue(
                f"Metric {metric.key!r} is said to be of the dataset {metric.dataset_name!r}, digest "
                f"{metric.dataset_digest!r}; both must be given, neither may contain white space, and 500 and 36 "
                "characters are the most."
            )


def _check_params(op: ops.LogBatch) -> None:
    seen: dict[str, str] = {}
    for param in op.params:
        _known_key(param.key, "param")
        names.check_text(param.value, f"value of param {param.key!r}", names.MAX_PARAM_VALUE)
        if seen.setdefault(param.key, param.value) != param.value:
            raise InvalidValue(
                f"Duplicate parameter keys have been submitted: {param.key!r} with {seen[param.key]!r} "
                f"and {param.value!r}. Give each param once."
            )


def _check_tag(key: str, value: str) -> None:
    _known_key(key, "tag")
    names.check_text(value, f"value of tag {key!r}", names.MAX_TAG_VALUE)


def _check_tags(tags: Mapping[str, str]) -> None:
    for key, value in tags.items():
        _check_tag(key, value)


def _create_experiment(op: ops.CreateExperiment) -> None:
    names.check_experiment_name(op.name)
    if op.experiment_id is not None:
        names.check_experiment_id(op.experiment_id)
    if op.artifact_location is not None and len(op.artifact_location) > names.MAX_LOCATION:
        raise InvalidValue(f"The artifact location has over {names.MAX_LOCATION} characters.")
    for key, value in op.tags.items():
        _check_experiment_tag(key, value)


def _check_experiment_tag(key: str, value: str) -> None:
    _known_key(key, "tag")
    names.check_text(value, f"value of experiment tag {key!r}", names.MAX_EXPERIMENT_TAG_VALUE)


def _create_run(op: ops.CreateRun) -> None:
    names.check_run_id(op.run_id)
    names.check_experiment_id(op.experiment_id)
    names.check_int64(op.start_time, "start time of a run")
    names.check_text(op.user_id, "user of a run", 256)
    _check_tags(op.tags)
    if op.run_name is not None:
        names.check_text(op.run_name, "name of a run", names.MAX_KEY)
        tagged = op.tags.get(names.RUN_NAME_TAG)
        if op.run_name and tagged and tagged != op.run_name:
            raise InvalidValue(
                f"The run name is given twice: {op.run_name!r}, and {tagged!r} in tag {names.RUN_NAME_TAG!r}. Give one."
            )


def _update_run(op: ops.UpdateRun) -> None:
    names.check_run_id(op.run_id)
    if op.status is not None and op.status not in RunStatus.NAMES:
        raise InvalidValue(f"{op.status!r} is no run status; use one of {', '.join(RunStatus.NAMES)}.")
    if op.end_time is not None:
        names.check_int64(op.end_time, "end time of a run")
    if op.run_name is not None:
        names.check_text(op.run_name, "name of a run", names.MAX_KEY)


def _rename_experiment(op: ops.RenameExperiment) -> None:
    names.check_experiment_id(op.experiment_id)
    names.check_experiment_name(op.name)


def _experiment(op: Any) -> None:
    names.check_experiment_id(op.experiment_id)


def _run(op: Any) -> None:
    names.check_run_id(op.run_id)


def _set_experiment_tag(op: ops.SetExperimentTag) -> None:
    names.check_experiment_id(op.experiment_id)
    _check_experiment_tag(op.key, op.value)


def _delete_experiment_tag(op: ops.DeleteExperimentTag) -> None:
    names.check_experiment_id(op.experiment_id)
    _known_key(op.key, "tag")


def _delete_tag(op: ops.DeleteTag) -> None:
    names.check_run_id(op.run_id)
    _known_key(op.key, "tag")


def _log_inputs(op: ops.LogInputs) -> None:
    names.check_run_id(op.run_id)
    _check_inputs(op.datasets, op.models)


def _check_inputs(datasets: Iterable[DatasetInput], models: Iterable[ModelInput]) -> None:
    for source in datasets:
        dataset = source.dataset
        for value, what, limit in (
            (dataset.name, "name", 500),
            (dataset.digest, "digest", 36),
            (dataset.source_type, "source type", 500),
            (dataset.source, "source", 65_535),
            (dataset.schema or "-", "schema", 1_048_575),
            (dataset.profile or "-", "profile", 16_777_215),
        ):
            if not value:
                raise InvalidValue(f"A dataset needs a {what}.")
            names.check_text(value, f"{what} of a dataset", limit)
        for tag in source.tags:
            names.check_text(tag.key, "tag key of a dataset", 255)
            names.check_text(tag.value, "tag value of a dataset", 500)
    for model in models:
        names.check_model_id(model.model_id)


def _log_outputs(op: ops.LogOutputs) -> None:
    names.check_run_id(op.run_id)
    _check_outputs(op.models)


def _check_outputs(models: Iterable[ModelOutput]) -> None:
    for model in models:
        names.check_model_id(model.model_id)
        names.check_int64(model.step, "step of a model")


def _create_logged_model(op: ops.CreateLoggedModel) -> None:
    names.check_model_id(op.model_id)
    names.check_experiment_id(op.experiment_id)
    names.check_int64(op.time, "creation time of a logged model")
    if op.name is not None:
        names.check_model_name(op.name)
    if op.model_type is not None:
        names.check_text(op.model_type, "type of a logged model", 500)
    if op.source_run_id is not None:
        names.check_run_id(op.source_run_id)
    _check_model_params(op.params)
    _check_tags(op.tags)


def _check_model_params(params: Mapping[str, str]) -> None:
    for key, value in params.items():
        _known_key(key, "param")
        names.check_text(value, f"value of param {key!r}", names.MAX_PARAM_VALUE)


def _finalize_logged_model(op: ops.FinalizeLoggedModel) -> None:
    names.check_model_id(op.model_id)
    if op.status not in (LoggedModelStatus.READY, LoggedModelStatus.FAILED):
        raise InvalidValue(f"{op.status!r} cannot be the final status of a logged model; use READY or FAILED.")


def _set_logged_model_tags(op: ops.SetLoggedModelTags) -> None:
    names.check_model_id(op.model_id)
    _check_tags(op.tags)


def _delete_logged_model_tag(op: ops.DeleteLoggedModelTag) -> None:
    names.check_model_id(op.model_id)
    _known_key(op.key, "tag")


def _log_logged_model_params(op: ops.LogLoggedModelParams) -> None:
    names.check_model_id(op.model_id)
    _check_model_params(op.params)


def _delete_logged_model(op: ops.DeleteLoggedModel) -> None:
    names.check_model_id(op.model_id)


def _move_runs(op: ops.MoveRuns) -> None:
    names.check_experiment_id(op.experiment_id)
    for run_id in op.run_ids:
        names.check_run_id(run_id)


def _anything(_op: Any) -> None:
    """It says nothing that could be wrong."""


def _check_stage(stage: str) -> None:
    if stage not in (ACTIVE, DELETED):
        raise InvalidValue(f"{stage!r} is no life-cycle stage; it is {ACTIVE!r} or {DELETED!r}.")


def _import_experiment(op: ops.ImportExperiment) -> None:
    experiment = op.experiment
    names.check_experiment_name(experiment.name)
    if experiment.experiment_id:
        names.check_experiment_id(experiment.experiment_id)
    _check_stage(experiment.lifecycle_stage)
    for key, value in experiment.tags.items():
        _check_experiment_tag(key, value)


def _import_run(op: ops.ImportRun) -> None:
    info = op.info
    names.check_run_id(info.run_id)
    names.check_experiment_id(info.experiment_id)
    names.check_text(info.user_id, "user of a run")
    names.check_text(info.run_name, "name of a run")
    _check_stage(info.lifecycle_stage)
    if info.status not in RunStatus.NAMES:
        raise InvalidValue(f"{info.status!r} is no run status; use one of {', '.join(RunStatus.NAMES)}.")
    for time, what in ((info.start_time, "start time"), (info.end_time, "end time"), (op.deleted_time, "deletion")):
        if time is not None:
            names.check_int64(time, f"{what} of a run")
    for key, value in op.params.items():
        _known_key(key, "param")
        names.check_text(value, f"value of param {key!r}", names.MAX_PARAM_VALUE)
    _check_tags(op.tags)
    for metric in op.metrics:
        _known_key(metric.key, "metric")
    _check_inputs(op.inputs.dataset_inputs, op.inputs.model_inputs)
    _check_outputs(op.outputs.model_outputs)


def _import_logged_model(op: ops.ImportLoggedModel) -> None:
    model = op.model
    names.check_model_id(model.model_id)
    names.check_experiment_id(model.experiment_id)
    names.check_model_name(model.name)
    names.check_text(model.model_type or "", "type of a logged model", 500)
    names.check_text(model.status_message or "", "status message of a logged model")
    if model.source_run_id is not None:
        names.check_run_id(model.source_run_id)
    _check_stage(model.lifecycle_stage)
    for time, what in ((model.creation_timestamp, "creation time"), (model.last_updated_timestamp, "last change")):
        names.check_int64(time, f"{what} of a logged model")
    _check_model_params(model.params)
    _check_tags(model.tags)
    for metric in model.metrics:
        _known_key(metric.key, "metric")
        names.check_run_id(metric.run_id or "")
        names.check_int64(metric.timestamp, f"timestamp of metric {metric.key!r}")
        names.check_int64(metric.step, f"step of metric {metric.key!r}")
        # A database keeps names with white space, too; a tree looks closer.
        names.check_text(metric.dataset_name or "", "dataset of a metric", 500)
        names.check_text(metric.dataset_digest or "", "digest of a metric's dataset", 36)


RULES: dict[type, Callable[[Any], None]] = {
    ops.CreateExperiment: _create_experiment,
    ops.RenameExperiment: _rename_experiment,
    ops.DeleteExperiment: _experiment,
    ops.RestoreExperiment: _experiment,
    ops.SetExperimentTag: _set_experiment_tag,
    ops.DeleteExperimentTag: _delete_experiment_tag,
    ops.CreateRun: _create_run,
    ops.UpdateRun: _update_run,
    ops.DeleteRun: _run,
    ops.RestoreRun: _run,
    ops.LogBatch: check_batch,
    ops.DeleteTag: _delete_tag,
    ops.LogInputs: _log_inputs,
    ops.LogOutputs: _log_outputs,
    ops.CreateLoggedModel: _create_logged_model,
    ops.FinalizeLoggedModel: _finalize_logged_model,
    ops.SetLoggedModelTags: _set_logged_model_tags,
    ops.DeleteLoggedModelTag: _delete_logged_model_tag,
    ops.LogLoggedModelParams: _log_logged_model_params,
    ops.DeleteLoggedModel: _delete_logged_model,
    **REGISTRY_RULES,
    ops.MoveRuns: _move_runs,
    ops.PurgeRun: _run,
    ops.PurgeLoggedModel: _delete_logged_model,
    ops.PurgeExperiment: _experiment,
    ops.FinishPurges: _anything,
    ops.Compact: _anything,
    ops.ImportExperiment: _import_experiment,
    ops.ImportRun: _import_run,
    ops.ImportLoggedModel: _import_logged_model,
}
