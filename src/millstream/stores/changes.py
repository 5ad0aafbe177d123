"""What changed in a tree since an index last read it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sized
from itertools import chain, islice

from msgspec import Struct

from millstream.drivers.files import stamps
from millstream.drivers.files.reader import walk_keys
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql.scanned import RunState, State
from millstream.formats.mlruns import layout
from millstream.stores.sentries import Sentries

# Finished runs that each look examines file by file, in turn.
CLOSE_LOOKS = 8
# A run at rest has ended, and nothing in it has changed for so long. With thousands of them, asking the file system
# about each is most of what a search costs. So a process that searches for longer than `SWEEP_SECONDS` has the kernel
# tell what other programs do to them (see `sentries`); where it cannot, that may go unnoticed for `SWEEP_SECONDS`.
# What this process writes itself is always noticed.
REST_NS = 60 * 10**9
SWEEP_SECONDS = 2.0


class ChangedRun(Struct, frozen=True):
    """A run's directory to be read (again)."""

    experiment_id: str
    run_id: str
    directory: str


class ChangedExperiment(Struct, frozen=True):
    """An experiment's directory to be read (again), and its stamp from before reading."""

    experiment_id: str
    directory: str
    in_trash: bool
    stamp: str


class Changes(Struct):
    """Everything to be taken in; `total` counts the runs there were to read at first."""

    experiments: list[ChangedExperiment]
    gone_experiments: list[str]
    runs: list[ChangedRun]
    gone_runs: list[tuple[str, str]]
    total: int = 0

    def __bool__(self) -> bool:
        return bool(self.experiments or self.gone_experiments or self.runs or self.gone_runs)

    def without(self, batch: list[ChangedRun]) -> Changes:
        """What is left when the experiments, what is gone, and `batch`, the first runs, have been taken in."""
        return Changes([], [], self.runs[len(batch) :], [], self.total)


class Runs(Struct, frozen=True):
    """The runs of an experiment that are to be looked at, `ids`, and what is `known` of all of its runs."""

    experiment_id: str
    directory: str
    known: dict[str, RunState]
    ids: list[str]


class _Asking(Struct, frozen=True):
    """One look: at all runs that nobody watches if it is a `sweep`, at those `due`, and at those `close` by file."""

    state: State
    sweep: bool
    close: set[str]
    due: set[str]


