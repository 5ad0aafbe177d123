"""An envelope: for each pixel column of a chart the first, last, lowest and highest point, exact at every zoom.

Column of a point: ``(x - low) * width // (high - low + 1)``, in whole numbers. What a part of a series is worth to a
column is a NaN count and 15 numbers, see `formats/segments`. Where an extreme of a column is infinite, the lowest and
the highest of its numbers that are not follow as two marks more: a spike beside an infinity is seen too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import isfinite, isinf
from typing import Any

from msgspec import Struct

from millstream.formats.segments import HIGHEST, LAST, LOWEST, UNDEFINED, Digest
from millstream.formats.stretches import Stretch

STEP, TIME = 0, 1


class View(Struct, frozen=True):
    """A chart `width` pixels wide whose x, the step or the time of points, goes from `low` to `high`."""

    x: int
    low: int
    high: int
    width: int

    def marks(self, made: Digest) -> tuple[Any, ...]:
        """The marks of a digest in the order of x."""
        return made.by_time if self.x == TIME else made.by_step

    def columns(self, digests: Iterable[Digest]) -> Iterator[int | None]:
        """For each digest the one column that all of its points are in; -1 when none is inside.

        None when the points must be read: they are in several columns, or only some are inside, or an extreme is
        infinite, so that the digest does not say how far the other points go.
        """
        x, low, high, width, span = self.x, self.low, self.high, self.width, self.high - self.low + 1
        for made in digests:
            marks = made.by_time if x == TIME else made.by_step
            first, last = marks[x], marks[LAST + x]
            if last < low or first > high:
                yield -1
            elif first < low or last > high:
                yield None
            else:
                column = (first - low) * width // span
                whole = (last - low) * width // span == column
                yield column if whole and not _is_infinite(marks) else None


class Drawing:
    """What is in each pixel column so far. Parts of a series are added in the order they were written."""

    def __init__(self, view: View) -> None:
        """Nothing yet."""
        self.view = view
        self._columns: dict[int, list[Any]] = {}
        self._finite: dict[int, list[Any]] = {}

    def add_digest(self, column: int, made: Digest) -> None:
        """Add points that are all in `column`."""
        self._merge(column, made.count, made.nan_count, self.view.marks(made))

    def add(self, stretch: Stretch) -> None:
        """Add those of the points that are inside."""
        view = self.view
        x, low, width, span = view.x, view.low, view.width, view.high - view.low + 1
        start, stop = stretch.inside(x, low, view.high)
        while start < stop:
            column = (stretch.at(x, start) - low) * width // span
            after = stretch.place(x, low - (-(column + 1) * span // width), start + 1)
            if after > stop:
                after = stop
            nan_count, marks = stretch.part(start, after)
            self._merge(column, after - start, nan_count, marks)
            if _is_infinite(marks):
                self._note(column, stretch.finite(start, after))
            start = after

    def columns(self) -> list[tuple[int, list[Any]]]:
        """(pixel column, [count, NaN count, 15 numbers]) of each column that is not empty, from the left.

        With an infinite extreme, and other numbers than that, 21 numbers.
        """
        for column, finite in self._finite.items():
            self._columns[column] += finite
        self._finite = {}
        return sorted(self._columns.items())

    def _merge(self, column: int, count: int, nan_count: int, marks: Sequence[Any]) -> None:
        known = self._columns.get(column)
        if known is None:
            self._columns[column] = [count, nan_count, *marks]
            return
        if _is_infinite(marks) or isinf(known[10]) or isinf(known[13]):
            # The extremes that the infinite ones stand before, or will.
            self._note(column, _finite_of(known[2:]))
            self._note(column, _finite_of(marks))
        x = self.view.x
        if marks[x] < known[2 + x]:
            known[2:5] = marks[:3]
        if marks[LAST + x] >= known[5 + x]:
            known[5:8] = marks[3:6]
        if nan_count < count:
            empty = known[1] == known[0]
            low, most = marks[LOWEST + 2], known[10]
            if empty or low < most or (low == most and marks[LOWEST + x] < known[8 + x]):
                known[8:11] = marks[6:9]
            high, most = marks[HIGHEST + 2], known[13]
            if empty or high > most or (high == most and marks[HIGHEST + x] < known[11 + x]):
                known[11:14] = marks[9:12]
        if nan_count and (not known[1] or marks[UNDEFINED + x] < known[14 + x]):
            known[14:17] = marks[12:15]
        known[0] += count
        known[1] += nan_count

    def _note(self, column: int, finite: Sequence[Any]) -> None:
        """Take in the lowest and highest of some numbers of a column: two marks, or none."""
        if not finite:
            return
        known = self._finite.setdefault(column, list(finite))
        x = self.view.x
        if (finite[2], finite[x]) < (known[2], known[x]):
            known[:3] = finite[:3]
        if (-finite[5], finite[3 + x]) < (-known[5], known[3 + x]):
            known[3:] = finite[3:6]


def _is_infinite(marks: Sequence[Any]) -> bool:
    return isinf(marks[LOWEST + 2]) or isinf(marks[HIGHEST + 2])


def _finite_of(marks: Sequence[Any]) -> tuple[Any, ...]:
    """The lowest and the highest mark where they are no infinities; one of them twice; nothing where both are."""
    found = [marks[place : place + 3] for place in (LOWEST, HIGHEST) if isfinite(marks[place + 2])]
    return (*found[0], *found[-1]) if found else ()
