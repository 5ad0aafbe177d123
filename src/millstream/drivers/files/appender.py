"""Appending points: one `write` each to a descriptor that stays open."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from errno import ENOSPC
from threading import Lock

from millstream.drivers.files.atomic import failure

MAX_OPEN = 128
_SETTLE_SECONDS = 0.02


class Appender:
    """Open metric files, least recently used closed first. Safe for threads; processes may share a file."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        """Keep at most `max_open` files open."""
        self._max_open = max_open
        self._open: OrderedDict[str, int] = OrderedDict()
        self._lock = Lock()

    def append(self, path: str, lines: bytes) -> bool:
        """Append whole `lines` in one write; returns whether the file had to be opened for it.

        StorageFailed when not all could be written: what did get written has no newline at its end, so
        readers leave it out, and the next append removes it.
        """
        with self._lock:
            descriptor = self._open.get(path)
            opened = descriptor is None
            try:
                if descriptor is None:
                    descriptor = self._open_file(path)
                written = os.write(descriptor, lines)
            except OSError as error:
                self._forget(path)
                raise failure("append to", path, error) from error
            if written != len(lines):
                self._forget(path)
                raise failure("append to", path, OSError(ENOSPC, "No space left on device"))
            return opened

    def _open_file(self, path: str) -> int:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
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
