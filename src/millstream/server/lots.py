"""Small writes that come at the same time are done together: one change of thread, and one transaction, for all."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

from millstream.server.crew import Crew

Item = TypeVar("Item")

MOST = 128
"""So many are done together at most."""
SLOW_SECONDS = 0.02
"""What waits longer than this for the lot before it is done beside it."""
BESIDE = 4
"""So many lots are under way at most."""
SHARE = 1.0
"""Whoever was answered with the last lot is given this share of the time that it took to come back, and then goes along
with those who wait: callers that take turns would otherwise split into one who goes alone and all others."""
HELD_SECONDS = 0.005
"""Nobody waits longer than this for others to come back."""


Work = Callable[[Sequence[Item]], Sequence[bytes | Exception]]


class Lots(Generic[Item]):
    """Collects what comes while the lot before is under way, and has a crew do it as one."""

    def __init__(self, crew: Crew, work: Work[Item], tell_size: Callable[[int], None] | None = None) -> None:
        """`work` is done in a thread of `crew`, and gives the outcome of each; `tell_size` hears how many."""
        self._crew = crew
        self._work = work
        self._tell_size = tell_size
        self._line: _Line[Item] | None = None

    def add(self, item: Item) -> asyncio.Future[bytes]:
        """The outcome of `item`, once it is known."""
        loop = asyncio.get_running_loop()
        line = self._line
        if line is None or line.loop is not loop:
            line = self._line = _Line(loop, self._crew, self._work, self._tell_size)
        return line.add(item)


class _Line(Generic[Item]):
    """What waits in one loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        crew: Crew,
        work: Work[Item],
        tell_size: Callable[[int], None] | None,
    ) -> None:
        self.loop = loop
        self._tell_size = tell_size
        self._crew = crew
        self._work = work
        self._waiting: deque[tuple[Item, asyncio.Future[bytes]]] = deque()
        self._called = False
        self._under_way = 0
        self._expected = 0
        self._held_until = 0.0

    def add(self, item: Item) -> asyncio.Future[bytes]:
        future: asyncio.Future[bytes] = self.loop.create_future()
        self._waiting.append((item, future))
        if not self._called:
            # Requests that were read at the same time come before this is called.
            self._called = True
            self.loop.call_soon(self._look)
        return future

    def _look(self) -> None:
        self._called = False
        if not self._waiting:
            return
        if self._under_way:
            self.loop.call_later(SLOW_SECONDS, self._go_beside, self._waiting[0])
        elif len(self._waiting) >= min(self._expected, MOST) or self.loop.time() >= self._held_until:
            self._send()
        else:
            self.loop.call_at(self._held_until, self._look)

    def _go_beside(self, first: Any) -> None:
        if self._waiting and self._waiting[0] is first and self._under_way < BESIDE:
            self._send()

    def _send(self) -> None:
        lot = [self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))]
        self._under_way += 1
        if self._tell_size is not None:
            self._tell_size(len(lot))
        done = self._crew.begin(partial(self._work, [item for item, _ in lot]))
        done.add_done_callback(partial(self._finish, [future for _, future in lot], self.loop.time()))

    def _finish(
        self, futures: list[asyncio.Future[bytes]], begun: float, done: asyncio.Future[Sequence[bytes | Exception]]
    ) -> None:
        self._under_way -= 1
        now = self.loop.time()
        self._expected = len(futures) + len(self._waiting)
        self._held_until = now + min(SHARE * (now - begun), HELD_SECONDS)
        failed = done.exception()
        outcomes = [failed] * len(futures) if failed is not None else done.result()
        for future, outcome in zip(futures, outcomes, strict=True):
            if future.done():
                continue
            if isinstance(outcome, BaseException):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        if not self._under_way:
            self._look()
