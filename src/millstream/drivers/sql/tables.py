"""Runs as columns, without an object for each run."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Table, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import Condition, part_of
from millstream.drivers.sql.functions import Among
from millstream.drivers.sql.read import INFO, rows
from millstream.formats.filters import Columns
from millstream.values.queries import RunTable


def table(connection: Connection, rids: Sequence[int], total: int, wanted: Columns) -> RunTable:
    """The runs with these `rid`s, in this order, with the columns that are wanted; `total` is passed on.

    Every column that `wanted` names is there, one that no run has with None throughout.
    """
    source = Source(connection, rids)
    runs = schema.runs
    infos: list[Any] = [None] * len(rids)
    for some in source.rows(select(runs.c.rid, *INFO).where(source.holds(runs))):
        for row in some:
            infos[source.place[row[0]]] = row
    columns = zip(*infos, strict=True) if infos else iter([()] * (len(INFO) + 1))
    next(columns)
    facts: dict[str, Any] = {column.name: list(values) for column, values in zip(INFO, columns, strict=True)}
    return RunTable(
        total=total,
        **facts,
        params=source.texts(schema.params, wanted.params),
        metrics=source.metrics(wanted),
        tags=source.texts(schema.tags, wanted.tags),
    )


class Source:
    """Rows that belong to some runs, into columns; a table of 10,000 runs has a quarter of a million cells."""

    def __init__(self, connection: Connection, rids: Sequence[int]) -> None:
        """Ask `connection` about the runs with these `rid`s."""
        self.connection = connection
        self.rids = rids
        self.place = {rid: index for index, rid in enumerate(rids)}

    def holds(self, table: Table) -> Condition:
        """Whether a row of `table` belongs to one of the runs."""
        return Among.numbers(table.c.rid, self.rids)

    def rows(self, statement: Select[Any]) -> Iterator[Sequence[Any]]:
        """Rows, some thousands at a time."""
        return rows(self.connection, statement)

    def texts(self, table: Table, keys: Sequence[str] | None) -> dict[str, list[str | None]]:
        """Columns of `keys`, all for None, out of params or tags."""
        if keys == ():
            return {}
        statement = select(table.c.rid, table.c.key, table.c.value).where(self.holds(table), *_named(table, keys))
        return self._filled(statement, keys or ())

    def metrics(self, wanted: Columns) -> dict[str, list[float | None]]:
        """Latest values, and parts of series under their name with the part, as in ``loss.min``."""
        latest = None if wanted.all_metrics else [key.key for key in wanted.metrics if not key.part]
        columns = {} if latest == [] else self._part("", latest)
        for key in wanted.metrics:
            if key.part:
                columns[f"{key.key}.{key.part}"] = self._part(key.part, [key.key])[key.key]
        return dict(sorted(columns.items()))

    def numbers(self, part: str, keys: Sequence[str] | None) -> Iterator[tuple[str, int, float]]:
        """(key, `rid`, number) of series of `keys`, all for None, where the number that `part` names is one."""
        table = schema.series
        value, _ = part_of(table, part)
        statement = select(table.c.key, table.c.rid, value)
        for some in self.rows(statement.where(self.holds(table), *_named(table, keys), value.is_not(None))):
            yield from some

    def _part(self, part: str, keys: Sequence[str] | None) -> dict[str, list[float | None]]:
        table = schema.series
        value, is_nan = part_of(table, part)
        conditions = [self.holds(table), *_named(table, keys)]
        columns = self._filled(select(table.c.rid, table.c.key, value).where(*conditions), keys or ())
        # Most series have no NaN: these are looked for by themselves.
        for some in self.rows(select(table.c.rid, table.c.key).where(is_nan, *conditions)):
            for rid, key in some:
                columns[key][self.place[rid]] = math.nan
        return columns

    def _filled(self, statement: Select[Any], keys: Sequence[str]) -> dict[str, list[Any]]:
        """Columns by key, sorted, from rows of (rid, key, value); those of `keys` are there in any case."""
        columns: defaultdict[str, list[Any]] = defaultdict(lambda: [None] * len(self.rids))
        for key in keys:
            columns[key] = [None] * len(self.rids)
        place = self.place
        for some in self.rows(statement):
            for rid, key, value in some:
                columns[key][place[rid]] = value
        return dict(sorted(columns.items()))


def _named(table: Table, keys: Sequence[str] | None) -> list[Condition]:
    return [] if keys is None else [table.c.key.in_(keys)]
