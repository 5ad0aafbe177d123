"""Points of metrics: appended as chunks, small chunks merged on the way, summaries kept in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, and_, delete, func, select

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


class _Series(Struct):
    """A series before an append: its summary, and how many small chunks stand at its end."""

    summary: Summary
    small: int = 0


def append(connection: Connection, rid: int, metrics: Sequence[Metric]) -> None:
    """Add points to the series of a run that is locked by this transaction."""
    columns: dict[str, list[Point]] = {}
    for metric in metrics:
        columns.setdefault(metric.key, []).append((metric.timestamp, metric.value, metric.step))
    known: dict[str, _Series] = {}
    for keys in batches(list(columns)):
        known.update(_known(connection, rid, keys))
    chunk_rows: list[dict[str, Any]] = []
    series_rows: list[dict[str, Any]] = []
    for key, points in columns.items():
        series = known.get(key) or _Series(Summary())
        start = series.summary.count
        if len(points) < SMALL and series.small + 1 >= SMALL_IN_A_ROW:
            before = _take_small(connection, rid, key, series.small)
            chunk_rows += _chunk_rows(rid, key, start - len(before), before + points, 0)
        else:
            chunk_rows += _chunk_rows(rid, key, start, points, series.small)
        series.summary.add(points)
        series_rows.append(series_row(rid, key, series.summary))
    insert_rows(connection, ledger.chunks, chunk_rows)
    upsert(connection, schema.series, series_rows)


def _known(connection: Connection, rid: int, keys: list[str]) -> dict[str, _Series]:
    series, chunks = schema.series, ledger.chunks
    inner = chunks.alias()
    last = (
        select(func.max(inner.c.start))
        .where(inner.c.rid == series.c.rid, inner.c.key == series.c.key)
        .scalar_subquery()
    )
    both = series.outerjoin(
        chunks, and_(chunks.c.rid == series.c.rid, chunks.c.key == series.c.key, chunks.c.start == last)
    )
    columns = [column for column in series.c if column.name not in ("rid", "count")]
    statement = (
        select(*columns, series.c.count.label("count_"), chunks.c.small)
        .select_from(both)
        .where(series.c.rid == rid, series.c.key.in_(keys))
    )
    return {row.key: _Series(summary_of(row), row.small or 0) for row in connection.execute(statement)}


def _take_small(connection: Connection, rid: int, key: str, number: int) -> list[Point]:
    """Points of the last `number` chunks, which are removed."""
    chunks = ledger.chunks
    here = and_(chunks.c.rid == rid, chunks.c.key == key)
    statement = select(chunks.c.start, chunks.c.data).where(here).order_by(chunks.c.start.desc()).limit(number)
    rows = connection.execute(statement).all()[::-1]
    connection.execute(delete(chunks).where(here, chunks.c.start >= rows[0].start))
    return [point for row in rows for point in decode(row.data)]


def _chunk_rows(rid: int, key: str, start: int, points: list[Point], small: int) -> list[dict[str, Any]]:
    """Chunks of at most `FULL` points; `small` is how many small ones stand before the first."""
    rows = []
    for offset in range(0, len(points), FULL):
        part = points[offset : offset + FULL]
        small = small + 1 if len(part) < SMALL else 0
        rows.append(
            {
                "rid": rid,
                "key": key,
                "start": start + offset,
                "count": len(part),
                "small": small,
                "low_step": min(point[2] for point in part),
                "high_step": max(point[2] for point in part),
                "data": encode(part),
            }
        )
    return rows
