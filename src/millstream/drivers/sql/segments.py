"""Segments of long metric files in the index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct
from sqlalchemy import Connection, bindparam, delete, select

from millstream.drivers.sql import scan, schema
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows
from millstream.formats.segments import Segment, pack, unpack

_SEGMENTS = scan.segments.c
_SEEN = scan.scanned_series.c


class Known(Struct, frozen=True):
    """How a metric file was when it was last read, as far as that says whether its segments still hold."""

    inode: int
    offset: int
    tail: int
    time: int
    segmented: int


# Built once: making a statement costs more than carrying it out.
_KNOWN = (
    select(_SEEN.inode, _SEEN.offset, _SEEN.tail, _SEEN.time, _SEEN.segmented)
    .join(schema.runs, schema.runs.c.rid == _SEEN.rid)
    .where(schema.runs.c.run_id == bindparam("run"), _SEEN.key == bindparam("named"))
)
_OF = (
    select(_SEGMENTS.offset, _SEGMENTS.size, _SEGMENTS.crc, _SEGMENTS.bad, _SEGMENTS.digest)
    .join(schema.runs, schema.runs.c.rid == _SEGMENTS.rid)
    .where(schema.runs.c.run_id == bindparam("run"), _SEGMENTS.key == bindparam("named"))
    .order_by(_SEGMENTS.offset)
)


def known(connection: Connection, run_id: str, key: str) -> Known | None:
    """What the index knows of a metric file, None when nothing."""
    row = connection.execute(_KNOWN, {"run": run_id, "named": key}).one_or_none()
    return None if row is None else Known(*row)


def read(connection: Connection, run_id: str, key: str) -> list[Segment]:
    """The segments of a metric file, from its beginning."""
    rows = connection.execute(_OF, {"run": run_id, "named": key})
    return [Segment(offset, size, crc, bad, unpack(digest)) for offset, size, crc, bad, digest in rows]


def add(connection: Connection, rid: int, found: Mapping[str, Sequence[Segment]]) -> None:
    """Keep segments of metric files of a run."""
    rows = [
        {
            "rid": rid,
            "key": key,
            "offset": segment.offset,
            "size": segment.size,
            "crc": segment.crc,
            "bad": segment.bad,
            "digest": pack(segment.digest),
        }
        for key, segments in found.items()
        for segment in segments
    ]
    insert_rows(connection, scan.segments, rows)


def drop(connection: Connection, rid: int, keys: Iterable[str]) -> None:
    """Forget the segments of these metric files of a run."""
    for batch in batches(list(keys)):
        connection.execute(delete(scan.segments).where(_SEGMENTS.rid == rid, _SEGMENTS.key.in_(batch)))


def drop_runs(connection: Connection, rids: Sequence[int]) -> None:
    """Forget the segments of these runs."""
    for batch in batches(rids):
        connection.execute(delete(scan.segments).where(_SEGMENTS.rid.in_(batch)))
