"""How tables of runs are laid out: which keys the runs have; runs in groups and below their parents."""

from __future__ import annotations

from msgspec import Struct

from millstream.values.entities import ViewType
from millstream.values.queries import Query, RunTable


class KeyColumns(Struct, frozen=True):
    """Keys that matching runs have, by name: item i of every list is about `key[i]`.

    `runs` have it. It `varies` unless all matching runs have it with the same value, which is in `value` then (None for
    metrics). `numeric`: every value is a number.
    """

    key: list[str]
    runs: list[int]
    varies: list[bool]
    numeric: list[bool]
    value: list[str | None]


class RunKeys(Struct, frozen=True):
    """What the `total` matching runs have: metrics (of their latest values), params and tags."""

    total: int
    metrics: KeyColumns
    params: KeyColumns
    tags: KeyColumns


class ListKeys(Query[RunKeys], frozen=True, kw_only=True):
    """Every key of the runs that match `filter`, with how many have it and whether it tells runs apart."""

    experiment_ids: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY


EVERY_ROW = "*"
PARENT_TAG = "mlflow.parentRunId"


class Spread(Struct, frozen=True):
    """How the latest values of a metric (or a part of its series) spread in groups: item i is about group i.

    `count` runs have a number there; NaN is none. `std` is that of a sample, None for one number and where it is not
    finite; the others are None where there is no number.
    """

    count: list[int]
    mean: list[float | None]
    std: list[float | None]
    min: list[float | None]
    max: list[float | None]


class RunGroups(Struct, frozen=True):
    """Groups as columns: `runs` are in a group, `values` by key of `group_by` what these all have (None: nothing).

    `id` names a group for `OutlineRuns.open`.
    """

    id: list[str]
    runs: list[int]
    values: dict[str, list[str | None]]
    metrics: dict[str, Spread]


class RunOutline(Struct, frozen=True):
    """A window of rows: row i is run `run[i]` of `table`, or, where that is None, the next one of `groups`.

    `total` counts all rows, `runs` all matching runs. Row i stands `depth[i]` levels deep and has `below[i]` rows
    directly below it, which follow it when it is open.
    """

    total: int
    runs: int
    run: list[int | None]
    depth: list[int]
    below: list[int]
    table: RunTable
    groups: RunGroups


class OutlineRuns(Query[RunOutline], frozen=True, kw_only=True):
    """Matching runs in groups of equal `group_by`, and with `nested` below their parents, as one list of rows.

    Below a group or run that is in `open` (`EVERY_ROW`: all are) stand its rows. A run whose parent does not match, or
    is in another group, stands by itself. Groups go by the mean where a metric is sorted by first, else as their first
    runs do; without `order_by` by their values, as numbers where all are. `columns` are those of `TabulateRuns`.
    """

    experiment_ids: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY
    order_by: tuple[str, ...] = ()
    group_by: tuple[str, ...] = ()
    nested: bool = False
    open: tuple[str, ...] = ()
    offset: int = 0
    limit: int = 1000
    columns: tuple[str, ...] | None = None
