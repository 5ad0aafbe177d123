"""Ways to a path below a directory that no link can lead out of, also not one that is made meanwhile.

Every step opens one name in the directory that the step before opened, and follows nothing by itself; a link is read
and gone along step by step, and may not lead above the root. Where the system opens nothing below an open directory
(Windows), the real path is checked before.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from types import TracebackType

_ABLE = os.open in os.supports_dir_fd and hasattr(os, "O_NOFOLLOW") and hasattr(os, "O_DIRECTORY")
_DIRECTORY = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
_LINKS = 40
# Linux's PATH_MAX: what is deeper could be made step by step, and then be opened by nobody else.
_LONGEST = 4095


class LeadsOut(Exception):
    """The path leaves its root by a link."""


class Spot:
    """The last step: `name` in the open directory `directory`; without one, a whole path."""

    def __init__(self, name: str, directory: int | None = None) -> None:
        """Closes `directory` in the end."""
        self.name = name
        self.directory = directory

    def open(self, flags: int, mode: int = 0o666) -> int:
        """Open what is there, but no link."""
        return os.open(self.name, flags | getattr(os, "O_NOFOLLOW", 0), mode, dir_fd=self.directory)

    def open_directory(self) -> int:
        """Open the directory that is there, but no link."""
        return os.open(self.name, _DIRECTORY, dir_fd=self.directory)

    def lstat(self) -> os.stat_result:
        """What is there; of a link the link."""
        return os.stat(self.name, dir_fd=self.directory, follow_symlinks=False)

    def beside(self, name: str) -> str:
        """`name` in the same directory, as `name` is written."""
        return os.path.join(os.path.dirname(self.name), name)

    def close(self) -> None:
        """Let the directory go; done again it does nothing."""
        if self.directory is not None:
            directory, self.directory = self.directory, None
            os.close(directory)

    def __enter__(self) -> Spot:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()


def reach(root: str, segments: Sequence[str], *, make: bool = False, follow: bool = True) -> Spot:
    """The spot of the path `segments` below `root`, whether something is there or not; (".") is the root itself.

    `make` makes the directories on the way that are missing. Without `follow` a link at the end is itself the spot.
    LeadsOut when a link leads above the root; OSError when there is no way.
    """
    path = os.path.join(root, *segments)
    if len(os.fsencode(path)) > _LONGEST:
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG), path)
    if not _ABLE:
        return _reach_checked(root, path, make=make, follow=follow)
    try:
        walk = _Walk(root)
    except FileNotFoundError:
        if not make:
            raise
        os.makedirs(root, exist_ok=True)
        walk = _Walk(root)
    try:
        return walk.go(list(reversed(segments)), make=make, follow=follow)
    finally:
        walk.close()


class _Walk:
    """Open directories from the root downward."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._links = 0
        # The root's own path is the operator's: links on it count.
        self._stack = [os.open(root, _DIRECTORY & ~getattr(os, "O_NOFOLLOW", 0))]

    def close(self) -> None:
        for directory in self._stack:
            os.close(directory)
        self._stack = []

    def go(self, ahead: list[str], *, make: bool, follow: bool) -> Spot:
        while ahead:
            name = ahead.pop()
            if name in ("", "."):
                continue
            if name == "..":
                self._go_up()
            elif not ahead:
                target = self._read_link(name) if follow else None
                if target is None:
                    return Spot(name, self._stack.pop())
                self._turn(target, ahead)
            else:
                self._go_down(name, ahead, make=make)
        return Spot(".", self._stack.pop())

    def _go_up(self) -> None:
        if len(self._stack) == 1:
            raise LeadsOut
        os.close(self._stack.pop())

    def _go_down(self, name: str, ahead: list[str], *, make: bool) -> None:
        here = self._stack[-1]
        for _ in range(2):
            try:
                self._stack.append(os.open(name, _DIRECTORY, dir_fd=here))
                return
            except FileNotFoundError:
                if not make:
                    raise
                try:
                    os.mkdir(name, dir_fd=here)
                except FileExistsError:
                    pass  # another one made it
            except OSError as error:
                # A link is one of these, by system.
                target = self._read_link(name) if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK) else None
                if target is None:
                    raise
                self._turn(target, ahead)
                return
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), name)

    def _read_link(self, name: str) -> str | None:
        try:
            return os.readlink(name, dir_fd=self._stack[-1])
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return None
            raise

    def _turn(self, target: str, ahead: list[str]) -> None:
        """Go on along a link."""
        self._links += 1
        if self._links > _LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), target)
        if os.path.isabs(target):
            bases = (f"{base.rstrip(os.sep)}{os.sep}" for base in (self._root, os.path.realpath(self._root)))
            base = next((base for base in bases if f"{target}{os.sep}".startswith(base)), None)
            if base is None:
                raise LeadsOut
            while len(self._stack) > 1:
                os.close(self._stack.pop())
            target = target[len(base) :]
        ahead.extend(reversed(target.split(os.sep)))


def _reach_checked(root: str, path: str, *, make: bool, follow: bool) -> Spot:
    real, above = os.path.realpath(path if follow else os.path.dirname(path)), os.path.realpath(root)
    if real != above and not real.startswith(above.rstrip(os.sep) + os.sep):
        raise LeadsOut
    if make:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    return Spot(path)
