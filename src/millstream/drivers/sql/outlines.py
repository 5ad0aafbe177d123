"""Runs in groups and below their parents: rows of which a window is read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, select

from millstream.drivers.sql import schema, tables
from millstream.drivers.sql.forests import Forest, Line
from millstream.drivers.sql.tables import Source
from millstream.formats.filters import Columns, OrderKey
from millstream.values.outlines import EVERY_ROW, PARENT_TAG, RunGroups, RunOutline, Spread

_TEXTS = {"param": schema.params, "tag": schema.tags}


class Layout(Struct, frozen=True):
    """How the rows are laid out: keys that make groups, by name; whether runs nest; what is open; which rows."""

    group_by: dict[str, OrderKey]
    nested: bool
    open: frozenset[str]
    offset: int
    limit: int


class _Group(Struct):
    values: tuple[str | None, ...]
    members: list[int]

    @property
    def id(self) -> str:
        return json.dumps(self.values, ensure_ascii=False, separators=(",", ":"))


def outline(
    connection: Connection, rids: Sequence[int], layout: Layout, order: Sequence[OrderKey], wanted: Columns
) -> RunOutline:
    """The rows of `layout` over the runs with these `rid`s, which are in `order`."""
    source = Source(connection, rids)
    names = _ids(source) if layout.nested or layout.open else {}
    parents = _parents(source, names) if layout.nested else {}
    everything = EVERY_ROW in layout.open

    def is_open(rid: int) -> bool:
        return everything or names.get(rid) in layout.open

    if not layout.group_by:
        lines: list[tuple[_Group | None, Line]] = [(None, line) for line in Forest(rids, parents.get).lines(is_open)]
        return _answer(connection, lines, len(rids), layout, wanted)
    lines = []
    for group in _groups(source, layout.group_by, order):
        forest = Forest(group.members, parents.get)
        lines.append((group, Line(-1, 0, len(forest.roots))))
        if everything or group.id in layout.open:
            lines += [(None, line) for line in forest.lines(is_open, 1)]
    return _answer(connection, lines, len(rids), layout, wanted)


def _answer(
    connection: Connection, lines: list[tuple[_Group | None, Line]], runs: int, layout: Layout, wanted: Columns
) -> RunOutline:
    window = lines[layout.offset : layout.offset + layout.limit]
    rids = [line.item for group, line in window if group is None]
    numbers = iter(range(len(rids)))
    groups = [group for group, _ in window if group is not None]
    return RunOutline(
        total=len(lines),
        runs=runs,
        run=[next(numbers) if group is None else None for group, _ in window],
        depth=[line.depth for _, line in window],
        below=[line.below for _, line in window],
        table=tables.table(connection, rids, len(lines), wanted),
        groups=RunGroups(
            id=[group.id for group in groups],
            runs=[len(group.members) for group in groups],
            values={name: [group.values[at] for group in groups] for at, name in enumerate(layout.group_by)},
            metrics=_spreads(connection, groups, wanted) if groups else {},
        ),
    )


def _ids(source: Source) -> dict[int, str]:
    runs = schema.runs
    found = source.rows(select(runs.c.rid, runs.c.run_id).where(source.holds(runs)))
    return {rid: run_id for some in found for rid, run_id in some}


def _parents(source: Source, names: dict[int, str]) -> dict[int, int]:
    """The `rid` of the parent of each run that has one among these."""
    rid_of = {run_id: rid for rid, run_id in names.items()}
    table = schema.tags
    statement = select(table.c.rid, table.c.value).where(table.c.key == PARENT_TAG, source.holds(table))
    return {rid: rid_of[parent] for some in source.rows(statement) for rid, parent in some if parent in rid_of}


def _groups(source: Source, keys: dict[str, OrderKey], order: Sequence[OrderKey]) -> list[_Group]:
    columns = [_column(source, key) for key in keys.values()]
    found: dict[tuple[str | None, ...], _Group] = {}
    for rid, values in zip(source.rids, zip(*columns, strict=True), strict=True):
        group = found.get(values)
        if group is None:
            group = found[values] = _Group(values, [])
        group.members.append(rid)
    groups = list(found.values())
    if not order:
        return sorted(groups, key=_by_values(groups))
    if order[0].entity == "metric":
        return _by_mean(source.connection, groups, order[0])
    return groups


def _column(source: Source, key: OrderKey) -> list[str | None]:
    if key.entity != "attribute":
        return source.texts(_TEXTS[key.entity], [key.key])[key.key]
    runs = schema.runs
    column: list[str | None] = [None] * len(source.rids)
    for some in source.rows(select(runs.c.rid, runs.c[key.key]).where(source.holds(runs))):
        for rid, value in some:
            column[source.place[rid]] = value
    return column


def _by_values(groups: list[_Group]) -> Callable[[_Group], Any]:
    """A sort key by the values, as numbers where all of a key are; groups without a value come last."""
    size = len(groups[0].values) if groups else 0
    numeric = [
        all(_number(group.values[at]) is not None for group in groups if group.values[at] is not None)
        for at in range(size)
    ]

    def key(group: _Group) -> Any:
        return [
            (value is None, (_number(value) if numeric[at] else value) if value is not None else 0)
            for at, value in enumerate(group.values)
        ]

    return key


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(value) else value


def _by_mean(connection: Connection, groups: list[_Group], key: OrderKey) -> list[_Group]:
    """By the mean of a metric; groups without one last, as runs are."""
    (spread,) = _spreads(connection, groups, Columns(metrics=(key,), all_metrics=False, params=(), tags=())).values()
    means = {id(group): mean for group, mean in zip(groups, spread.mean, strict=True)}

    def sort_key(group: _Group) -> tuple[int, float]:
        mean = means[id(group)]
        if mean is None or math.isnan(mean):
            return (2 if mean is None else 1, 0.0)
        return (0, mean if key.ascending else -mean)

    return sorted(groups, key=sort_key)


def _spreads(connection: Connection, groups: list[_Group], wanted: Columns) -> dict[str, Spread]:
    place = {rid: at for at, group in enumerate(groups) for rid in group.members}
    source = Source(connection, list(place))
    found: dict[str, list[list[float]]] = {}
    parts = dict.fromkeys([*([""] if wanted.all_metrics else []), *(key.part for key in wanted.metrics)])
    for part in parts:
        named = [key.key for key in wanted.metrics if key.part == part]
        keys = None if part == "" and wanted.all_metrics else named
        ending = f".{part}" if part else ""
        for key in named:
            found[key + ending] = [[] for _ in groups]
        for key, rid, value in source.numbers(part, keys):
            lists = found.get(key + ending)
            if lists is None:
                lists = found[key + ending] = [[] for _ in groups]
            lists[place[rid]].append(value)
    return {name: _spread(found[name]) for name in sorted(found)}


def _spread(groups: list[list[float]]) -> Spread:
    spread = Spread([], [], [], [], [])
    for values in groups:
        mean = mean_of(values)
        spread.count.append(len(values))
        spread.mean.append(mean)
        spread.std.append(None if mean is None else deviation_of(values, mean))
        spread.min.append(min(values, default=None))
        spread.max.append(max(values, default=None))
    return spread


def mean_of(values: Sequence[float]) -> float | None:
    """The mean, exact to the last digit; None of nothing, NaN where infinities cancel out."""
    if not values:
        return None
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)
    except ValueError:
        return math.nan


def deviation_of(values: Sequence[float], mean: float) -> float | None:
    """The standard deviation of a sample; None of fewer than two values, and where it is no finite number."""
    if len(values) < 2 or not math.isfinite(mean):
        return None
    distances = [value - mean for value in values]
    largest = max(map(abs, distances))
    if largest == 0 or not math.isfinite(largest):
        return 0.0 if largest == 0 else None
    # Squares of what is very large or small would be infinite or nothing.
    scale = 1.0 if 1e-100 < largest < 1e100 else largest
    squares = math.fsum([(distance / scale) ** 2 for distance in distances])
    found = scale * math.sqrt(squares / (len(values) - 1))
    return found if math.isfinite(found) else None
