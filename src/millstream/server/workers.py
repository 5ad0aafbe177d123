"""Several processes on one listening socket, and the parent that starts, replaces and ends them.

The processes end as one. The parent holds one end of a pipe: a worker whose other end says that the parent is gone,
even by kill -9, ends by itself. A worker that dies, or that no longer turns its loop, is replaced.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from msgspec import Struct

from millstream.server.process import ENDING, Hooks, drain_seconds, log_to_stderr
from millstream.server.sockets import Offer
from millstream.values.errors import MillstreamError, Unavailable

log = logging.getLogger("millstream.server")

TICK = 1.0
SILENT_TICKS = 60
"""A worker that does not turn its loop for so many seconds of the parent's own is ended."""
YOUNG = 10.0
"""A worker that dies younger than this (s) is replaced later and later."""
LONGEST_PAUSE = 10.0
_KILL_AFTER = 3

Work = Callable[[int, Hooks], None]


class _Worker(Struct):
    """A process of ours; `news` is where it says that it is ready, and then each second that it lives."""

    number: int
    pid: int
    news: int
    started: float
    ready: bool = False
    silent: int = 0
    pause: float = 0.0


class Workers:
    """Runs `count` processes of `work`, which gets its number (from 0) and hooks, and answers on `listening`."""

    def __init__(self, count: int, work: Work, listening: socket.socket, offer: Offer | None = None) -> None:
        """Nothing is started yet. No thread may run in this process: it forks."""
        self._count = count
        self._work = work
        self._listening = listening
        self._offer = offer
        self._selector = selectors.DefaultSelector()
        self._workers: dict[int, _Worker] = {}
        self._due: dict[int, tuple[float, float]] = {}
        self._signals = 0
        self._failed = False
        self._was_ready = False

    def run(self, ready: Callable[[], None]) -> None:
        """Serve until a signal; `ready` is called when a worker answers. Unavailable when none ever does."""
        log_to_stderr()
        gc.collect()
        gc.freeze()  # what is shared with the workers stays shared
        self._life, self._death = os.pipe()
        self._waking, self._woken = os.pipe()
        for end in (self._waking, self._woken):
            os.set_blocking(end, False)
        before = signal.set_wakeup_fd(self._woken, warn_on_full_buffer=False)
        handlers = self._take_signals()
        self._selector.register(self._waking, selectors.EVENT_READ, lambda: os.read(self._waking, 4096))
        if self._offer is not None:
            self._selector.register(self._offer, selectors.EVENT_READ, self._offer.answer)
        try:
            for number in range(self._count):
                self._start(number, 0.0)
            self._watch(ready)
            self._end()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            gc.unfreeze()
            self._selector.close()
            for end in (self._waking, self._woken, self._life, self._death):
                os.close(end)
        if self._failed:
            raise Unavailable("No worker of the server could start; what it said is above.")

    def _take_signals(self) -> dict[signal.Signals, Any]:
        numbers = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        before: dict[signal.Signals, Any] = {number: signal.signal(number, self._stop) for number in numbers}
        # A handler of its own, however small, so that a child's end wakes the loop.
        before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        return before

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    # --- while serving ---

    def _watch(self, ready: Callable[[], None]) -> None:
        tick = time.monotonic() + TICK
        while not self._signals and not self._failed:
            self._wait(tick)
            if not self._was_ready and any(worker.ready for worker in self._workers.values()):
                self._was_ready = True
                ready()
            now = time.monotonic()
            if now >= tick:
                tick = now + TICK
                self._end_silent()
            for number in [number for number, (due, _) in self._due.items() if due <= now]:
                self._start(number, self._due.pop(number)[1])

    def _wait(self, until: float) -> None:
        until = min([until, *(due for due, _ in self._due.values())])
        for key, _ in self._selector.select(max(0.0, until - time.monotonic())):
            key.data()
        self._reap()

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._forget(worker)
                self._replace(worker, os.waitstatus_to_exitcode(status))

    def _replace(self, worker: _Worker, code: int) -> None:
        if self._signals or self._failed:
            return
        if not self._was_ready:
            self._failed = True
            return
        lived = time.monotonic() - worker.started
        pause = 0.0 if lived >= YOUNG else min(max(0.25, worker.pause * 2), LONGEST_PAUSE)
        how = f"signal {-code}" if code < 0 else f"code {code}"
        log.error("Worker %d ended by %s after %.0f s; another one starts.", worker.pid, how, lived)
        self._due[worker.number] = (time.monotonic() + pause, pause)

    def _end_silent(self) -> None:
        # Counted in turns of this loop: time in which the whole machine sleeps or is stopped is nobody's silence.
        for worker in self._workers.values():
            worker.silent += 1
            if worker.silent > SILENT_TICKS:
                log.error("Worker %d has not turned its loop for %d s and is ended.", worker.pid, SILENT_TICKS)
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGKILL)

    def _forget(self, worker: _Worker) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(worker.news)
        os.close(worker.news)
        del self._workers[worker.number]

    def _start(self, number: int, pause: float) -> None:
        news, telling = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        # Until it has handlers of its own, a signal waits: one of the parent's would take it for itself.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
        pid = os.fork()
        if pid == 0:
            self._be_worker(number, telling, mask)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(telling)
        worker = _Worker(number, pid, news, time.monotonic(), pause=pause)
        self._workers[number] = worker
        self._selector.register(news, selectors.EVENT_READ, lambda: self._hear(worker))

    def _hear(self, worker: _Worker) -> None:
        if os.read(worker.news, 4096):
            worker.ready = True
            worker.silent = 0
        else:
            # Its end is closed: it is about to be reaped, and has nothing more to say.
            self._selector.unregister(worker.news)

    # --- a worker ---

    def _be_worker(self, number: int, telling: int, mask: set[Any]) -> NoReturn:
        status = 1
        try:
            self._let_go()
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            os.set_blocking(telling, False)
            threading.Thread(target=_end_with_parent, args=(self._life,), daemon=True).start()
            live = partial(_tell, telling)
            self._work(number, Hooks(ready=live, look=live, ends_at=(signal.SIGTERM,)))
            status = 0
        except MillstreamError as error:
            log.error("%s", error.message)
        except BaseException:
            log.exception("A worker of the server failed.")
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _let_go(self) -> None:
        """Close what is the parent's. Signals from a terminal reach the whole group; the parent passes them on."""
        signal.set_wakeup_fd(-1)
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._selector.close()
        for end in (self._death, self._waking, self._woken, *(worker.news for worker in self._workers.values())):
            os.close(end)
        if self._offer is not None:
            self._offer.sock.close()

    # --- the end ---

    def _end(self) -> None:
        """Ask them to end, once for each signal that came; those that do not are killed."""
        self._listening.close()
        deadline = time.monotonic() + drain_seconds() + _KILL_AFTER
        asked = 0
        while self._workers:
            if asked < max(1, min(self._signals, 2)):
                asked += 1
                self._send(signal.SIGTERM)
            if time.monotonic() >= deadline or self._signals > 2:
                self._send(signal.SIGKILL)
            self._wait(time.monotonic() + TICK)

    def _send(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, number)


def _tell(news: int) -> None:
    with contextlib.suppress(BlockingIOError, BrokenPipeError):
        os.write(news, b".")


def _end_with_parent(life: int) -> None:
    """Wait until nobody holds the other end of the pipe; then end this process, if need be without its consent."""
    os.read(life, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(drain_seconds() + _KILL_AFTER)
    os._exit(1)