class Looker:
    """Compares a tree with an index's state."""

    def __init__(self, tree: Tree) -> None:
        """Look at `tree`."""
        self._tree = tree
        self._turn = 0
        self._swept = -math.inf
        self._first_swept = math.inf
        # Of each experiment the runs that were not at rest when all were asked about, and those changed since: as the
        # state `_noted` has them, which another process may have taken further meanwhile.
        self._awake: dict[str, set[str]] = {}
        self._noted: State | None = None
        # Runs at rest that something happened to, of each experiment, until they are found to be as they are known.
        self._heard: dict[str, set[str]] = {}
        self._sentries = Sentries(tree.root)

    def sweep_next(self) -> None:
        """Make the next look ask about every run: what the last one found was not taken in."""
        self._swept = -math.inf

    def watch_next(self) -> None:
        """Make the next look ask about every run and watch more of those at rest: this process stays."""
        self._first_swept = -math.inf
        self.sweep_next()

    @property
    def short(self) -> bool:
        """Whether there are more runs at rest that the kernel could tell of."""
        return self._sentries.short

    def learn(self, state: State, changed: list[tuple[str, str]]) -> None:
        """Another process took in these runs, (experiment, id), of the state that the last look was about."""
        for experiment_id, run_id in changed:
            self._awake.setdefault(experiment_id, set()).add(run_id)
            self._sentries.doubt(experiment_id, state.runs[experiment_id], (run_id,))

    def close(self) -> None:
        """Let go of what the kernel keeps for this; the next look asks about every run."""
        self._sentries.close()
        self._first_swept = math.inf
        self.sweep_next()

    def look(self, state: State, focus: str | None = None) -> Changes:
        """All changes; the run `focus` and a few finished runs are looked at file by file."""
        changes = Changes([], [], [], [])
        begun = time.monotonic()
        told = self._listen()
        sweep = not told or begun - self._swept >= SWEEP_SECONDS
        if sweep or state is not self._noted:
            self._note_awake(state)
        if sweep and begun - self._first_swept >= SWEEP_SECONDS:
            self._sentries.hire(_count(state.runs) - _count(self._awake))
        close = self._close_looks(state)
        if focus is not None:
            close.add(focus)
        asking = _Asking(state, sweep, close, self._tree.take_touched() | close)
        present: set[str] = set()
        # One that lost its meta.yaml is looked at last: there may be a good one of its id in the trash.
        found = [(*one, os.path.exists(os.path.join(one[1], layout.META))) for one in self._tree.experiment_dirs()]
        for experiment_id, directory, in_trash, good in sorted(found, key=lambda one: not one[3]):
            if experiment_id in present or not (good or self._tree.holds_runs(directory)):
                continue
            present.add(experiment_id)
            self._look_at_experiment(ChangedExperiment(experiment_id, directory, in_trash, ""), asking, changes)
        changes.gone_experiments.extend(state.experiments.keys() - present)
        changes.total = len(changes.runs)
        self._sentries.rest()
        self._sentries.keep(present)
        if sweep:
            self._swept = begun
            self._first_swept = min(begun, self._first_swept)
        for changed in changes.runs:
            self._awake.setdefault(changed.experiment_id, set()).add(changed.run_id)
        return changes

    def _listen(self) -> bool:
        """Hear what happened to watched runs; False when some of it is not known."""
        told = self._sentries.listen()
        for experiment_id, run_id in told or ():
            self._heard.setdefault(experiment_id, set()).add(run_id)
        return told is not None

    def _note_awake(self, state: State) -> None:
        """Tell the runs that may still change from those at rest: only the first look at a state asks all of them."""
        now = time.time_ns()
        first = state is not self._noted
        self._awake = {
            experiment_id: {
                run_id
                for run_id in (runs if first else self._awake.get(experiment_id, ()))
                if run_id not in runs or not _is_at_rest(runs[run_id], now)
            }
            for experiment_id, runs in state.runs.items()
        }
        if first:
            for experiment_id, runs in state.runs.items():
                self._sentries.doubt(experiment_id, runs, self._sentries.watched(experiment_id))
        self._noted = state

    def _look_at_experiment(self, found: ChangedExperiment, asking: _Asking, changes: Changes) -> None:
        """Find what changed in an experiment and its runs; `found` lacks its stamp."""
        experiment_id, directory, in_trash = found.experiment_id, found.directory, found.in_trash
        stamp = experiment_stamp(directory, in_trash)
        before = asking.state.experiments.get(experiment_id)
        # Problems name paths, so the runs of an experiment that moved are read again.
        moved = before is not None and before[0] != stamp[0]
        here = asking.state.runs.get(experiment_id, {})
        known = {} if moved else here
        asked = self._to_ask(experiment_id, directory, known, asking)
        if stamp != before:
            # What is too young to be relied on never matches, and yet says where the experiment was.
            kept = f"{int(in_trash)}," if stamps.is_racy(_numbers(stamp)) else stamp
            changes.experiments.append(ChangedExperiment(experiment_id, directory, in_trash, kept))
            listed = self._tree.run_ids(directory, known)
            new = [run_id for run_id in listed if run_id not in here]
            # Mostly one came and none went; to compare thousands of names costs more than to count them.
            if len(listed) - len(new) < len(here):
                gone = here.keys() - set(listed)
                changes.gone_runs.extend((experiment_id, run_id) for run_id in gone)
                asked = [run_id for run_id in asked if run_id not in gone]
            asked += listed if moved else new
        self._look_at_runs(Runs(experiment_id, directory, known, asked), asking, changes)

    def _to_ask(self, experiment_id: str, directory: str, known: dict[str, RunState], asking: _Asking) -> list[str]:
        """Those of an experiment's known runs that may not be as they are known."""
        now = time.time_ns()
        due = asking.due | self._heard.get(experiment_id, set())
        # Those who watch the runs of another directory of this name know nothing of these.
        if self._sentries.stand(experiment_id, directory) and not asking.sweep:
            # Runs fall asleep, but none wakes up without being touched or changed.
            awake = self._awake.get(experiment_id, set()) - due
            asked = [run_id for run_id in awake if run_id in known and not _is_at_rest(known[run_id], now)]
            return [*asked, *(run_id for run_id in due if run_id in known)]
        watched = self._sentries.watched(experiment_id)
        return [run_id for run_id in known if run_id not in watched or run_id in due]

    def _look_at_runs(self, runs: Runs, asking: _Asking, changes: Changes) -> None:
        """Find which of `runs.ids` are new or changed; those that are at rest are watched from now on, in a sweep."""
        now = time.time_ns()
        heard = self._heard.get(runs.experiment_id, set())
        heard.intersection_update(runs.known)
        watched = self._sentries.watched(runs.experiment_id)
        for run_id in runs.ids:
            directory = f"{runs.directory}{os.sep}{run_id}"
            run = runs.known.get(run_id)
            if run is None:
                changes.runs.append(ChangedRun(runs.experiment_id, run_id, directory))
                continue
            numbers: tuple[int, ...] = ()
            if asking.sweep and run_id not in watched and _is_at_rest(run, now):
                numbers = self._sentries.post(runs.experiment_id, run_id, run)
            if not _has_changed(run, directory, close=run.watched > now or run_id in asking.close or run_id in heard):
                heard.discard(run_id)
                if numbers:
                    self._sentries.trust(runs.experiment_id, run_id, run.stamp, numbers)
                continue
            self._sentries.recall(runs.experiment_id, run_id, numbers)
            if os.path.isdir(directory):
                changes.runs.append(ChangedRun(runs.experiment_id, run_id, directory))
            else:
                changes.gone_runs.append((runs.experiment_id, run_id))

    def _close_looks(self, state: State) -> set[str]:
        total = _count(state.runs)
        if total == 0:
            return set()
        self._turn %= total
        every = chain.from_iterable(state.runs.values())
        chosen: set[str] = set()
        watched = 0
        for run_id in islice(every, self._turn, self._turn + CLOSE_LOOKS):
            # The kernel tells of a watched run, but not what is changed through a shared memory map, say: one a look.
            watched += self._sentries.watches(run_id)
            if watched > 1:
                break
            chosen.add(run_id)
            self._turn += 1
        return chosen


