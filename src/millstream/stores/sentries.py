"""Runs at rest that need not be asked about, because the kernel tells when something happens to them.

A run is watched before it is compared with what is known of it, so that nothing falls between. Whatever happens to it
ends the watch: the run is then looked at file by file, and watched again when it is at rest again. What the kernel
cannot tell (other systems, network disks, links, more runs than it lets us watch) is looked over as ever.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Iterable
from errno import ENOSPC
from importlib import import_module
from typing import TYPE_CHECKING

from msgspec import Struct, field

from millstream.drivers.files import mounts
from millstream.drivers.files.stamps import Stamp
from millstream.drivers.sql.scanned import RunState
from millstream.values.settings import setting

if TYPE_CHECKING:
    from millstream.drivers.files.watches import Watches

# Fewer runs than this are asked about in a few milliseconds.
WORTH_IT = 200
# So many runs are given a watch at one look, or a fifth of all: four watches cost a little more than asking about the
# run, and each look asks about all that are not watched yet.
RUNS_A_LOOK = 2000


class _Post(Struct, frozen=True):
    """A watched run: how it looked, and the numbers of its watches."""

    stamp: Stamp
    numbers: tuple[int, ...]


class _Place(Struct):
    """An experiment's directory by name, device and number, and its watched runs.

    `sound`: all that happens in it is told. Watches follow directories, not their names, so they are worth something
    only as long as the directory of this name is the same one. `refused`: runs that cannot be watched.
    """

    directory: str
    identity: tuple[int, ...]
    sound: bool
    posts: dict[str, _Post] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


class Sentries:
    """The watched runs of a tree."""

    def __init__(self, root: str) -> None:
        """Watch nothing of the tree at `root` yet."""
        self._root = root
        self._watches: Watches | None = None
        self._places: dict[str, _Place] = {}
        # Of each watch its run: experiment and id.
        self._owners: dict[int, tuple[str, str]] = {}
        self._seams: list[str] = []
        self._quota = 0
        self._budget = 0
        self._new: list[tuple[str, str]] = []
        self._full = False
        #: Whether the last look that watched more runs left some for the next.
        self.short = False

    def listen(self) -> list[tuple[str, str]] | None:
        """Runs that something happened to, (experiment, id), which are watched no more; None: ask about all runs."""
        if self._watches is None:
            return []
        try:
            numbers = self._watches.take()
        except OSError:  # This is a child of the process that watched.
            numbers = None
        if numbers is None:
            self.close()
            return None
        told = {self._owners[number] for number in numbers if number in self._owners}
        for experiment_id, run_id in told:
            self.recall(experiment_id, run_id)
        return list(told)

    def hire(self, at_rest: int) -> None:
        """Get ready to watch more runs, now that there are `at_rest` of them. May forget all of those watched."""
        self._new.clear()
        self._budget = 0
        self.short = False
        if at_rest < WORTH_IT or not sys.platform.startswith("linux") or not setting("WATCH"):
            self.close()
            return
        root, mounted = os.path.realpath(self._root), mounts.read_mounts()
        seams = [place for place, _ in mounted if place != root and mounts.holds(root, place)]
        sound = mounts.is_local(root, mounted)
        if seams != self._seams or not sound:
            self.close()
            self._seams = seams
        if sound and not self._full and self._open():
            self._budget = max(RUNS_A_LOOK, at_rest // 5)

    def rest(self) -> None:
        """Watch no more runs until `hire`."""
        self._budget = 0

    def stand(self, experiment_id: str, directory: str) -> bool:
        """Whether the watched runs of an experiment still are those below `directory`; else they are forgotten."""
        if self._watches is None:
            return True
        place = self._places.get(experiment_id)
        if place is None and not self._budget:
            return True
        identity = _identity(directory)
        if place is not None and (place.directory, place.identity) == (directory, identity):
            return True
        self.forget(experiment_id)
        self._places[experiment_id] = _Place(directory, identity, self._is_sound(directory))
        return place is None or not place.posts

    def watched(self, experiment_id: str) -> Collection[str]:
        """Runs of an experiment that nothing happened to since they were found as they are known."""
        place = self._places.get(experiment_id)
        return () if place is None else place.posts

    def watches(self, run_id: str) -> bool:
        """Whether a run of this id is watched, in whatever experiment."""
        return any(run_id in place.posts for place in self._places.values())

    def doubt(self, experiment_id: str, known: dict[str, RunState], run_ids: Iterable[str]) -> None:
        """Watch no more those of `run_ids` that were found to be other than they are `known` now."""
        place = self._places.get(experiment_id)
        if place is None:
            return
        for run_id in list(run_ids):
            post = place.posts.get(run_id)
            if post is not None and (run_id not in known or known[run_id].stamp != post.stamp):
                self.recall(experiment_id, run_id)

    def post(self, experiment_id: str, run_id: str, run: RunState) -> tuple[int, ...]:
        """Watch a run's directories, before it is looked at; () when it cannot be done. Counts after `trust`."""
        place = self._places.get(experiment_id)
        if self._budget <= 0 or place is None or not place.sound or run_id in place.refused:
            return ()
        if len(self._owners) + len(run.directories) > self._quota:
            self.rest()
            return ()
        self._budget -= 1
        self.short = self._budget == 0
        numbers: list[int] = []
        owner = (experiment_id, run_id)
        home = f"{place.directory}{os.sep}{run_id}"
        try:
            for name in run.directories:
                self._watch(home + name, owner, numbers)
        except OSError as error:
            self._unwatch(numbers)
            if error.errno == ENOSPC:
                self._leave_room()
            else:
                place.refused.add(run_id)
            return ()
        self._new.append(owner)
        return tuple(numbers)

    def trust(self, experiment_id: str, run_id: str, stamp: Stamp, numbers: tuple[int, ...]) -> None:
        """A run with these watches was found as it is known, which has this stamp."""
        self._places[experiment_id].posts[run_id] = _Post(stamp, numbers)

    def recall(self, experiment_id: str, run_id: str, numbers: tuple[int, ...] = ()) -> None:
        """Watch a run no more; `numbers` are its watches if it was not trusted yet."""
        place = self._places.get(experiment_id)
        post = None if place is None else place.posts.pop(run_id, None)
        self._unwatch(numbers if post is None else post.numbers)

    def forget(self, experiment_id: str) -> None:
        """Watch no run of an experiment any more."""
        place = self._places.pop(experiment_id, None)
        for post in place.posts.values() if place is not None else ():
            self._unwatch(post.numbers)

    def keep(self, experiment_ids: Collection[str]) -> None:
        """Watch runs of these experiments only."""
        for experiment_id in self._places.keys() - set(experiment_ids):
            self.forget(experiment_id)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._watches is not None:
            self._watches.close()
            self._watches = None
        self._places.clear()
        self._owners.clear()
        self._new.clear()
        self._budget = 0
        self._full = False

    def _open(self) -> bool:
        if self._watches is None:
            # ctypes takes milliseconds to import; only a process that searches for a while needs it.
            module = import_module("millstream.drivers.files.watches")
            try:
                self._watches = module.Watches()
            except OSError:
                return False
            self._quota = module.quota()
        return True

    def _is_sound(self, directory: str) -> bool:
        below = os.path.relpath(directory, self._root)
        real = os.path.realpath(directory)
        straight = real == os.path.join(os.path.realpath(self._root), below)
        return straight and not any(mounts.holds(seam, real) or mounts.holds(real, seam) for seam in self._seams)

    def _watch(self, path: str, owner: tuple[str, str], numbers: list[int]) -> None:
        assert self._watches is not None
        try:
            number = self._watches.add(path)
        except FileNotFoundError:
            if not numbers:
                raise
            return  # It would come to be in a directory that is watched.
        if self._owners.setdefault(number, owner) != owner:
            raise FileExistsError(path)  # One directory by two names.
        numbers.append(number)

    def _unwatch(self, numbers: Collection[int]) -> None:
        for number in numbers:
            if self._owners.pop(number, None) is not None and self._watches is not None:
                self._watches.remove(number)

    def _leave_room(self) -> None:
        """There are no more watches for this user: give back those of this look, as others need some too."""
        for owner in self._new:
            self.recall(*owner)
        self.rest()
        self.short = False
        self._full = True


def _identity(directory: str) -> tuple[int, ...]:
    try:
        status = os.stat(directory)
    except OSError:
        return ()
    return status.st_dev, status.st_ino
