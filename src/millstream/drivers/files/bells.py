"""Waiting until something may have happened in a directory, without asking about it again and again.

Where the kernel tells of every change (`watches`), a wait costs nothing. Where it cannot, for other systems, network
disks and more directories than it lets us watch, a wait ends by itself after a while, so that its caller looks.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import TYPE_CHECKING, Protocol

from millstream.drivers.files import mounts
from millstream.formats.mlruns import layout
from millstream.values.errors import MillstreamError
from millstream.values.settings import setting

if TYPE_CHECKING:
    from millstream.drivers.files.watches import Watches

SLOW = 2.0
"""Seconds between looks where nobody tells of changes."""
PARTLY = 10.0
"""The same where most changes are told."""
MOST = 16_384
"""Directories that one process watches for this, the newest runs first."""


class Bell(Protocol):
    """Rings when something may have happened. One thread waits; any thread may wake it."""

    def wait(self) -> None:
        """Return when it rings, or when `wake` is called."""
        ...

    def heed(self) -> None:
        """Take what rang so far; what happens from now on rings again."""
        ...

    def wake(self) -> None:
        """End the wait."""
        ...

    def close(self) -> None:
        """Let go of what the kernel keeps for this."""
        ...


class Clock:
    """Rings every so many seconds."""

    def __init__(self, seconds: float) -> None:
        """The first ring comes after `seconds`."""
        self._seconds = seconds
        self._woken = threading.Event()

    def wait(self) -> None:
        """Until the time is over."""
        self._woken.wait(self._seconds)

    def heed(self) -> None:
        """Begin anew."""
        self._woken.clear()

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """Nothing to let go of."""


class Poll:
    """Rings when a question, asked every so many seconds, has another answer; and when it has none."""

    def __init__(self, seconds: float, ask: Callable[[], str]) -> None:
        """Ask from the first wait on."""
        self._seconds = seconds
        self._ask = ask
        self._answer = ""
        self._woken = threading.Event()

    def wait(self) -> None:
        """Until the answer is another one than at the last `heed`."""
        while not self._woken.wait(self._seconds):
            try:
                if self._ask() != self._answer:
                    return
            except MillstreamError:
                return  # Whoever looks now is told why.

    def heed(self) -> None:
        """Ask what the answer is now."""
        self._woken.clear()
        self._answer = ""  # so that it rings when nobody answers
        try:
            self._answer = self._ask()
        except MillstreamError:
            pass

    def wake(self) -> None:
        """End the wait."""
        self._woken.set()

    def close(self) -> None:
        """Nothing to let go of."""


class DirectoryBell:
    """Rings when something happens in one of some directories; `below` says which of a directory's own count too.

    Without `below` the kernel tells once, and again after `heed`: writers of a database pay nothing in between.
    """

    def __init__(self, watches: Watches, root: str, below: Callable[[str, int], Iterator[str]] | None = None) -> None:
        """Watch `root`, at depth 0, and what is below it."""
        self._watches = watches
        self._root = root
        self._below = below
        self._paths: dict[int, tuple[str, int]] = {}
        self._numbers: dict[str, int] = {}
        self._whole = True  # all directories are watched
        self._here, self._there = socket.socketpair()
        for end in (self._here, self._there):
            end.setblocking(False)
        self._limit = min(MOST, import_module("millstream.drivers.files.watches").quota() // 2)
        self._watch(root, 0)

    def wait(self) -> None:
        """Until the kernel tells of something; a while at most when not all is watched."""
        poll = select.poll()
        for descriptor in (self._watches.fileno(), self._here.fileno()):
            poll.register(descriptor, select.POLLIN)
        patience = SLOW if self._root not in self._numbers else None if self._whole else PARTLY
        poll.poll(None if patience is None else patience * 1000)

    def heed(self) -> None:
        """Take what rang; directories that came are watched from now on."""
        try:
            while self._here.recv(4096):
                pass
        except BlockingIOError:
            pass
        told = self._watches.take()
        if self._root not in self._numbers:
            self._watch(self._root, 0)
        found = [self._paths[number] for number in (self._paths if told is None else told) if number in self._paths]
        for path, depth in sorted(found, key=lambda one: one[1]):
            self._watch(path, depth)

    def wake(self) -> None:
        """End the wait."""
        try:
            self._there.send(b".")
        except OSError:
            pass  # it is full of such words already, or closed

    def close(self) -> None:
        """Watch nothing any more."""
        self._watches.close()
        self._here.close()
        self._there.close()

    def _watch(self, path: str, depth: int) -> None:
        """Watch `path`, and what is below it as far as that is not watched yet."""
        if len(self._paths) >= self._limit:
            self._whole = False
            return
        before = self._numbers.pop(path, None)
        try:
            number = self._watches.add(path, once=self._below is None)
        except OSError as error:
            if before is not None:
                self._paths.pop(before, None)
                self._watches.remove(before)
            self._whole = self._whole and isinstance(error, FileNotFoundError)
            return
        if before is not None and before != number:
            self._paths.pop(before, None)
        self._paths[number] = path, depth
        self._numbers[path] = number
        for inner in self._below(path, depth) if self._below else ():
            if inner not in self._numbers or number != before:
                self._watch(inner, depth + (inner != os.path.join(self._root, layout.TRASH)))


def tree_bell(root: str) -> Bell:
    """Rings when something happens in the `mlruns` tree at `root`, but to artifacts."""
    return _directory_bell(root, _parts_of_tree)


def file_bell(path: str) -> Bell:
    """Rings when a file beside `path`, or itself, is written."""
    return _directory_bell(os.path.dirname(path))


def _directory_bell(root: str, below: Callable[[str, int], Iterator[str]] | None = None) -> Bell:
    if sys.platform.startswith("linux") and setting("WATCH") and _is_sound(root):
        try:
            return DirectoryBell(import_module("millstream.drivers.files.watches").Watches(), root, below)
        except OSError:
            pass
    return Clock(SLOW)


def _is_sound(root: str) -> bool:
    """Whether the kernel knows all that happens below: it is on a disk of this machine, and no other is there."""
    mounted, real = mounts.read_mounts(), os.path.realpath(root)
    return mounts.is_local(real, mounted) and not any(
        place != real and mounts.holds(real, place) for place, _ in mounted
    )


# What is below an experiment or a run and says nothing of a run's info, params, tags and points.
_LEFT_OUT = {0: {layout.MODELS}, 1: layout.NOT_RUNS - {layout.TAGS}, 2: {layout.ARTIFACTS}}


def _parts_of_tree(path: str, depth: int) -> Iterator[str]:
    """Directories below one of a tree; newest first, as old runs seldom change."""
    try:
        with os.scandir(path) as entries:
            found = [(entry.stat().st_mtime_ns, entry.path) for entry in entries if _is_part(entry, depth)]
    except OSError:
        return
    for _, inner in sorted(found, reverse=True):
        yield inner


def _is_part(entry: os.DirEntry[str], depth: int) -> bool:
    return entry.name not in _LEFT_OUT.get(depth, ()) and entry.is_dir()
