"""Points of the database store: from its chunks, with their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from sqlalchemy import Connection

from millstream.drivers.sql import histories, read
from millstream.formats.segments import Columns
from millstream.formats.tokens import decode_token, next_token
from millstream.stores.series import Cache, Part
from millstream.values.entities import Metric, Page
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX

# A part in memory takes about this much: a digest of 17 or 32 numbers.
_PART_SIZE = 1200


class RowSeries:
    """One series in one state of the database."""

    def __init__(self, connection: Connection, rid: int, key: str, parts: Sequence[Part]) -> None:
        """The points of `parts` are chunks that `connection` sees."""
        self._connection = connection
        self._rid = rid
        self._key = key
        self.parts = parts

    def load(self, parts: Sequence[Part]) -> Iterator[Columns]:
        """The points of `parts`."""
        starts = [part.place for part in parts if part.columns is None]
        loaded = histories.load(self._connection, self._rid, self._key, starts)
        for part in parts:
            yield next(loaded) if part.columns is None else part.columns


class RowPoints:
    """The points of a database."""

    def __init__(
        self,
        reading: Callable[[], AbstractContextManager[Connection]],
        rid_of: Callable[[Connection, str], int],
    ) -> None:
        """Ask connections of `reading`; `rid_of` finds a run, NotFound for an unknown one."""
        self._reading = reading
        self._rid_of = rid_of
        self.cache = Cache()

    def page(self, run_id: str, key: str, token: str | None, limit: int) -> Page[Metric]:
        """At most `limit` points in the order they were written, from where `token` says."""
        offset = decode_token(token)
        limit = min(limit, INT64_MAX - 1 - offset)
        if limit < 1:
            return Page()
        with _naming(run_id, key), self._reading() as connection:
            found = histories.window(connection, self._rid_of(connection, run_id), key, offset, limit + 1)
        return Page(found[:limit], next_token(offset, limit, len(found)))

    def start_time(self, run_id: str) -> int | None:
        """When the run started."""
        with self._reading() as connection:
            self._rid_of(connection, run_id)
            info = read.run_info(connection, run_id)
        return None if info is None else info.start_time

    @contextmanager
    def series(self, run_id: str, key: str, *, afresh: bool = False) -> Iterator[RowSeries]:
        """The series of a metric."""
        with _naming(run_id, key), self._reading() as connection:
            rid = self._rid_of(connection, run_id)
            yield RowSeries(connection, rid, key, self._parts(connection, rid, run_id, key))

    def _parts(self, connection: Connection, rid: int, run_id: str, key: str) -> Sequence[Part]:
        version = (rid, histories.version(connection, rid, key))
        if version[1] is None:
            return ()
        name = ("parts", run_id, key)
        tick = self.cache.tick()
        found = self.cache.get(name, tick)
        if found is not None and found[0] == version:
            parts: Sequence[Part] = found[1]
            return parts
        parts = [
            Part(("rows", run_id, key, chunk.start, chunk.checksum), chunk.digest, chunk.start, chunk.columns)
            for chunk in histories.digests(connection, rid, key)
        ]
        self.cache.put(name, (version, parts), sum(map(_size, parts)), tick)
        return parts


def _size(part: Part) -> int:
    return _PART_SIZE if part.columns is None else _PART_SIZE + 100 * part.digest.count


@contextmanager
def _naming(run_id: str, key: str) -> Iterator[None]:
    """Say whose points are damaged."""
    try:
        yield
    except DataDamaged as error:
        raise DataDamaged(f"The points of metric {key!r} of run {run_id!r} cannot be read. {error}") from error
