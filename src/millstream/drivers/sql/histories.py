"""Points out of their chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, bindparam, case, func, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.segments import digest_of
from millstream.formats.chunks import decode, decode_columns
from millstream.formats.segments import Columns, Digest, digest
from millstream.formats.sources import source_of
from millstream.values.entities import Metric

_CHUNKS = ledger.chunks.c
_SERIES = schema.series.c
_RUN = (
    select(_CHUNKS.key, _CHUNKS.source, _CHUNKS.data)
    .where(_CHUNKS.rid == bindparam("of"))
    .order_by(_CHUNKS.key, _CHUNKS.start)
)
# So many chunks are fetched in one go.
FETCH = 64


class ChunkDigest(Struct, gc=False):
    """A chunk that starts after `start` points, its checksum, and its points where it is too small for a digest."""

    start: int
    checksum: bytes
    digest: Digest
    columns: Columns | None


# Built once: making a statement costs more than carrying it out.
_OF = (_CHUNKS.rid == bindparam("of")) & (_CHUNKS.key == bindparam("named"))
_HOLDING = select(func.coalesce(func.max(_CHUNKS.start), 0)).where(_OF, _CHUNKS.start <= bindparam("after"))
_WINDOW = (
    select(_CHUNKS.start, _CHUNKS.source, _CHUNKS.data)
    .where(_OF, _CHUNKS.start >= _HOLDING.correlate(None).scalar_subquery(), _CHUNKS.start < bindparam("before"))
    .order_by(_CHUNKS.start)
)
_VERSION = select(*(column for column in schema.series.c if column.name not in ("rid", "key"))).where(
    _SERIES.rid == bindparam("of"), _SERIES.key == bindparam("named")
)
_DIGESTS = (
    select(_CHUNKS.start, _CHUNKS.digest, case((_CHUNKS.digest.is_(None), _CHUNKS.data)))
    .where(_OF)
    .order_by(_CHUNKS.start)
)
# As the two before, of several series.
_VERSIONS = select(
    _SERIES.rid, _SERIES.key, *(column for column in schema.series.c if column.name not in ("rid", "key"))
).where(_SERIES.rid.in_(bindparam("of_any", expanding=True)), _SERIES.key.in_(bindparam("named_any", expanding=True)))
_ALL_DIGESTS = (
    select(_CHUNKS.rid, _CHUNKS.key, _CHUNKS.start, _CHUNKS.digest, case((_CHUNKS.digest.is_(None), _CHUNKS.data)))
    .where(
        _CHUNKS.rid.in_(bindparam("of_any", expanding=True)), _CHUNKS.key.in_(bindparam("named_any", expanding=True))
    )
    .order_by(_CHUNKS.rid, _CHUNKS.key, _CHUNKS.start)
)
_LOAD = select(_CHUNKS.data).where(_OF, _CHUNKS.start.in_(bindparam("starts", expanding=True))).order_by(_CHUNKS.start)


def window(connection: Connection, rid: int, key: str, offset: int, limit: int) -> list[Metric]:
    """At most `limit` points from the one number `offset` on, in the order they were written."""
    named = {"of": rid, "named": key, "after": offset, "before": offset + limit}
    found: list[Metric] = []
    for start, source, data in connection.execute(_WINDOW, named):
        points = decode(data)[max(0, offset - start) : offset + limit - start]
        origin = source_of(source)
        found += [Metric(key, value, time, step, None, *origin) for time, value, step in points]
    return found


def version(connection: Connection, rid: int, key: str) -> tuple[Any, ...] | None:
    """What changes whenever points are added to a series; None when there is no such series."""
    row = connection.execute(_VERSION, {"of": rid, "named": key}).one_or_none()
    return None if row is None else tuple(row)


def digests(connection: Connection, rid: int, key: str) -> list[ChunkDigest]:
    """The chunks of a series, in the order they were written."""
    rows = connection.execute(_DIGESTS, {"of": rid, "named": key})
    return [_chunk(start, packed, data) for start, packed, data in rows]


def _chunk(start: int, packed: bytes | None, data: bytes) -> ChunkDigest:
    if packed is None:
        columns = decode_columns(data)
        return ChunkDigest(start, bytes(data[-4:]), digest(columns), columns)
    checksum, made = digest_of(packed)
    return ChunkDigest(start, checksum, made, None)


def versions(connection: Connection, rids: Sequence[int], keys: Sequence[str]) -> dict[tuple[int, str], Any]:
    """As `version`, of all series of `keys` of `rids` that there are, by rid and key."""
    named = {"of_any": list(rids), "named_any": list(keys)}
    return {(rid, key): tuple(rest) for rid, key, *rest in connection.execute(_VERSIONS, named)}


def digests_of(connection: Connection, names: Sequence[tuple[int, str]]) -> dict[tuple[int, str], list[ChunkDigest]]:
    """As `digests`, of each of the series `names`."""
    found: dict[tuple[int, str], list[ChunkDigest]] = {name: [] for name in names}
    if not names:
        return found
    named = {"of_any": list({rid for rid, _ in names}), "named_any": list({key for _, key in names})}
    for rid, key, start, packed, data in connection.execute(_ALL_DIGESTS, named):
        if (rid, key) in found:
            found[rid, key].append(_chunk(start, packed, data))
    return found


def of_run(connection: Connection, rid: int, most: int) -> dict[str, list[Metric]] | None:
    """Every point of every series of a run, each series in the order it was written; None when they are over `most`."""
    counted = select(func.sum(schema.series.c.count)).where(schema.series.c.rid == rid)
    if int(connection.execute(counted).scalar() or 0) > most:
        return None
    found: dict[str, list[Metric]] = {}
    for key, source, data in connection.execute(_RUN, {"of": rid}):
        origin = source_of(source)
        found.setdefault(key, []).extend(
            Metric(key, value, time, step, None, *origin) for time, value, step in decode(data)
        )
    return found


def load(connection: Connection, rid: int, key: str, starts: Sequence[int]) -> Iterator[Columns]:
    """The points of the chunks at `starts`, which are in order."""
    for first in range(0, len(starts), FETCH):
        named = {"of": rid, "named": key, "starts": starts[first : first + FETCH]}
        for (data,) in connection.execute(_LOAD, named).all():
            yield decode_columns(data)
