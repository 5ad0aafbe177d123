"""Every write as one small frozen struct. A store's `write(op)` returns the op's result type.

An op carries everything that must not differ between a first try and a retry: ids and times are made by
the caller, so writing the same op twice has one effect wherever the sink can tell. `op_id` ("" when the caller needs no
such promise) is the idempotency key: an op with the id of one that was carried out has no effect, and gets its answer
or, of what can be looked up, an equal one. `op_digest` ("" when unknown) stands for what was asked: KeyReused when an
op of the same id has another one.
"""

from __future__ import annotations

from millstream.values.entities import (
    DatasetInput,
    LoggedModel,
    Metric,
    ModelInput,
    ModelOutput,
    ModelVersion,
    Param,
    RegisteredModel,
    Run,
    RunInfo,
    RunTag,
)
from millstream.values.import_ops import ImportExperiment as ImportExperiment
from millstream.values.import_ops import ImportLoggedModel as ImportLoggedModel
from millstream.values.import_ops import ImportRegisteredModel as ImportRegisteredModel
from millstream.values.import_ops import ImportRun as ImportRun
from millstream.values.op import Op as Op
from millstream.values.space import Compacted, Freed


class CreateExperiment(Op[str], frozen=True, kw_only=True):
    """Make an experiment; returns its id. `experiment_id` and `artifact_location` are chosen when None."""

    name: str
    time: int
    experiment_id: str | None = None
    artifact_location: str | None = None
    tags: dict[str, str] = {}


class RenameExperiment(Op[None], frozen=True, kw_only=True):
    """Give an experiment another name."""

    experiment_id: str
    name: str
    time: int


class DeleteExperiment(Op[None], frozen=True, kw_only=True):
    """Mark an experiment and its runs as deleted; `RestoreExperiment` undoes it."""

    experiment_id: str
    time: int


class RestoreExperiment(Op[None], frozen=True, kw_only=True):
    """Undo `DeleteExperiment`."""

    experiment_id: str
    time: int


class SetExperimentTag(Op[None], frozen=True, kw_only=True):
    """Set or overwrite one tag of an experiment."""

    experiment_id: str
    key: str
    value: str


class DeleteExperimentTag(Op[None], frozen=True, kw_only=True):
    """Remove one tag of an experiment; NotFound when it has none of that name."""

    experiment_id: str
    key: str


class CreateRun(Op[Run], frozen=True, kw_only=True):
    """Start a run in status RUNNING; returns it. The name falls back to tag ``mlflow.runName``, then to a made one."""

    run_id: str
    experiment_id: str
    start_time: int
    user_id: str = ""
    run_name: str | None = None
    tags: dict[str, str] = {}


class UpdateRun(Op[RunInfo], frozen=True, kw_only=True):
    """Change what is given (not None) of status, end time and name; returns the new info."""

    run_id: str
    status: str | None = None
    end_time: int | None = None
    run_name: str | None = None


class DeleteRun(Op[None], frozen=True, kw_only=True):
    """Mark a run as deleted; `RestoreRun` undoes it."""

    run_id: str
    time: int


class RestoreRun(Op[None], frozen=True, kw_only=True):
    """Undo `DeleteRun`."""

    run_id: str


class LogBatch(Op[None], frozen=True, kw_only=True):
    """Add params, set tags, append metric points of one run; the points last."""

    run_id: str
    metrics: tuple[Metric, ...] = ()
    params: tuple[Param, ...] = ()
    tags: tuple[RunTag, ...] = ()


class DeleteTag(Op[None], frozen=True, kw_only=True):
    """Remove one tag of a run; NotFound when it has none of that name."""

    run_id: str
    key: str


class LogInputs(Op[None], frozen=True, kw_only=True):
    """Note datasets and logged models that a run used; noting one again changes nothing."""

    run_id: str
    datasets: tuple[DatasetInput, ...] = ()
    models: tuple[ModelInput, ...] = ()


class LogOutputs(Op[None], frozen=True, kw_only=True):
    """Note logged models that a run made; noting one again changes nothing."""

    run_id: str
    models: tuple[ModelOutput, ...] = ()


class CreateLoggedModel(Op[LoggedModel], frozen=True, kw_only=True):
    """Make a logged model in status PENDING; returns it. One of this id that is there already is returned as it is.

    The name is made up when None.
    """

    model_id: str
    experiment_id: str
    time: int
    name: str | None = None
    model_type: str | None = None
    source_run_id: str | None = None
    params: dict[str, str] = {}
    tags: dict[str, str] = {}


class FinalizeLoggedModel(Op[LoggedModel], frozen=True, kw_only=True):
    """Say whether a logged model's files are complete: `status` READY or FAILED; returns the model."""

    model_id: str
    status: str
    time: int


class SetLoggedModelTags(Op[LoggedModel], frozen=True, kw_only=True):
    """Set or overwrite tags of a logged model; returns the model."""

    model_id: str
    tags: dict[str, str]


