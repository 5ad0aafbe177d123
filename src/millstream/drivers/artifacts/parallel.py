"""Many small things at once: what waits for answers, not for this processor."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Generic, TypeVar

from millstream.drivers.artifacts.base import Progress

T = TypeVar("T")

MANY = 16
"""Files that are on their way at once."""


def each(
    items: Iterable[T], do: Callable[[T], object], *, at_once: int = MANY, progress: Progress | None = None
) -> None:
    """Do `do` for all items, `at_once` at a time; the first failure is raised once those under way have ended.

    An item is asked for when there is a thread for it, so that `items` may make them one by one. `progress` is told
    (done, all) after each, where `items` knows how many there are.
    """
    total = len(items) if isinstance(items, Sized) else 0
    work = _Work(iter(items), do, total, progress)
    threads = min(at_once, total) if isinstance(items, Sized) else at_once
    if threads < 2:
        work.run()
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="millstream-files") as hands:
        under_way = [hands.submit(work.run) for _ in range(threads)]
        try:
            wait(under_way)
        finally:
            work.stop()
    for one in under_way:
        one.result()


class _Work(Generic[T]):
    """Items that several threads take one after the other."""

    def __init__(self, items: Iterator[T], do: Callable[[T], object], total: int, progress: Progress | None) -> None:
        self._items, self._do, self._total, self._progress = items, do, total, progress
        self._lock = threading.Lock()
        self._done = 0
        self._stopped = False

    def stop(self) -> None:
        """Begin no more."""
        self._stopped = True

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

    def add(self, count: int) -> None:
        """So many more; fewer than none when something has to be done again."""
        if self._progress is None:
            return
        with self._lock:
            self._done += count
            self._progress(min(self._done, self._total), self._total)
