"""Thinning a long series for a chart without hiding anything: every bucket keeps its first, last, lowest, highest."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.values.entities import Metric


def thin(points: Sequence[Metric], limit: int) -> list[Metric]:
    """At most `limit` (≥ 1) of `points`, in order of (step, time).

    Every bucket keeps its first, last, minimum, maximum and a NaN; buckets hold equally many points. With fewer
    than `limit` points all are returned. A bucket needs up to five places, so a `limit` below 5 keeps the last points.
    """
    ordered = sorted(points, key=lambda point: (point.step, point.timestamp))
    if len(ordered) <= limit:
        return ordered
    buckets = limit // 5
    if buckets == 0:
        return ordered[-limit:]
    kept: list[Metric] = []
    for number in range(buckets):
        start = number * len(ordered) // buckets
        stop = (number + 1) * len(ordered) // buckets
        kept.extend(ordered[index] for index in _telling(ordered, start, stop))
    return kept


def _telling(points: Sequence[Metric], start: int, stop: int) -> list[int]:
    lowest = highest = undefined = None
    for index in range(start, stop):
        value = points[index].value
        if value != value:
            undefined = index if undefined is None else undefined
            continue
        if lowest is None or value < points[lowest].value:
            lowest = index
        if highest is None or value > points[highest].value:
            highest = index
    return sorted({start, stop - 1, *(index for index in (lowest, highest, undefined) if index is not None)})
