"""Points out of their chunks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Select, func, select

from millstream.drivers.sql import ledger
from millstream.formats.chunks import Point, decode

_CHUNKS = ledger.chunks.c


def window(connection: Connection, rid: int, key: str, offset: int, limit: int) -> list[Point]:
    """At most `limit` points from the one number `offset` on, in the order they were written."""
    statement = _of(rid, key).where(_CHUNKS.start < offset + limit, _CHUNKS.start >= _holding(rid, key, offset))
    found: list[Point] = []
    first = offset
    for start, points in _decoded(connection, statement):
        if not found:
            first = start
        found += points
    return found[offset - first : offset - first + limit]


def within(connection: Connection, rid: int, key: str, low: int | None, high: int | None) -> list[Point]:
    """Every point whose step is in [low, high], in the order they were written; None is no bound."""
    statement = _of(rid, key)
    if low is not None:
        statement = statement.where(_CHUNKS.high_step >= low)
    if high is not None:
        statement = statement.where(_CHUNKS.low_step <= high)
    points = [point for _, some in _decoded(connection, statement) for point in some]
    if low is None and high is None:
        return points
    return [point for point in points if (low is None or point[2] >= low) and (high is None or point[2] <= high)]


def _of(rid: int, key: str) -> Select[Any]:
    return select(_CHUNKS.start, _CHUNKS.data).where(_CHUNKS.rid == rid, _CHUNKS.key == key).order_by(_CHUNKS.start)


def _holding(rid: int, key: str, offset: int) -> object:
    """Where the chunk starts that the point number `offset` lies in."""
    return (
        select(func.coalesce(func.max(_CHUNKS.start), 0))
        .where(_CHUNKS.rid == rid, _CHUNKS.key == key, _CHUNKS.start <= offset)
        .correlate(None)
        .scalar_subquery()
    )


def _decoded(connection: Connection, statement: Select[Any]) -> Iterator[tuple[int, list[Point]]]:
    for row in connection.execute(statement):
        yield row.start, decode(row.data)