class DeleteLoggedModelTag(Op[None], frozen=True, kw_only=True):
    """Remove one tag of a logged model; NotFound when it has none of that name."""

    model_id: str
    key: str


class LogLoggedModelParams(Op[None], frozen=True, kw_only=True):
    """Add params to a logged model; InvalidValue when one has another value already, and then none is added."""

    model_id: str
    params: dict[str, str]


class DeleteLoggedModel(Op[None], frozen=True, kw_only=True):
    """Mark a logged model as deleted: searches leave it out."""

    model_id: str
    time: int


class CreateRegisteredModel(Op[RegisteredModel], frozen=True, kw_only=True):
    """Make a registered model without versions; returns it. AlreadyExists when the name is taken."""

    name: str
    time: int
    description: str | None = None
    tags: dict[str, str] = {}


class RenameRegisteredModel(Op[RegisteredModel], frozen=True, kw_only=True):
    """Give a registered model, with all of its versions, another name; returns it."""

    name: str
    new_name: str
    time: int


class UpdateRegisteredModel(Op[RegisteredModel], frozen=True, kw_only=True):
    """Change the description of a registered model; returns it."""

    name: str
    description: str | None
    time: int


class DeleteRegisteredModel(Op[None], frozen=True, kw_only=True):
    """Remove a registered model and all of its versions for good; the files that they name stay."""

    name: str


class SetRegisteredModelTag(Op[None], frozen=True, kw_only=True):
    """Set or overwrite one tag of a registered model."""

    name: str
    key: str
    value: str


class DeleteRegisteredModelTag(Op[None], frozen=True, kw_only=True):
    """Remove one tag of a registered model; nothing happens when it has none of that name."""

    name: str
    key: str


class SetModelAlias(Op[None], frozen=True, kw_only=True):
    """Let `alias` stand for a version of a registered model, and for no other one."""

    name: str
    alias: str
    version: int


class DeleteModelAlias(Op[None], frozen=True, kw_only=True):
    """Let `alias` stand for no version; nothing happens when it does not."""

    name: str
    alias: str


class CreateModelVersion(Op[ModelVersion], frozen=True, kw_only=True):
    """Register a model as the next version of `name`; returns it. No number is given twice, deleted ones included.

    `source` is where its files are. A store finds the place that a ``models:`` URI means, when `storage_location` is
    None, and with it the run and the logged model unless they are named.
    """

    name: str
    source: str
    time: int
    run_id: str | None = None
    run_link: str | None = None
    description: str | None = None
    user_id: str | None = None
    model_id: str | None = None
    storage_location: str | None = None
    tags: dict[str, str] = {}


class UpdateModelVersion(Op[ModelVersion], frozen=True, kw_only=True):
    """Change the description of a model version; returns it."""

    name: str
    version: int
    description: str | None
    time: int


class TransitionModelVersion(Op[ModelVersion], frozen=True, kw_only=True):
    """Bring a model version to a stage; with `archive`, all others that are there are archived. Returns the version."""

    name: str
    version: int
    stage: str
    time: int
    archive: bool = False


class DeleteModelVersion(Op[None], frozen=True, kw_only=True):
    """Remove a version of a registered model, with the aliases that stand for it; the files that it names stay."""

    name: str
    version: int
    time: int


class SetModelVersionTag(Op[None], frozen=True, kw_only=True):
    """Set or overwrite one tag of a model version."""

    name: str
    version: int
    key: str
    value: str


class DeleteModelVersionTag(Op[None], frozen=True, kw_only=True):
    """Remove one tag of a model version; nothing happens when it has none of that name."""

    name: str
    version: int
    key: str


class MoveRuns(Op[None], frozen=True, kw_only=True):
    """Give runs to another experiment, in one go over a database; artifacts go along where they lie in the run."""

    run_ids: tuple[str, ...]
    experiment_id: str


class PurgeRun(Op[Freed], frozen=True, kw_only=True):
    """Remove a deleted run for good, with its artifacts; `before` (ms): only when it was deleted earlier than that."""

    run_id: str
    before: int | None = None


class PurgeLoggedModel(Op[Freed], frozen=True, kw_only=True):
    """Remove a deleted logged model for good, with its artifacts; `before` as in `PurgeRun`.

    Runs go on naming it among what they made and used.
    """

    model_id: str
    before: int | None = None


class PurgeExperiment(Op[Freed], frozen=True, kw_only=True):
    """Remove a deleted experiment with its runs and logged models for good; `before` as in `PurgeRun`."""

    experiment_id: str
    before: int | None = None


class FinishPurges(Op[Freed], frozen=True, kw_only=True):
    """Remove what interrupted purges left, and datasets that no run uses any more."""

    time: int


class Compact(Op[Compacted], frozen=True, kw_only=True):
    """Give space that is free inside a database back to the disk, where it can be done."""
