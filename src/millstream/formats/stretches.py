"""Points of one segment in the order of x, kept small, with what is needed to find extremes of any part quickly."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from millstream.formats.segments import Columns, by, is_ordered, nan_places

# The extremes of so many points are looked up, those of fewer are searched for.
BLOCK = 64
_TYPES = ((8, "B"), (16, "H"), (32, "I"))


class Stretch:
    """Points in the order of x, equals as written. Immutable; `size` is its memory in bytes.

    Where `x` is named it is 0 for steps and 1 for times. Points whose steps and times are both in order are one stretch
    for both.
    """

    __slots__ = (
        "_bases",
        "_high_blocks",
        "_highest",
        "_highs",
        "_low_blocks",
        "_lowest",
        "_lows",
        "_nans",
        "_offsets",
        "_values",
        "size",
    )

    def __init__(self, columns: Columns, x: int) -> None:
        """Take over `columns`, at least one point, and bring them into the order of `x`."""
        values, axes = columns.values, (columns.steps, columns.times)
        if not is_ordered(axes[x]):
            order = by(axes[x])
            values = [values[place] for place in order]
            axes = ([axes[0][place] for place in order], [axes[1][place] for place in order])
        packed = [_packed(axis) for axis in axes]
        self._bases = (packed[0][0], packed[1][0])
        self._offsets = (packed[0][1], packed[1][1])
        self._values: array[float] = values if isinstance(values, array) else array("d", values)
        self._nans = nan_places(self._values)
        self._lows = self._without_nan(math.inf)
        self._highs = self._without_nan(-math.inf)
        starts = range(0, len(values), BLOCK)
        self._low_blocks = tuple([min(self._lows[start : start + BLOCK]) for start in starts])
        self._high_blocks = tuple([max(self._highs[start : start + BLOCK]) for start in starts])
        self._lowest = self._highest = -1
        if len(self._nans) < len(values):
            self._lowest = self._find(min, self._lows, self._low_blocks, 0, len(values))
            self._highest = self._find(max, self._highs, self._high_blocks, 0, len(values))
        columns_size = sum(_size(column) for column in (*self._offsets, self._values))
        extra = 16 * len(self._values) + 32 * len(self._nans) if self._nans else 0
        self.size = 1000 + columns_size + extra + 64 * len(self._low_blocks)

    def __len__(self) -> int:
        """How many points."""
        return len(self._values)

    def place(self, x: int, bound: int, start: int = 0) -> int:
        """The first place from `start` on whose x is at least `bound`."""
        offsets = self._offsets[x]
        if isinstance(offsets, range) and offsets.step > 0:
            place = -((offsets.start - bound) // offsets.step)
            return max(start, min(place, len(offsets)))
        return bisect_left(offsets, bound - self._bases[x], start)

    def inside(self, x: int, low: int, high: int) -> tuple[int, int]:
        """The places from the first to after the last point whose x is in [low, high]."""
        length = len(self._values)
        start = 0 if self.at(x, 0) >= low else self.place(x, low)
        stop = length if self.at(x, length - 1) <= high else self.place(x, high + 1)
        return start, stop

    def at(self, x: int, place: int) -> int:
        """The x of a point."""
        return self._bases[x] + self._offsets[x][place]

    def cut(self, x: int, start: int, stop: int) -> tuple[Sequence[int], array[float]]:
        """x and values of the points from `start` to before `stop`."""
        base, offsets = self._bases[x], self._offsets[x][start:stop]
        if isinstance(offsets, range):
            return range(base + offsets.start, base + offsets.stop, offsets.step), self._values[start:stop]
        return array("q", map(base.__add__, offsets)) if base else offsets, self._values[start:stop]

    def part(self, start: int, stop: int) -> tuple[int, tuple[Any, ...]]:
        """NaN count and the 15 numbers of the marks of the points from `start` to before `stop`, at least one."""
        nans = self._nans
        undefined, nan_count = start, 0
        if nans:
            first = bisect_left(nans, start)
            nan_count = bisect_left(nans, stop, first) - first
            undefined = nans[first] if nan_count else start
        lowest, highest = self._lowest, self._highest
        if stop - start == 1 or nan_count == stop - start:
            lowest = highest = start
        else:
            # What is extreme among all is extreme in the part that it is in.
            if not start <= lowest < stop:
                lowest = self._find(min, self._lows, self._low_blocks, start, stop)
            if not start <= highest < stop:
                highest = self._find(max, self._highs, self._high_blocks, start, stop)
        (step, time), (steps, times), values = self._bases, self._offsets, self._values
        last = stop - 1
        return nan_count, (
            step + steps[start], time + times[start], values[start],
            step + steps[last], time + times[last], values[last],
            step + steps[lowest], time + times[lowest], values[lowest],
            step + steps[highest], time + times[highest], values[highest],
            step + steps[undefined], time + times[undefined], values[undefined],
        )  # fmt: skip

    def finite(self, start: int, stop: int) -> tuple[Any, ...]:
        """The marks of the lowest and highest of the finite values from `start` to before `stop`, if there are any."""
        values = self._values
        places = [place for place in range(start, stop) if math.isfinite(values[place])]
        if not places:
            return ()
        (step, time), (steps, times) = self._bases, self._offsets
        ends = min(places, key=values.__getitem__), max(places, key=values.__getitem__)
        return tuple(number for at in ends for number in (step + steps[at], time + times[at], values[at]))

    def _find(self, extreme: Any, numbers: Any, blocks: tuple[float, ...], start: int, stop: int) -> int:
        """The first place of the lowest (or highest) value; `numbers` has another extreme for NaN."""
        first, last = -(-start // BLOCK), stop // BLOCK
        if first >= last:
            return self._values.index(extreme(numbers[start:stop]), start, stop)
        inner = blocks[first:last]
        most = extreme(inner)
        head, tail = first * BLOCK, last * BLOCK
        places = head, tail
        if start < head:
            edge = extreme(numbers[start:head])
            # Of two alike the first is taken.
            if extreme(edge, most) == edge:
                most, places = edge, (start, head)
        if tail < stop:
            edge = extreme(numbers[tail:stop])
            if extreme(most, edge) != most:
                most, places = edge, (tail, stop)
        if self._nans and math.isinf(most):
            # What stands in for NaN looks alike, and is not there.
            return self._values.index(most, start, stop)
        if places[0] == head and places[1] == tail:
            block = BLOCK * (first + inner.index(most))
            places = block, block + BLOCK
        return self._values.index(most, *places)

    def _without_nan(self, stand_in: float) -> Sequence[float]:
        if not self._nans:
            return self._values
        numbers = array("d", self._values)
        for place in self._nans:
            numbers[place] = stand_in
        return numbers


def _packed(numbers: Sequence[int]) -> tuple[int, Sequence[int]]:
    """A number and what each of `numbers` is more than it, in as few bytes as will do."""
    if isinstance(numbers, range):
        return 0, numbers
    first = numbers[0]
    delta = numbers[1] - first if len(numbers) > 1 else 1
    even = range(first, first + delta * len(numbers), delta) if delta else None
    if even is not None and numbers[-1] == even[-1] and list(numbers) == list(even):
        return 0, even
    base, top = min(numbers), max(numbers)
    for bits, code in _TYPES:
        if top - base < 1 << bits:
            return base, array(code, map((-base).__add__, numbers))
    return 0, array("q", numbers)


def _size(column: Sequence[Any]) -> int:
    return column.itemsize * len(column) if isinstance(column, array) else 50
