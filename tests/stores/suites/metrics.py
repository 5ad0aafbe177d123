"""What every store does with points."""

from __future__ import annotations

import math

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.entities import Metric
from millstream.values.errors import InvalidValue
from tests.stores.calls import T0, covers, get, history, log, new_run, search

INT64_MAX = 2**63 - 1


class MetricSuite:
    @covers(queries.MetricHistory)
    def test_a_history_is_in_the_order_it_was_written(self, store: Store) -> None:
        run = new_run(store)
        points = [(2, 0.5, T0 + 9), (1, 0.25, T0), (2, 0.5, T0 + 9), (-3, 1e-300, T0 + 1), (0, 5e-324, 0)]
        log(store, run, [("m", value, step, time) for step, value, time in points[:2]])
        for step, value, time in points[2:]:
            log(store, run, [("m", value, step, time)])
        assert history(store, run, "m") == points
        assert history(store, run, "nothing") == []

    def test_a_history_comes_in_pages(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, [("m", float(step), step) for step in range(7)])
        seen: list[float] = []
        token = None
        sizes = []
        while True:
            page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=3, page_token=token))
            sizes.append(len(page))
            seen += [point.value for point in page]
            token = page.token
            if token is None:
                break
        assert (seen, sizes) == ([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [3, 3, 1])
        for bad in ({"max_results": 0}, {"max_results": -1}, {"max_results": 3, "page_token": "@"}):
            with pytest.raises(InvalidValue):
                history(store, run, "m", **bad)

    def test_pages_of_any_size_hold_everything_once(self, store: Store, small_parts: None) -> None:
        run = new_run(store)
        for first in range(0, 300, 50):
            log(store, run, [("m", float(step), step) for step in range(first, first + 50)])
        for size in (1, 7, 100, 299, 300, 301, 2**63 - 1):
            seen: list[float] = []
            token = None
            while token is not None or not seen:
                page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=size, page_token=token))
                assert len(page) <= size
                seen += [point.value for point in page]
                token = page.token
            assert seen == list(range(300))
        assert [value for _, value, _ in history(store, run, "m")] == seen

    def test_a_point_keeps_the_dataset_that_it_was_measured_with(self, store: Store, small_parts: None) -> None:
        run = new_run(store)
        points = [
            Metric("m", float(step), T0, step, None, None, *(("새", f"d{step // 30}") if step % 3 else (None, None)))
            for step in range(100)
        ]
        store.write(ops.LogBatch(run_id=run, metrics=tuple(points[:50])))
        for point in points[50:]:
            store.write(ops.LogBatch(run_id=run, metrics=(point,)))
        assert store.read(queries.MetricHistory(run_id=run, key="m")) == points
        page = store.read(queries.MetricHistory(run_id=run, key="m", max_results=20, page_token=None))
        assert page == points[:20]
        assert get(store, run).data.latest == (points[99],)
        store.write(ops.LogBatch(run_id=run, metrics=(points[98],)))
        assert get(store, run).data.latest == (points[99],)
        last = Metric("m", math.nan, T0, 100, None, None, "새", "d9")
        store.write(ops.LogBatch(run_id=run, metrics=(last,)))
        assert get(store, run).data.latest[0].dataset_digest == "d9"
        store.write(ops.LogBatch(run_id=run, metrics=(Metric("m", 0.0, T0, 101),)))
        assert get(store, run).data.latest == (Metric("m", 0.0, T0, 101),)

    def test_the_latest_is_the_last_written_of_the_highest_step_whatever_the_clock_says(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, [("step", 1.0, 5, T0), ("step", 2.0, 4, T0 + 99)])
        log(store, run, [("time", 1.0, 5, T0 + 1), ("time", 2.0, 5, T0)])
        log(store, run, [("value", 3.0, 5, T0), ("value", 2.0, 5, T0)])
        log(store, run, [("below", -1.0, -5, T0), ("below", -2.0, -6, T0)])
        assert get(store, run).data.metrics == {"step": 1.0, "time": 2.0, "value": 2.0, "below": -1.0}
        latest = {point.key: (point.step, point.timestamp) for point in get(store, run).data.latest}
        assert latest == {"step": (5, T0), "time": (5, T0), "value": (5, T0), "below": (-5, T0)}
        log(store, run, [("step", 9.0, 6, 0)])
        assert get(store, run).data.metrics["step"] == 9.0
        log(store, run, [("step", math.nan, 6, 0)])
        log(store, run, [("step", 7.0, 6, 0), ("step", 8.0, 5, T0)])
        assert get(store, run).data.metrics["step"] == 7.0

    def test_odd_numbers_come_back_exactly(self, store: Store) -> None:
        run = new_run(store)
        values = [math.inf, -math.inf, 0.1 + 0.2, 1.7976931348623157e308, 5e-324, -0.0, 1e16, 123456789.123456789]
        log(store, run, [("m", value, step) for step, value in enumerate(values)])
        log(store, run, [("m", math.nan, 99), ("only", math.nan), ("mixed", math.inf, 1), ("mixed", -math.inf, 2)])
        found = [value for _, value, _ in history(store, run, "m")]
        assert [value.hex() for value in found[:-1]] == [value.hex() for value in values]
        assert math.isnan(found[-1])
        metrics = get(store, run).data.metrics
        assert math.isnan(metrics["m"])
        assert math.isnan(metrics["only"])
        assert metrics["mixed"] == -math.inf

    def test_the_ends_of_64_bits_fit_and_what_is_beyond_is_refused(self, store: Store) -> None:
        run = new_run(store)
        log(store, run, [("m", 1.0, INT64_MAX, INT64_MAX), ("m", 2.0, -INT64_MAX - 1, 0)])
        assert history(store, run, "m") == [(INT64_MAX, 1.0, INT64_MAX), (-INT64_MAX - 1, 2.0, 0)]
        assert get(store, run).data.metrics == {"m": 1.0}
        for bad in (("m", 1.0, INT64_MAX + 1), ("m", 1.0, 0, INT64_MAX + 1), ("m", 1.0, 0, -1)):
            with pytest.raises(InvalidValue):
                log(store, run, [bad])
        for value in (1, True, "1", None):
            with pytest.raises(InvalidValue):
                store.write(ops.LogBatch(run_id=run, metrics=(Metric("m", value, T0),)))  # type: ignore[arg-type]
        for step in (1.5, True, "1"):
            with pytest.raises(InvalidValue):
                store.write(ops.LogBatch(run_id=run, metrics=(Metric("m", 1.0, T0, step),)))  # type: ignore[arg-type]
        assert len(history(store, run, "m")) == 2

    def test_a_search_sees_the_point_just_logged(self, store: Store) -> None:
        run = new_run(store)
        for step in range(20):
            log(store, run, [("m", float(step), step)])
            assert search(store, f"metrics.m = {step}") == [run]

    @covers(queries.MetricHistories)
    def test_histories_of_many_runs(self, store: Store) -> None:
        first, second = sorted([new_run(store), new_run(store)])
        log(store, first, [("m", 2.0, 1, T0 + 5), ("m", 1.0, 2, T0)])
        log(store, second, [("m", 3.0, 0, T0), ("other", 9.0)])
        query = queries.MetricHistories(run_ids=(second, first, first), key="m")
        points = [(point.run_id, point.value) for point in store.read(query)]
        assert points == [(first, 1.0), (first, 2.0), (second, 3.0)]
        few = store.read(queries.MetricHistories(run_ids=(first, second), key="m", max_results=2))
        assert [point.value for point in few] == [1.0, 2.0]

    @covers(queries.SampledHistories)
    def test_a_sample_hides_no_peak(self, store: Store) -> None:
        run = new_run(store)
        values = [0.0] * 1000
        values[333], values[777], values[500] = 50.0, -50.0, math.nan
        log(store, run, [("m", value, step) for step, value in enumerate(values)])
        log(store, run, [("short", 1.0), ("short", 2.0, 1)])
        sample = store.read(queries.SampledHistories(run_ids=(run,), key="m", max_results=100))
        found = {point.step: point.value for point in sample}
        assert len(sample) <= 100
        assert found[333] == 50.0
        assert found[777] == -50.0
        assert math.isnan(found[500])
        assert {0, 999} <= found.keys()
        assert [point.step for point in sample] == sorted(found)
        assert {point.run_id for point in sample} == {run}
        part = queries.SampledHistories(run_ids=(run,), key="m", start_step=300, end_step=340, max_results=1000)
        assert [point.step for point in store.read(part)] == list(range(300, 341))
        assert len(store.read(queries.SampledHistories(run_ids=(run,), key="short", max_results=5))) == 2
