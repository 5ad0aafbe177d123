"""What a pattern means, as a small frozen tree."""

from __future__ import annotations

from msgspec import Struct

# Text has no character 0.
FIRST, LAST = 1, 0x10FFFF
Ranges = tuple[tuple[int, int], ...]


class Chars(Struct, frozen=True):
    """One character out of ranges of code points, which are sorted and do not touch."""

    ranges: Ranges


class Edge(Struct, frozen=True):
    """The start of the text, or its end."""

    end: bool


class Sequence(Struct, frozen=True):
    """All items, one after the other; of none, the empty text."""

    items: tuple[Pattern, ...]


class Choice(Struct, frozen=True):
    """One of the items."""

    items: tuple[Pattern, ...]


class Repeat(Struct, frozen=True):
    """The item at least `low` and at most `high` times; None is no bound."""

    item: Pattern
    low: int
    high: int | None


Pattern = Chars | Edge | Sequence | Choice | Repeat


def united(ranges: list[tuple[int, int]]) -> Ranges:
    """The same characters as ranges that are sorted and do not touch."""
    found: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if found and low <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return tuple(found)


def others(ranges: Ranges) -> Ranges:
    """All characters but these."""
    found: list[tuple[int, int]] = []
    low = FIRST
    for start, end in ranges:
        if start > low:
            found.append((low, start - 1))
        low = max(low, end + 1)
    return tuple(found) if low > LAST else (*found, (low, LAST))
