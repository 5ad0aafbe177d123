"""Points of the database store: from its chunks, with their digests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

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
# The series of so many runs are looked up with the same statements.
_TOGETHER = 64


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

    def several(self, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[str, str, RowSeries]]:
        """Run, key and series of each of `keys` of each of `run_ids` that has points."""
        with self._reading() as connection:
            for first in range(0, len(run_ids), _TOGETHER):
                yield from self._some(connection, run_ids[first : first + _TOGETHER], keys)

    def _some(
        self, connection: Connection, run_ids: Sequence[str], keys: Sequence[str]
    ) -> Iterator[tuple[str, str, RowSeries]]:
        known = read.rids_of(connection, run_ids)
        rids = {known[run_id] if run_id in known else self._rid_of(connection, run_id): run_id for run_id in run_ids}
        versions = histories.versions(connection, list(rids), keys)
        tick = self.cache.tick()
        held = {(rid, key): self.cache.get(("parts", rids[rid], key), tick) for rid, key in versions}
        missing = [name for name, found in held.items() if found is None or found[0] != (name[0], versions[name])]
        fresh = histories.digests_of(connection, missing)
        for run_id, rid, key in ((run_id, rid, key) for rid, run_id in rids.items() for key in keys):
            if (rid, key) not in versions:
                continue
            with _naming(run_id, key):
                if (rid, key) in fresh:
                    parts = self._keep(run_id, key, (rid, versions[rid, key]), fresh[rid, key], tick)
                else:
                    parts = held[rid, key][1]
                yield run_id, key, RowSeries(connection, rid, key, parts)

    def _keep(
        self, run_id: str, key: str, version: Any, chunks: Iterable[histories.ChunkDigest], tick: int
    ) -> list[Part]:
        parts = [
            Part(("rows", run_id, key, chunk.start, chunk.checksum), chunk.digest, chunk.start, chunk.columns)
            for chunk in chunks
        ]
        self.cache.put(("parts", run_id, key), (version, parts), sum(map(_size, parts)), tick)
        return parts

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
        return self._keep(run_id, key, version, histories.digests(connection, rid, key), tick)


def _size(part: Part) -> int:
    return _PART_SIZE if part.columns is None else _PART_SIZE + 100 * part.digest.count


@contextmanager
def _naming(run_id: str, key: str) -> Iterator[None]:
    """Say whose points are damaged."""
    try:
        yield
    except DataDamaged as error:
        raise DataDamaged(f"The points of metric {key!r} of run {run_id!r} cannot be read. {error}") from error
