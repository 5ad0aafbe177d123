"""Appending points: one `write` each to a descriptor that stays open."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from contextlib import suppress
from errno import ENOSPC
from threading import RLock

from millstream.drivers.files.atomic import failure

MAX_OPEN = 128
_SETTLE_SECONDS = 0.02


class Appender:
    """Open metric files, the one opened first is closed first. Safe for threads; processes may share a file."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        """Keep at most `max_open` files open."""
        self._max_open = max_open
        self._open: OrderedDict[str, int] = OrderedDict()
        # Re-entrant, because a signal may end a run, which closes its files, in the middle of an append.
        self._lock = RLock()

    def append(self, folder: str, key: str, lines: bytes) -> None:
        """Append whole `lines` in one write to the file `key` below `folder`, which ends in a slash and must exist.

        StorageFailed when not all could be written; what did get written of the last line is removed again.
        """
        path = folder + key
        with self._lock:
            descriptor = self._open.get(path)
            try:
                if descriptor is None:
                    descriptor = self._open_file(path, folder)
                written = os.write(descriptor, lines)
                if written != len(lines):
                    close_torn_tail(descriptor)
                    raise OSError(ENOSPC, "No space left on device")
            except OSError as error:
                self._forget(path)
                raise failure("append to", path, error) from error

    def _open_file(self, path: str, folder: str) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            # Never `folder` itself: a run that was just moved away must not leave a ghost behind.
            os.stat(folder)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            descriptor = os.open(path, flags, 0o666)
        try:
            close_torn_tail(descriptor)
        except OSError:
            os.close(descriptor)
            raise
        self._open[path] = descriptor
        if len(self._open) > self._max_open:
            _, oldest = self._open.popitem(last=False)
            os.close(oldest)
        return descriptor

    def _forget(self, path: str) -> None:
        descriptor = self._open.pop(path, None)
        if descriptor is not None:
            os.close(descriptor)

    def abandon(self) -> None:
        """Close a forked child's copies of the descriptors, without the lock: a thread of the parent may hold it."""
        for descriptor in self._open.values():
            with suppress(OSError):
                os.close(descriptor)
        self._open.clear()

    def close(self, below: str | None = None) -> None:
        """Close all files, or only those below the directory `below`."""
        with self._lock:
            for path in [path for path in self._open if below is None or path.startswith(below + os.sep)]:
                self._forget(path)


def close_torn_tail(descriptor: int) -> None:
    """Remove a last line without a newline: the rest of a write that was cut off by a crash or a full disk.

    Ending it with a newline instead could turn a half-written number into a false point. Another process
    may be in the middle of a write, so a tail that is still growing is left alone.
    """
    size = os.fstat(descriptor).st_size
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    time.sleep(_SETTLE_SECONDS)
    if os.fstat(descriptor).st_size != size:
        return
    start = size
    while start > 0:
        length = min(4096, start)
        block = os.pread(descriptor, length, start - length)
        newline = block.rfind(b"\n")
        if newline >= 0:
            os.ftruncate(descriptor, start - length + newline + 1)
            return
        start -= length
    os.ftruncate(descriptor, 0)
