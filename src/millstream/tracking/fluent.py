"""The functions that training code calls. Each works on the active run, and starts one when there is none."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from millstream.stores.base import Store
from millstream.tracking import artifacts, state
from millstream.tracking.convert import now, to_metric, to_metrics, to_params, to_tags
from millstream.tracking.inputs import point_out
from millstream.tracking.runs import (
    active_run,
    current_run,
    end_run,
    last_active_run,
    set_experiment,
    start_run,
)
from millstream.tracking.search import count_runs, search_runs
from millstream.tracking.state import ActiveRun
from millstream.values import names, ops, queries
from millstream.values.entities import Experiment, Metric, Param, Run, RunTag, ViewType
from millstream.values.errors import NotFound

__all__ = [
    "ActiveRun",
    "active_run",
    "count_runs",
    "create_experiment",
    "delete_experiment",
    "delete_experiment_tag",
    "delete_run",
    "delete_tag",
    "end_run",
    "flush_async_logging",
    "get_artifact_uri",
    "get_experiment",
    "get_experiment_by_name",
    "get_parent_run",
    "get_run",
    "get_tracking_uri",
    "is_tracking_uri_set",
    "last_active_run",
    "log_artifact",
    "log_artifacts",
    "log_dict",
    "log_figure",
    "log_image",
    "log_metric",
    "log_metrics",
    "log_param",
    "log_params",
    "log_text",
    "rename_experiment",
    "restore_experiment",
    "restore_run",
    "search_experiments",
    "search_runs",
    "set_experiment",
    "set_experiment_tag",
    "set_experiment_tags",
    "set_tag",
    "set_tags",
    "set_tracking_uri",
    "start_run",
]


class RunOperations:
    """What a logging call with `synchronous=False` returns: the value is on disk already, so `wait` returns at once."""

    def wait(self) -> None:
        """Return; nothing is pending."""


def _done(synchronous: bool | None) -> RunOperations | None:
    return RunOperations() if synchronous is False else None


def _target(run_id: str | None) -> tuple[Store, str]:
    """The store and id of the run that a call means: the one it names, else the active one."""
    if run_id is not None:
        return state.store(), run_id
    run = current_run()
    return run.store, run.info.run_id


def set_tracking_uri(uri: str | os.PathLike[str]) -> None:
    """Keep runs at `uri` from now on, in this process and its children; "" goes back to finding the store."""
    text = os.fspath(uri)
    state.set_uri(text or None)
    if text:
        os.environ["MLFLOW_TRACKING_URI"] = text
    else:
        os.environ.pop("MLFLOW_TRACKING_URI", None)


def get_tracking_uri() -> str:
    """The URI of the store that is used now."""
    return state.uri() or state.store().uri


def is_tracking_uri_set() -> bool:
    """Whether a store was named by `set_tracking_uri` or the environment."""
    return bool(state.uri() or os.environ.get("MLFLOW_TRACKING_URI") or os.environ.get("MILLSTREAM_TRACKING_URI"))


def log_metric(
    key: str,
    value: Any,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: object = None,
) -> RunOperations | None:
    """Append one point to the metric `key`: `value` (anything `float()` takes) at `step` (0 when None).

    `timestamp` is in milliseconds, now when None. On return the point is in the run's file. `model_id` is the logged
    model that was measured (the active one when None), `dataset` what it was measured on; both are noted as inputs.
    """
    points: tuple[Metric, ...] = (to_metric(key, value, step, timestamp),)
    store, run_id = _target(run_id)
    model_id = model_id or state.active_model_id()
    if model_id is not None or dataset is not None:
        points = point_out(store, run_id, points, model_id, dataset)
    store.write(ops.LogBatch(run_id=run_id, metrics=points))
    return _done(synchronous)


def log_metrics(
    metrics: Mapping[str, Any],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: object = None,
) -> RunOperations | None:
    """Append one point to each metric of the dictionary, all at the same step and time; see `log_metric`."""
    points = to_metrics(metrics, step, timestamp)
    store, run_id = _target(run_id)
    model_id = model_id or state.active_model_id()
    if model_id is not None or dataset is not None:
        points = point_out(store, run_id, points, model_id, dataset)
    store.write(ops.LogBatch(run_id=run_id, metrics=points))
    return _done(synchronous)


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Keep `value` as text as the param `key`; it cannot change later. Returns `value`."""
    store, run_id = _target(None)
    store.write(ops.LogBatch(run_id=run_id, params=(Param(key, str(value)),)))
    return value


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Keep every entry of the dictionary as a param; none is kept when one of them would change."""
    entries = to_params(params)
    store, run_id = _target(run_id)
    store.write(ops.LogBatch(run_id=run_id, params=entries))
    return _done(synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Set or overwrite a tag."""
    store, run_id = _target(None)
    store.write(ops.LogBatch(run_id=run_id, tags=(RunTag(key, str(value)),)))
    return _done(synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Set or overwrite every tag of the dictionary."""
    entries = to_tags(tags)
    store, run_id = _target(None)
    store.write(ops.LogBatch(run_id=run_id, tags=entries))
    return _done(synchronous)


def delete_tag(key: str) -> None:
    """Remove a tag; NotFound when the run has none of that name."""
    store, run_id = _target(None)
    store.write(ops.DeleteTag(run_id=run_id, key=key))


def flush_async_logging() -> None:
    """Return; every logging call has written before it returned."""


def log_artifact(
    local_path: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store a copy of a file (or of a directory under its name) in the run's artifact directory `artifact_path`."""
    store, run_id = _target(run_id)
    artifacts.put(store, run_id, local_path, artifact_path)


def log_artifacts(
    local_dir: str | os.PathLike[str], artifact_path: str | None = None, run_id: str | None = None
) -> None:
    """Store copies of all files below a directory in the run's artifact directory `artifact_path`."""
    store, run_id = _target(run_id)
    artifacts.put_directory(store, run_id, local_dir, artifact_path)


def log_text(text: str, artifact_file: str, run_id: str | None = None) -> None:
    """Store `text` as the artifact `artifact_file`, in UTF-8."""
    store, run_id = _target(run_id)
    artifacts.put_text(store, run_id, text, artifact_file)


def log_dict(dictionary: Any, artifact_file: str, run_id: str | None = None) -> None:
    """Store a dictionary as JSON, or as YAML when the name ends in .yaml or .yml."""
    store, run_id = _target(run_id)
    artifacts.put_dict(store, run_id, dictionary, artifact_file)


def log_figure(figure: Any, artifact_file: str, *, save_kwargs: dict[str, Any] | None = None) -> None:
    """Store a matplotlib or plotly figure; the ending of the name says the format."""
    store, run_id = _target(None)
    artifacts.put_figure(store, run_id, figure, artifact_file, save_kwargs)


def log_image(
    image: Any,
    artifact_file: str | None = None,
    key: str | None = None,
    step: int | None = None,
    timestamp: int | None = None,
    synchronous: bool | None = None,
) -> None:
    """Store an image (PIL, or a numpy array H×W[×1|3|4]) under a file name, or under a `key` for each `step`."""
    store, run_id = _target(None)
    artifacts.put_image(store, run_id, image, artifact_file, key=key, step=step, timestamp=timestamp)
    if key is not None:
        store.write(ops.LogBatch(run_id=run_id, tags=(RunTag("mlflow.loggedImages", "True"),)))


def get_artifact_uri(artifact_path: str | None = None) -> str:
    """The URI of the active run's artifact directory, or of an artifact in it."""
    store, run_id = _target(None)
    return artifacts.uri_of(store, run_id, artifact_path)


def get_run(run_id: str) -> Run:
    """A run with its latest data."""
    return state.store().read(queries.GetRun(run_id=run_id))


def get_parent_run(run_id: str) -> Run | None:
    """The run that the run was started in, None for an outermost one."""
    parent = get_run(run_id).data.tags.get(names.PARENT_RUN_TAG)
    return get_run(parent) if parent else None


def delete_run(run_id: str) -> None:
    """Mark a run as deleted; `restore_run` undoes it."""
    state.store().write(ops.DeleteRun(run_id=run_id, time=now()))


def restore_run(run_id: str) -> None:
    """Undo `delete_run`."""
    state.store().write(ops.RestoreRun(run_id=run_id))


def create_experiment(name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None) -> str:
    """Make an experiment; returns its id. AlreadyExists when the name is taken, by a deleted one too."""
    texts = {tag.key: tag.value for tag in to_tags(tags or {})}
    location = os.fspath(artifact_location) if artifact_location else None
    return state.store().write(ops.CreateExperiment(name=name, time=now(), artifact_location=location, tags=texts))


def get_experiment(experiment_id: str | int) -> Experiment:
    """An experiment by id, deleted ones too."""
    return state.store().read(queries.GetExperiment(experiment_id=str(experiment_id)))


def get_experiment_by_name(name: str) -> Experiment | None:
    """An experiment by name, deleted ones too; None when there is none."""
    try:
        return state.store().read(queries.GetExperimentByName(name=name))
    except NotFound:
        return None


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """Experiments that match, newest first unless `order_by` says otherwise."""
    query = queries.SearchExperiments(
        view=view_type,
        filter=filter_string or "",
        order_by=tuple(order_by or ()),
        max_results=names.MAX_RESULTS if max_results is None else max_results,
    )
    return state.store().read(query)


def rename_experiment(experiment_id: str | int, new_name: str) -> None:
    """Give an experiment another name."""
    state.store().write(ops.RenameExperiment(experiment_id=str(experiment_id), name=new_name, time=now()))


def delete_experiment(experiment_id: str | int) -> None:
    """Mark an experiment and its runs as deleted; `restore_experiment` undoes it."""
    state.store().write(ops.DeleteExperiment(experiment_id=str(experiment_id), time=now()))


def restore_experiment(experiment_id: str | int) -> None:
    """Undo `delete_experiment`."""
    state.store().write(ops.RestoreExperiment(experiment_id=str(experiment_id), time=now()))


def set_experiment_tag(key: str, value: Any) -> None:
    """Set a tag of the active experiment."""
    set_experiment_tags({key: value})


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the active experiment."""
    experiment_id = state.active_experiment() or current_run().info.experiment_id
    for tag in to_tags(tags):
        op = ops.SetExperimentTag(experiment_id=experiment_id, key=tag.key, value=tag.value)
        state.store().write(op)


def delete_experiment_tag(key: str) -> None:
    """Remove a tag of the active experiment."""
    experiment_id = state.active_experiment() or current_run().info.experiment_id
    state.store().write(ops.DeleteExperimentTag(experiment_id=experiment_id, key=key))
