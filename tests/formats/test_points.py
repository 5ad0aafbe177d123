"""Thinning a series for a chart hides nothing that could be seen."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.points import thin
from millstream.values.entities import Metric

VALUES = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(st.integers(-50, 50), st.integers(0, 9), VALUES), max_size=200)


def metrics(points: list[tuple[int, int, float]]) -> list[Metric]:
    return [Metric("m", value, time, step) for step, time, value in points]


@given(POINTS, st.integers(1, 60))
def test_a_sample_is_short_ordered_and_made_of_points_of_the_series(
    points: list[tuple[int, int, float]], limit: int
) -> None:
    series = metrics(points)
    found = thin(series, limit)
    assert len(found) <= limit
    assert all(any(point is known for known in series) for point in found)
    order = [(point.step, point.timestamp) for point in found]
    assert order == sorted(order)
    if len(series) <= limit:
        assert len(found) == len(series)


@given(POINTS, st.integers(5, 60))
def test_a_sample_has_the_ends_the_extremes_and_a_nan(points: list[tuple[int, int, float]], limit: int) -> None:
    series = metrics(points)
    if not series:
        return
    found = thin(series, limit)
    ordered = sorted(series, key=lambda point: (point.step, point.timestamp))
    assert found[0] is ordered[0]
    assert found[-1] is ordered[-1]
    values = [point.value for point in found]
    numbers = [point.value for point in series if not math.isnan(point.value)]
    if numbers:
        assert min(numbers) in values
        assert max(numbers) in values
    assert any(map(math.isnan, values)) == (len(numbers) < len(series))


def test_every_bucket_keeps_its_peak() -> None:
    series = metrics([(step, 0, 100.0 if step % 100 == 37 else 0.0) for step in range(1000)])
    kept = {point.step for point in thin(series, 50)}
    assert {step for step in range(1000) if step % 100 == 37} <= kept


def test_very_few_places_go_to_the_last_points() -> None:
    series = metrics([(step, 0, 0.0) for step in range(100)])
    assert [point.step for point in thin(series, 2)] == [98, 99]
