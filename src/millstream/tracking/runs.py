"""Starting, resuming and ending runs: `start_run` and its neighbours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from millstream.stores.base import Store
from millstream.tracking import state
from millstream.tracking.context import default_tags
from millstream.tracking.convert import now, to_tags
from millstream.tracking.state import ActiveRun
from millstream.values import names
from millstream.values.entities import ACTIVE, Experiment, Run, RunInfo, RunStatus
from millstream.values.errors import AlreadyExists, InvalidState, InvalidValue, NotFound
from millstream.values.ops import CreateExperiment, CreateRun, LogBatch, UpdateRun
from millstream.values.queries import GetExperiment, GetExperimentByName, GetRun, GetRunInfo
from millstream.values.settings import text_setting


def start_run(
    run_id: str | None = None,
    experiment_id: str | int | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    *,
    run_uuid: str | None = None,
) -> ActiveRun:
    """Start a run, or resume the run `run_id`, and make it the active one of this thread or task.

    Use it as ``with start_run() as run:``, which ends the run FINISHED, FAILED when an exception passes, KILLED
    on Ctrl-C; or call `end_run`. What is still open when the process ends is ended then.

    The experiment is `experiment_id` (a string or an int), else that of `set_experiment`, else the environment's
    MLFLOW_EXPERIMENT_NAME or MLFLOW_EXPERIMENT_ID, else "0".

    Raises:
        InvalidState: a run is active already and `nested` is false, or the run to resume is deleted.
        NotFound: there is no such run or experiment.
    """
    if log_system_metrics:
        raise InvalidValue("log_system_metrics=True: system metrics are not recorded by this version; leave it out.")
    active = state.stack()
    if active and not nested:
        raise InvalidState(
            f"Run with UUID {active[-1].info.run_id} is already active. To start a new run, first end the current run "
            "with end_run(). To start a nested run, call start_run with nested=True."
        )
    given_tags = {tag.key: tag.value for tag in to_tags(tags or {})} | _description(tags, description)
    resumed = run_id or run_uuid or _run_id_from_environment()
    store = state.store()
    if resumed:
        started = ActiveRun(_resume(store, resumed, experiment_id, run_name, given_tags), store)
    else:
        if parent_run_id:
            store.read(GetRunInfo(run_id=parent_run_id))
        parent = parent_run_id or (active[-1].info.run_id if active else None)
        store = active[-1].store if active and nested else store
        run = _create(store, experiment_for_new_run(store, experiment_id), run_name, given_tags, parent)
        started = ActiveRun(run.info, store, run)
    state.push(started)
    return started


def _create(store: Store, experiment_id: str, name: str | None, tags: dict[str, str], parent: str | None) -> Run:
    all_tags = default_tags() | tags
    if parent:
        all_tags[names.PARENT_RUN_TAG] = parent
    return store.write(
        CreateRun(
            run_id=names.new_run_id(),
            experiment_id=experiment_id,
            start_time=now(),
            user_id=all_tags[names.USER_TAG],
            run_name=name,
            tags=all_tags,
        )
    )


def _resume(
    store: Store, run_id: str, experiment_id: str | int | None, name: str | None, tags: dict[str, str]
) -> RunInfo:
    info = store.read(GetRunInfo(run_id=run_id))
    if info.lifecycle_stage != ACTIVE:
        raise InvalidState(
            f"Run {run_id!r} is deleted and cannot be resumed. Restore it first: "
            f"millstream runs restore --run-id {run_id}"
        )
    expected = str(experiment_id) if experiment_id is not None else state.active_experiment()
    if expected is not None and expected != info.experiment_id:
        raise InvalidValue(
            f"Run {run_id!r} belongs to experiment {info.experiment_id!r}, but {expected!r} was asked "
            "for. Leave out the experiment to resume the run where it is."
        )
    info = store.write(UpdateRun(run_id=run_id, status="RUNNING", run_name=name))
    if tags:
        store.write(LogBatch(run_id=run_id, tags=to_tags(tags)))
    return info


def _run_id_from_environment() -> str | None:
    run_id = text_setting("RUN_ID")
    # The variable speaks of one run; a second start_run of the same process means a new one.
    os.environ.pop("MLFLOW_RUN_ID", None)
    os.environ.pop("MILLSTREAM_RUN_ID", None)
    return run_id


def _description(tags: Mapping[str, Any] | None, description: str | None) -> dict[str, str]:
    if description is None:
        return {}
    if tags and names.NOTE_TAG in tags:
        raise InvalidValue(f"The description is given twice: as description and as tag {names.NOTE_TAG!r}. Give one.")
    return {names.NOTE_TAG: description}


def experiment_for_new_run(store: Store, experiment_id: str | int | None) -> str:
    """Id of the experiment of a run that starts now: as given, else active, else from the environment, else "0"."""
    if experiment_id is not None:
        return names.check_experiment_id(experiment_id)
    active = state.active_experiment()
    if active is not None:
        return active
    name, given_id = text_setting("EXPERIMENT_NAME"), text_setting("EXPERIMENT_ID")
    if name:
        found = get_or_create_experiment(store, name)
        if given_id and given_id != found.experiment_id:
            raise InvalidValue(
                f"MLFLOW_EXPERIMENT_NAME={name!r} is experiment {found.experiment_id!r}, but MLFLOW_EXPERIMENT_ID says "
                f"{given_id!r}. Set only one of them."
            )
        return found.experiment_id
    return given_id or names.DEFAULT_EXPERIMENT_ID


def get_or_create_experiment(store: Store, name: str) -> Experiment:
    """The active experiment called `name`, made when there is none; InvalidState when it is deleted."""
    try:
        found = store.read(GetExperimentByName(name=name))
    except NotFound:
        try:
            store.write(CreateExperiment(name=name, time=now()))
        except AlreadyExists:
            pass  # Another process was quicker: both mean the same experiment.
        found = store.read(GetExperimentByName(name=name))
    if found.lifecycle_stage != ACTIVE:
        raise InvalidState(
            f"The experiment {name!r} is deleted. Restore it with `millstream experiments restore -x "
            f"{found.experiment_id}`, or use another name."
        )
    return found


def end_run(status: str | int = "FINISHED") -> None:
    """End the active run with `status` (a word of RunStatus or its number); without an active run nothing happens."""
    word = RunStatus.to_string(status) if isinstance(status, int) else str(status)
    if word not in RunStatus.NAMES:
        raise InvalidValue(f"{status!r} is no run status; use one of {', '.join(RunStatus.NAMES)}.")
    active = state.stack()
    if active:
        state.end(active[-1], word)
    else:
        _run_id_from_environment()


def active_run() -> ActiveRun | None:
    """The innermost active run of this thread or task, None when there is none."""
    active = state.stack()
    return active[-1] if active else None


def current_run() -> ActiveRun:
    """The innermost active run; one is started when there is none."""
    active = state.stack()
    return active[-1] if active else start_run()


def last_active_run() -> Run | None:
    """The run that is active, or was last, in this thread or task, as it is stored now."""
    run_id = state.last_run_id()
    return None if run_id is None else state.store().read(GetRun(run_id=run_id))


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | int | None = None, trace_location: object = None
) -> Experiment:
    """Make an experiment the one of new runs, by name (made when missing) or by id. Returns it."""
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValue("set_experiment takes either experiment_name or experiment_id.")
    store = state.store()
    if experiment_name is not None:
        experiment = get_or_create_experiment(store, experiment_name)
    else:
        experiment = store.read(GetExperiment(experiment_id=names.check_experiment_id(experiment_id)))
        if experiment.lifecycle_stage != ACTIVE:
            raise InvalidState(
                f"Experiment {experiment_id!r} is deleted. Restore it with "
                f"`millstream experiments restore -x {experiment_id}`."
            )
    state.set_active_experiment(experiment.experiment_id)
    os.environ["MLFLOW_EXPERIMENT_ID"] = experiment.experiment_id
    return experiment
