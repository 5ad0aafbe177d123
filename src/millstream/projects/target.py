"""The run that a project becomes: in which experiment, new or continued, and with which tags."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from millstream.projects.plan import Plan
from millstream.stores.open import open_store
from millstream.tracking.client import MlflowClient
from millstream.tracking.context import git_tags, user_name
from millstream.tracking.fluent import active_run
from millstream.tracking.runs import experiment_for_new_run, get_or_create_experiment
from millstream.values import names
from millstream.values.entities import ACTIVE, Param, Run, RunTag
from millstream.values.errors import InvalidValue, ProjectFailed

ENTRY_POINT_TAG = "mlflow.project.entryPoint"
BACKEND_TAG = "mlflow.project.backend"
LOCAL_BACKEND = "local"


class Target(Struct, frozen=True):
    """Where a project run goes. `continued` is the run it takes up again, None when a new one is to be made."""

    run_id: str
    experiment_id: str
    tracking_uri: str
    continued: Run | None = None


def find_target(
    client: MlflowClient, experiment_name: str | None, experiment_id: str | int | None, run_id: str | None, plan: Plan
) -> Target:
    """Settle on experiment and run id; an experiment named for the first time is made, everything else must exist.

    ProjectFailed when name and id are given both, when the experiment or run is deleted, and when the run lies in
    another experiment or has other params; NotFound when there is no such experiment or run.
    """
    uri = open_store(client.tracking_uri).uri
    if experiment_name is not None and experiment_id is not None:
        raise ProjectFailed("The experiment is given twice, by name and by id. Give one.")
    if experiment_name is not None:
        names.check_experiment_name(experiment_name)
    if experiment_id is not None:
        _check_experiment(client, names.check_experiment_id(experiment_id))
    continued = None if run_id is None else _continued(client, names.check_run_id(run_id), plan)
    store = open_store(uri)
    if experiment_name is not None:
        found = get_or_create_experiment(store, experiment_name).experiment_id
    elif experiment_id is not None or continued is None:
        found = experiment_for_new_run(store, experiment_id)
    else:
        found = continued.info.experiment_id
    if continued is None:
        if found != names.DEFAULT_EXPERIMENT_ID:  # which is made with the first run
            _check_experiment(client, found)
        return Target(names.new_run_id(), found, uri)
    if found != continued.info.experiment_id:
        raise ProjectFailed(
            f"Run {run_id!r} belongs to experiment {continued.info.experiment_id!r}, not {found!r}; "
            "leave the experiment out."
        )
    return Target(continued.info.run_id, found, uri, continued)


def open_run(client: MlflowClient, target: Target, plan: Plan, run_name: str | None) -> str:
    """Make the run, or set the continued one to RUNNING, with the params and tags of the project; returns its id.

    That is the target's, but at servers that make the ids themselves.
    """
    tags = _tags(plan, run_name)
    run_id = target.run_id
    if target.continued is None:
        made = client.create_run(target.experiment_id, tags=tags, run_name=run_name, run_id=run_id)
        run_id = made.info.run_id
    else:
        client.update_run(target.run_id, status="RUNNING", name=run_name)
        client.log_batch(target.run_id, tags=[RunTag(key, text) for key, text in tags.items()])
    client.log_batch(run_id, params=[Param(key, text) for key, text in plan.arguments.logged.items()])
    return run_id


def _tags(plan: Plan, run_name: str | None) -> dict[str, str]:
    directory = str(plan.source.directory)
    tags = {
        names.USER_TAG: user_name(),
        names.SOURCE_NAME_TAG: directory,
        names.SOURCE_TYPE_TAG: "PROJECT",
        ENTRY_POINT_TAG: plan.entry.name,
        BACKEND_TAG: LOCAL_BACKEND,
        **git_tags(directory),
    }
    if run_name is not None:
        tags[names.RUN_NAME_TAG] = run_name
    parent = active_run()
    if parent is not None:
        tags[names.PARENT_RUN_TAG] = parent.info.run_id
    return tags


def _check_experiment(client: MlflowClient, experiment_id: str) -> None:
    experiment = client.get_experiment(experiment_id)
    if experiment.lifecycle_stage != ACTIVE:
        raise ProjectFailed(f"Experiment {experiment_id!r} is deleted; restore it or use another one.")


def _continued(client: MlflowClient, run_id: str, plan: Plan) -> Run:
    run = client.get_run(run_id)
    if run.info.lifecycle_stage != ACTIVE:
        raise ProjectFailed(f"Run {run_id!r} is deleted; restore it first.")
    _check_params(run_id, run.data.params, plan.arguments.logged)
    return run


def _check_params(run_id: str, there: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for name, text in wanted.items():
        if there.get(name, text) != text:
            raise InvalidValue(
                f"Run {run_id!r} has {name}={there[name]!r} already, and a param cannot change to {text!r}; "
                "run it with the same value or as a new run."
            )
