"""What every store promises. Callers above know this and nothing else of how runs are kept."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar, runtime_checkable

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files.bells import Bell
from millstream.values.ops import LogBatch, Op
from millstream.values.queries import Query

T = TypeVar("T")


class Store(Protocol):
    """Takes ops, answers queries. Safe to use from several threads."""

    @property
    def uri(self) -> str:
        """The URI that opens this store again."""
        ...

    def write(self, op: Op[T]) -> T:
        """Carry out `op`; when this returns, its effect survives the death of this process."""
        ...

    def log_all(self, batches: Sequence[LogBatch]) -> list[Exception | None]:
        """Carry out several batches as if each were written by itself, but for less; the error of each, or None."""
        ...

    def read(self, query: Query[T]) -> T:
        """Answer `query` from everything written before, by any process."""
        ...

    def artifacts(self, run_id: str) -> Artifacts:
        """The artifact directory of a run, wherever its location says it is; NotFound for an unknown run."""
        ...

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        """The artifact directory of a logged model; NotFound for an unknown one, and for a deleted unless `deleted`."""
        ...

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        """The directory of the logged model `name` that the run made (it lies outside the run); else None."""
        ...

    def bell(self) -> Bell:
        """A new bell that rings when somebody, in whatever process, may have written: then ask `ReadChanges`."""
        ...

    def close(self) -> None:
        """Let go of files and connections. A closed store may be used again; it reopens what it needs."""
        ...


@runtime_checkable
class Shared(Protocol):
    """A store that servers on several machines may share."""

    def alone(self) -> AbstractContextManager[None]:
        """Until its end no other process is in such a context of the same store; waits for those that are."""
        ...
