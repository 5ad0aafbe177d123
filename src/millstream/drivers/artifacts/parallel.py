"""Many small things at once: what waits for answers, not for this processor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
Progress = Callable[[int, int], None]

MANY = 16
"""Files that are on their way at once."""


def each(
    items: Iterable[T], do: Callable[[T], object], *, at_once: int = MANY, progress: Progress | None = None
) -> None:
    """Do `do` for all items, `at_once` at a time; the first failure is raised once those under way have ended.

    `progress` is told (done, all) after each.
    """
    todo = list(items)
    if len(todo) < 2 or at_once < 2:
        for done, item in enumerate(todo, 1):
            do(item)
            if progress is not None:
                progress(done, len(todo))
        return
    with ThreadPoolExecutor(min(at_once, len(todo)), thread_name_prefix="millstream-files") as threads:
        under_way: set[Future[object]] = set()
        done = 0
        for item in todo:
            if len(under_way) >= at_once:
                ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                done = _count(ended, done, len(todo), progress)
            under_way.add(threads.submit(do, item))
        _count(wait(under_way).done, done, len(todo), progress)


def _count(ended: set[Future[object]], done: int, total: int, progress: Progress | None) -> int:
    for future in ended:
        future.result()
        done += 1
        if progress is not None:
            progress(done, total)
    return done
