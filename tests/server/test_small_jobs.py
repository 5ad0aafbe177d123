"""Small jobs are done by one thread as long as it is quick, and by more where one is held up."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from millstream.server import small_jobs
from millstream.server.small_jobs import SmallJobs


def test_what_comes_together_is_done_by_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_jobs, "LATE", 3600)
    jobs = SmallJobs(4)

    async def work() -> list[int]:
        return await asyncio.gather(*(jobs.do(threading.get_ident) for _ in range(50)))

    threads = set(asyncio.run(work()))
    assert threads == set(asyncio.run(work()))  # in another loop too
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_results_and_errors_go_to_whoever_asked() -> None:
    def refuse() -> None:
        raise ValueError("이것은 아니다")

    async def work() -> list[Any]:
        jobs = SmallJobs(2)
        return await asyncio.gather(jobs.do(lambda: 1), jobs.do(refuse), jobs.do(lambda: 3), return_exceptions=True)

    one, error, three = asyncio.run(work())
    assert (one, three) == (1, 3)
    with pytest.raises(ValueError, match="이것은 아니다"):
        raise error


def test_a_job_that_is_held_up_holds_up_no_other() -> None:
    jobs = SmallJobs(3)
    free = threading.Event()

    async def work() -> None:
        stuck = [asyncio.ensure_future(jobs.do(free.wait)) for _ in range(2)]
        await asyncio.gather(*(jobs.do(threading.get_ident) for _ in range(20)))
        assert not any(job.done() for job in stuck)
        free.set()
        assert await asyncio.gather(*stuck) == [True, True]

    asyncio.run(asyncio.wait_for(work(), 60))
    assert jobs._threads == 3


def test_there_are_only_so_many_threads_and_all_is_done() -> None:
    jobs = SmallJobs(2)
    meeting = threading.Barrier(2)  # each job waits for another one, so two are under way at a time

    async def work() -> None:
        await asyncio.gather(*(jobs.do(meeting.wait) for _ in range(6)))

    asyncio.run(asyncio.wait_for(work(), 60))
    assert jobs._threads == 2


def test_a_job_whose_caller_has_gone_is_not_begun() -> None:
    jobs = SmallJobs(1)
    begun: list[int] = []
    free = threading.Event()

    async def work() -> None:
        held = asyncio.ensure_future(jobs.do(free.wait))
        await asyncio.sleep(0)
        gone = asyncio.ensure_future(jobs.do(lambda: begun.append(1)))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        free.set()
        await held
        await jobs.do(lambda: begun.append(2))

    asyncio.run(asyncio.wait_for(work(), 60))
    assert begun == [2]
