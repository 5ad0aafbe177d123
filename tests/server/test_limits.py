"""What is too much at a time is refused at once and clearly; what takes too long is ended, and its thread is free."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from millstream.drivers.sql import errands
from millstream.server.app import make_app
from millstream.server.crew import Crew
from millstream.server.limits import Limits, Room
from millstream.server.lots import Lots
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores, open_store
from millstream.values.entities import Metric, Param
from millstream.values.errors import InvalidValue, NotFound, OutOfTime, TooMany
from millstream.values.ops import CreateRun, LogBatch
from millstream.values.queries import DescribeStore, GetRun
from tests import servers
from tests.server.conftest import Client
from tests.server.load import JSON, Caller, new_run
from tests.server.started import Started

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "postgresql": "SELECT pg_sleep(600)",
}


class Patient(Caller):
    """A caller that comes again when it is told to, as real clients do; `told` are such answers."""

    def __init__(self, port: int, run: str, steps: range) -> None:
        super().__init__(port, run, iter(steps))
        self.told = 0

    def _log(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)
        for step in self._steps:
            body = json.dumps({"run_id": self._run, "key": "m", "value": step / 3, "timestamp": 1, "step": step})
            while True:
                connection.request("POST", "/api/2.0/mlflow/runs/log-metric", body, JSON)
                reply = connection.getresponse()
                reply.read()
                if reply.status != 429:
                    break
                self.told += 1
                threading.Event().wait(float(reply.headers["Retry-After"]) / 50)
            (self.said if reply.status == 200 else self.failures).append(step)  # type: ignore[arg-type]
        connection.close()


def test_two_hundred_callers_at_once_lose_nothing(
    start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLSTREAM_MAX_REQUESTS", "2")
    server = start()
    run = new_run(server.port)
    all_callers = [Patient(server.port, run, range(number * 3, number * 3 + 3)) for number in range(200)]
    for caller in all_callers:
        caller.start()
    for caller in all_callers:
        caller.stop()
    assert sum(caller.told for caller in all_callers) > 0
    assert [caller.failures for caller in all_callers if caller.failures] == []
    found = http.client.HTTPConnection("127.0.0.1", server.port)
    found.request("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=m&max_results=1000")
    points = json.loads(found.getresponse().read())["metrics"]
    found.close()
    assert sorted(point["step"] for point in points) == list(range(600))


def test_a_refusal_says_when_to_come_again(store: Store) -> None:
    client = Client(make_app(store, limits=Limits(requests=0)))
    reply = client.post("/api/2.0/mlflow/experiments/search", {"max_results": 5})
    assert (reply.status, reply.json()["error_code"]) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert "Try again in a few seconds" in reply.message
    assert 1 <= int(reply.headers["retry-after"]) <= 3
    assert client.get("/get-artifact?path=a&run_id=" + 32 * "0").status == 429
    assert client.get("/health").status == 200


def test_bodies_that_wait_take_no_more_memory_than_there_is_for_them(store: Store) -> None:
    client = Client(make_app(store, limits=Limits(held=1000)))
    long = json.dumps({"filter": "x" * 2000}).encode()
    assert client.post("/api/2.0/mlflow/experiments/search", long).status == 429
    for _ in range(50):  # what was taken was given back, after refusals too
        assert client.post("/api/2.0/mlflow/experiments/search", {"max_results": 5}).status == 200
        assert client.post("/api/2.0/mlflow/experiments/search", {"max_results": "x" * 80}).status == 400


FEW_FILES = """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (30, 60))
from millstream.server.process import raise_file_limit
assert raise_file_limit() == 60
from millstream.cli.server import server
server()
"""


def test_more_connections_than_there_are_files_for_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FEW_FILES, "--no-open", "--port", "0"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as process,
        ExitStack() as ending,
    ):
        ending.callback(process.terminate)
        assert process.stdout
        port = int(process.stdout.readline().rpartition(":")[2])
        for _ in range(30):
            ending.enter_context(socket.create_connection(("127.0.0.1", port)))
        one_more = ending.enter_context(socket.create_connection(("127.0.0.1", port)))
        said = one_more.makefile("rb").read()
    assert said.startswith(b"HTTP/1.1 429 ")
    assert b"retry-after: " in said
    assert b"as many connections as it takes on" in said


def test_a_room_has_so_many_places() -> None:
    room = Room(2, "things")
    with room.place(), room.place():
        with pytest.raises(TooMany, match="as many things as it takes"), room.place():
            pass
        assert room.refused == 1
    assert room.taken == 0


# --- what takes too long ---


@pytest.fixture(params=["embedded", "sqlite", "postgresql"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each kind."""
    if request.param == "postgresql":
        servers.demand()
        uri = servers.new_schema(request.getfixturevalue("postgresql"))
    else:
        uri = f"sqlite:///{tmp_path}/a.db" if request.param == "sqlite" else (tmp_path / "mlruns").as_uri()
    yield open_store(uri)
    close_stores()


