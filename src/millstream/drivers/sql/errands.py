"""What a thread does for a caller who does not wait for ever, and how that is broken off from outside."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Errand:
    """One piece of work of one thread. Safe to end from any thread, at any time, more than once."""

    __slots__ = ("_interrupt", "_lock", "over")

    def __init__(self) -> None:
        """Not over yet."""
        self.over = False
        self._lock = threading.Lock()
        self._interrupt: Callable[[], None] | None = None

    def end(self) -> None:
        """Break it off where it can be; `over` says from now on that nobody waits. May take a moment."""
        self.over = True
        with self._lock:
            if self._interrupt is not None:
                self._interrupt()

    @contextmanager
    def breakable(self, interrupt: Callable[[], None]) -> Iterator[None]:
        """While this lasts, `end` calls `interrupt`, in another thread; never afterwards."""
        with self._lock:
            self._interrupt = interrupt
        try:
            yield
        finally:
            with self._lock:
                self._interrupt = None


class _Here(threading.local):
    errand: Errand | None = None


_here = _Here()


def current() -> Errand | None:
    """The errand of this thread, None when it has none and may take its time."""
    return _here.errand


@contextmanager
def under(errand: Errand) -> Iterator[None]:
    """Do what follows, in this thread, as `errand`."""
    before, _here.errand = _here.errand, errand
    try:
        yield
    finally:
        _here.errand = before
