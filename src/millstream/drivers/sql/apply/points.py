"""Points of metrics: appended as chunks, small chunks merged on the way, summaries kept in step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.rows import upsert
from millstream.drivers.sql.apply.segments import chunk_rows as made_rows
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows, series_row, summary_of
from millstream.formats.chunks import Point, decode
from millstream.formats.mlruns.points import Summary
from millstream.formats.sources import source_text
from millstream.values.entities import Metric
from millstream.values.errors import DataDamaged

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
    select(_CHUNKS.start, _CHUNKS.source, _CHUNKS.data)
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
    sources: dict[str, dict[int, str]] = {}
    for metric in metrics:
        points = columns.setdefault(metric.key, [])
        if metric.model_id or metric.dataset_name or metric.dataset_digest:
            text = source_text(metric.model_id, metric.dataset_name, metric.dataset_digest)
            sources.setdefault(metric.key, {})[len(points)] = text
        points.append((metric.timestamp, metric.value, metric.step))
    known: dict[str, Any] = {}
    for keys in batches(list(columns)):
        known |= {row.key: row for row in connection.execute(_KNOWN, {"of": rid, "keys": keys})}
    chunk_rows: list[dict[str, Any]] = []
    series_rows: list[dict[str, Any]] = []
    for key, points in columns.items():
        row = known.get(key)
        summary, small = (Summary(), 0) if row is None else (summary_of(row), row.small_chunks)
        new = sources.get(key, {})
        added, origins, start = points, new, summary.count
        if len(points) < SMALL and small + 1 >= SMALL_IN_A_ROW:
            before, origins = _take_small(connection, rid, key, small)
            origins |= {len(before) + place: text for place, text in new.items()}
            added, start, small = before + points, start - len(before), 0
        first = len(chunk_rows)
        for chunk in made_rows(added, origins, start):
            chunk_rows.append({"rid": rid, "key": key, **chunk})
            small = small + 1 if chunk["count"] < SMALL else 0
        if len(chunk_rows) - first > SMALL_IN_A_ROW // 2 and small >= SMALL_IN_A_ROW // 2:
            small = 0  # Each point has another source; putting them together again and again gains nothing.
        summary.add_sourced(points, new)
        series_rows.append({**series_row(rid, key, summary), "small_chunks": small})
    insert_rows(connection, ledger.chunks, chunk_rows)
    upsert(connection, schema.series, series_rows)


def _take_small(connection: Connection, rid: int, key: str, number: int) -> tuple[list[Point], dict[int, str]]:
    """Points of the last `number` chunks, which are removed, and the sources of those that have one.

    Nothing when one of them is damaged: then all stay as they are.
    """
    rows = connection.execute(_LAST, {"of": rid, "named": key, "number": number}).all()[::-1]
    points: list[Point] = []
    sources: dict[int, str] = {}
    try:
        for row in rows:
            before = len(points)
            points += decode(row.data)
            if row.source is not None:
                sources |= dict.fromkeys(range(before, len(points)), row.source)
    except DataDamaged:
        return [], {}  # What was written before must not keep a run from going on.
    connection.execute(_CUT, {"of": rid, "named": key, "since": rows[0].start})
    return points, sources
