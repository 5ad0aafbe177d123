"""A queue of processes that want to write to one SQLite file.

SQLite makes them poll with growing pauses: with many writers most of the time is pauses, and who comes last may
wait longer than it is told to. Here the kernel wakes them one by one, in their order. Nothing but waiting depends on
it: SQLite's own lock keeps writers apart when there is no queue.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SUFFIX = "-queue"


class Queue:
    """The queue before one SQLite file: a lock on an empty file beside it.

    The lock is the process's: it goes when the process dies, and a forked child has no part in it. Threads of one
    process must keep each other out by another lock.
    """

    def __init__(self, database: Path) -> None:
        """Stand before the file `database`; the file of the queue is made at the first turn."""
        self._database = database
        self._file: int | None = None
        self._asked = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn of this process and keep it; at once where no queue can be."""
        file = self._open()
        if file is None:
            yield
            return
        try:
            # Fails only where the file system has no locks.
            with suppress(OSError):
                fcntl.lockf(file, fcntl.LOCK_EX)
            yield
        finally:
            with suppress(OSError):
                fcntl.lockf(file, fcntl.LOCK_UN)

    def close(self) -> None:
        """Let go of the file; it is opened again when needed."""
        file, self._file, self._asked = self._file, None, False
        if file is not None:
            os.close(file)

    def _open(self) -> int | None:
        if not self._asked and fcntl is not None:
            self._asked = True
            with suppress(OSError):
                mode = self._database.stat().st_mode & 0o666
                path = self._database.with_name(self._database.name + SUFFIX)
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, mode)
                # Whoever may write to the database may stand in its queue, whatever the umask of its first writer.
                with suppress(OSError):
                    os.fchmod(self._file, mode)
        return self._file
