"""Many at once: all are done, the first failure is told, and no more are begun after it."""

from __future__ import annotations

import threading

import pytest

from millstream.drivers.artifacts.parallel import Halted, Meter, each


@pytest.mark.parametrize("at_once", [1, 2, 16])
@pytest.mark.parametrize("count", [0, 1, 2, 100])
def test_all_are_done_and_counted(count: int, at_once: int) -> None:
    done: list[int] = []
    told: list[tuple[int, int]] = []
    each(range(count), done.append, at_once=at_once, progress=lambda now, total: told.append((now, total)))
    assert sorted(done) == list(range(count))
    assert told == [(number, count) for number in range(1, count + 1)]


def test_as_many_as_said_are_under_way() -> None:
    together = threading.Barrier(4, timeout=30)
    each(range(8), lambda _: together.wait(), at_once=4)


@pytest.mark.parametrize("at_once", [1, 4])
def test_after_a_failure_no_more_are_begun(at_once: int) -> None:
    begun: list[int] = []

    def fail(number: int) -> None:
        begun.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match=r"\d"):
        each(range(1000), fail, at_once=at_once)
    assert len(begun) <= 2 * at_once


def test_who_is_halted_ends_and_what_is_held_is_undone() -> None:
    meter = Meter(0, None)
    undone: list[str] = []
    with meter.holding(lambda: undone.append("left in time")):
        meter.add(1)
    with meter.holding(lambda: undone.append("held")):
        meter.halt()
        with pytest.raises(Halted):
            meter.add(1)
    with pytest.raises(Halted), meter.holding(lambda: undone.append("too late")):
        pass
    meter.halt()
    assert undone == ["held"]


def test_interrupted_it_does_not_wait_for_those_that_hear_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    heard, under_way = threading.Event(), threading.Event()
    meter = Meter(0, None)
    undone: list[int] = []
    begun: list[int] = []

    def wait(number: int) -> None:
        begun.append(number)
        with meter.holding(lambda: undone.append(number)):
            under_way.set()
            heard.wait(60)

    def interrupt(hand: threading.Thread, timeout: float | None = None) -> None:
        if timeout is None:
            under_way.wait(60)
            raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "join", interrupt)
    with pytest.raises(KeyboardInterrupt):
        each(range(100), wait, at_once=3, meter=meter)
    monkeypatch.undo()
    assert 1 <= len(begun) <= 3
    assert set(undone) <= set(begun)
    assert undone
    heard.set()
