"""What tables of runs are laid out by: which keys the runs have."""

from __future__ import annotations

from msgspec import Struct

from millstream.values.entities import ViewType
from millstream.values.queries import Query


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
