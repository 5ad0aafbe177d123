"""What Millstream keeps: experiments, runs, metrics, params, tags, datasets, models. Immutable, no behaviour.

Times are milliseconds since the Unix epoch (UTC) unless a name says otherwise. Attribute names are MLflow's,
so that code written for its entities reads these.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Generic, TypeVar

from msgspec import Struct, field, structs

T = TypeVar("T")

ACTIVE = "active"
DELETED = "deleted"


class Entity(Struct, frozen=True, gc=False):
    """Base of entities: equality by value, `to_dictionary` for printing and JSON."""

    def to_dictionary(self) -> dict[str, Any]:
        """Nested plain dictionaries with the same names."""
        return {name: _plain(value) for name, value in structs.asdict(self).items()}

    def __iter__(self) -> Any:
        return iter(self.to_dictionary().items())


def _plain(value: Any) -> Any:
    if isinstance(value, Entity):
        return value.to_dictionary()
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else value


class RunStatus:
    """The words a run's status can be, and MLflow's numbers for them in files and old requests."""

    RUNNING, SCHEDULED, FINISHED, FAILED, KILLED = 1, 2, 3, 4, 5
    NAMES = ("RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED")

    @staticmethod
    def to_string(status: int) -> str:
        """Word for a status number."""
        if not 1 <= status <= 5:
            raise ValueError(f"No run status has the number {status}; they are 1 to 5.")
        return RunStatus.NAMES[status - 1]

    @staticmethod
    def from_string(status: str) -> int:
        """Number for a status word."""
        if status not in RunStatus.NAMES:
            raise ValueError(f"No run status is called {status!r}; use one of {', '.join(RunStatus.NAMES)}.")
        return RunStatus.NAMES.index(status) + 1

    @staticmethod
    def is_terminated(status: int | str) -> bool:
        """Whether a run with this status has ended."""
        return (status if isinstance(status, int) else RunStatus.from_string(status)) >= RunStatus.FINISHED


class ViewType:
    """Which life-cycle stages a search shows; the numbers are MLflow's."""

    ACTIVE_ONLY, DELETED_ONLY, ALL = 1, 2, 3
    NAMES = ("ACTIVE_ONLY", "DELETED_ONLY", "ALL")

    @staticmethod
    def stages(view: int) -> tuple[str, ...]:
        """Life-cycle stages that `view` shows."""
        return ((ACTIVE,), (DELETED,), (ACTIVE, DELETED))[view - 1]


class SourceType:
    """Where a run came from; the numbers are MLflow's."""

    NOTEBOOK, JOB, PROJECT, LOCAL, UNKNOWN = 1, 2, 3, 4, 1000


class Metric(Entity, frozen=True, gc=False):
    """One point of a metric: `value` at `step`, measured at `timestamp` (ms)."""

    key: str
    value: float
    timestamp: int
    step: int = 0
    run_id: str | None = None
    model_id: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None


class Param(Entity, frozen=True, gc=False):
    """An input of a run; written once."""

    key: str
    value: str


class RunTag(Entity, frozen=True, gc=False):
    """A note on a run; may be overwritten."""

    key: str
    value: str


class ExperimentTag(Entity, frozen=True, gc=False):
    """A note on an experiment; may be overwritten."""

    key: str
    value: str


class Experiment(Entity, frozen=True):
    """A named collection of runs with a place for their artifacts."""

    experiment_id: str
    name: str
    artifact_location: str
    lifecycle_stage: str = ACTIVE
    tags: dict[str, str] = field(default_factory=dict)
    creation_time: int | None = None
    last_update_time: int | None = None


class RunInfo(Entity, frozen=True, gc=False):
    """Identity, status and times of a run. `status` is the word, e.g. ``"FINISHED"``."""

    run_id: str
    experiment_id: str
    user_id: str
    status: str
    start_time: int | None
    end_time: int | None
    lifecycle_stage: str
    artifact_uri: str
    run_name: str

    @property
    def run_uuid(self) -> str:
        """MLflow 1.x's name for `run_id`."""
        return self.run_id


class RunData(Entity, frozen=True):
    """What a run logged: latest value per metric, params and tags, as dictionaries."""

    metrics: dict[str, float] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    latest: tuple[Metric, ...] = ()

    def to_dictionary(self) -> dict[str, Any]:
        """`metrics`, `params` and `tags`; the points behind `metrics` are left out, as in MLflow."""
        return {"metrics": self.metrics, "params": self.params, "tags": self.tags}


class Dataset(Entity, frozen=True, gc=False):
    """A dataset a run used: its identity is (name, digest)."""

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None


class InputTag(Entity, frozen=True, gc=False):
    """A note on the use of a dataset, e.g. ``mlflow.data.context`` = ``training``."""

    key: str
    value: str


