"""The predicting thread: in order, with a limit, without the work of callers who went away."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from millstream.serving.worker import Worker
from millstream.values.errors import Unavailable


def test_calls_run_one_after_the_other_off_this_thread() -> None:
    worker = Worker()
    threads: list[int] = []

    def call(number: int) -> int:
        threads.append(threading.get_ident())
        return number

    futures = [worker.submit(partial(call, number)) for number in range(5)]
    assert [future.result(10) for future in futures] == list(range(5))
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_an_error_goes_to_its_caller_and_the_thread_lives_on() -> None:
    worker = Worker()
    failing = worker.submit(lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        failing.result(10)
    leaving = worker.submit(lambda: exit())
    with pytest.raises(SystemExit):
        leaving.result(10)
    assert worker.submit(lambda: "next").result(10) == "next"


def test_a_full_queue_refuses_at_once_and_takes_more_later() -> None:
    worker, gate = Worker(calls=2, size=100), threading.Event()
    first = worker.submit(gate.wait, 60)
    with pytest.raises(Unavailable, match="1 requests"):
        worker.submit(gate.wait, 60)
    second = worker.submit(gate.wait, 40)
    with pytest.raises(Unavailable, match="2 requests"):
        worker.submit(gate.wait)
    gate.set()
    assert first.result(10)
    assert second.result(10)
    assert worker.submit(lambda: "free", 1000).result(10) == "free"


def test_a_cancelled_call_never_runs_and_frees_its_place() -> None:
    worker, gate, ran = Worker(calls=2), threading.Event(), threading.Event()
    running = worker.submit(gate.wait)
    waiting = worker.submit(ran.set)
    assert waiting.cancel()
    after = worker.submit(lambda: "after")
    gate.set()
    assert running.result(10)
    assert after.result(10) == "after"
    assert not ran.is_set()