def _count(runs: Mapping[str, Sized]) -> int:
    return sum(map(len, runs.values()))


def _is_at_rest(run: RunState, now: int) -> bool:
    return run.watched < now and run.newest < now - REST_NS


def _has_changed(run: RunState, directory: str, *, close: bool) -> bool:
    if stamps.shallow_stamp(directory, run.directories) != run.stamp:
        return True
    return close and stamps.deep_stamp(directory) != run.deep


def settled(stamp: stamps.Stamp) -> stamps.Stamp:
    """The stamp, or (), which never matches, when it is too young to be relied on."""
    return () if stamps.is_racy(stamp) else stamp


def experiment_stamp(directory: str, in_trash: bool) -> str:
    """Changes when an experiment's meta.yaml or tags change, it moves, or a run comes or goes."""
    parts = [int(in_trash), stamps.directory_stamp(directory)]
    parts.extend(stamps.file_stamp(os.path.join(directory, layout.META)))
    parts.extend(_tag_stamps(os.path.join(directory, layout.TAGS)))
    return ",".join(map(str, parts))


def _tag_stamps(directory: str) -> Iterator[int]:
    for _, entry in walk_keys(directory):
        yield from stamps.file_stamp(entry.path)


def _numbers(stamp: str) -> stamps.Stamp:
    return tuple(map(int, stamp.split(",")))
