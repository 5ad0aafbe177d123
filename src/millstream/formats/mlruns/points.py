"""Metric files: one line a point, ``<timestamp> <value> <step>``, appended.

Also read: two fields (MLflow 1.0, step 0) and five (with a dataset's name and digest). A last line without
its newline was cut off while it was written and is not a point yet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import reduce
from operator import add

from msgspec import Struct, field

from millstream.formats.sources import source_text
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

    `size` is how many bytes were complete lines; `bad` counts lines that are not points; `sources` has, by place,
    what points say besides their value (`formats/sources`).
    """

    points: list[tuple[int, float, int]]
    size: int
    bad: int
    sources: dict[int, str] = field(default_factory=dict)


def parse_points(data: bytes) -> Chunk:
    """Parse complete lines of `data` into (timestamp, value, step); what follows the last newline is left."""
    end = data.rfind(b"\n") + 1
    data = data[:end]
    points = _parse_plain(data)
    return _parse_lines(data) if points is None else Chunk(points, end, 0)


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


def _parse_lines(data: bytes) -> Chunk:
    chunk = Chunk([], len(data), 0)
    for line in data.split(b"\n")[:-1]:
        try:
            point = parse_line(line)
        except ValueError:
            chunk.bad += 1
            continue
        if point is not None:
            if len(point) == 5:
                chunk.sources[len(chunk.points)] = source_text(None, *point[3:])
            chunk.points.append(point[:3])
    return chunk


def parse_line(line: bytes) -> tuple[int, float, int] | tuple[int, float, int, str, str] | None:
    """(timestamp, value, step) and, where they are given, a dataset's name and digest.

    None for a line without anything; ValueError for one that is not a point.
    """
    fields = line.split()
    if len(fields) == 3 or len(fields) == 5:
        point = (int(fields[0]), float(fields[1]), int(fields[2]))
    elif len(fields) == 2:
        point = (int(fields[0]), float(fields[1]), 0)
    elif not fields:
        return None
    else:
        raise ValueError
    if not (-INT64 <= point[0] < INT64 and -INT64 <= point[2] < INT64):
        raise ValueError
    if len(fields) == 5:
        return (*point, fields[3].decode(errors="replace"), fields[4].decode(errors="replace"))
    return point


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
    last_source: str | None = None

    def add(self, points: Sequence[tuple[int, float, int]]) -> None:
        """Take `points` (timestamp, value, step), which were written after all others, into account."""
        self.add_sourced(points, {})

    def add_sourced(self, points: Sequence[tuple[int, float, int]], sources: Mapping[int, str]) -> None:
        """As `add`; those at the places `sources` have a source."""
        if points:
            times, values, steps = zip(*points, strict=True)
            self.add_columns(times, values, steps, sources)

    def add_columns(
        self, times: Sequence[int], values: Sequence[float], steps: Sequence[int], sources: Mapping[int, str]
    ) -> None:
        """As `add_sourced`, for points, at least one, that come as columns."""
        highest = max(steps)
        if self.count == 0 or highest >= self.last_step:
            last = len(steps) - 1 - steps[::-1].index(highest)
            self.last_step, self.last_time, self.last_value = highest, times[last], values[last]
            self.last_source = sources.get(last)
        lowest = min(steps)
        if self.count == 0 or lowest < self.first_step:
            self.first_step, self.first_value = lowest, values[steps.index(lowest)]
        self.count += len(values)
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
