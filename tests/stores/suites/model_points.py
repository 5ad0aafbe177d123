"""What every store does with points that are logged once more for a logged model."""

from __future__ import annotations

import math

from msgspec import structs

from millstream.stores.base import Store
from millstream.values import ops
from millstream.values.entities import Metric, ViewType
from tests.stores.calls import T0, history, log, new_run, search
from tests.stores.suites.models import measure, model_of, new_model


class ModelPointSuite:
    def test_a_point_logged_again_for_a_model_is_one_point_of_the_run(self, store: Store) -> None:
        run, other, first, second = new_run(store), new_run(store), new_model(store), new_model(store)
        values = {0: 0.5, 1: math.nan, 2: math.inf, 2**62: -0.0}
        log(store, run, [("깊은/loss", value, step) for step, value in values.items()])
        # As MLflow's clients do after a model was logged, for points of any step, with a dataset too.
        for step, value in values.items():
            measure(store, run, first, ("깊은/loss", value, step))
            measure(store, run, second, ("깊은/loss", value, step, T0, "꽃", "d1"))
        plain = [(step, repr(value)) for step, value in values.items()]
        assert [(step, repr(value)) for step, value, _ in history(store, run, "깊은/loss")] == plain
        for model in first, second:
            (latest,) = model_of(store, model).metrics
            assert (latest.step, latest.value, latest.run_id) == (2**62, 0.0, run)
        # Whatever differs makes another point; so does a point that names no model, and another run.
        measure(store, run, first, ("깊은/loss", 0.25, 0), ("깊은/loss", 0.5, 0, T0 + 1), ("깊은/loss", 0.5, 3))
        measure(store, run, first, ("깊은2", 0.5, 0), ("깊은 loss", 0.5, 0))
        log(store, run, [("깊은/loss", 0.5, 0)])
        measure(store, other, first, ("깊은/loss", 0.5, 0))
        more = [(0, 0.25, T0), (0, 0.5, T0 + 1), (3, 0.5, T0), (0, 0.5, T0)]
        assert history(store, run, "깊은/loss")[4:] == more
        assert [len(history(store, run, key)) for key in ("깊은2", "깊은 loss")] == [1, 1]
        assert history(store, other, "깊은/loss") == [(0, 0.5, T0)]
        assert search(store, "metrics.`깊은/loss` > -1", view=ViewType.ALL) == [other, run]

    def test_repeats_are_found_in_a_batch_and_in_a_long_series(self, store: Store) -> None:
        run, model = new_run(store), new_model(store)
        twice = Metric("b", 1.0, T0), Metric("b", 1.0, T0)
        for_model = Metric("b", 1.0, T0, model_id=model), Metric("b", 2.0, T0, model_id=model)
        store.write(ops.LogBatch(run_id=run, metrics=(*for_model, *twice, *for_model)))
        assert [value for _, value, _ in history(store, run, "b")] == [1.0, 2.0, 1.0, 1.0]
        long = [("a", step / 7 if step % 5 else math.nan, step, T0 + step) for step in range(9000)]
        for start in range(0, len(long), 1000):
            log(store, run, long[start : start + 1000])
        for step in (8999, 0, 4321, 5, 4095, 4096, 8000):
            measure(store, run, model, long[step])
            measure(store, run, model, ("a", 0.125, step, T0 + step))
        assert len(history(store, run, "a")) == 9007
        for step in range(9000, 9100):
            measure(store, run, model, ("a", 1.0, step, T0 + step))
            measure(store, run, model, ("a", 1.0, step, T0 + step))
        assert len(history(store, run, "a")) == 9107

    def test_a_repeated_point_under_a_key_is_done_once(self, store: Store) -> None:
        run, model = new_run(store), new_model(store)
        points = tuple(Metric("m", value, T0, 1, model_id=model) for value in (0.5, 0.5, 0.25))
        op = ops.LogBatch(run_id=run, metrics=points, op_id="열쇠", op_digest="1")
        for _ in range(2):
            store.write(op)
        store.write(structs.replace(op, op_id="another"))
        assert history(store, run, "m") == [(1, 0.5, T0), (1, 0.25, T0)]
        assert model_of(store, model).metrics[0].value == 0.25
