"""Which keys matching runs have: in how many of them, and whether they differ there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, FromClause, func, literal, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import Condition
from millstream.values.outlines import KeyColumns


def texts(connection: Connection, table: FromClause, matching: Sequence[Condition], total: int) -> KeyColumns:
    """Keys of params or tags of the runs for which `matching` holds, `total` in number."""
    # By another name: a filter may look into the same table for something else.
    table = table.alias()
    value = table.c.value
    numbers = func.count(table.c.number) if "number" in table.c else literal(0)
    columns = (func.count(), func.min(value), func.max(value), numbers)
    found = KeyColumns([], [], [], [], [])
    for key, runs, low, high, numeric in _rows(connection, table, matching, *columns):
        same = runs == total and low == high
        _add(found, key, runs, not same, numeric == runs, low if same else None)
    return found


def metrics(connection: Connection, matching: Sequence[Condition], total: int) -> KeyColumns:
    """Keys of the latest values of the runs for which `matching` holds, `total` in number."""
    table = schema.series.alias()
    value = table.c.last_value
    # NaN is stored as NULL: what is no number is counted by what is missing.
    columns = (func.count(), func.min(value), func.max(value), func.count(value))
    found = KeyColumns([], [], [], [], [])
    for key, runs, low, high, numbers in _rows(connection, table, matching, *columns):
        same = runs == total and low == high and numbers in (0, runs)
        _add(found, key, runs, not same, True, None)
    return found


def _rows(connection: Connection, table: FromClause, matching: Sequence[Condition], *columns: Any) -> Any:
    joined = schema.runs.join(table, table.c.rid == schema.runs.c.rid)
    key = table.c.key
    return connection.execute(select(key, *columns).select_from(joined).where(*matching).group_by(key).order_by(key))


def _add(found: KeyColumns, key: str, runs: int, varies: bool, numeric: bool, value: str | None) -> None:
    found.key.append(key)
    found.runs.append(runs)
    found.varies.append(varies)
    found.numeric.append(numeric)
    found.value.append(value)
