"""What a filter means, as a small frozen tree; two-valued: `Not` is the exact complement of its clause."""

from __future__ import annotations

from msgspec import Struct

Value = float | int | str | tuple[str, ...] | None


class Comparison(Struct, frozen=True):
    """``entity.key op value``; true only for rows that have the key (``IS NULL``: only for those that lack it).

    `entity` and `key` are canonical names of the vocabulary, `op` is upper case (``=``, ``NOT IN``, ``IS NULL`` …).
    `value` is a number, a string, a tuple of strings for lists, None for the null tests; a param compared with a number
    is compared as one. `position` is the offset of the comparison in the text it came from.

    `part` says which number of a metric's series is meant (``min`` …), "" the latest. When it is `bare`, the text was
    ``entity.key.part`` without quotes, and a metric of that whole name, if there is one, is meant instead.
    """

    entity: str
    key: str
    op: str
    value: Value
    position: int = 0
    part: str = ""
    bare: bool = False


class And(Struct, frozen=True):
    """Every clause holds; at least two."""

    clauses: tuple[Node, ...]


class Or(Struct, frozen=True):
    """At least one clause holds; at least two."""

    clauses: tuple[Node, ...]


class Not(Struct, frozen=True):
    """The clause does not hold."""

    clause: Node


Node = Comparison | And | Or | Not


class OrderKey(Struct, frozen=True):
    """One sort key. Rows without a value come last in both directions, NaN just before them.

    `part` and `bare` are those of a `Comparison`. The part ``number`` of a param is the number that it is; texts
    that are none come where NaN does.
    """

    entity: str
    key: str
    ascending: bool = True
    part: str = ""
    bare: bool = False


class Columns(Struct, frozen=True):
    """Which data of runs is wanted: params and tags by key, None for all; `metrics` one by one, maybe `all_metrics`."""

    metrics: tuple[OrderKey, ...] = ()
    all_metrics: bool = True
    params: tuple[str, ...] | None = None
    tags: tuple[str, ...] | None = None
