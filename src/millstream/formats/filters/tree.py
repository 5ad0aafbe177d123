"""What a filter means, as a small frozen tree; two-valued: `Not` is the exact complement of its clause."""

from __future__ import annotations

from msgspec import Struct

Value = float | int | str | tuple[str, ...] | None


class Comparison(Struct, frozen=True):
    """``entity.key op value``; true only for rows that have the key (``IS NULL``: only for those that lack it).

    `entity` and `key` are canonical names of the vocabulary, `op` is upper case (``=``, ``NOT IN``, ``IS NULL`` …).
    `value` is a number, a string, a tuple of strings for lists, None for the null tests. `position` is the offset
    of the comparison in the text it came from.
    """

    entity: str
    key: str
    op: str
    value: Value
    position: int = 0


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
    """One sort key. Rows without a value come last in both directions, NaN just before them."""

    entity: str
    key: str
    ascending: bool = True
