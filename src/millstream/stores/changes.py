"""What changed in a tree since an index last read it."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from msgspec import Struct

from millstream.drivers.files import stamps
from millstream.drivers.files.reader import walk_keys
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql.scanned import RunState, State
from millstream.formats.mlruns import layout

# Finished runs that each look examines file by file, in turn.
CLOSE_LOOKS = 8
# A run at rest has ended, and nothing in it has changed for so long. What other programs do to such runs may go
# unnoticed by a process for `SWEEP_SECONDS`: with thousands of them, asking the file system about each is most of
# what a search costs. What this process writes itself is always noticed.
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
    """The runs of an experiment as they are to be looked at: `ids` in its directory, and what is `known` of them."""

    experiment_id: str
    directory: str
    known: dict[str, RunState]
    ids: list[str]


class Looker:
    """Compares a tree with an index's state."""

    def __init__(self, tree: Tree) -> None:
        """Look at `tree`."""
        self._tree = tree
        self._turn = 0
        self._swept = -math.inf
        # Of each experiment the runs that were not at rest when all were asked about, and those changed since: as the
        # state `_noted` has them, which another process may have taken further meanwhile.
        self._awake: dict[str, set[str]] = {}
        self._noted: State | None = None

    def sweep_next(self) -> None:
        """Make the next look ask about every run: what the last one found was not taken in."""
        self._swept = -math.inf

    def look(self, state: State, focus: str | None = None) -> Changes:
        """All changes; the run `focus` and a few finished runs are looked at file by file."""
        changes = Changes([], [], [], [])
        begun = time.monotonic()
        sweep = begun - self._swept >= SWEEP_SECONDS
        if sweep or state is not self._noted:
            self._note_awake(state)
        close = self._close_looks(state)
        due = self._tree.take_touched() | close
        if focus is not None:
            close.add(focus)
            due.add(focus)
        present: set[str] = set()
        for experiment_id, directory, in_trash in self._tree.experiment_dirs():
            if experiment_id in present or not os.path.exists(os.path.join(directory, layout.META)):
                continue
            present.add(experiment_id)
            stamp = experiment_stamp(directory, in_trash)
            before = state.experiments.get(experiment_id)
            if stamp != before:
                # What is too young to be relied on never matches, and yet says where the experiment was.
                kept = f"{int(in_trash)}," if stamps.is_racy(_numbers(stamp)) else stamp
                changes.experiments.append(ChangedExperiment(experiment_id, directory, in_trash, kept))
                ids = self._tree.run_ids(directory)
                gone = state.runs.get(experiment_id, {}).keys() - set(ids)
                changes.gone_runs.extend((experiment_id, run_id) for run_id in gone)
            else:
                ids = list(self._to_ask(experiment_id, state, None if sweep else due))
            # Problems name paths, so the runs of an experiment that moved are read again.
            moved = before is not None and before[0] != stamp[0]
            known = {} if moved else state.runs.get(experiment_id, {})
            self._look_at_runs(Runs(experiment_id, directory, known, ids), None if sweep else due, close, changes)
        changes.gone_experiments.extend(state.experiments.keys() - present)
        changes.total = len(changes.runs)
        if sweep:
            self._swept = begun
        for changed in changes.runs:
            self._awake.setdefault(changed.experiment_id, set()).add(changed.run_id)
        return changes

    def _note_awake(self, state: State) -> None:
        now = time.time_ns()
        self._noted = state
        self._awake = {
            experiment_id: {run_id for run_id, run in runs.items() if not _is_at_rest(run, now)}
            for experiment_id, runs in state.runs.items()
        }

    def _to_ask(self, experiment_id: str, state: State, due: set[str] | None) -> Iterable[str]:
        """Those of an experiment's known runs that may not be at rest; all of them when `due` is None."""
        known = state.runs.get(experiment_id, {})
        if due is None:
            return known
        # Runs fall asleep, but none wakes up without being touched or changed.
        return (run_id for run_id in self._awake.get(experiment_id, set()) | due if run_id in known)

    def _look_at_runs(self, runs: Runs, due: set[str] | None, close: set[str], changes: Changes) -> None:
        """Find changed runs: of all, or, unless `due` is None, of those not at rest and those in `due`."""
        now = time.time_ns()
        for run_id in runs.ids:
            run = runs.known.get(run_id)
            if run is not None and due is not None and run_id not in due and _is_at_rest(run, now):
                continue
            directory = f"{runs.directory}{os.sep}{run_id}"
            if run is None or _has_changed(run, directory, close=run.watched > now or run_id in close):
                changes.runs.append(ChangedRun(runs.experiment_id, run_id, directory))

    def _close_looks(self, state: State) -> set[str]:
        total = sum(len(runs) for runs in state.runs.values())
        if total == 0:
            return set()
        self._turn %= total
        every = chain.from_iterable(state.runs.values())
        chosen = set(islice(every, self._turn, self._turn + CLOSE_LOOKS))
        self._turn += CLOSE_LOOKS
        return chosen


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
