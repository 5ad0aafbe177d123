"""Writes that bring what was elsewhere, with its ids, times and stages; `values/ops` names them with all others."""

from __future__ import annotations

from millstream.values.entities import (
    Experiment,
    LoggedModel,
    Metric,
    ModelVersion,
    RegisteredModel,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from millstream.values.op import Op


class ImportExperiment(Op[str], frozen=True, kw_only=True):
    """Make an experiment as it was elsewhere, with its times and stage; returns its id.

    Id and artifact location are chosen when they are "". AlreadyExists when the name or the id is taken.
    """

    experiment: Experiment


class ImportRun(Op[RunInfo], frozen=True, kw_only=True):
    """Make a run as it was elsewhere, or add to one that is there, whatever its stage; returns its info.

    A new run is there whole or not at all; its artifact URI is chosen when it is "". With `known` the run must be
    there: `info` is what it becomes, params and inputs that it has stay, tags are set, and points are appended
    when each series in `known` has that many. AlreadyExists when it is not so: somebody else was quicker.
    """

    info: RunInfo
    deleted_time: int | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: tuple[Metric, ...] = ()
    inputs: RunInputs = RunInputs()
    outputs: RunOutputs = RunOutputs()
    known: dict[str, int] | None = None


class ImportLoggedModel(Op[LoggedModel], frozen=True, kw_only=True):
    """Make a logged model as it was elsewhere, or add to one that is there, whatever its stage; returns it.

    A new one is there whole or not at all; its artifact location is chosen when it is "". When it is `known`, it must
    be there: `model` is what it becomes, in the experiment that it is in; params that it has stay, tags are set, and
    points count as if they were logged now. AlreadyExists for a new one whose id is taken.
    """

    model: LoggedModel
    known: bool = False


class ImportRegisteredModel(Op[RegisteredModel], frozen=True, kw_only=True):
    """Make a registered model as it was elsewhere, or add to one that is there; returns it.

    A new one is there whole or not at all. When it is `known`, it must be there: `model` is what it becomes, its tags
    are set, and its aliases stand for its versions from now on. What `latest_versions` says is left aside. `versions`
    are new and keep their numbers; `changed` ones are there and become what they are here, their tags are set.
    Numbers up to `last` are not given to others. AlreadyExists for what is new and there, NotFound for the rest.
    """

    model: RegisteredModel
    versions: tuple[ModelVersion, ...] = ()
    changed: tuple[ModelVersion, ...] = ()
    last: int = 0
    known: bool = False
