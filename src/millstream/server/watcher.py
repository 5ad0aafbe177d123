"""The thread that watches a store while somebody follows it: it waits for the bell, and asks what changed."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from msgspec import Struct

from millstream.drivers.files.bells import Bell
from millstream.server.events import Change, Memory, Told, tell_counts
from millstream.server.served import ServedStore
from millstream.values.changes import MOST, ChangeSet, CountPoints, PointCount, ReadChanges, ReadSteps

log = logging.getLogger("millstream.server")

PACE = (0.02, 1.0)
"""Seconds between two looks at a store: a write often comes in several pieces, and some write all the time."""
SHARE, LONGEST_PAUSE = 10, 10.0
"""A pause is so many times as long as the look before it, up to so many seconds: this thread is mostly idle."""
RECOVERY = 5.0
"""Seconds until the next look at a store that could not be read."""


class Scope(Struct, frozen=True):
    """Whose running runs' points are followed: of all experiments where these are None."""

    experiment_ids: frozenset[str] | None = frozenset()
    run_ids: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether there are any."""
        return self.experiment_ids is None or bool(self.experiment_ids or self.run_ids)

    def __or__(self, other: Scope) -> Scope:
        """Both."""
        if self.experiment_ids is None or other.experiment_ids is None:
            return Scope(None)
        return Scope(self.experiment_ids | other.experiment_ids, self.run_ids | other.run_ids)


class Watcher:
    """Looks at `store` until it is ended, and hands what is new to `spread`, on the loop.

    `begun` is done once nothing is missed any more. `scope` may be set at any time.
    """

    def __init__(self, store: ServedStore, loop: asyncio.AbstractEventLoop, spread: Callable[[Told], None]) -> None:
        """Start the thread."""
        self.begun: Future[None] = Future()
        # Of several who wait for it one may go: that must not cancel it for the others.
        self.begun.set_running_or_notify_cancel()
        self.scope = Scope()
        self._store = store
        self._loop = loop
        self._spread = spread
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._bell: Bell | None = None
        self._memory = Memory()
        self._counts: dict[str, PointCount] = {}
        self._counting = threading.Lock()
        threading.Thread(target=self._run, name="changes", daemon=True).start()

    def end(self) -> None:
        """End the thread soon."""
        with self._lock:
            self._ending.set()
            if self._bell is not None:
                self._bell.wake()

    def missed(self, since: str | None, scope: Scope) -> Told:
        """What happened since a position; from now on, points of `scope` are told of, which must be in `self.scope`.

        Nobody noted the points of running runs, so after a break all of these may have some.
        """
        with self._counting:
            counts = self._count(scope)
            for run_id, count in counts.items():
                self._counts.setdefault(run_id, count)
        told = Memory().tell(self._store.read(ReadChanges(since=since)))
        if since is None or told.changes is None:
            return told
        unnamed = counts.keys() - {change.run_id for change in told.changes}
        grown = tell_counts({run_id: counts[run_id] for run_id in sorted(unnamed)}, MOST)
        return Told(told.position, told.changes + grown)

    @property
    def ended(self) -> bool:
        """Whether it was told to end."""
        return self._ending.is_set()

    def _run(self) -> None:
        try:
            try:
                bell = self._store.bell()
                with self._lock:
                    self._bell = bell
                position = self._store.read(ReadChanges()).position
            except BaseException as error:  # noqa: BLE001 — the border between this thread and those who wait for it
                self.begun.set_exception(error)
                return
            self.begun.set_result(None)
            self._look_on(bell, position)
        finally:
            with self._lock:
                if self._bell is not None:
                    self._bell.close()
                self._bell = None

    def _look_on(self, bell: Bell, position: str) -> None:
        begun, pause = 0.0, PACE[0]
        while not self._ending.is_set():
            bell.wait()
            if self._ending.wait(max(0.0, begun + pause - time.monotonic())):
                break
            bell.heed()
            before, begun = begun, time.monotonic()
            try:
                told = self._look(position)
            except Exception as error:  # noqa: BLE001 — the border between this thread and those who follow
                log.warning("Changes of the store could not be read: %s", error)
                self._ending.wait(RECOVERY)
                bell.wake()
                continue
            pause = PACE[0] if begun - before > 2 * PACE[1] else min(PACE[1], pause * 2)
            pause = max(pause, min(LONGEST_PAUSE, SHARE * (time.monotonic() - begun)))
            position = told.position
            if told.changes is None or told.changes:
                self._tell(told)

    def _look(self, position: str) -> Told:
        found = self._store.read(ReadChanges(since=position))
        with self._counting:
            told = self._memory.tell(found)
            grown = self._grown(found)
        if told.changes is None:
            return told
        return Told(told.position, told.changes + grown)

    def _grown(self, found: ChangeSet) -> tuple[Change, ...]:
        """The points of running runs that nobody was told of."""
        before = self._counts
        for run in found.runs:
            before[run.run_id] = PointCount(run.experiment_id, sum(count for count, _ in run.series.values()))
        self._counts = self._count(self.scope)
        grown = {run_id: count for run_id, count in self._counts.items() if before.get(run_id) != count}
        if len(grown) > MOST:
            return tell_counts(grown, MOST)
        steps = self._store.read(ReadSteps(run_ids=tuple(grown))) if grown else {}
        changes = (self._memory.grow(run_id, grown[run_id].experiment_id, series) for run_id, series in steps.items())
        return tuple(change for change in changes if change is not None)

    def _count(self, scope: Scope) -> dict[str, PointCount]:
        if not scope:
            return {}
        return self._store.read(CountPoints(experiment_ids=scope.experiment_ids, run_ids=scope.run_ids))

    def _tell(self, told: Told) -> None:
        try:
            self._loop.call_soon_threadsafe(self._spread, told)
        except RuntimeError:
            self._ending.set()  # the loop has ended, and nobody follows
