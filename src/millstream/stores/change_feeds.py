"""What changed in a store since a position, asked of its tables: of a database, or of the index of a directory."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, func, select

from millstream.drivers.sql import changelog, scan, scanned, schema
from millstream.drivers.sql.changed_runs import count_points, read_changed, read_steps
from millstream.drivers.sql.changelog import Changed
from millstream.values.changes import MOST, ChangeSet, CountPoints, PointCount, ReadChanges, ReadSteps, Steps

Reading = Callable[[], AbstractContextManager[Connection]]


class DatabaseChanges:
    """Changes of a database, from its log. Positions are numbers of this log; points of running runs are counted."""

    def __init__(self, reading: Reading) -> None:
        """Ask the connections of `reading`."""
        self._reading = reading
        self.readers: dict[type, Callable[[Any], Any]] = {
            ReadChanges: self._read,
            CountPoints: self._count,
            ReadSteps: partial(_read_steps, reading),
        }

    def _read(self, query: ReadChanges) -> ChangeSet:
        since = None if query.since is None else changelog.parse_position(query.since)
        with self._reading() as connection:
            page = changelog.read_since(connection, since)
            position = str(page.position)
            if not page.sound or (query.since is not None and since is None):
                return ChangeSet(position, complete=False)
            if len(page.rows) > MOST and since is not None:
                return ChangeSet(position, experiments=tuple(changelog.experiments_since(connection, since)))
            runs = [row for row in page.rows if row.run_id]
            experiments = tuple(row.experiment_id for row in page.rows if not row.run_id)
            return ChangeSet(position, read_changed(connection, runs) if runs else (), experiments)

    def _count(self, query: CountPoints) -> dict[str, PointCount]:
        with self._reading() as connection:
            return count_points(connection, query.experiment_ids, query.run_ids)


class _Position(Struct, frozen=True):
    """Where an index stands: which index, its generation, the highest `rid`, what experiments and places there are."""

    file: int
    generation: int
    rid: int
    experiments: int
    places: int

    @classmethod
    def parse(cls, text: str) -> _Position | None:
        parts = text.split(".")
        if len(parts) != len(cls.__struct_fields__) or not all(part.isascii() and part.isdigit() for part in parts):
            return None
        numbers = [int(part) for part in parts if len(part) <= 20]
        return cls(*numbers) if len(numbers) == len(parts) else None

    def __str__(self) -> str:
        return ".".join(str(getattr(self, name)) for name in self.__struct_fields__)


class IndexChanges:
    """Changes of a directory, from its index, which has been brought up to date.

    What is gone leaves no trace in an index, so a position knows the experiments and how many runs each has. When
    these are not what the changes since explain, not all is known.
    """

    def __init__(self, reading: Reading, identity: Callable[[], int]) -> None:
        """Ask the connections of `reading`; `identity` is another number for an index made anew."""
        self._reading = reading
        self._identity = identity
        self.readers: dict[type, Callable[[Any], Any]] = {
            ReadChanges: self._read,
            CountPoints: lambda _query: {},
            ReadSteps: partial(_read_steps, reading),
        }

    def _read(self, query: ReadChanges) -> ChangeSet:
        since = None if query.since is None else _Position.parse(query.since)
        with self._reading() as connection:
            generation, file = scanned.generation(connection), self._identity()
            if since is not None and (since.file, since.generation) == (file, generation):
                return ChangeSet(str(since))
            homes = _count_homes(connection)
            top = int(connection.execute(select(func.coalesce(func.max(schema.runs.c.rid), 0))).scalar_one())
            here = _Position(file, generation, top, _digest_experiments(connection), _digest(homes))
            if query.since is None:
                return ChangeSet(str(here))
            known = since is not None and (since.file, since.experiments) == (file, here.experiments)
            if since is None or not known or since.generation > generation:
                return ChangeSet(str(here), complete=False)
            changed = _changed_since(connection, since)
            homes.subtract(one.experiment_id for one in changed if one.made)
            if len(changed) > MOST:
                return ChangeSet(str(here), experiments=tuple(sorted({one.experiment_id for one in changed})))
            if _digest(homes) != since.places:
                return ChangeSet(str(here), complete=False)
            return ChangeSet(str(here), read_changed(connection, changed) if changed else ())


def _changed_since(connection: Connection, since: _Position) -> list[Changed]:
    table = scan.scanned_runs.c
    columns = (table.run_id, table.experiment_id, table.generation, table.rid)
    statement = select(*columns).where(table.generation > since.generation, table.rid.is_not(None))
    rows: Any = connection.execute(statement)
    return [Changed(row.run_id, row.experiment_id, row.generation, row.rid > since.rid) for row in rows]


def _count_homes(connection: Connection) -> Counter[str]:
    table = scan.scanned_runs.c
    statement = select(table.experiment_id, func.count()).where(table.rid.is_not(None)).group_by(table.experiment_id)
    return Counter(dict(map(tuple, connection.execute(statement))))


def _digest(homes: Counter[str]) -> int:
    return zlib.crc32(repr(sorted(item for item in homes.items() if item[1])).encode("utf-8", "surrogatepass"))


def _digest_experiments(connection: Connection) -> int:
    table = schema.experiments
    rows = connection.execute(select(table).order_by(table.c.experiment_id)).all()
    return zlib.crc32(repr([tuple(row) for row in rows]).encode("utf-8", "surrogatepass"))


def _read_steps(reading: Reading, query: ReadSteps) -> dict[str, Steps]:
    with reading() as connection:
        return read_steps(connection, query.run_ids)
