"""What some thousand neighbouring points of a series come down to: enough to draw them without reading them.

A digest is 136 bytes, or 256 when the points stand in another order by step than by time. Little-endian: how many
points and how many of them are NaN (int64 each), then five marks for the order by step, and in the longer one five
for the order by time. A mark is one of the points: step and time (int64), value (double). The marks are the first
and the last point, the lowest and the highest, and a NaN. Among equals the earliest counts, by x and then as
written; for the last point, the latest. A mark that there is none of (the lowest of nothing but NaN) is the first
point.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from millstream.values.errors import DataDamaged

# Below so many points a digest would take more room than the points do.
WORTH_A_DIGEST = 64

_PLAIN = struct.Struct("<qq" + "qqd" * 5)
_BOTH = struct.Struct("<qq" + "qqd" * 10)
# Places in `Digest.by_step` and `by_time`, where a mark takes three.
FIRST, LAST, LOWEST, HIGHEST, UNDEFINED = 0, 3, 6, 9, 12


class Columns(Struct, gc=False):
    """Points as three columns of one length, in the order they were written.

    `sources` has, by place, what points say besides their value, where that is known.
    """

    times: Sequence[int]
    values: Sequence[float]
    steps: Sequence[int]
    sources: dict[int, str] | None = None


class Digest(Struct, frozen=True, gc=False):
    """The marks of a segment: 15 numbers for each order of its points."""

    count: int
    nan_count: int
    by_step: tuple[Any, ...]
    by_time: tuple[Any, ...]


class Segment(Struct, frozen=True, gc=False):
    """`size` bytes of complete lines of a metric file from `offset` on, with their checksum `crc` and their digest.

    `bad` of the lines are no points.
    """

    offset: int
    size: int
    crc: int
    bad: int
    digest: Digest


def digest(columns: Columns) -> Digest:
    """What `columns`, at least one point, come down to."""
    times, values, steps = columns.times, columns.values, columns.steps
    undefined = nan_places(values)
    if is_ordered(steps) and is_ordered(times):
        marks = _marks(columns, range(len(values)), values, undefined)
        return Digest(len(values), len(undefined), marks, marks)
    found = []
    for axis in (steps, times):
        order = by(axis)
        ordered = [values[place] for place in order]
        found.append(_marks(columns, order, ordered, nan_places(ordered)))
    return Digest(len(values), len(undefined), found[0], found[1])


def pack(made: Digest) -> bytes:
    """The bytes of a digest."""
    # Not when the marks are only alike: the points between them may still stand in another order.
    if made.by_step is made.by_time:
        return _PLAIN.pack(made.count, made.nan_count, *made.by_step)
    return _BOTH.pack(made.count, made.nan_count, *made.by_step, *made.by_time)


def unpack(data: bytes) -> Digest:
    """The digest that `pack` was given; DataDamaged for other lengths."""
    if len(data) == _PLAIN.size:
        count, undefined, *marks = _PLAIN.unpack(data)
        both = tuple(marks)
        return Digest(count, undefined, both, both)
    if len(data) == _BOTH.size:
        count, undefined, *marks = _BOTH.unpack(data)
        return Digest(count, undefined, tuple(marks[:15]), tuple(marks[15:]))
    raise DataDamaged(f"A digest of points has {len(data)} bytes instead of {_PLAIN.size} or {_BOTH.size}.")


def is_ordered(numbers: Sequence[int]) -> bool:
    """Whether no number is less than the one before."""
    if isinstance(numbers, range):
        return numbers.step > 0 or len(numbers) < 2
    # Sorting what is sorted is the quickest look at all of it.
    return sorted(numbers) == list(numbers)


def by(axis: Sequence[int]) -> list[int]:
    """Places of points by `axis`; equals as written."""
    key: Callable[[int], int] = axis.__getitem__
    return sorted(range(len(axis)), key=key)


def nan_places(values: Sequence[float]) -> list[int]:
    """Where `values` are NaN."""
    total = sum(values)
    # A sum without NaN has none in it; the other way round is not so, since infinities cancel out.
    return [] if total == total else [place for place, value in enumerate(values) if value != value]


def _marks(
    columns: Columns, order: Sequence[int], values: Sequence[float], undefined: Sequence[int]
) -> tuple[Any, ...]:
    """Marks of the points `order`, whose values are `values`, NaN at the places `undefined`."""
    numbers = values if not undefined else [value for value in values if value == value]
    lowest = values.index(min(numbers)) if numbers else 0
    highest = values.index(max(numbers)) if numbers else 0
    marks: list[Any] = []
    for place in (0, len(order) - 1, lowest, highest, undefined[0] if undefined else 0):
        point = order[place]
        marks += (columns.steps[point], columns.times[point], columns.values[point])
    return tuple(marks)
