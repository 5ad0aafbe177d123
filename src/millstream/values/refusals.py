"""Errors that every store raises in the same words."""

from __future__ import annotations

from typing import TypeVar

from millstream.values.entities import DELETED
from millstream.values.errors import AlreadyExists, InvalidState, InvalidValue, KeyReused, MillstreamError, NotFound

E = TypeVar("E", bound=MillstreamError)


def _at(place: str, kind: type[E], what: str, advice: str = "") -> E:
    """The error `what` of the store at `place`, which only those hear who have opened it themselves."""
    return kind(f"{what} in {place}.{advice}", told=f"{what}.{advice}")


def check_digest(noted: str | None, given: str) -> None:
    """KeyReused when what was noted with an idempotency key is known to be another request."""
    if noted and given and noted != given:
        raise KeyReused(
            "This idempotency key was used for another request, which was carried out. Make a new key for each "
            "request, and keep it only to send the same request again."
        )


def gone_again(what: str, name: str) -> NotFound:
    """What an earlier op of the same id made is not there any more."""
    return NotFound(f"This request was carried out before; the {what} {name!r} has been removed since.")


def no_experiment(experiment_id: str, place: str) -> NotFound:
    """There is no experiment of this id."""
    advice = (
        " `millstream experiments search` lists them; `millstream experiments create -n NAME` makes one and prints "
        "its id."
    )
    return _at(place, NotFound, f"No experiment has the id {experiment_id!r}", advice)


def no_experiment_called(name: str, place: str) -> NotFound:
    """There is no experiment of this name."""
    return _at(place, NotFound, f"No experiment is called {name!r}")


def no_run(run_id: str, place: str) -> NotFound:
    """There is no run of this id."""
    return _at(place, NotFound, f"No run has the id {run_id!r}")


def no_tag(run_id: str, key: str) -> NotFound:
    """The run has no such tag."""
    return NotFound(f"Run {run_id!r} has no tag {key!r}.")


def no_experiment_tag(experiment_id: str, key: str) -> NotFound:
    """The experiment has no such tag."""
    return NotFound(f"Experiment {experiment_id!r} has no tag {key!r}.")


def name_taken(name: str, stage: str, experiment_id: str) -> AlreadyExists:
    """An experiment has this name already, maybe a deleted one."""
    if stage == DELETED:
        return AlreadyExists(
            f"The name {name!r} belongs to a deleted experiment. Restore it with "
            f"`millstream experiments restore -x {experiment_id}`, or use another name."
        )
    return AlreadyExists(f"An experiment called {name!r} exists already; its id is {experiment_id}.")


def id_taken(experiment_id: str) -> AlreadyExists:
    """An experiment has this id already."""
    return AlreadyExists(f"An experiment with the id {experiment_id!r} exists already.")


def experiment_deleted(experiment_id: str, name: str) -> InvalidState:
    """Only an active experiment can be changed."""
    return InvalidState(
        f"Experiment {experiment_id!r} ({name}) is deleted. Restore it first: "
        f"millstream experiments restore -x {experiment_id}"
    )


def experiment_deleted_already(experiment_id: str) -> NotFound:
    """There is nothing to delete."""
    return NotFound(f"Experiment {experiment_id!r} is deleted already.")


def experiment_not_deleted(experiment_id: str) -> NotFound:
    """There is nothing to restore."""
    return NotFound(f"Experiment {experiment_id!r} is not deleted; there is nothing to restore.")


def run_exists(run_id: str, place: str) -> AlreadyExists:
    """A run has this id already; `place` is the store, or "experiment …"."""
    return _at(place, AlreadyExists, f"A run with the id {run_id!r} exists already")


def run_deleted(run_id: str) -> InvalidState:
    """Only an active run can be changed."""
    return InvalidState(
        f"Run {run_id!r} is deleted; only a run in the 'active' lifecycle_stage can be changed. "
        f"Restore it first, after its experiment if that is deleted too: millstream runs restore --run-id {run_id}"
    )


def run_of_deleted_experiment(run_id: str, experiment_id: str) -> InvalidState:
    """A run cannot come back without its experiment."""
    return InvalidState(
        f"Run {run_id!r} belongs to the deleted experiment {experiment_id!r}. Restore that first: "
        f"millstream experiments restore -x {experiment_id}"
    )


