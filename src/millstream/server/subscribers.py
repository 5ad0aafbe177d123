"""Those who follow the changes of a store through one process: a short queue each, and one watcher for all.

The watcher is at work only while somebody follows. Who does not keep up with his queue is told to start over.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial, reduce

from anyio import to_thread
from msgspec import Struct

from millstream.server.events import CHANGED, POINTS, WHOLE, Change, Told
from millstream.server.limits import Room
from millstream.server.served import ServedStore
from millstream.server.watcher import Scope, Watcher

MOST_SUBSCRIBERS = 512
"""Of one process."""
QUEUE = 256
"""Changes that wait for one subscriber."""


_in_thread = partial(to_thread.run_sync, abandon_on_cancel=True)


class Interest(Struct, frozen=True):
    """What somebody follows: experiments and runs, everything when neither is named; new `points` too, or not."""

    experiment_ids: frozenset[str] = frozenset()
    run_ids: frozenset[str] = frozenset()
    points: bool = True

    @property
    def scope(self) -> Scope:
        """Whose points are to be counted for this."""
        if not self.points:
            return Scope()
        return Scope(self.experiment_ids, self.run_ids) if self.experiment_ids or self.run_ids else Scope(None)

    def covers(self, change: Change) -> bool:
        """Whether `change` is one of these."""
        if change.kind == POINTS and not self.points:
            return False
        if not self.experiment_ids and not self.run_ids:
            return True
        if change.experiment_id in self.experiment_ids:
            return True
        # Of a whole experiment everybody is told who chose runs: theirs may be among its own.
        return bool(self.run_ids) if change.kind == WHOLE else change.run_id in self.run_ids


def everything(_change: Change) -> bool:
    """Where nobody logs in, everybody may read every change."""
    return True


class Subscriber:
    """The queue of one caller. Of one loop."""

    def __init__(self, interest: Interest, may_read: Callable[[Change], bool] = everything) -> None:
        """Take in what is of `interest` and `may_read` allows."""
        self.interest = interest
        self._may_read = may_read
        self._queue: deque[tuple[str, Change]] = deque()
        self._arrived = asyncio.Event()
        self._lost = ""

    def offer(self, told: Told) -> None:
        """Queue changes; when they are too many, none, and that it has to start over."""
        chosen = self.choose(told)
        if chosen.changes is None:
            self._lose(told.position)
            return
        for change in chosen.changes:
            if self._lost or len(self._queue) >= QUEUE:
                self._lose(told.position)
                break
            self._queue.append((told.position, change))
            self._arrived.set()

    def choose(self, told: Told) -> Told:
        """What of it the caller is told."""
        chosen = []
        for change in told.changes or ():
            if not self.interest.covers(change):
                continue
            if self._may_read(change):
                chosen.append(change)
            elif change.kind == WHOLE and self._may_read_chosen_runs():
                # He may know of his runs and not of their experiment.
                return Told(told.position, None)
        return told if told.changes is None else Told(told.position, tuple(chosen))

    def _may_read_chosen_runs(self) -> bool:
        return any(self._may_read(Change(CHANGED, "", run_id)) for run_id in self.interest.run_ids)

    def _lose(self, position: str) -> None:
        self._queue.clear()
        self._lost = position
        self._arrived.set()

    async def wait(self, seconds: float) -> None:
        """Until there is something to take, for so long at most."""
        try:
            await asyncio.wait_for(self._arrived.wait(), seconds)
        except TimeoutError:
            pass

    def take(self) -> Told | None:
        """What waits; None when there is nothing. What the caller may no longer read is left out."""
        self._arrived.clear()
        lost, self._lost = self._lost, ""
        waiting, self._queue = self._queue, deque()
        if lost:
            return Told(lost, None)
        if not waiting:
            return None
        return self.choose(Told(waiting[-1][0], tuple(change for _, change in waiting)))


class Subscribers:
    """Those who follow `store`, of one loop."""

    def __init__(self, store: ServedStore) -> None:
        """Watch nothing until somebody follows."""
        self._store = store
        self._subscribers: set[Subscriber] = set()
        self._room = Room(MOST_SUBSCRIBERS, "streams of changes")
        self._watcher: Watcher | None = None

    async def join(self, subscriber: Subscriber, since: str | None) -> Told:
        """Have `subscriber` told from now on; what it missed since the position `since`. TooMany at a time."""
        self._room.take()
        self._subscribers.add(subscriber)
        try:
            watcher = self._watch()
            await asyncio.wrap_future(watcher.begun)
            # Asked after the watch began: what comes later is offered to the subscriber.
            return subscriber.choose(await _in_thread(watcher.missed, since, subscriber.interest.scope))
        except BaseException:
            self.leave(subscriber)
            raise

    def leave(self, subscriber: Subscriber) -> None:
        """Tell it no more; the last one ends the watch."""
        if subscriber not in self._subscribers:
            return
        self._subscribers.remove(subscriber)
        self._room.give()
        if self._subscribers:
            self._watch()
        elif self._watcher is not None:
            self._watcher.end()
            self._watcher = None

    def _watch(self) -> Watcher:
        """The watcher, which counts the points that somebody follows."""
        if self._watcher is None:
            self._watcher = Watcher(self._store, asyncio.get_running_loop(), self._spread)
        self._watcher.scope = reduce(Scope.__or__, (one.interest.scope for one in self._subscribers), Scope())
        return self._watcher

    def _spread(self, told: Told) -> None:
        for subscriber in self._subscribers:
            subscriber.offer(told)
