"""A lock that holds among the threads of a process and among the processes that it forks."""

from __future__ import annotations

import os
import tempfile
import threading
import weakref
from importlib import import_module
from types import TracebackType
from typing import Any


class Turn:
    """One at a time, in this process and its children; the death of one that has it gives it to the next."""

    def __init__(self) -> None:
        """A lock of its own, which nobody has."""
        self._threads = threading.Lock()
        # A lock on a file goes with the process that has it, as a lock in memory does not. Where there is no fork
        # there are no children.
        self._locks: Any = import_module("fcntl") if hasattr(os, "fork") else None
        if self._locks is not None:
            self._file, path = tempfile.mkstemp(prefix="millstream-turn-")
            os.unlink(path)
            weakref.finalize(self, os.close, self._file)

    def __enter__(self) -> None:
        """Wait for the turn."""
        self._threads.acquire()
        try:
            if self._locks is not None:
                self._locks.lockf(self._file, self._locks.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the next one."""
        try:
            if self._locks is not None:
                self._locks.lockf(self._file, self._locks.LOCK_UN)
        finally:
            self._threads.release()
