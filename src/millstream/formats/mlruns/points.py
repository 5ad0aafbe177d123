"""Metric files: one line a point, ``<timestamp> <value> <step>``, appended.

Also read: two fields (MLflow 1.0, step 0) and five (with a dataset's name and digest). A last line without
its newline was cut off while it was written and is not a point yet.
"""

from __future__ import annotations

import math
from functools import reduce
from operator import add

from msgspec import Struct

from millstream.values.entities import Metric

INT64 = 2**63

# A line of three fields without all that is no white space.
_SEPARATORS = b"  \n"
_BLACK = bytes(set(range(256)).difference(b" \t\n\v\f\r"))


def format_point(timestamp: int, value: float, step: int, dataset: str = "") -> bytes:
    """One line, the value in Python's shortest exact form (``0.5``, ``nan``, ``inf``).

    `dataset` is empty, or a space, a dataset's name, a space and its digest.
    """
    return f"{timestamp} {value!r} {step}{dataset}\n".encode()


class Chunk(Struct):
    """Points parsed from a stretch of a metric file.

    `size` is how many bytes were complete lines; `bad` counts lines that are not points.
    """

    points: list[tuple[int, float, int]]
    size: int
    bad: int


def parse_points(data: bytes) -> Chunk:
    """Parse complete lines of `data` into (timestamp, value, step); what follows the last newline is left."""
    end = data.rfind(b"\n") + 1
    data = data[:end]
    points = _parse_plain(data)
    bad = 0
    if points is None:
        points, bad = _parse_lines(data)
    return Chunk(points, end, bad)


def _parse_plain(data: bytes) -> list[tuple[int, float, int]] | None:
    """The points of lines that all have three good fields, at once; None of any other text."""
    fields = data.split()
    count = len(fields) // 3
    if 3 * count != len(fields) or data.translate(None, _BLACK) != _SEPARATORS * count:
        return None
    try:
        times, steps = list(map(int, fields[::3])), list(map(int, fields[2::3]))
        if fields and not (min(min(times), min(steps)) >= -INT64 and max(max(times), max(steps)) < INT64):
            return None
        return list(zip(times, map(float, fields[1::3]), steps, strict=True))
    except ValueError:
        return None


def _parse_lines(data: bytes) -> tuple[list[tuple[int, float, int]], int]:
    points: list[tuple[int, float, int]] = []
    bad = 0
    for line in data.split(b"\n")[:-1]:
        fields = line.split()
        try:
            if len(fields) == 3 or len(fields) == 5:
                point = (int(fields[0]), float(fields[1]), int(fields[2]))
            elif len(fields) == 2:
                point = (int(fields[0]), float(fields[1]), 0)
            elif not fields:
                continue
            else:
                raise ValueError
            if not (-INT64 <= point[0] < INT64 and -INT64 <= point[2] < INT64):
                raise ValueError
        except ValueError:
            bad += 1
            continue
        points.append(point)
    return points, bad


class Summary(Struct):
    """What one series of points comes down to.

    `first_*` is the first written point of the lowest step, `last_*` the last written of the highest.
    """

    count: int = 0
    nan_count: int = 0
    total: float = 0.0
    last_value: float = math.nan
    last_step: int = 0
    last_time: int = 0
    first_value: float = math.nan
    first_step: int = 0
    min_value: float | None = None
    max_value: float | None = None

    def add(self, points: list[tuple[int, float, int]]) -> None:
        """Take `points` (timestamp, value, step), which were written after all others, into account."""
        if not points:
            return
        times, values, steps = zip(*points, strict=True)
        highest = max(steps)
        if self.count == 0 or highest >= self.last_step:
            last = len(steps) - 1 - steps[::-1].index(highest)
            self.last_step, self.last_time, self.last_value = highest, times[last], values[last]
        lowest = min(steps)
        if self.count == 0 or lowest < self.first_step:
            self.first_step, self.first_value = lowest, values[steps.index(lowest)]
        self.count += len(points)
        # Added up one after the other: `sum` would round differently for a series that is read in pieces.
        total = reduce(add, values, self.total)
        if total != total:
            numbers = [value for value in values if value == value]
            self.nan_count += len(values) - len(numbers)
            values, total = tuple(numbers), reduce(add, numbers, self.total)
        self.total = total
        if values:
            low, high = min(values), max(values)
            self.min_value = low if self.min_value is None or low < self.min_value else self.min_value
            self.max_value = high if self.max_value is None or high > self.max_value else self.max_value


def to_metric(key: str, point: tuple[int, float, int], run_id: str | None = None) -> Metric:
    """The entity for a parsed point."""
    return Metric(key, point[1], point[0], point[2], run_id)
