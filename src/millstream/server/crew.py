"""The threads of a server process: what may block is done there, and the loop hears of it with few wake-ups."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, TypeVar

from msgspec import Struct

from millstream.drivers.sql.errands import Errand, under
from millstream.values.errors import OutOfTime

T = TypeVar("T")

AGAIN = 1.0
"""Seconds between two attempts to end an errand that is out of time."""
PATIENCE = 5
"""So many attempts; then its caller is answered although its thread is still busy."""


class Mail:
    """Outcomes on their way to one loop; it is woken once for all that come until it looks."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._outcomes: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._told = False

    def post(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._outcomes.append((future, result, error))
        if not self._told:
            self._told = True
            try:
                self.loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:
                pass  # the loop has ended, and nobody waits

    def _deliver(self) -> None:
        self._told = False
        while self._outcomes:
            future, result, error = self._outcomes.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)


class Job(Struct):
    """A piece of work and where its outcome goes."""

    work: Callable[[], Any]
    mail: Mail
    future: asyncio.Future[Any]
    errand: Errand | None = None


class Hand:
    """A thread that waits for its next job."""

    def __init__(self, job: Job | None = None) -> None:
        """Its first one is `job`."""
        self.job = job
        self.news = threading.Lock()
        self.news.acquire()


class Crew:
    """At most `most` threads, started when they are needed. A forked child starts its own."""

    def __init__(self, most: int, tell_waiting: Callable[[int], None] | None = None) -> None:
        """No thread is started yet; `tell_waiting` is told how many jobs wait, whenever that changes."""
        self._most = most
        self._tell_waiting = tell_waiting or _keep_quiet
        self._lock = threading.Lock()
        self._threads = 0
        self._jobs: deque[Job] = deque()
        # The one that was busy last comes first: what it has in memory is used again.
        self._free: list[Hand] = []
        self._mail: Mail | None = None

    def begin(self, work: Callable[[], T], errand: Errand | None = None) -> asyncio.Future[T]:
        """Have `work` done by a thread; the future holds its outcome. Work whose future is cancelled is not begun."""
        loop = asyncio.get_running_loop()
        mail = self._mail
        if mail is None or mail.loop is not loop:
            mail = self._mail = Mail(loop)
        future: asyncio.Future[T] = loop.create_future()
        job = Job(work, mail, future, errand)
        with self._lock:
            if self._free:
                hand = self._free.pop()
                hand.job = job
                hand.news.release()
            elif self._threads < self._most:
                self._threads += 1
                threading.Thread(target=self._work, args=(Hand(job),), daemon=True).start()
            else:
                self._jobs.append(job)
                self._tell_waiting(len(self._jobs))
        return future

    async def do(self, work: Callable[[], T], seconds: float | None = None) -> T:
        """What `work` returns; OutOfTime when it takes longer than `seconds`, and its thread is freed where it can."""
        if seconds is None:
            return await self.begin(work)
        errand = Errand()
        future = self.begin(work, errand)
        ending = _Ending(errand, future)
        ending.begin(seconds)
        try:
            return await future
        finally:
            ending.cancel()
            # An error knows this frame: what it holds would not be let go until the garbage is looked for.
            del future, ending

    def _work(self, hand: Hand) -> None:
        while True:
            job = hand.job
            assert job is not None
            tell: Callable[[], None] = _nothing
            if not job.future.done():
                tell = partial(job.mail.post, job.future, *carry_out(job.work, job.errand))
            del job  # what it holds is not kept until the next one
            with self._lock:
                idle = not self._jobs
                if idle:
                    hand.job = None
                    self._free.append(hand)
                else:
                    hand.job = self._jobs.popleft()
                    self._tell_waiting(len(self._jobs))
            # Only now, so that whoever hears of it finds this thread free.
            tell()
            del tell
            if idle:
                hand.news.acquire()


def _nothing() -> None:
    """Nobody waits."""


def _keep_quiet(_waiting: int) -> None:
    """Nobody wants to know."""


def carry_out(work: Callable[[], Any], errand: Errand | None = None) -> tuple[Any, BaseException | None]:
    """Result and error. The error knows this frame, which therefore must not know where it goes."""
    try:
        with nullcontext() if errand is None else under(errand):
            return work(), None
    except BaseException as error:  # noqa: BLE001 — the border between this thread and whoever waits
        return None, error


class _Ending:
    """Ends an errand when its time is up; its caller is answered in the end, whatever the thread does."""

    def __init__(self, errand: Errand, future: asyncio.Future[Any]) -> None:
        self._errand = errand
        self._future = future
        self._attempts = 0

    def begin(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._end)

    def cancel(self) -> None:
        self._timer.cancel()

    def _end(self) -> None:
        if self._future.done():
            return
        self._attempts += 1
        if self._attempts > PATIENCE:
            self._future.set_exception(OutOfTime("This took too long and was ended; ask for less."))
            return
        # In a thread of its own: a database is told over the network.
        threading.Thread(target=self._errand.end, daemon=True).start()
        self.begin(AGAIN)
