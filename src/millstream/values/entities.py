"""What Millstream keeps: experiments, runs, metrics, params, tags, datasets. Immutable, no behaviour.

Times are milliseconds since the Unix epoch (UTC) unless a name says otherwise. Attribute names are MLflow's,
so that code written for its entities reads these.
"""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from msgspec import Struct, field, structs

T = TypeVar("T")

ACTIVE = "active"
DELETED = "deleted"


class Entity(Struct, frozen=True, gc=False):
    """Base of entities: equality by value, `to_dictionary` for printing and JSON."""

    def to_dictionary(self) -> dict[str, Any]:
        """Nested plain dictionaries with the same names."""
        return {
            name: value.to_dictionary() if isinstance(value, Entity) else value
            for name, value in structs.asdict(self).items()
        }

    def __iter__(self) -> Any:
        return iter(self.to_dictionary().items())


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


class DatasetInput(Entity, frozen=True):
    """A dataset with the tags of its use, e.g. ``{"mlflow.data.context": "training"}``."""

    dataset: Dataset
    tags: dict[str, str] = field(default_factory=dict)


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
