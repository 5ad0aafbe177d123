"""Removing deleted runs, logged models and experiments of a database for good.

A run's rows go in one transaction, which notes the directory of its artifacts; then the directory goes, then the
note. So nobody sees half a run, and what is cut off can be completed.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine

from millstream.drivers.artifacts import disk
from millstream.drivers.sql import read, removal, sizes
from millstream.stores.database_spaces import local_place
from millstream.values import ops
from millstream.values.space import Compacted, Freed

T = TypeVar("T")


class Opened(Protocol):
    """What purges need of a store."""

    def change(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, done in one transaction; done again when the connection was lost."""
        ...

    def engine(self) -> Engine:
        """The database."""
        ...


class DatabasePurges:
    """One method an op."""

    def __init__(self, opened: Opened, place: str) -> None:
        """Remove from the database that `opened` leads to; `place` names it in errors."""
        self._opened = opened
        self._place = place
        self.writers: dict[type, Callable[[Any], Any]] = {
            ops.PurgeRun: self._purge_run,
            ops.PurgeLoggedModel: self._purge_model,
            ops.PurgeExperiment: self._purge_experiment,
            ops.FinishPurges: self._finish,
            ops.Compact: self._compact,
        }

    def _purge_run(self, op: ops.PurgeRun) -> Freed:
        def work(connection: Connection) -> tuple[Any, int]:
            rid = read.rid_of(connection, op.run_id)
            size = 0 if rid is None else sizes.of_runs(connection, removal.OF_RUN, [rid]).get(rid, 0)
            return removal.take_run(connection, op, self._place), size

        row, size = self._opened.change(work)
        return Freed(runs=1, size=size) + self._remove_artifacts(op.run_id, row.artifact_uri)

    def _remove_artifacts(self, owner_id: str, uri: str) -> Freed:
        """Remove the artifacts of a run or logged model that is gone, if it was noted that they are its own."""
        noted = self._opened.change(lambda connection: dict(removal.unfinished(connection))).get(owner_id)
        place = local_place(uri)
        doubtful = Freed(kept=(f"{uri}: not certainly the artifacts of {owner_id} alone",))
        if noted is None or place is None:
            missing = place is not None and not place.exists()
            return Freed() if missing else doubtful
        if self._opened.change(lambda connection: removal.is_there(connection, owner_id)):
            freed = Freed(kept=(f"{uri}: {owner_id} is there again, and has them now",))
        elif not disk.is_own(place):
            freed = doubtful
        else:
            freed = Freed(size=disk.measure(place)[0])
            disk.remove_own(place)
        self._opened.change(lambda connection: removal.finish(connection, owner_id))
        return freed

    def _purge_model(self, op: ops.PurgeLoggedModel, *, whatever: bool = False) -> Freed:
        def work(connection: Connection) -> tuple[str, int]:
            size = sizes.of_models(connection, [op.model_id]).get(op.model_id, 0)
            return removal.take_model(connection, op, self._place, whatever=whatever), size

        uri, size = self._opened.change(work)
        return Freed(models=1, size=size) + self._remove_artifacts(op.model_id, uri)

    def _purge_experiment(self, op: ops.PurgeExperiment) -> Freed:
        freed = Freed()
        while True:
            size = self._opened.change(lambda connection: sizes.of_experiment(connection, op.experiment_id))
            taken = self._opened.change(lambda connection: removal.take_experiment(connection, op, self._place))
            location, runs, models = taken
            if not runs and not models:
                break
            for run_id in runs:
                freed += self._purge_run(ops.PurgeRun(run_id=run_id))
            for model_id in models:
                freed += self._purge_model(ops.PurgeLoggedModel(model_id=model_id), whatever=True)
        place: Path | None = local_place(location)
        if place is not None:
            with suppress(OSError):
                (place / "models").rmdir()
        if place is not None and place.name == op.experiment_id:
            with suppress(OSError):
                place.rmdir()
        return freed + Freed(experiments=1, size=size)

    def _finish(self, _op: ops.FinishPurges) -> Freed:
        freed = Freed()
        for run_id, uri in self._opened.change(removal.unfinished):
            freed += self._remove_artifacts(run_id, uri)
        return freed

    def _compact(self, _op: ops.Compact) -> Compacted:
        return sizes.compact(self._opened.engine(), self._place)
