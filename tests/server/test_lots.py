"""Small writes in lots: who goes along with whom, without looking at a clock."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import pytest

from millstream.server import lots
from millstream.server.crew import Crew
from millstream.server.lots import Lots

LONG = 1e9


class Works:
    """Work that waits until it may go on, and remembers its lots."""

    def __init__(self) -> None:
        self.lots: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.may_go_on = threading.Semaphore(0)

    def __call__(self, items: Sequence[str]) -> list[bytes]:
        self.lots.append(sorted(items))
        self.begun.release()
        self.may_go_on.acquire()
        return [item.encode() for item in items]


def hold(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(lots, "SHARE", LONG)
    monkeypatch.setattr(lots, "HELD_SECONDS", seconds)
    monkeypatch.setattr(lots, "SLOW_SECONDS", LONG)


async def begun(work: Works) -> None:
    await asyncio.to_thread(work.begun.acquire)


async def split(work: Works, mine: Lots[str]) -> list[asyncio.Future[bytes]]:
    """One goes alone, and two wait; then it is answered."""
    first = mine.add("a")
    await begun(work)
    others = [mine.add("b"), mine.add("c")]
    work.may_go_on.release()
    assert await first == b"a"
    return others


def test_callers_who_were_split_go_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, LONG)
    work = Works()

    async def go() -> None:
        mine = Lots(Crew(4), work)
        others = await split(work, mine)
        again = mine.add("a")
        work.may_go_on.release()
        assert await asyncio.gather(*others, again) == [b"b", b"c", b"a"]

    asyncio.run(go())
    assert work.lots == [["a"], ["a", "b", "c"]]


def test_a_full_lot_waits_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, LONG)
    monkeypatch.setattr(lots, "MOST", 2)
    work = Works()

    async def go() -> None:
        others = await split(work, Lots(Crew(4), work))
        work.may_go_on.release()
        assert await asyncio.gather(*others) == [b"b", b"c"]

    asyncio.run(go())
    assert work.lots == [["a"], ["b", "c"]]


def test_nobody_waits_longer_for_one_who_does_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, 0.01)
    work = Works()

    async def go() -> None:
        others = await split(work, Lots(Crew(4), work))
        work.may_go_on.release()
        assert await asyncio.gather(*others) == [b"b", b"c"]

    asyncio.run(go())
    assert work.lots == [["a"], ["b", "c"]]


def test_who_is_alone_is_never_held(monkeypatch: pytest.MonkeyPatch) -> None:
    hold(monkeypatch, LONG)
    work = Works()

    async def go() -> None:
        mine = Lots(Crew(4), work)
        for name in "abc":
            work.may_go_on.release()
            assert await mine.add(name) == name.encode()

    asyncio.run(go())
    assert work.lots == [["a"], ["b"], ["c"]]
