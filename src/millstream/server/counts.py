"""What a server counts while it answers, in numbers that its processes share."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Callable

from millstream.server.slots import Slots
from millstream.server.visits import NONE, Visit

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Bounds of the histogram of times."""
SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
"""Bounds of the histogram of groups of writes."""
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
OTHER = "OTHER"
"""Any other method: callers may invent them."""

# Kinds of rows: the first word of their keys.
REQUEST, GAUGE, GROUP, FILES, PROCESS = "request", "gauge", "group", "files", "process"
TIMES, RECEIVED, SENT, BUCKETS = 0, 1, 2, 3
"""In a row of requests: sum of seconds, bytes of bodies in and out, and from there on how many took how long."""


class Counts:
    """Counts the requests of one process; it costs about a microsecond a request."""

    def __init__(self, workers: int = 1) -> None:
        """Nothing was counted yet, by so many processes."""
        self.slots = Slots(workers)
        self.main = os.getpid()
        self.enter(0)

    def enter(self, number: int) -> None:
        """This process is worker `number` (from 0) from now on, before it answers anything."""
        self.slots.enter(number)
        self._cells = self.slots.cells
        self._rows: dict[tuple[str, str, int], int] = {}
        self._under_way = 0
        self._in_flight = self._gauge("in_flight")
        for crew in ("reads", "writes"):
            self._gauge(crew)
        self._groups = self.slots.row((GROUP,), len(SIZES) + 2)
        self._files = self.slots.row((FILES,), 2)
        self._cells[self.slots.row((PROCESS,), 1)] = os.getpid()

    def begin(self) -> None:
        """A request has come."""
        self._under_way += 1
        self._cells[self._in_flight] = self._under_way

    def end(self, method: str, visit: Visit, seconds: float) -> None:
        """One that had begun was answered."""
        cells = self._cells
        self._under_way -= 1
        cells[self._in_flight] = self._under_way
        row = self._rows.get((method, visit.route, visit.status))
        if row is None:
            row = self._add(method, visit.route, visit.status)
        cells[row + TIMES] += seconds
        cells[row + BUCKETS + bisect_left(SECONDS, seconds)] += 1
        if visit.received:
            cells[row + RECEIVED] += visit.received
        cells[row + SENT] += visit.sent
        if visit.file:
            cells[self._files] += visit.received
            cells[self._files + 1] += visit.sent

    def refuse(self, status: int) -> None:
        """What was no request, or too much, was answered with `status`."""
        row = self._rows.get((NONE, NONE, status)) or self._add(NONE, NONE, status)
        self._cells[row + BUCKETS] += 1

    def group(self, size: int) -> None:
        """So many writes are done together."""
        self._cells[self._groups] += size
        self._cells[self._groups + 1 + bisect_left(SIZES, size)] += 1

    def waiting(self, crew: str) -> Callable[[int], None]:
        """Takes how many wait for a thread of the `crew` ("reads", "writes"); its calls come one at a time."""

        def tell(count: int) -> None:
            self._cells[self.slots.row((GAUGE, crew), 1)] = count

        return tell

    def _gauge(self, name: str) -> int:
        """The row of what goes up and down: it begins anew with each process."""
        row = self.slots.row((GAUGE, name), 1)
        self._cells[row] = 0
        return row

    def _add(self, method: str, route: str, status: int) -> int:
        known = method if method in METHODS or method == NONE else OTHER
        row = self.slots.row((REQUEST, known, route, str(status)), BUCKETS + len(SECONDS) + 1)
        self._rows[method, route, status] = row
        return row
