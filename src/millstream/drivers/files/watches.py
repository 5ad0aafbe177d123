"""Asking the Linux kernel what happened in directories: inotify (man 7 inotify), without any package.

What is told: entries that come, go, or are written, and that the directory itself goes or moves. What is not: changes
through a shared memory map, and those that another machine makes in a network file system (see `mounts`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import weakref

_MODIFY, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF = 0x400, 0x800
_ONLYDIR, _DONT_FOLLOW = 0x01000000, 0x02000000
_OVERFLOW = 0x4000
_ONESHOT = 0x80000000
_MASK = (
    _MODIFY | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF | _ONLYDIR | _DONT_FOLLOW
)  # fmt: skip

# struct inotify_event: watch, mask, cookie, length of the name that follows.
_EVENT = struct.Struct("iIII")
_BLOCK = 1 << 16
LIMITS = "/proc/sys/fs/inotify"

_alive: weakref.WeakSet[Watches] = weakref.WeakSet()


class Watches:
    """Watched directories, by number; a number is not given a second time. Belongs to the process that made it.

    In a child that is forked from this process there is nothing: all calls but `close` raise OSError.
    """

    def __init__(self) -> None:
        """Watch nothing yet; OSError where the kernel has no inotify, or no more of it for this user."""
        try:
            self._libc = ctypes.CDLL(None, use_errno=True)
            self._add, self._remove = self._libc.inotify_add_watch, self._libc.inotify_rm_watch
            make = self._libc.inotify_init1
        except AttributeError as error:
            raise OSError(errno.ENOSYS, "this system has no inotify") from error
        self._add.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_uint32)
        self._remove.argtypes = (ctypes.c_int, ctypes.c_int)
        descriptor = make(os.O_NONBLOCK | os.O_CLOEXEC)
        if descriptor < 0:
            raise _error("inotify")
        self._descriptor = descriptor
        self._finalize = weakref.finalize(self, os.close, descriptor)
        _alive.add(self)

    def add(self, path: str, *, once: bool = False) -> int:
        """Watch the directory `path` from now on; its number, the same as before when it is watched already.

        With `once` only until something happens there, so that whoever writes pays for one event.

        OSError: NotADirectoryError for a link too, ENOSPC when this user has no more watches.
        """
        number: int = self._add(self._descriptor, os.fsencode(path), _MASK | _ONESHOT if once else _MASK)
        if number < 0:
            raise _error(path)
        return number

    def remove(self, number: int) -> None:
        """Watch a directory no more; nothing when it is gone."""
        self._remove(self._descriptor, number)

    def take(self) -> set[int] | None:
        """Numbers of the directories in which something happened since the last call; None when some was lost."""
        found: set[int] = set()
        whole = True
        while True:
            try:
                block = os.read(self._descriptor, _BLOCK)
            except BlockingIOError:
                return found if whole else None
            start = 0
            while start < len(block):
                number, mask, _, length = _EVENT.unpack_from(block, start)
                found.add(number)
                whole = whole and not mask & _OVERFLOW
                start += _EVENT.size + length

    def fileno(self) -> int:
        """What is readable when there is something to take."""
        return int(self._descriptor)

    def close(self) -> None:
        """Watch nothing any more."""
        self._descriptor = -1
        self._finalize()


def quota() -> int:
    """How many watches may be ours: a quarter of a user's, as editors and file managers need theirs too."""
    try:
        with open(f"{LIMITS}/max_user_watches", encoding="ascii") as file:
            return int(file.read()) // 4
    except (OSError, ValueError):
        return 0


def _error(path: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number), path)


def _abandon() -> None:
    # Events are for whoever reads them first: a child would take those of its parent.
    for watches in list(_alive):
        watches.close()


os.register_at_fork(after_in_child=_abandon)
