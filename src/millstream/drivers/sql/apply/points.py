"""Points of metrics: appended as chunks, small chunks merged on the way, summaries kept in step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, update

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.repeats import Mark, mark_of
from millstream.drivers.sql.apply.segments import chunk_rows as made_rows
from millstream.drivers.sql.plain import Find, Plain, Put
from millstream.drivers.sql.write import insert_rows, series_row, summary_of
from millstream.formats.chunks import Point, decode
from millstream.formats.mlruns.points import Summary
from millstream.formats.sources import source_text
from millstream.values.entities import Metric
from millstream.values.errors import DataDamaged

# A chunk of fewer points is small. So many small ones in a row are made into one, or into full ones.
SMALL = 512
SMALL_IN_A_ROW = 64
# So many small chunks are merged in one transaction when a run has ended: others want to write, too.
SEALED_AT_ONCE = 256

# `rid` and key.
Series = tuple[int, str]

# Built once: making a statement costs ten times as much as carrying it out.
_CHUNKS = ledger.chunks.c
_SERIES = schema.series.c
_KNOWN = Find(
    [_SERIES.count.label("count_") if column.name == "count" else column for column in _SERIES],
    (_SERIES.rid, _SERIES.key),
)
_NEW_CHUNKS = Put(ledger.chunks)
_SERIES_NOW = Put(schema.series, over=True)
_LAST = (
    select(_CHUNKS.start, _CHUNKS.source, _CHUNKS.data)
    .where(_CHUNKS.rid == bindparam("of"), _CHUNKS.key == bindparam("named"))
    .order_by(_CHUNKS.start.desc())
    .limit(bindparam("number"))
)
_CUT = delete(ledger.chunks).where(
    _CHUNKS.rid == bindparam("of"), _CHUNKS.key == bindparam("named"), _CHUNKS.start >= bindparam("since")
)
_UNSEALED = (
    select(_SERIES.key, _SERIES.count, _SERIES.small_chunks)
    .where(_SERIES.rid == bindparam("of"), _SERIES.key > bindparam("after"), _SERIES.small_chunks > 1)
    .order_by(_SERIES.key)
    .limit(SEALED_AT_ONCE)
)
_SEALED = (
    update(schema.series)
    .where(_SERIES.rid == bindparam("of"), _SERIES.key == bindparam("named"))
    .values(small_chunks=bindparam("left"))
)


class Stretch:
    """Points to be added to a series, in their order."""

    def __init__(self) -> None:
        """None yet."""
        self.points: list[Point] = []
        # Of a point, by its place, that was measured with a model or a dataset.
        self.sources: dict[int, str] = {}
        self._marks: set[Mark] = set()
        self._marked = 0

    def add(self, metric: Metric) -> None:
        """One more point."""
        if metric.model_id or metric.dataset_name or metric.dataset_digest:
            text = source_text(metric.model_id, metric.dataset_name, metric.dataset_digest)
            self.sources[len(self.points)] = text
        self.points.append((metric.timestamp, metric.value, metric.step))

    def holds(self, mark: Mark) -> bool:
        """Whether a point of this mark was added."""
        # Marked only where somebody asks: most points name no model.
        self._marks.update(mark_of(*point) for point in self.points[self._marked :])
        self._marked = len(self.points)
        return mark in self._marks


def append_metrics(connection: Connection, rid: int, metrics: Iterable[Metric]) -> None:
    """Add points to the series of one run that is locked by this transaction."""
    stretches: dict[Series, Stretch] = {}
    for metric in metrics:
        stretches.setdefault((rid, metric.key), Stretch()).add(metric)
    with Plain(connection) as tables:
        append(tables, stretches)


def append(tables: Plain, stretches: Mapping[Series, Stretch]) -> None:
    """Add points to series of runs that are locked by this transaction."""
    known = {(row.rid, row.key): row for row in tables.find(_KNOWN, list(stretches))}
    chunk_rows: list[dict[str, Any]] = []
    series_rows: list[dict[str, Any]] = []
    for series, stretch in stretches.items():
        (rid, key), points, new = series, stretch.points, stretch.sources
        row = known.get(series)
        summary, small = (Summary(), 0) if row is None else (summary_of(row), row.small_chunks)
        added, origins, start = points, new, summary.count
        if len(points) < SMALL and small + 1 >= SMALL_IN_A_ROW:
            before, origins = _take_small(tables.connection, rid, key, small)
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
    tables.put(_NEW_CHUNKS, chunk_rows)
    tables.put(_SERIES_NOW, series_rows)


def seal(connection: Connection, rid: int, after: str) -> str | None:
    """Merge small chunks of some series with keys beyond `after`, of a run that is locked by this transaction.

    Returns the key to go on after, None when there are no more.
    """
    found = connection.execute(_UNSEALED, {"of": rid, "after": after}).all()
    merged = 0
    for key, count, small in found:
        if merged >= SEALED_AT_ONCE:
            return after
        points, sources = _take_small(connection, rid, key, small)
        rows = [{"rid": rid, "key": key, **chunk} for chunk in made_rows(points, sources, count - len(points))]
        insert_rows(connection, ledger.chunks, rows)
        connection.execute(_SEALED, {"of": rid, "named": key, "left": int(bool(rows) and rows[-1]["count"] < SMALL)})
        merged, after = merged + small, key
    return after if len(found) == SEALED_AT_ONCE else None


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
