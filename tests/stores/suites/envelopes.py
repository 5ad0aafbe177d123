"""What every store does when a series is drawn: exact at every zoom, hiding nothing, reading little."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.stores.base import Store
from millstream.values import queries
from millstream.values.errors import InvalidValue, NotFound
from tests.stores.calls import T0, covers, log, new_run

INT64_MAX = 2**63 - 1
# step, value, time
Point = tuple[int, float, int]

_steps = st.integers(-40, 40) | st.integers(-INT64_MAX - 1, INT64_MAX)
_times = st.integers(0, 60) | st.integers(0, INT64_MAX)
_values = st.floats(allow_nan=True, allow_infinity=True) | st.sampled_from([0.0, -0.0, 1.0, math.nan, math.inf])
_random = st.lists(st.tuples(_steps, _values, _times), max_size=90)
_growing = st.lists(st.tuples(st.integers(0, 3), _values, st.integers(0, 5)), max_size=90)


def growing(gaps: Sequence[Point]) -> list[Point]:
    """Points whose steps and times never fall."""
    found: list[Point] = []
    step, time = -7, T0
    for add_step, value, add_time in gaps:
        step, time = step + add_step, time + add_time
        found.append((step, value, time))
    return found


series = _random | _growing.map(growing)
bound = st.none() | st.integers(-50, 80) | st.integers(-INT64_MAX - 1, INT64_MAX)
axis = st.sampled_from(["step", "time", "relative"])


def expected(points: Sequence[Point], query: queries.MetricEnvelope, origin: int) -> dict[str, Any]:
    """The columns of an envelope, by looking at every point."""
    xs = [point[0] if query.x == "step" else point[2] - origin * (query.x == "relative") for point in points]
    low = query.low if query.low is not None else min(xs, default=None)
    high = query.high if query.high is not None else max(xs, default=None)
    cells: dict[int, list[tuple[int, int, float]]] = {}
    for order, (x, point) in enumerate(zip(xs, points, strict=True)):
        if low is not None and high is not None and low <= x <= high:
            column = (x - low) * query.width // (high - low + 1)
            cells.setdefault(column, []).append((x, order, point[1]))
    rows = []
    for column, cell in sorted(cells.items()):
        cell.sort(key=lambda item: item[:2])
        numbers = [item for item in cell if not math.isnan(item[2])]
        least = min(numbers, key=lambda item: item[2], default=(None, 0, None))
        most = max(numbers, key=lambda item: item[2], default=(None, 0, None))
        first, last = cell[0], cell[-1]
        ends = (first[0], first[2], last[0], last[2])
        rows.append((column, len(cell), len(cell) - len(numbers), *ends, least[0], least[2], most[0], most[2]))
    names = ("column", "count", "nan_count", "first_x", "first", "last_x", "last", "min_x", "min", "max_x", "max")
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    return {"low": low, "high": high} | {name: repr(list(cell)) for name, cell in zip(names, columns, strict=True)}


def found(envelope: queries.Envelope) -> dict[str, Any]:
    fields = {name: getattr(envelope, name) for name in envelope.__struct_fields__}
    return {name: repr(value) if isinstance(value, list) else value for name, value in fields.items()}


class EnvelopeSuite:
    @covers(queries.MetricEnvelope)
    def test_an_envelope_is_what_looking_at_every_point_says(self, store: Store, small_parts: None) -> None:
        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(series, st.lists(st.tuples(axis, bound, bound, st.integers(1, 40)), min_size=1, max_size=4), st.data())
        def check(points: list[Point], views: list[tuple[str, Any, Any, int]], data: st.DataObject) -> None:
            origin = T0 - 3
            run = new_run(store, start_time=origin)
            cut = data.draw(st.integers(0, len(points)))
            for part in (points[:cut], points[cut:]):
                log(store, run, [("m", value, step, time) for step, value, time in part])
            for x, low, high, width in views:
                if low is not None and high is not None and low > high:
                    low, high = high, low
                query = queries.MetricEnvelope(run_id=run, key="m", x=x, low=low, high=high, width=width)
                answer = found(store.read(query))
                assert {name: answer[name] for name in expected([], query, 0)} == expected(points, query, origin)
            log(store, run, [("m", math.inf, 5, T0)])
            query = queries.MetricEnvelope(run_id=run, key="m", width=3)
            again = found(store.read(query))
            assert {name: again[name] for name in expected([], query, 0)} == expected(
                [*points, (5, math.inf, T0)], query, origin
            )

        check()

    @pytest.mark.parametrize("axes", [("step", "time"), ("time", "step")])
    def test_a_look_by_time_does_not_take_the_order_by_step(
        self, store: Store, small_parts: None, axes: tuple[str, str]
    ) -> None:
        points = [(0, 0.0, T0 + 1), (-1, 0.0, T0), (0, 0.0, T0), (0, 0.0, T0), (0, 1.0, T0), (2, 0.0, T0 + 1)]
        points.append((5, math.inf, T0))
        run = new_run(store, start_time=T0)
        log(store, run, [("m", value, step, time) for step, value, time in points[:6]])
        log(store, run, [("m", value, step, time) for step, value, time in points[6:]])
        for axis in axes:
            query = queries.MetricEnvelope(run_id=run, key="m", x=axis, width=3)
            answer = found(store.read(query))
            assert {name: answer[name] for name in expected([], query, 0)} == expected(points, query, T0)

    def test_a_spike_and_a_nan_are_seen_at_every_zoom(self, store: Store, small_parts: None) -> None:
        run = new_run(store)
        values = [math.sin(step / 9) for step in range(2000)]
        values[777], values[1234] = 1e9, math.nan
        log(store, run, [("m", value, step, T0 + step) for step, value in enumerate(values)])
        for width in (1, 2, 3, 7, 64, 500, 2000):
            for low, high in ((None, None), (0, 1999), (700, 1300), (777, 1234), (0, 10**12), (-(2**63), INT64_MAX)):
                envelope = store.read(queries.MetricEnvelope(run_id=run, key="m", low=low, high=high, width=width))
                assert max(value for value in envelope.max if value is not None) == 1e9
                assert envelope.max_x[envelope.max.index(1e9)] == 777
                assert sum(envelope.nan_count) == 1
                assert envelope.column == sorted(set(envelope.column))
                assert max(envelope.column) < width
        for limit in (1, 5, 50, 1000):
            points = store.read(queries.SampledHistories(run_ids=(run,), key="m", max_results=limit))
            assert len(points) <= limit
            assert points[-1].step == 1999
            if limit >= 5:
                assert {0, 777, 1234, 1999} <= {point.step for point in points}
                assert [point.step for point in points] == sorted(point.step for point in points)

    def test_an_envelope_of_nothing(self, store: Store) -> None:
        run = new_run(store)
        empty = store.read(queries.MetricEnvelope(run_id=run, key="m"))
        assert (empty.low, empty.high, empty.column, empty.max) == (None, None, [], [])
        assert store.read(queries.MetricEnvelope(run_id=run, key="m", low=1, high=2)).low == 1
        log(store, run, [("m", 1.0, 5)])
        assert store.read(queries.MetricEnvelope(run_id=run, key="m", low=6)).column == []
        one = store.read(queries.MetricEnvelope(run_id=run, key="m", width=10))
        assert (one.low, one.high, one.column, one.first, one.max_x) == (5, 5, [0], [1.0], [5])
        with pytest.raises(NotFound):
            store.read(queries.MetricEnvelope(run_id="0" * 32, key="m"))

    @pytest.mark.parametrize(
        "fields",
        [
            {"x": "wall"},
            {"width": 0},
            {"width": -1},
            {"width": 10**9},
            {"low": 2, "high": 1},
            {"low": 2**63},
            {"high": 1.5},
            {"key": ""},
        ],
    )
    def test_an_envelope_that_cannot_be_drawn(self, store: Store, fields: dict[str, Any]) -> None:
        run = new_run(store)
        with pytest.raises(InvalidValue):
            store.read(queries.MetricEnvelope(**{"run_id": run, "key": "m", **fields}))

    def test_only_what_reaches_over_an_edge_is_read(
        self, store: Store, small_parts: None, reads: Callable[[], int]
    ) -> None:
        run = new_run(store)
        for first in range(0, 3000, 500):
            log(store, run, [("m", float(step), step, T0 + step) for step in range(first, first + 500)])
        store.read(queries.MetricEnvelope(run_id=run, key="m", width=1))
        before = reads()
        store.read(queries.MetricEnvelope(run_id=run, key="m", low=-10, high=10_000, width=1))
        assert reads() == before
        store.read(queries.MetricEnvelope(run_id=run, key="m", width=4))
        assert reads() - before <= 4
        before = reads()
        store.read(queries.MetricEnvelope(run_id=run, key="m", low=1500, high=1515, width=16))
        narrow = reads() - before
        assert 1 <= narrow <= 6
        store.read(queries.MetricEnvelope(run_id=run, key="m", low=1500, high=1515, width=8))
        assert reads() - before == narrow
        before = reads()
        points = store.read(queries.MetricHistories(run_ids=(run,), key="m", max_results=10))
        assert [point.step for point in points] == list(range(10))
        assert reads() - before <= 5
        before = reads()
        store.read(queries.SampledHistories(run_ids=(run,), key="m", max_results=25))
        assert reads() - before <= 6
