"""Subscribers to changes: what each is told, what he may be told, and that nothing is watched for nobody."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.requests import Request

from millstream.drivers.files.bells import Bell
from millstream.server import events, subscribers, watcher
from millstream.server.change_stream import ChangeStream
from millstream.server.doors import CALLER, CALLER_NOW
from millstream.server.events import Change, Memory, Told, tell_counts
from millstream.server.places import Places
from millstream.server.served import ServedStore
from millstream.server.subscribers import QUEUE, Interest, Subscriber, Subscribers
from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.values import ops
from millstream.values.changes import ChangedRun, ChangeSet, CountPoints, PointCount, ReadChanges
from millstream.values.entities import Metric
from millstream.values.errors import StorageFailed, TooMany
from millstream.values.rights import EXPERIMENT, RUN, Caller, Level


def test_who_goes_is_forgotten_and_the_last_one_ends_the_watch(store: Store) -> None:
    async def live() -> None:
        group = Subscribers(ServedStore(store, Places.of(store.uri, None)))
        ones = [Subscriber(interest) for interest in (Interest(), Interest(frozenset("1")), Interest(points=False))]
        for one in ones:
            await group.join(one, None)
        watcher = group._watcher
        assert watcher is not None
        assert watcher.scope.experiment_ids is None
        group.leave(ones[0])
        assert watcher.scope == Interest(frozenset("1")).scope
        group.leave(ones[1])
        assert not watcher.scope
        assert group._watcher is watcher
        group.leave(ones[2])
        group.leave(ones[2])
        assert (group._watcher, watcher.ended, group._room.taken) == (None, True, 0)
        await group.join(ones[0], None)
        assert group._watcher is not watcher
        group.leave(ones[0])

    asyncio.run(live())


def test_there_are_so_many_streams_and_no_more(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "MOST_SUBSCRIBERS", 2)

    async def live() -> None:
        group = Subscribers(ServedStore(store, Places.of(store.uri, None)))
        one, two, three = (Subscriber(Interest()) for _ in range(3))
        for first in (one, two):
            await group.join(first, None)
        with pytest.raises(TooMany, match="streams of changes"):
            await group.join(three, None)
        group.leave(one)
        await group.join(three, None)
        for last in (two, three):
            group.leave(last)

    asyncio.run(live())


def change(run_id: str = "r", **fields: Any) -> Change:
    return Change("points", "0", run_id, **fields)


def test_a_slow_caller_is_told_to_start_over_and_holds_little() -> None:
    one = Subscriber(Interest(run_ids=frozenset("r")))
    for number in range(QUEUE):
        one.offer(Told(str(number), (change(), change("other"))))
    taken = one.take()
    assert taken is not None
    assert (taken.position, len(taken.changes or ())) == (str(QUEUE - 1), QUEUE)
    for number in range(QUEUE * 3):
        one.offer(Told(str(number), (change(),)))
        assert len(one._queue) <= QUEUE
    assert one.take() == Told(str(QUEUE * 3 - 1), None)
    assert one.take() is None
    one.offer(Told("8", (change(),)))
    one.offer(Told("9", None))
    assert one.take() == Told("9", None)


def test_a_caller_is_told_of_what_it_follows() -> None:
    points, made, whole = change("r"), Change("created", "1", "new"), Change("experiment", "1")
    elsewhere = (Change("points", "2", "q"), Change("experiment", "2"))
    everything = Told("1", (points, made, whole, *elsewhere))

    def chosen(interest: Interest) -> tuple[Change, ...] | None:
        return Subscriber(interest).choose(everything).changes

    assert chosen(Interest()) == everything.changes
    assert chosen(Interest(points=False)) == (made, whole, elsewhere[1])
    assert chosen(Interest(frozenset("1"))) == (made, whole)
    assert chosen(Interest(frozenset("0"), points=False)) == ()
    assert chosen(Interest(run_ids=frozenset("r"))) == (points, whole, elsewhere[1])


def run(stage: str = "active", digest: int = 0, made: bool = False, **series: Any) -> ChangedRun:
    return ChangedRun("0", "r", made, "RUNNING", stage, digest, series)


def told(memory: Memory, *runs: ChangedRun) -> list[tuple[str, dict[str, int]]]:
    found = memory.tell(ChangeSet("1", runs)).changes
    assert found is not None
    return [(one.kind, one.points) for one in found]


def test_it_is_told_what_changed() -> None:
    memory = Memory()
    assert told(memory, run(made=True)) == [("created", {})]
    assert told(memory, run(made=True, a=(1, 0), b=(1, 5))) == [("points", {"a": 0, "b": 5})]
    assert told(memory, run(a=(2, 0), b=(1, 5))) == [("points", {"a": 0})]
    assert told(memory, run(a=(2, 0), b=(1, 5))) == []
    assert told(memory, run(digest=7, a=(3, 1), b=(1, 5))) == [("changed", {"a": 1})]
    assert told(memory, run("deleted", 8, a=(3, 1), b=(1, 5))) == [("deleted", {})]
    assert told(memory, run("active", 7, a=(3, 1), b=(1, 5))) == [("restored", {})]
    assert told(Memory(), run(a=(1, 0))) == [("changed", {"a": 0})]
    many = {str(number): (1, 2**63 - 1) for number in range(500)}
    (one,) = memory.tell(ChangeSet("1", (run(digest=7, **many),))).changes or ()
    assert (len(one.points), one.more) == (events.MOST_KEYS, True)
    assert memory.tell(ChangeSet("1", (), ("4", "4", "5"))).changes == (
        Change("experiment", "4"),
        Change("experiment", "5"),
    )
    assert memory.tell(ChangeSet("2", complete=False)) == Told("2", None)


def test_points_of_running_runs_are_told_once() -> None:
    memory = Memory()
    memory.tell(ChangeSet("1", (run(a=(1, 0)),)))
    assert memory.grow("r", "0", {"a": (2, 4), "b": (1, 0)}) == Change("points", "0", "r", "RUNNING", {"a": 4, "b": 0})
    assert memory.grow("r", "0", {"a": (2, 4), "b": (1, 0)}) is None
    assert told(memory, run(a=(2, 4), b=(1, 0))) == []
    assert memory.grow("unknown", "0", {"a": (2, 4)}) == Change("points", "0", "unknown", "RUNNING", {"a": 4})
    counts = {"a": PointCount("0", 1), "b": PointCount("7", 1)}
    assert tell_counts(counts, 2) == (
        Change("points", "0", "a", "RUNNING", {}, more=True),
        Change("points", "7", "b", "RUNNING", {}, more=True),
    )
    assert tell_counts(counts, 1) == (Change("experiment", "0"), Change("experiment", "7"))


def test_points_that_nobody_follows_are_not_counted(tmp_path: Path) -> None:
    """And those that somebody follows are counted for his experiments only."""
    store = open_store(f"sqlite:///{tmp_path}/m.db")
    asked: list[Any] = []

    class Watched(ServedStore):
        def read(self, query: Any) -> Any:
            asked.append(query)
            return super().read(query)

    async def live() -> None:
        group = Subscribers(Watched(store, Places.of(store.uri, None)))
        idle, busy = Subscriber(Interest(points=False)), Subscriber(Interest(frozenset("0")))
        await group.join(idle, None)
        store.write(ops.CreateRun(experiment_id="0", run_id="one", start_time=1, run_name="하나"))
        while idle.take() is None:
            await idle.wait(60)
        assert {type(query) for query in asked} == {ReadChanges}
        await group.join(busy, None)
        store.write(ops.LogBatch(run_id="one", metrics=(Metric("m", 1.0, 1, 3),)))
        while (heard := busy.take()) is None:
            await busy.wait(60)
        assert heard.changes == (Change("points", "0", "one", "RUNNING", {"m": 3}),)
        counted = {query for query in asked if isinstance(query, CountPoints)}
        assert counted == {CountPoints(experiment_ids=frozenset("0"))}
        assert idle.take() is None
        for one in (idle, busy):
            group.leave(one)

    asyncio.run(live())
    store.close()


GRANTS = {(EXPERIMENT, "1"): Level.READ, (EXPERIMENT, "3"): Level.DENY, (RUN, "b"): Level.READ}
MINE = (Change("experiment", "1"), Change("points", "1", "a"), Change("points", "2", "b"))
OTHERS = (Change("experiment", "2"), Change("points", "2", "c"), Change("created", "3", "d"))


def asked_by(caller: Caller | None, query: str = "", now: Any = None) -> Request:
    known = {} if caller is None else {CALLER: caller, CALLER_NOW: now}
    return Request({"type": "http", "query_string": query.encode(), "headers": [], **known})


def test_only_what_the_caller_may_read_is_told(store: Store) -> None:
    async def live() -> None:
        group = Subscribers(ServedStore(store, Places.of(store.uri, None)))

        async def hear(gated: bool, caller: Caller | None, query: str = "") -> tuple[Change, ...] | None:
            await ChangeStream(group, gated=gated).get(asked_by(caller, query))
            (subscriber,) = group._subscribers
            group._spread(Told("1", MINE + OTHERS))
            heard = subscriber.take()
            group.leave(subscriber)
            return () if heard is None else heard.changes

        anna = Caller(name="anna", grants=GRANTS)
        assert await hear(True, anna) == MINE
        assert await hear(True, Caller(name="root", admin=True, full=True)) == MINE + OTHERS
        assert await hear(True, Caller(name="new")) == ()
        assert await hear(True, None) == ()
        assert await hear(False, None) == MINE + OTHERS
        # Whoever may read a run and not its experiment is told to look again, and not of what.
        assert await hear(True, anna, "run_id=b") is None
        assert await hear(True, Caller(name="new"), "run_id=b") == ()

    asyncio.run(live())


def test_rights_that_are_taken_away_count_at_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream.server.change_stream.RENEWAL", 0.01)
    anna, callers, said = Caller(name="anna", grants=GRANTS), deque[Caller | None](), bytearray()

    async def now() -> Caller | None:
        if not callers:
            await anyio.sleep_forever()
        return callers.popleft()

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def live() -> None:
        group = Subscribers(ServedStore(store, Places.of(store.uri, None)))
        ended = anyio.Event()

        async def send(message: Any) -> None:
            said.extend(message.get("body", b""))
            if b"event: ready" in message.get("body", b""):
                group._spread(Told("1", MINE))
                callers.append(Caller(name="anna", grants={(RUN, "b"): Level.READ}))
            elif b"event: change" in message.get("body", b""):
                callers.append(None)
            if not message.get("more_body", True):
                ended.set()

        stream = await ChangeStream(group, gated=True).get(asked_by(anna, now=now))
        await stream({"type": "http", "method": "GET"}, receive, send)
        assert ended.is_set()
        assert not group._subscribers

    anyio.run(live)
    assert said.count(b"event: change") == 1
    assert b'"run_id":"b"' in said
    assert b"event: end" not in said


def test_a_store_that_cannot_be_read_for_a_while_is_looked_at_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watcher, "RECOVERY", 0.01)
    failures = 3

    class Failing(ServedStore):
        def read(self, query: Any) -> Any:
            nonlocal failures
            if isinstance(query, ReadChanges) and query.since is not None and failures:
                failures -= 1
                raise StorageFailed("The disk is away.")
            return super().read(query)

    async def live() -> None:
        group, one = Subscribers(Failing(store, Places.of(store.uri, None))), Subscriber(Interest())
        await group.join(one, None)
        store.write(ops.CreateRun(experiment_id="0", run_id="one", start_time=1))
        while (heard := one.take()) is None:
            await one.wait(60)
        assert failures == 0
        assert heard.changes is None or "one" in {change.run_id for change in heard.changes}
        group.leave(one)

    asyncio.run(live())


def test_a_store_that_cannot_be_read_at_all_is_said_to_whoever_comes(store: Store) -> None:
    class Broken(ServedStore):
        def read(self, query: Any) -> Any:
            raise StorageFailed("The disk is away.")

    async def live() -> None:
        group = Subscribers(Broken(store, Places.of(store.uri, None)))
        for _ in range(2):
            with pytest.raises(StorageFailed):
                await group.join(Subscriber(Interest()), None)
        assert (group._subscribers, group._room.taken, group._watcher) == (set(), 0, None)

    asyncio.run(live())


def test_whoever_goes_while_the_watch_begins_spoils_it_for_nobody(store: Store) -> None:
    begin = threading.Event()

    class Slow(ServedStore):
        def bell(self) -> Bell:
            begin.wait()
            return super().bell()

    async def live() -> None:
        group = Subscribers(Slow(store, Places.of(store.uri, None)))
        one, two = Subscriber(Interest()), Subscriber(Interest())
        joining = [asyncio.ensure_future(group.join(each, None)) for each in (one, two)]
        await asyncio.sleep(0)  # both have begun
        joining[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining[0]
        begin.set()
        assert (await joining[1]).changes == ()
        assert group._subscribers == {two}
        group.leave(two)

    asyncio.run(live())
