"""What every store draws as lines."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.stores.base import Store
from millstream.values import names, queries
from millstream.values.errors import InvalidValue, NotFound
from tests.stores.calls import T0, covers, log, new_run
from tests.stores.suites.envelopes import Point, axis, series

bound = st.none() | st.integers(-50, 80)


def expected(points: list[Point], query: queries.MetricCurves, origin: int) -> list[tuple[int, float]] | None:
    """The points of a line that is whole, by looking at every point."""
    since = query.since[0] if query.since else None
    at = [(point[0] if query.x == "step" else point[2] - origin, point[1]) for point in points]
    at.sort(key=lambda point: point[0])
    low = min(x for x, _ in at) if query.low is None else query.low
    high = max(x for x, _ in at) if query.high is None else query.high
    if since is not None:
        return [(x, y) for x, y in at if max(low, since) <= x <= high]
    before = [point for point in at if point[0] < low][-1:]
    # Of several there the one that was written first.
    after = [point for point in at if point[0] > high][:1]
    return before + [(x, y) for x, y in at if low <= x <= high] + after


def shown(curve: queries.Curve) -> str:
    return repr(list(zip(curve.x, (float(value) for value in curve.y), strict=True)))


class CurveSuite:
    @covers(queries.MetricCurves)
    def test_a_short_line_is_all_of_its_points(self, store: Store, small_parts: None) -> None:
        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(series.filter(bool), st.lists(st.tuples(axis, bound, bound, bound), min_size=1, max_size=4), st.data())
        def check(points: list[Point], views: list[Any], data: st.DataObject) -> None:
            origin = T0 - 3
            run, other = new_run(store, start_time=origin), new_run(store)
            cut = data.draw(st.integers(0, len(points)))
            for part in (points[:cut], points[cut:]):
                log(store, run, [("m", value, step, time) for step, value, time in part])
            log(store, other, [("m", 1.0, 0), ("n", 2.0, 0)])
            for x, low, high, since in views:
                if low is not None and high is not None and low > high:
                    low, high = high, low
                query = queries.MetricCurves(
                    run_ids=(run,), keys=("m",), x=x, low=low, high=high, since=() if since is None else (since,)
                )
                wanted = expected(points, query, origin * (x == "relative"))
                assert [shown(curve) for curve in store.read(query)] == ([repr(wanted)] if wanted else [])

        check()

    def test_a_spike_and_a_nan_are_in_the_line_at_every_zoom(self, store: Store, small_parts: None) -> None:
        run = new_run(store)
        values = [math.sin(step / 9) for step in range(2000)]
        values[777], values[1234] = 1e9, math.nan
        log(store, run, [("m", value, step, T0 + step) for step, value in enumerate(values)])
        for width in (1, 2, 7, 64, 500):
            for low, high in ((None, None), (0, 1999), (700, 1300), (777, 1234), (0, 10**12)):
                query = queries.MetricCurves(run_ids=(run,), keys=("m",), low=low, high=high, width=width)
                (curve,) = store.read(query)
                assert curve.whole == (curve.count <= 4 * width)
                assert len(curve.x) <= (curve.count if curve.whole else 5 * width) + 2
                points = list(zip(curve.x, curve.y, strict=True))
                assert (777, 1e9) in points
                assert [x for x, y in points if math.isnan(y)] == [1234]
                assert (curve.nan_count, list(curve.x)) == (1, sorted(curve.x))
                inside = [x for x, _ in points if (low or 0) <= x <= (1999 if high is None else high)]
                assert (inside[0], inside[-1]) == (low or 0, min(1999, 1999 if high is None else high))

    def test_beside_infinities_the_farthest_numbers_are_in_the_line(self, store: Store, small_parts: None) -> None:
        run = new_run(store)
        values = [math.sin(step / 9) for step in range(2000)]
        values[776], values[777], values[778] = math.inf, 1e9, -math.inf
        values[900], values[1500], values[1501] = -1e9, math.inf, math.nan
        for start in (0, 700, 1400):  # a part that has an infinity, and one that has none, come to one column
            stop = min(start + 700, 2000)
            log(store, run, [("m", values[step], step, T0 + step) for step in range(start, stop)])
        for width in (1, 2, 7, 64, 500):
            for low, high in ((None, None), (0, 1999), (700, 1300), (770, 905)):
                query = queries.MetricCurves(run_ids=(run,), keys=("m",), low=low, high=high, width=width)
                (curve,) = store.read(query)
                points = list(zip(curve.x, curve.y, strict=True))
                assert {(776, math.inf), (777, 1e9), (778, -math.inf), (900, -1e9)} <= set(points)
                assert list(curve.x) == sorted(curve.x)
                assert curve.whole or len(points) <= 7 * width + 2
        only = new_run(store)
        log(store, only, [("m", math.inf if step % 2 else -math.inf, step) for step in range(100)])
        (curve,) = store.read(queries.MetricCurves(run_ids=(only,), keys=("m",), width=2))
        assert {abs(value) for value in curve.y} == {math.inf}

    def test_lines_of_many(self, store: Store) -> None:
        runs = [new_run(store) for _ in range(3)]
        for place, run in enumerate(runs[:2]):
            log(store, run, [(key, float(place), step) for key in ("가/나", "b") for step in (1, 2)])
        found = store.read(queries.MetricCurves(run_ids=tuple(runs), keys=("b", "none", "가/나", "b")))
        assert [(curve.run_id, curve.key) for curve in found] == [
            (run, key) for run in runs[:2] for key in ("b", "가/나")
        ]
        query = queries.MetricCurves(run_ids=tuple(runs[:2]), keys=("b",), since=(2, None))
        assert [list(curve.x) for curve in store.read(query)] == [[2], [1, 2]]
        log(store, runs[0], [("b", 9.0, 3)])
        assert [list(curve.x) for curve in store.read(query)] == [[2, 3], [1, 2]]

    def test_lines_that_cannot_be(self, store: Store) -> None:
        run = new_run(store)
        with pytest.raises(NotFound):
            store.read(queries.MetricCurves(run_ids=(names.new_run_id(),), keys=("m",)))
        for wrong in ({"x": "epoch"}, {"width": 0}, {"low": 2, "high": 1}, {"since": (1, 2)}, {"keys": ("../m",)}):
            with pytest.raises(InvalidValue):
                store.read(queries.MetricCurves(**{"run_ids": (run,), "keys": ("m",), **wrong}))