def param_changed(run_id: str, key: str, present: str, value: str) -> InvalidValue:
    """A param is written once."""
    return InvalidValue(
        f"Changing param values is not allowed. Param {key!r} of run {run_id!r} is already "
        f"{present!r}; the new value {value!r} was not stored. "
        "Start another run, or use a tag for what changes."
    )


def no_model(model_id: str, place: str) -> NotFound:
    """There is no logged model of this id."""
    return _at(place, NotFound, f"No logged model has the id {model_id!r}")


def model_deleted(model_id: str) -> NotFound:
    """A deleted model is as good as gone; there is no way back."""
    return NotFound(f"The logged model {model_id!r} is deleted.")


def no_model_tag(model_id: str, key: str) -> NotFound:
    """The logged model has no such tag."""
    return NotFound(f"The logged model {model_id!r} has no tag {key!r}.")


def model_param_changed(model_id: str, key: str, present: str, value: str) -> InvalidValue:
    """A param is written once."""
    return InvalidValue(
        f"Changing param values is not allowed. Param {key!r} of the logged model {model_id!r} is already "
        f"{present!r}; the new value {value!r} was not stored."
    )


def model_exists(model_id: str, place: str) -> AlreadyExists:
    """A logged model of this id is there already."""
    return _at(place, AlreadyExists, f"A logged model with the id {model_id!r} exists already")


def run_not_deleted(run_id: str) -> InvalidState:
    """Only what was deleted is removed for good."""
    return InvalidState(
        f"Run {run_id!r} is not deleted; only runs in the 'deleted' lifecycle_stage can be removed for good. "
        f"Delete it first: millstream runs delete --run-id {run_id}"
    )


def model_not_deleted(model_id: str) -> InvalidState:
    """Only what was deleted is removed for good."""
    return InvalidState(
        f"Logged model {model_id!r} is not deleted; only deleted ones can be removed for good. Delete it first: "
        f"MlflowClient().delete_logged_model({model_id!r})"
    )


def experiment_still_active(experiment_id: str) -> InvalidState:
    """Only what was deleted is removed for good."""
    return InvalidState(
        f"Experiment {experiment_id!r} is not deleted; only experiments in the 'deleted' lifecycle_stage can be "
        f"removed for good. Delete it first: millstream experiments delete -x {experiment_id}"
    )


def deleted_too_recently(what: str, thing_id: str) -> InvalidState:
    """The thing is not as old as was asked for, or nobody knows how old."""
    return InvalidState(f"{what} {thing_id!r} was not deleted long enough ago, or nobody noted when.")


def run_moved_on(run_id: str, key: str, found: int, known: int) -> AlreadyExists:
    """A series has not as many points as the writer has seen."""
    return AlreadyExists(
        f"Metric {key!r} of run {run_id!r} has {found} points and not {known}: somebody else wrote to it meanwhile. "
        "Nothing was added; try again."
    )


def no_registered_model(name: str, place: str) -> NotFound:
    """There is no registered model of this name."""
    return _at(place, NotFound, f"Registered Model with name={name} not found", " `register_model` makes one.")


def registered_model_exists(name: str) -> AlreadyExists:
    """A registered model has this name already."""
    return AlreadyExists(f"Registered Model (name={name}) already exists.")


def version_exists(name: str, version: int) -> AlreadyExists:
    """The registered model has a version of this number, or had one."""
    return AlreadyExists(f"Model Version (name={name}, version={version}) already exists.")


def no_version(name: str, version: int) -> NotFound:
    """The registered model has no such version, or not any more."""
    return NotFound(f"Model Version (name={name}, version={version}) not found.")


def no_versions(name: str) -> NotFound:
    """The registered model has no version at all."""
    return NotFound(f"The registered model {name!r} has no version yet.")


def no_version_in_stage(name: str, stage: str) -> NotFound:
    """No version of the registered model is in this stage."""
    return NotFound(f"The registered model {name!r} has no version in the stage {stage}.")


def no_alias(name: str, alias: str) -> InvalidValue:
    """The alias stands for no version. MLflow answers so, and not with NotFound."""
    return InvalidValue(f"Registered model alias {alias} not found: no version of {name!r} has it.")
