"""The stream of changes: told to whoever listens, whoever wrote, and at no cost while nothing happens."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import anyio
import pytest

from millstream.server import subscribers
from millstream.server.app import make_app
from millstream.server.connections import State
from millstream.server.limits import Limits
from millstream.server.lines import LINE, Line
from millstream.stores.base import Store
from tests import servers
from tests.server.conftest import Client
from tests.server.started import Started, started
from tests.server.streams import Stream

# A process of its own that writes to the store, not to the server.
WRITE = """
import sys
from millstream.tracking.client import MlflowClient
client = MlflowClient(sys.argv[1])
run = client.create_run("0", run_name="먼 run").info.run_id
print(run, flush=True)
for step, line in enumerate(sys.stdin):
    client.log_metric(run, "손실/a", float(line), step=step)
client.set_terminated(run)
"""


@pytest.fixture(params=["embedded", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URI of an empty store."""
    if request.param == "postgresql":
        return servers.new_schema(request.getfixturevalue("postgresql"))
    folder = tmp_path / "내 runs"
    return str(folder / "mlruns") if request.param == "embedded" else f"sqlite:///{folder}/m.db"


@pytest.fixture
def server(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    monkeypatch.setenv("MILLSTREAM_DRAIN_SECONDS", "600")
    with started(place, tmp_path) as running:
        running.api("runs/create", experiment_id="0")
        yield running


@pytest.fixture
def follow() -> Iterator[Callable[..., Stream]]:
    """Opens streams, all closed at the end."""
    opened: list[Stream] = []

    def opener(port: int, last: str = "", **chosen: str) -> Stream:
        opened.append(Stream(port, last, **chosen))
        return opened[-1]

    yield opener
    for stream in opened:
        stream.close()


def test_what_another_process_writes_is_told(server: Started, place: str, follow: Callable[..., Stream]) -> None:
    streams = [follow(server.port), follow(server.port, experiment_id="0"), follow(server.port, experiment_id="77")]
    for stream in streams:
        stream.until("ready")
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, place], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdin
        assert writer.stdout
        run = writer.stdout.readline().strip()
        for stream in streams[:2]:
            made = stream.until("change", run_id=run)
            assert (made.data["kind"], made.data["experiment_id"], made.data["status"]) == ("created", "0", "RUNNING")
        for step in range(3):
            writer.stdin.write(f"{step / 3}\n")
            writer.stdin.flush()
            told = streams[0].until("change", run_id=run, kind="points")
            assert told.data["points"] == {"손실/a": step}
        writer.stdin.close()
        ended = streams[0].until("change", run_id=run, status="FINISHED")
        assert ended.data["kind"] == "changed"
    # The header goes before the query, whose position a browser keeps when it comes back.
    for where in ({"last": made.id, "since": ended.id}, {"since": made.id}):
        missed = follow(server.port, **where, run_id=run)
        again = missed.until("change", run_id=run)
        assert (again.data["status"], again.data["points"]) == ("FINISHED", {"손실/a": 2})
    server.process.send_signal(signal.SIGTERM)
    assert [event.name for event in streams[2].events()] == ["end"]
    assert server.process.wait(30) == 0


def test_workers_and_servers_tell_what_was_written_through_others(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, follow: Callable[..., Stream]
) -> None:
    """And go on from what another told, and end at once when they are told to."""
    monkeypatch.setenv("MILLSTREAM_DRAIN_SECONDS", "600")
    (tmp_path / "other").mkdir()
    with started(place, tmp_path, "--workers", "2") as server, started(place, tmp_path / "other") as other:
        run = server.api("runs/create", experiment_id="0")["run"]["info"]["run_id"]
        streams = [*(follow(server.port) for _ in range(6)), follow(other.port, experiment_id="0")]
        for stream in streams:
            stream.until("ready")
        other.api("runs/log-metric", run_id=run, key="m", value=1, timestamp=1, step=4)
        for stream in streams:
            stream.until("change", run_id=run, points={"m": 4})
        server.api("runs/set-tag", run_id=run, key="a", value="b")
        for stream in streams:
            last = stream.until("change", run_id=run, kind="changed")
        server.api("runs/log-metric", run_id=run, key="n", value=1, timestamp=1, step=2)
        for port in [server.port] * 6 + [other.port]:
            # Nobody noted the points, so that it is told of all running runs.
            back = follow(port, last=last.id)
            assert next(back.events()).data["run_id"] == run
            back.close()
        for running in (server, other):
            running.process.send_signal(signal.SIGTERM)
        for stream in streams:
            assert [event.name for event in stream.events()][-1] == "end"
        assert (server.process.wait(60), other.process.wait(60)) == (0, 0)


def test_positions_of_nowhere_start_over(server: Started, follow: Callable[..., Stream]) -> None:
    stream = follow(server.port, last="; drop table runs")
    assert [event.name for event in islice(stream.events(), 2)] == ["reset", "ready"]


def test_too_many_streams_are_told_when_to_come_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscribers, "MOST_SUBSCRIBERS", 0)
    reply = Client(make_app(store)).get("/api/ui/changes")
    assert (reply.status, reply.json()["error_code"]) == (429, "REQUEST_LIMIT_EXCEEDED")
    assert 1 <= int(reply.headers["retry-after"]) <= 3


def test_streams_take_no_place_of_other_requests(store: Store) -> None:
    client = Client(make_app(store, limits=Limits(requests=0)))
    assert client.get("/anything").status == 429
    assert client.send("HEAD", "/api/ui/changes").status == 200


@pytest.mark.parametrize(
    "query", ["run_id=%2e%2e", "experiment_id=a%20b", "run_id=%ED%A0%80", "run_id=" + "&run_id=".join(["a"] * 1001)]
)
def test_a_choice_that_cannot_be_is_refused(client: Client, query: str) -> None:
    reply = client.get(f"/api/ui/changes?{query}")
    assert (reply.status, reply.json()["error_code"]) in ((400, "INVALID_PARAMETER_VALUE"), (400, "BAD_REQUEST"))


def test_other_methods_are_refused_and_head_ends(client: Client) -> None:
    assert client.post("/api/ui/changes", {}).status == 405
    head = client.send("HEAD", "/api/ui/changes")
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "text/event-stream; charset=utf-8")


def test_a_silent_stream_says_that_it_lives_and_ends_with_the_server(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millstream.server.change_stream.KEEP_ALIVE", 0.01)
    app, state, said = make_app(store), State(), bytearray()

    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(message: Any) -> None:
        said.extend(message.get("body", b""))
        if said.count(b":\n\n") == 3:
            state.ending.set()

    scope = {
        "type": "http", "method": "GET", "path": "/api/ui/changes", "raw_path": b"/api/ui/changes",
        "query_string": b"", "headers": [(b"host", b"localhost")], "root_path": "", "scheme": "http",
        LINE: Line(None, state.ending),
    }  # fmt: skip
    anyio.run(app, scope, receive, send)
    assert said.startswith(b"retry: 2000\n\nid: ")
    assert said.endswith(b"event: end\ndata: {}\n\n")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the store is looked at now and then")
def test_nothing_is_asked_while_nothing_happens(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that watches is asleep in the kernel, without a time limit."""
    client = Client(make_app(store))
    client.new_run()
    bell: Any = store.bell()
    limits: list[Any] = []

    class Poll:
        def register(self, *_given: Any) -> None: ...

        def poll(self, limit: Any) -> None:
            limits.append(limit)

    monkeypatch.setattr("select.poll", Poll)
    bell.wait()
    bell.close()
    assert limits == [None]
