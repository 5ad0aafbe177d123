"""The door /metrics: what all processes of a server have counted, as Prometheus reads it."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner

from millstream.cli.server import server as command
from millstream.server import slots
from millstream.server.counts import Counts
from millstream.server.crew import Crew
from millstream.server.metrics import Metrics
from millstream.server.visits import Visit
from millstream.server.watch import Watch
from tests.server.conftest import Client
from tests.server.started import Started, started

API = "/api/2.0/mlflow/"
REQUESTS = "millstream_http_requests_total"
SECONDS = "millstream_http_request_duration_seconds"

_SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')

Numbers = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Numbers:
    """Every number by name and labels; fails where a line is not as the format says."""
    found: Numbers = {}
    family, kind = "", ""
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split(" ")[2]
            continue
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name == family
            assert kind in ("counter", "gauge", "histogram")
            continue
        match = _SAMPLE.fullmatch(line)
        assert match, line
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        assert match[1] in {family + end for end in ends}, line
        labels = match[2] or ""
        assert _LABEL.sub("", labels) == "", line
        key = match[1], frozenset(_LABEL.findall(labels))
        assert key not in found, line
        found[key] = float(match[3])
    return found


def number(found: Numbers, name: str, **labels: str) -> float:
    """The sum of all numbers of that name that have these labels."""
    return sum(value for (known, has), value in found.items() if known == name and set(labels.items()) <= has)


@pytest.fixture
def counts() -> Counts:
    return Counts()


@pytest.fixture
def client(serve: Callable[..., Client], counts: Counts) -> Client:
    return serve(watch=Watch(counts, doors=Metrics(counts).doors))


def scrape(client: Client) -> Numbers:
    reply = client.get("/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return read(reply.body.decode())


def test_requests_are_counted_by_method_route_and_status(client: Client) -> None:
    run_id = client.new_run()
    for step in range(3):
        client.api("runs/log-metric", run_id=run_id, key="m", value=1.0, timestamp=1, step=step)
    for name in ("a", "b"):
        client.get(f"{API}runs/get?run_id={name}")
        client.get(f"/no/such/{name}.js")
    found = scrape(client)
    logged = {"method": "POST", "route": f"{API}runs/log-metric"}
    assert number(found, REQUESTS, **logged, status="200") == 3
    assert number(found, f"{SECONDS}_count", **logged) == 3
    assert number(found, f"{SECONDS}_bucket", **logged, le="+Inf") == 3
    assert 0 < number(found, f"{SECONDS}_sum", **logged) < 60
    assert number(found, "millstream_http_request_bytes_total", **logged) == 297
    assert number(found, "millstream_http_response_bytes_total", **logged) == 6
    assert number(found, REQUESTS, route=f"{API}runs/get", status="404") == 2
    assert number(found, REQUESTS, route="/{path:path}", status="404") == 2
    assert number(found, "millstream_write_group_size_count") == 3
    assert number(found, "millstream_write_group_size_bucket", le="1") == 3
    assert number(found, "millstream_http_requests_in_flight") == 1
    assert not any("/no/such" in value for _, labels in found for _, value in labels)
    assert number(scrape(client), REQUESTS, route="/metrics") == 1


def test_files_and_refusals_are_counted(client: Client, counts: Counts) -> None:
    run_id = client.new_run()
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_id={run_id}&path=a.txt"
    client.send("POST", upload, b"x" * 5000, {"content-type": "application/octet-stream"})
    client.get(f"/get-artifact?run_id={run_id}&path=a.txt")
    counts.refuse(431)
    counts.refuse(431)
    found = scrape(client)
    assert number(found, "millstream_artifact_bytes_total", direction="in") == 5000
    assert number(found, "millstream_artifact_bytes_total", direction="out") == 5002
    assert number(found, "millstream_http_refusals_total", status="431") == 2
    assert number(found, "millstream_http_refusals_total", status="429") == 0
    assert number(found, REQUESTS, method="-", route="-", status="431") == 2


def test_methods_that_nobody_knows_are_one(client: Client) -> None:
    for number_ in range(20):
        client.send(f"M{number_}", "/health")
    assert number(scrape(client), REQUESTS, method="OTHER", status="405") == 20


def test_the_process_is_described(client: Client) -> None:
    found, own = scrape(client), psutil.Process()
    assert number(found, "process_start_time_seconds") == pytest.approx(own.create_time())
    assert own.memory_info().rss / 4 < number(found, "process_resident_memory_bytes") < own.memory_info().rss * 4
    assert number(found, "process_cpu_seconds_total") > 0
    assert number(found, "process_open_fds") > 0
    assert number(found, "millstream_workers") == 1
    assert number(found, "millstream_build_info") == 1


def test_what_waits_for_a_thread_is_told() -> None:
    import asyncio

    told: list[int] = []

    async def drive() -> None:
        crew, may_go = Crew(1, told.append), threading.Event()
        begun = [crew.begin(may_go.wait) for _ in range(3)]
        may_go.set()
        await asyncio.gather(*begun)

    asyncio.run(drive())
    assert told == [1, 2, 1, 0]


def test_a_worker_goes_on_with_the_numbers_of_the_one_before_but_for_what_goes_up_and_down() -> None:
    counts = Counts(2)
    counts.enter(1)
    counts.begin()
    counts.end("GET", Visit("1", route="/a", status=200), 0.1)
    counts.begin()
    counts.waiting("reads")(5)
    before = read(Metrics(counts).write())
    assert number(before, "millstream_queue_depth", queue="reads") == 5
    counts.enter(1)
    after = read(Metrics(counts).write())
    assert number(after, REQUESTS, route="/a") == 1
    assert number(after, "millstream_http_requests_in_flight") == 0
    assert number(after, "millstream_queue_depth", queue="reads") == 0
    counts.begin()
    counts.end("GET", Visit("2", route="/a", status=200), 0.1)
    assert number(read(Metrics(counts).write()), REQUESTS, route="/a") == 2


def test_more_routes_than_there_is_room_for_are_answered_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "SIZE", 16384)
    counts = Counts()
    for index in range(1000):
        counts.begin()
        counts.end("GET", Visit("1", route=f"/{index}", status=200), 0.1)
    found = read(Metrics(counts).write())
    assert 10 < number(found, REQUESTS) < 1000
    assert number(found, "millstream_http_requests_in_flight") == 0


def test_without_the_option_there_is_no_such_path(serve: Callable[..., Client]) -> None:
    assert serve().get("/metrics").status == 404
    assert serve(static_prefix="/ml").get("/ml/metrics").status == 404


needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is one process")


def ask(server: Started, times: int) -> None:
    """So many requests, each on a connection of its own, so that all workers get some."""
    for _ in range(times):
        assert server.get("/health")[0] == 200


def asked(server: Started) -> Numbers:
    status, text = server.get("/metrics")
    assert status == 200
    return read(text.decode())


@needs_fork
def test_the_numbers_of_all_workers_are_added_up_whoever_is_asked(tmp_path: Path) -> None:
    folder = tmp_path / "metrics 숫자"
    options = ("--workers", "3", "--expose-prometheus", str(folder))
    with started(str(tmp_path / "mlruns"), tmp_path, *options) as server:
        ask(server, 60)
        for _ in range(6):
            found = asked(server)
            assert number(found, REQUESTS, route="/health", status="200") == 60
        workers = server.tree()[1:]
        while number(asked(server), "millstream_workers") < 3:
            threading.Event().wait(0.05)
        spent = number(asked(server), "process_cpu_seconds_total")
        assert number(asked(server), "process_start_time_seconds") == pytest.approx(server.tree()[0].create_time())
        workers[0].send_signal(signal.SIGKILL)
        workers[0].wait(30)
        found = asked(server)
        assert number(found, REQUESTS, route="/health") == 60
        assert number(found, "process_cpu_seconds_total") >= spent
        ask(server, 20)
        assert number(asked(server), REQUESTS, route="/health") == 80
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "environment", "status"),
    [
        (["--expose-prometheus"], {}, 200),
        (["--expose-prometheus", "--no-auth"], {}, 200),
        ([], {"MLFLOW_EXPOSE_PROMETHEUS": "/tmp/metrics"}, 200),
        ([], {"MILLSTREAM_EXPOSE_PROMETHEUS": "off"}, 404),
        (["--artifacts-only", "--expose-prometheus"], {}, 200),
    ],
)
def test_the_option_may_be_without_a_path(
    start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch, options: list[str], environment: Any, status: int
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert start("server", *options).get("/metrics")[0] == status


def test_a_form_of_the_access_log_that_is_none_is_refused() -> None:
    done = CliRunner().invoke(command, ["--access-log", "xml"])
    assert done.exit_code == 2
    done = CliRunner().invoke(command, ["-p", "0"], env={"MILLSTREAM_ACCESS_LOG": "xml"})
    assert done.exit_code == 1
    assert "say off, text, json" in done.output
