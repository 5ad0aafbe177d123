"""Points of metrics: appended as chunks, small chunks merged on the way, summaries kept in step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.rows import upsert
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows, series_row, summary_of
from millstream.formats.chunks import FULL, Point, decode, encode
from millstream.formats.mlruns.points import Summary
from millstream.values.entities import Metric

# A chunk of fewer points is small. So many small ones in a row are made into one, or into full ones.
SMALL = 1024
SMALL_IN_A_ROW = 64


# Built once: making a statement costs ten times as much as carrying it out.
_CHUNKS = ledger.chunks.c
_SERIES = schema.series.c
_KNOWN = select(
    *(column for column in schema.series.c if column.name not in ("rid", "count")), _SERIES.count.label("count_")
).where(_SERIES.rid == bindparam("of"), _SERIES.key.in_(bindparam("keys", expanding=True)))
_LAST = (
    select(_CHUNKS.start, _CHUNKS.data)
    .where(_CHUNKS.rid == bindparam("of"), _CHUNKS.key == bindparam("named"))
    .order_by(_CHUNKS.start.desc())
    .limit(bindparam("number"))
)
_CUT = delete(ledger.chunks).where(
    _CHUNKS.rid == bindparam("of"), _CHUNKS.key == bindparam("named"), _CHUNKS.start >= bindparam("since")
)


def append(connection: Connection, rid: int, metrics: Sequence[Metric]) -> None:
    """Add points to the series of a run that is locked by this transaction."""
    columns: dict[str, list[Point]] = {}
    for metric in metrics:
        columns.setdefault(metric.key, []).append((metric.timestamp, metric.value, metric.step))
    known: dict[str, Any] = {}
    for keys in batches(list(columns)):
        known |= {row.key: row for row in connection.execute(_KNOWN, {"of": rid, "keys": keys})}
    chunk_rows: list[dict[str, Any]] = []
    series_rows: list[dict[str, Any]] = []
    for key, points in columns.items():
        row = known.get(key)
        summary, small = (Summary(), 0) if row is None else (summary_of(row), row.small_chunks)
        added, start = points, summary.count
        if len(points) < SMALL and small + 1 >= SMALL_IN_A_ROW:
            before = _take_small(connection, rid, key, small)
            added, start, small = before + points, start - len(before), 0
        for chunk in _chunks(added, start):
            chunk_rows.append({"rid": rid, "key": key, **chunk})
            small = small + 1 if chunk["count"] < SMALL else 0
        summary.add(points)
        series_rows.append({**series_row(rid, key, summary), "small_chunks": small})
    insert_rows(connection, ledger.chunks, chunk_rows)
    upsert(connection, schema.series, series_rows)


def _take_small(connection: Connection, rid: int, key: str, number: int) -> list[Point]:
    """Points of the last `number` chunks, which are removed."""
    rows = connection.execute(_LAST, {"of": rid, "named": key, "number": number}).all()[::-1]
    connection.execute(_CUT, {"of": rid, "named": key, "since": rows[0].start})
    return [point for row in rows for point in decode(row.data)]


def _chunks(points: list[Point], start: int) -> Iterator[dict[str, Any]]:
    """Chunks of at most `FULL` points each."""
    for offset in range(0, len(points), FULL):
        part = points[offset : offset + FULL]
        steps = [point[2] for point in part]
        yield {
            "start": start + offset,
            "count": len(part),
            "low_step": min(steps),
            "high_step": max(steps),
            "data": encode(part),
        }
