"""What every store does when many write to it at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import Metric
from millstream.values.errors import InvalidState, InvalidValue, MillstreamError, NotFound
from tests.stores.calls import T0, covers, get, history, log, new_run


class WriterSuite:
    @covers(queries.WasDone)
    def test_what_was_done_under_a_key_is_known_and_what_was_refused_is_not(self, store: Store) -> None:
        def asks(op_id: str, digest: str = "d") -> bool:
            return store.read(queries.WasDone(op_id=op_id, digest=digest))

        assert not asks("none")
        run = new_run(store)
        keyed = {"op_id": "키 하나", "op_digest": "d"}
        store.write(ops.DeleteRun(run_id=run, time=T0, **keyed))
        assert asks("키 하나")
        assert not asks("키 하나", "another")
        assert not asks("키 하나", "")
        with pytest.raises(NotFound):
            store.write(ops.DeleteRun(run_id=names.new_run_id(), time=T0, op_id="b", op_digest="d"))
        assert not asks("b")
        point = (Metric("m", 1.0, 1, 1),)
        store.write(ops.LogBatch(run_id=new_run(store), metrics=point, op_id="c", op_digest="d"))
        assert asks("c")

    def test_many_threads_lose_nothing_and_keep_their_order(self, store: Store) -> None:
        shared = new_run(store)
        own = [new_run(store) for _ in range(8)]

        def write(number: int) -> None:
            for step in range(10):
                log(store, shared, [("m", float(step), 100 * number + step)], tags={f"t{number}": str(step)})
                log(store, shared, [("equal", 0.5, 7, T0)])
                log(store, own[number], [("손실", float(step), step), ("손실", float(step), step)])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(write, range(8)))
        steps = [step for step, _, _ in history(store, shared, "m")]
        assert sorted(steps) == sorted(100 * number + step for number in range(8) for step in range(10))
        for number in range(8):
            assert [step for step in steps if step // 100 == number] == [100 * number + step for step in range(10)]
            assert [step for step, _, _ in history(store, own[number], "손실")] == [s for s in range(10) for _ in "ab"]
        assert history(store, shared, "equal") == [(7, 0.5, T0)] * 80  # equal points are points
        tags = get(store, shared).data.tags
        assert {tags[f"t{number}"] for number in range(8)} == {"9"}

    def test_bad_batches_among_good_ones_fail_alone(self, store: Store) -> None:
        good, deleted = new_run(store), new_run(store)
        log(store, good, params={"p": "1"})
        store.write(ops.DeleteRun(run_id=deleted, time=T0))

        def write(number: int) -> type[MillstreamError] | None:
            try:
                if number % 4 == 0:
                    log(store, good, [("m", 1.0, number)], {"p": "1"})
                elif number % 4 == 1:
                    log(store, names.new_run_id(), [("m", 1.0, number)])
                elif number % 4 == 2:
                    log(store, good, [("m", 1.0, number)], {"p": "2"})
                else:
                    log(store, deleted, [("m", 1.0, number)])
            except MillstreamError as error:
                return type(error)
            return None

        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(write, range(40)))
        assert found == [None, NotFound, InvalidValue, InvalidState] * 10
        assert sorted(step for step, _, _ in history(store, good, "m")) == list(range(0, 40, 4))
        assert get(store, good).data.params == {"p": "1"}
