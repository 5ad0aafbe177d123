"""A thread for work that mostly takes less time than handing it over does: what comes together is done in one go.

Python runs one thread at a time. A thread that is woken while the loop is still busy takes turns with it at every call
of the system, and each turn costs as much as reading a small file. So jobs of one turn of the loop are handed over at
its end, when it is about to wait, and their outcomes come back together.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from millstream.server.crew import Hand, Job, Mail, carry_out

T = TypeVar("T")

LATE = 0.01
"""Seconds after which a job that nobody takes gets another thread: those at work have a slow disk before them."""
SOON = 0.005
"""Seconds for which the outcome of a job may wait for those of others."""


class SmallJobs:
    """At most `most` threads, one of which does everything as long as it is quick. A forked child starts its own."""

    def __init__(self, most: int) -> None:
        """No thread is started yet."""
        self._most = most
        self._lock = threading.Lock()
        self._jobs: deque[Job] = deque()
        self._taken = 0
        self._threads = 0
        self._free: list[Hand] = []
        self._mail: Mail | None = None
        self._called = False
        self._looking = False

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` returns. Work whose caller was cancelled is not begun."""
        loop = asyncio.get_running_loop()
        mail = self._mail
        if mail is None or mail.loop is not loop:
            mail = self._mail = Mail(loop)
            self._called = self._looking = False
        future: asyncio.Future[T] = loop.create_future()
        self._jobs.append(Job(work, mail, future))
        if not self._called:
            self._called = True
            loop.call_soon(self._hand_over, loop)
        try:
            return await future
        finally:
            # An error knows this frame: what it holds would not be let go until the garbage is looked for.
            del future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        self._called = False
        with self._lock:
            idle = len(self._free) == self._threads
            if idle and self._jobs:
                self._call_one()
        self._look_later(loop)

    def _look_later(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._looking and self._jobs:
            self._looking = True
            loop.call_later(LATE, self._look, loop, self._taken)

    def _look(self, loop: asyncio.AbstractEventLoop, taken: int) -> None:
        self._looking = False
        if self._jobs and self._taken == taken:
            with self._lock:
                self._call_one()
        self._look_later(loop)

    def _call_one(self) -> None:
        if self._free:
            self._free.pop().news.release()
        elif self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, args=(Hand(),), daemon=True).start()

    def _work(self, hand: Hand) -> None:
        while True:
            self._do_all()
            with self._lock:
                if self._jobs:
                    continue
                self._free.append(hand)
            hand.news.acquire()

    def _do_all(self) -> None:
        done: list[tuple[Job, Any, BaseException | None]] = []
        begun = time.monotonic()
        while self._jobs:
            try:
                job = self._jobs.popleft()
            except IndexError:  # another thread was quicker
                break
            self._taken += 1
            if not job.future.done():
                done.append((job, *carry_out(job.work)))
            now = time.monotonic()
            if now - begun > SOON:
                _post(done)
                done, begun = [], now
        _post(done)


def _post(done: list[tuple[Job, Any, BaseException | None]]) -> None:
    for job, result, error in done:
        job.mail.post(job.future, result, error)


FILES = SmallJobs(32)
"""Threads for small files, each of which is one piece of work: whoever asked may go meanwhile."""