class DatasetInput(Entity, frozen=True):
    """A dataset with the tags of its use. `tags` may be given as a dictionary or a list; it is kept as a tuple."""

    dataset: Dataset
    tags: tuple[InputTag, ...] = ()

    def __post_init__(self) -> None:
        # MLflow's code hands over a list and reads a list; a dictionary is what one would write by hand.
        given: Any = self.tags
        if isinstance(given, Mapping):
            structs.force_setattr(self, "tags", tuple(InputTag(key, value) for key, value in given.items()))
        elif type(given) is not tuple:
            structs.force_setattr(self, "tags", tuple(given or ()))

    @property
    def tag_values(self) -> dict[str, str]:
        """The tags by key; of two with one key the later stands."""
        return {tag.key: tag.value for tag in self.tags}


class DatasetSummary(Entity, frozen=True, gc=False):
    """A dataset that runs of an experiment used, and what for (`context`)."""

    experiment_id: str
    name: str
    digest: str
    context: str | None = None


class ModelInput(Entity, frozen=True, gc=False):
    """A logged model that a run used."""

    model_id: str


class ModelOutput(Entity, frozen=True, gc=False):
    """A logged model that a run made at `step`."""

    model_id: str
    step: int = 0


class RunInputs(Entity, frozen=True):
    """What went into a run."""

    dataset_inputs: tuple[DatasetInput, ...] = ()
    model_inputs: tuple[ModelInput, ...] = ()


class RunOutputs(Entity, frozen=True):
    """What came out of a run besides artifacts."""

    model_outputs: tuple[ModelOutput, ...] = ()


class Run(Entity, frozen=True):
    """A run: `info`, `data`, and what went in and out."""

    info: RunInfo
    data: RunData = field(default_factory=RunData)
    inputs: RunInputs = field(default_factory=RunInputs)
    outputs: RunOutputs = field(default_factory=RunOutputs)


class LoggedModelStatus(StrEnum):
    """The words a logged model's status can be."""

    UNSPECIFIED = "UNSPECIFIED"
    PENDING = "PENDING"
    READY = "READY"
    FAILED = "FAILED"

    @property
    def number(self) -> int:
        """MLflow's number for it, in files and on the wire."""
        return list(LoggedModelStatus).index(self)


class LoggedModel(Entity, frozen=True):
    """A model as a thing of its own, with its own files, params, tags and metrics.

    `metrics` holds the latest point of each key and dataset, each with the run that logged it.
    """

    model_id: str
    experiment_id: str
    name: str
    artifact_location: str
    creation_timestamp: int
    last_updated_timestamp: int
    model_type: str | None = None
    source_run_id: str | None = None
    status: LoggedModelStatus = LoggedModelStatus.PENDING
    status_message: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    lifecycle_stage: str = ACTIVE

    @property
    def model_uri(self) -> str:
        """The URI that opens it: ``models:/<model id>``."""
        return f"models:/{self.model_id}"


# Stages of a model version. MLflow has deprecated them in favour of aliases.
NO_STAGE, STAGING, PRODUCTION, ARCHIVED = "None", "Staging", "Production", "Archived"
STAGES = (NO_STAGE, STAGING, PRODUCTION, ARCHIVED)


class ModelVersionStatus:
    """The words a model version's status can be."""

    PENDING_REGISTRATION, FAILED_REGISTRATION, READY = "PENDING_REGISTRATION", "FAILED_REGISTRATION", "READY"
    NAMES = (PENDING_REGISTRATION, FAILED_REGISTRATION, READY)


class ModelVersion(Entity, frozen=True):
    """One version of a registered model: where its files are (`source`), and what became of it.

    `storage_location` is the place that `source` meant when it was registered, None when that is `source` itself.
    """

    name: str
    version: int
    creation_timestamp: int
    last_updated_timestamp: int
    source: str
    current_stage: str = NO_STAGE
    description: str | None = None
    user_id: str | None = None
    run_id: str | None = None
    run_link: str | None = None
    status: str = ModelVersionStatus.READY
    status_message: str | None = None
    model_id: str | None = None
    storage_location: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)

    @property
    def location(self) -> str:
        """Where the files are."""
        return self.storage_location or self.source


class RegisteredModel(Entity, frozen=True):
    """A name that versions of a model are registered under. `latest_versions` has the newest of each stage.

    `aliases` says which version each alias stands for.
    """

    name: str
    creation_timestamp: int
    last_updated_timestamp: int
    description: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    latest_versions: list[ModelVersion] = field(default_factory=list)


class FileInfo(Entity, frozen=True, gc=False):
    """One entry of an artifact listing; `path` is relative to the run's artifact root, with ``/``."""

    path: str
    is_dir: bool
    file_size: int | None = None


class Page(list[T], Generic[T]):
    """A list of results and, when there are more, the `token` that asks for the next page."""

    def __init__(self, items: Any = (), token: str | None = None) -> None:
        """Hold `items`; `token` is None on the last page."""
        super().__init__(items)
        self.token = token