def reading(store: Store) -> Callable[[], AbstractContextManager[Connection]]:
    """The transactions in which a store answers searches."""
    if isinstance(store, DatabaseStore):
        return store._reading
    assert isinstance(store, EmbeddedStore)
    return store._searches()._index.reading


def test_a_search_that_takes_too_long_is_ended_and_its_thread_free(kept: Store) -> None:
    transaction = reading(kept)

    def search_for_ever() -> None:
        with transaction() as connection:
            connection.execute(text(ENDLESS[connection.dialect.name])).all()

    async def ask() -> int:
        crew = Crew(1)
        for _ in range(2):
            with pytest.raises(OutOfTime, match="took too long"):
                await crew.do(search_for_ever, 0.05)
        # The only thread, and the same connection.
        return (await crew.do(lambda: kept.read(DescribeStore()), 60)).runs

    assert asyncio.run(ask()) == 0


def test_what_cannot_be_ended_is_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream.server.crew.AGAIN", 0.01)
    go_on = threading.Event()

    async def ask() -> None:
        crew = Crew(1)
        with pytest.raises(OutOfTime):
            await crew.do(go_on.wait, 0.01)
        waiting = crew.begin(lambda: 1)
        assert not waiting.done()
        go_on.set()
        assert await waiting == 1

    asyncio.run(ask())


def test_a_read_that_is_out_of_time_is_504(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream.server.crew.AGAIN", 0.01)
    held = threading.Event()
    monkeypatch.setattr(type(store), "read", lambda *_: held.wait(60))
    reply = Client(make_app(store, limits=Limits(seconds=0.01))).post(
        "/api/2.0/mlflow/experiments/search", {"max_results": 5}
    )
    held.set()
    assert (reply.status, reply.json()["error_code"]) == (504, "DEADLINE_EXCEEDED")
    assert reply.message == "This took too long and was ended; ask for less."


def test_an_errand_that_is_over_interrupts_nobody_else() -> None:
    errand, interrupts = errands.Errand(), []
    with errands.under(errand):
        assert errands.current() is errand
        with errand.breakable(lambda: interrupts.append(1)):
            errand.end()
        errand.end()
    assert errands.current() is None
    assert errand.over
    assert interrupts == [1]


# --- lots ---


def test_what_comes_meanwhile_is_done_together() -> None:
    lots_seen: list[list[int]] = []
    first = threading.Event()

    def work(lot: Sequence[int]) -> list[bytes | Exception]:
        lots_seen.append(list(lot))
        first.wait(60)
        return [ValueError(str(item)) if item % 5 == 4 else str(item).encode() for item in lot]

    async def ask() -> list[bytes | BaseException]:
        lots = Lots(Crew(1), work)
        futures = [lots.add(0)]
        while not lots_seen:
            await asyncio.sleep(0)
        futures += [lots.add(number) for number in range(1, 10)]
        first.set()
        return await asyncio.gather(*futures, return_exceptions=True)

    outcomes = asyncio.run(ask())
    assert lots_seen == [[0], list(range(1, 10))]
    assert [type(outcome) for outcome in outcomes] == [bytes if number % 5 != 4 else ValueError for number in range(10)]
    assert outcomes[8] == b"8"


def test_a_lot_that_is_stuck_does_not_hold_up_the_next() -> None:
    stuck = threading.Event()

    def work(lot: Sequence[int]) -> list[bytes | Exception]:
        if 0 in lot:
            stuck.wait(60)
        return [b"" for _ in lot]

    async def ask() -> None:
        lots = Lots(Crew(2), work)
        first = lots.add(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await lots.add(1)
        assert not first.done()
        stuck.set()
        await first

    asyncio.run(ask())


def test_one_that_is_refused_does_not_spoil_the_others(kept: Store) -> None:
    run = kept.write(CreateRun(run_id="a" * 32, experiment_id="0", start_time=1, user_id="u", run_name="r")).info
    batches = [
        LogBatch(run_id=run.run_id, metrics=(Metric("m", 1.0, 1, 1),)),
        LogBatch(run_id="b" * 32, metrics=(Metric("m", 1.0, 1, 1),)),
        LogBatch(run_id=run.run_id, params=(Param("p", "1"),)),
        LogBatch(run_id=run.run_id, params=(Param("p", "2"),)),
        LogBatch(run_id=run.run_id, metrics=(Metric("\x00", 1.0, 1, 1),)),
        LogBatch(run_id=run.run_id, metrics=(Metric("m", 2.0, 1, 2),)),
    ]
    outcome: list[list[Exception | None]] = []
    for write in (lambda: kept.log_all(batches), lambda: outcome.append(kept.log_all(batches))):
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    (errors,) = outcome
    assert [type(error) for error in errors] == [
        type(None), NotFound, type(None), InvalidValue, InvalidValue, type(None),
    ]  # fmt: skip
    found = kept.read(GetRun(run_id=run.run_id))
    assert (found.data.params, found.data.metrics) == ({"p": "1"}, {"m": 2.0})
    assert kept.log_all([]) == []
