"""Many small things at once: what waits for answers, not for this processor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Generic, TypeVar

from millstream.drivers.artifacts.base import Progress

T = TypeVar("T")

MANY = 16
"""Files that are on their way at once."""
_PARTING_SECONDS = 1.0
"""How long those under way are waited for when somebody wants to stop at once."""


class Halted(Exception):
    """Somebody wanted to stop: what is under way is given up."""


def each(
    items: Iterable[T],
    do: Callable[[T], object],
    *,
    at_once: int = MANY,
    progress: Progress | None = None,
    meter: Meter | None = None,
) -> None:
    """Do `do` for all items, `at_once` at a time; the first failure is raised once those under way have ended.

    An item is asked for when there is a thread for it, so that `items` may make them one by one. `progress` is told
    (done, all) after each, where `items` knows how many there are. Interrupted (Ctrl-C), it ends at once, and `meter`
    is halted: it is for those under way that have something to leave behind.
    """
    total = len(items) if isinstance(items, Sized) else 0
    work = _Work(iter(items), do, total, progress)
    threads = min(at_once, total) if isinstance(items, Sized) else at_once
    if threads < 2:
        work.run()
        return
    # Daemons: one that waits for an answer must not keep the program from ending.
    hands = [threading.Thread(target=work.try_all, name="millstream-files", daemon=True) for _ in range(threads)]
    try:
        for hand in hands:
            hand.start()
        for hand in hands:
            hand.join()
    except BaseException:
        work.stop()
        if meter is not None:
            meter.halt()
        end = time.monotonic() + _PARTING_SECONDS
        for hand in hands:
            if hand.is_alive():
                hand.join(max(0.0, end - time.monotonic()))
        raise
    if work.failure is not None:
        raise work.failure


class _Work(Generic[T]):
    """Items that several threads take one after the other."""

    def __init__(self, items: Iterator[T], do: Callable[[T], object], total: int, progress: Progress | None) -> None:
        self._items, self._do, self._total, self._progress = items, do, total, progress
        self._lock = threading.Lock()
        self._done = 0
        self._stopped = False
        self.failure: BaseException | None = None

    def stop(self) -> None:
        """Begin no more."""
        self._stopped = True

    def try_all(self) -> None:
        """`run`, in a thread of its own: the first failure of all is kept."""
        try:
            self.run()
        except BaseException as error:  # noqa: BLE001 — raised by who waits for the threads
            with self._lock:
                self.failure = self.failure or error

    def run(self) -> None:
        """Do one after the other until there are no more, or one has failed."""
        try:
            while True:
                with self._lock:
                    if self._stopped:
                        return
                    try:
                        item = next(self._items)
                    except StopIteration:
                        return
                self._do(item)
                if self._progress is not None and self._total:
                    with self._lock:
                        self._done += 1
                        self._progress(self._done, self._total)
        except BaseException:
            self._stopped = True
            raise


class Meter:
    """Counts bytes (or what it is) that several threads are through with, and tells `progress`."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        """There are `total` in all."""
        self._total, self._progress = total, progress
        self._done = 0
        self._lock = threading.Lock()
        self._halted = False
        self._left: set[Callable[[], None]] = set()

    def halt(self) -> None:
        """Let all that count here end with `Halted`, and undo what they hold: some may hear nothing for minutes."""
        with self._lock:
            self._halted = True
            left, self._left = self._left, set()
        for undo in left:
            undo()

    @contextmanager
    def holding(self, undo: Callable[[], None]) -> Iterator[None]:
        """For as long as there is something that `undo`, called in another thread, removes."""
        with self._lock:
            if self._halted:
                raise Halted
            self._left.add(undo)
        try:
            yield
        finally:
            with self._lock:
                self._left.discard(undo)

    def add(self, count: int) -> None:
        """So many more; fewer than none when something has to be done again."""
        if self._halted:
            raise Halted
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            self._progress(min(self._done, self._total), self._total)
