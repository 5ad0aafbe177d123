"""Appending points: one `write` each to a descriptor that stays open."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from contextlib import suppress
from errno import ENOSPC, ESTALE
from threading import RLock

from msgspec import Struct

from millstream.drivers.files.atomic import failure, make_parents

MAX_OPEN = 128
_SETTLE_SECONDS = 0.02


class _File(Struct):
    """An open file, its number, and where it ended after the last append through it."""

    descriptor: int
    inode: int
    end: int


class Appender:
    """Open metric files, the one opened first is closed first. Safe for threads; processes may share a file."""

    def __init__(self, max_open: int = MAX_OPEN) -> None:
        """Keep at most `max_open` files open."""
        self._max_open = max_open
        self._open: OrderedDict[str, _File] = OrderedDict()
        # Re-entrant, because a signal may end a run, which closes its files, in the middle of an append.
        self._lock = RLock()

    def append(self, folder: str, key: str, lines: bytes) -> int:
        """Append whole `lines` in one write to the file `key` below `folder`, which ends in a slash and must exist.

        Returns where they end. StorageFailed when not all could be written; then none of them is there.
        """
        path = folder + key
        with self._lock:
            try:
                try:
                    return self._append(path, folder, lines)
                except OSError as error:
                    if error.errno != ESTALE:
                        raise
                    # A network file system says so when another machine put a new file in the place of this one.
                    self._forget(path)
                    return self._append(path, folder, lines)
            except OSError as error:
                self._forget(path)
                raise failure("append to", path, error) from error

    def _append(self, path: str, folder: str, lines: bytes) -> int:
        file = self._open.get(path)
        if file is None:
            file = self._open_file(path, folder)
        written = os.write(file.descriptor, lines)
        if written != len(lines):
            _take_back(file.descriptor, os.lseek(file.descriptor, 0, os.SEEK_CUR), written)
            raise OSError(ENOSPC, "No space left on device")
        end = os.lseek(file.descriptor, 0, os.SEEK_CUR)
        alone = end == file.end + written
        file.end = end
        if not alone and _is_glued(file.descriptor, end, lines):
            return self._append(path, folder, lines)
        return end

    def look_again(self, folder: str) -> None:
        """Close files below `folder`, which ends in a slash, that were put away or replaced: nobody reads them now."""
        with self._lock:
            for path in [path for path in self._open if path.startswith(folder)]:
                try:
                    same = os.stat(path).st_ino == self._open[path].inode
                except OSError:
                    same = False
                if not same:
                    self._forget(path)

    def take_back(self, folder: str, ends: dict[str, tuple[int, int]]) -> None:
        """Undo appends, key to (end, length), where nobody has written behind them."""
        with self._lock:
            for key, (end, length) in ends.items():
                self._forget(folder + key)
                with suppress(OSError):
                    if os.stat(folder + key).st_size == end:
                        os.truncate(folder + key, end - length)

    def _open_file(self, path: str, folder: str) -> _File:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        try:
            descriptor = os.open(path, flags, 0o666)
        except FileNotFoundError:
            make_parents(path, folder.rstrip(os.sep))
            descriptor = os.open(path, flags, 0o666)
        try:
            close_torn_tail(descriptor)
            status = os.fstat(descriptor)
            file = _File(descriptor, status.st_ino, status.st_size)
        except OSError:
            os.close(descriptor)
            raise
        self._open[path] = file
        if len(self._open) > self._max_open:
            _, oldest = self._open.popitem(last=False)
            os.close(oldest.descriptor)
        return file

    def _forget(self, path: str) -> None:
        file = self._open.pop(path, None)
        if file is not None:
            with suppress(OSError):  # What closing has to say about earlier writes, their own answers said.
                os.close(file.descriptor)

    def abandon(self) -> None:
        """Close a forked child's copies of the descriptors, without the lock: a thread of the parent may hold it."""
        for file in self._open.values():
            with suppress(OSError):
                os.close(file.descriptor)
        self._open.clear()

    def close(self, below: str | None = None) -> None:
        """Close all files, or only those below the directory `below`."""
        with self._lock:
            for path in [path for path in self._open if below is None or path.startswith(below + os.sep)]:
                self._forget(path)


def _take_back(descriptor: int, end: int, length: int) -> None:
    """Remove the `length` bytes before `end`, which this descriptor wrote, unless somebody has written behind them."""
    if os.fstat(descriptor).st_size == end:
        os.ftruncate(descriptor, end - length)


def _is_glued(descriptor: int, end: int, lines: bytes) -> bool:
    """Whether `lines`, just written, follow a line without an end; both are removed then.

    Another process was killed in the middle of its write while this one had the file open already.
    """
    start = end - len(lines)
    if start <= 0 or os.pread(descriptor, 1, start - 1) == b"\n":
        return False
    _take_back(descriptor, end, len(lines))
    close_torn_tail(descriptor)
    return True


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
