"""Many at once: all are done, the first failure is told, and no more are begun after it."""

from __future__ import annotations

import threading

import pytest

from millstream.drivers.artifacts.parallel import each


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
