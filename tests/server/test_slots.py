"""Numbers that processes share."""

from __future__ import annotations

import os

import pytest

from millstream.server import slots
from millstream.server.slots import Slots

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is one process")


def test_a_row_is_made_once_and_read_by_its_key() -> None:
    found = Slots()
    first, second = found.row(("요청", 'a"b'), 2), found.row(("b",), 1)
    found.cells[first + 1] += 0.5
    found.cells[second] = 2**53
    assert found.row(("요청", 'a"b'), 2) == first
    assert found.read() == {("요청", 'a"b'): [[0.0, 0.5]], ("b",): [[2.0**53]]}


def test_who_takes_a_slot_over_goes_on_with_its_numbers() -> None:
    found = Slots(2)
    found.cells[found.row(("a",), 1)] = 5
    found.enter(1)
    found.cells[found.row(("a",), 1)] = 7
    found.enter(0)
    found.cells[found.row(("a",), 1)] += 1
    assert found.read() == {("a",): [[6.0], [7.0]]}


@needs_fork
def test_a_child_is_read_by_its_parent_also_when_it_was_killed() -> None:
    found = Slots(2)
    child = os.fork()
    if child == 0:
        try:
            found.enter(1)
            found.cells[found.row(("a",), 1)] = 3
        finally:
            os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert found.read() == {("a",): [[3.0]]}


def test_a_full_slot_loses_counts_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "SIZE", 4096)
    found = Slots(2)
    for number in range(1000):
        found.cells[found.row((f"row {number}",), 8)] += number
    read = found.read()
    assert 10 < len(read) < 1000
    assert all(key == (f"row {int(row[0])}",) for key, (row,) in read.items())
    found.enter(1)
    assert len(found.read()) == len(read)
