"""What matching runs have under a key: how many, which values, between which bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import part_of
from millstream.drivers.sql.tables import Source
from millstream.formats.filters import OrderKey
from millstream.values.queries import Facet


class Facets:
    """Facets over the runs with some `rid`s. Values are counted here: a database would go over them for each figure."""

    def __init__(self, connection: Connection, rids: Sequence[int]) -> None:
        """Ask `connection`."""
        self._source = Source(connection, rids)

    def facet(self, key: OrderKey, name: str, limit: int) -> Facet:
        """The facet of `key`, called `name`; at most `limit` values."""
        if key.entity == "attribute":
            values = [value for (value,) in self._column(schema.runs, schema.runs.c[key.key]) if value is not None]
            if key.key in ("start_time", "end_time"):
                return _of_numbers(name, values)
            return _of_texts(name, values, limit)
        table = {"metric": schema.series, "param": schema.params, "tag": schema.tags}[key.entity]
        named = table.c.key == key.key
        if key.entity == "metric":
            value, is_nan = part_of(table, key.part)
            rows = self._column(table, value, is_nan, where=named)
            return _of_numbers(name, [None if nan else value for value, nan in rows])
        if key.entity == "tag":
            return _of_texts(name, [value for (value,) in self._column(table, table.c.value, where=named)], limit)
        rows = list(self._column(table, table.c.value, table.c.number, where=named))
        found = _of_texts(name, [text for text, _ in rows], limit)
        bounds = _of_numbers(name, [number for _, number in rows])
        return Facet(
            name, found.present, found.distinct, found.values, bounds.minimum, bounds.maximum, bounds.undefined
        )

    def _column(self, table: Any, *columns: Any, where: Any = True) -> Iterable[Any]:
        return chain.from_iterable(self._source.rows(select(*columns).where(where, self._source.holds(table))))


def _of_numbers(name: str, values: list[Any]) -> Facet:
    numbers = [value for value in values if value is not None]
    minimum, maximum = min(numbers, default=None), max(numbers, default=None)
    return Facet(name, len(values), len(set(numbers)), (), minimum, maximum, len(values) - len(numbers))


def _of_texts(name: str, values: list[str], limit: int) -> Facet:
    counts = Counter(values)
    most = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]
    return Facet(name, len(values), len(counts), tuple(most))
