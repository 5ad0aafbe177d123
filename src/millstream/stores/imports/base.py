"""What every source of an import gives: experiments, runs with all they logged, and where their artifacts are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct, field

from millstream.drivers.artifacts.base import Artifacts
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

# Takes a sentence about something that cannot be read; the rest is imported.
Problem = Callable[[str], None]


COPY, LINK, NONE = "copy", "link", "none"


class Options(Struct, frozen=True):
    """How to import. `experiments` are names or ids (all when empty); see docs/import.md for the rest."""

    artifacts: str = COPY
    experiments: tuple[str, ...] = ()
    prefix: str = ""
    overwrite: bool = False
    dry_run: bool = False


class SourceRun(Struct):
    """A run as its source has it. `points` gives its metrics in blocks, those of one key together and in order."""

    info: RunInfo
    deleted_time: int | None
    params: dict[str, str]
    tags: dict[str, str]
    points: Callable[[], Iterator[Sequence[Metric]]]
    inputs: RunInputs = field(default_factory=RunInputs)
    outputs: RunOutputs = field(default_factory=RunOutputs)


class SourceRegistered(Struct):
    """A registered model as its source has it. Numbers up to `last` were given to versions, to deleted ones too."""

    model: RegisteredModel
    versions: list[ModelVersion]
    last: int = 0


class Source(Protocol):
    """A place that runs come from. It is never changed."""

    @property
    def place(self) -> str:
        """Its name for people, without a password."""
        ...

    def experiments(self, problem: Problem) -> list[Experiment]:
        """All experiments, deleted ones too; damaged ones are named to `problem`."""
        ...

    def count_runs(self, experiment_id: str) -> int:
        """About how many runs an experiment has, for a progress bar."""
        ...

    def runs(self, experiment_id: str, problem: Problem) -> Iterator[SourceRun]:
        """All runs of an experiment, deleted ones too; damaged ones are named to `problem`."""
        ...

    def artifacts(self, info: RunInfo) -> Artifacts | None:
        """The artifacts of a run, None when there is nothing here; NotSupported when they cannot be reached at all."""
        ...

    def count_models(self, experiment_id: str) -> int:
        """About how many logged models an experiment has, for a progress bar."""
        ...

    def models(self, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
        """All logged models of an experiment whose runs were asked for, deleted ones too.

        Each with the latest point of each metric and dataset; damaged ones are named to `problem`.
        """
        ...

    def model_artifacts(self, model: LoggedModel) -> Artifacts | None:
        """As `artifacts`, of a logged model."""
        ...

    def count_registered(self) -> int:
        """About how many registered models and versions there are, for a progress bar."""
        ...

    def registered(self, problem: Problem) -> Iterator[SourceRegistered]:
        """All registered models, by name; damaged ones are named to `problem`."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
