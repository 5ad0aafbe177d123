"""The access log: one request is one line, whatever it says, and no line is lost when the server ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.server import access
from millstream.server.access import AccessLog, Form
from millstream.server.auth.addresses import Proxies
from millstream.server.visits import Visit
from millstream.server.watch import Watch
from tests.server.conftest import Client
from tests.server.load import callers, new_run, wait_for_points
from tests.server.started import Started, started

API = "/api/2.0/mlflow/"
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
EVIL = "a\n2026-01-01T00:00:00.000Z 10.0.0.1 root GET /forged 200 0 0.1 x\r\x1b[2J\u2028\x85 b"


class Sink:
    """A file that an access log writes to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("wb")

    def log(self, form: Form, proxies: str = "") -> AccessLog:
        return AccessLog(form, Proxies(proxies), self.file.fileno())

    def lines(self) -> list[str]:
        text = self.path.read_bytes().decode()
        assert text.endswith("\n") or not text
        assert text.splitlines() == text.split("\n")[:-1]
        return text.splitlines()


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    made = Sink(tmp_path / "access.log")
    yield made
    made.file.close()


def scope(**fields: Any) -> dict[str, Any]:
    return {"method": "GET", "path": "/a", "query_string": b"", "headers": [], "client": ("10.1.2.3", 5), **fields}


def test_a_line_of_text(sink: Sink) -> None:
    log = sink.log("text")
    log.note(scope(query_string=b"b=1"), Visit("id-1", user="ada", status=200, sent=12), 0.0123456)
    log.note(scope(), Visit("id-2", status=404), 2)
    log.note(scope(client=None), Visit("id-3", user="김 하늘", status=404), 0)
    log.note_refusal("10.9.9.9", Visit("id-4", status=431))
    log.close()
    lines = sink.lines()
    assert all(re.match(TIME + " ", line) for line in lines)
    assert [line.split(" ", 1)[1] for line in lines] == [
        "10.1.2.3 ada GET /a?b=1 200 12 12.346 id-1",
        "10.1.2.3 - GET /a 404 0 2000 id-2",
        '- "\\uae40\\u0020\\ud558\\ub298" GET /a 404 0 0 id-3',
        "10.9.9.9 - - - 431 0 0 id-4",
    ]


def test_a_line_of_json(sink: Sink) -> None:
    log = sink.log("json")
    visit = Visit("id-1", route="/a", user="김 하늘", status=200, received=7, sent=12)
    log.note(scope(query_string=b"token=1"), visit, 0.5)
    log.note(scope(), Visit("id-2", status=404), 0)
    log.close()
    first, second = map(json.loads, sink.lines())
    assert re.fullmatch(TIME, first.pop("time"))
    assert first == {
        "client": "10.1.2.3",
        "user": "김 하늘",
        "method": "GET",
        "path": "/a?token=***",
        "route": "/a",
        "status": 200,
        "received": 7,
        "sent": 12,
        "ms": 500.0,
        "request_id": "id-1",
    }
    assert (second["user"], second["route"]) == (None, "-")


@pytest.mark.parametrize("form", ["text", "json"])
def test_nothing_that_a_caller_sends_makes_a_line_or_a_field_of_its_own(sink: Sink, form: Form) -> None:
    log = sink.log(form, "10.1.2.3")
    evil = EVIL.encode()
    for fields in (
        {"path": EVIL, "raw_path": evil},
        {"path": EVIL},
        {"query_string": evil},
        {"method": EVIL},
        {"client": (EVIL, 1)},
        {"headers": [(b"x-forwarded-for", b"fe80::1%" + EVIL.encode("latin-1", "replace"))]},
    ):
        log.note(scope(**fields), Visit("id", status=200), 0)
    log.note(scope(), Visit("id", user=EVIL, status=200), 0)
    log.close()
    lines = sink.lines()
    assert len(lines) == 7
    for line in lines:
        assert "\x1b" not in line
        if form == "text":
            assert line.isascii()
            assert len(line.split()) == 9
        else:
            assert json.loads(line)["request_id"] == "id"


def test_the_address_is_that_which_a_trusted_proxy_tells(sink: Sink) -> None:
    log = sink.log("text", "10.1.2.3")
    told = [(b"x-forwarded-for", b"192.0.2.1, 192.0.2.9")]
    log.note(scope(headers=told), Visit("id"), 0)
    log.note(scope(headers=told, client=("10.1.2.4", 1)), Visit("id"), 0)
    log.close()
    assert [line.split()[1] for line in sink.lines()] == ["192.0.2.9", "10.1.2.4"]


def test_while_nobody_takes_lines_they_are_lost_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "MOST", 2000)
    monkeypatch.setattr(access, "LAST_SECONDS", 30)
    reading, writing = os.pipe()
    log = AccessLog("text", descriptor=writing)
    sent = 10_000
    for number in range(sent):
        log.note(scope(), Visit(f"{number}", status=200), 0)
    read = b""
    ending = threading.Thread(target=lambda: (log.close(), os.close(writing)))
    ending.start()
    while piece := os.read(reading, 2**16):
        read += piece
    ending.join()
    os.close(reading)
    told = re.findall(TIME + r" (\d+) lines of the access log were lost: nobody took them\.\n", read.decode())
    assert sum(map(int, told)) > 0
    numbers = [int(line.split()[-1]) for line in read.decode().splitlines() if "GET" in line]
    assert numbers == sorted(set(numbers))
    assert len(numbers) + sum(map(int, told)) == sent


def test_who_reads_the_log_may_go_away() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    log = AccessLog("text", descriptor=writing)
    log.note(scope(), Visit("id", status=200), 0)
    log.close()
    os.close(writing)


def test_a_server_without_requests_has_no_thread_for_them(sink: Sink) -> None:
    before = threading.active_count()
    log = sink.log("text")
    assert threading.active_count() == before
    log.close()
    assert sink.lines() == []


def test_the_app_notes_what_it_answers(serve: Callable[..., Client], sink: Sink) -> None:
    log = sink.log("json")
    client = serve(watch=Watch(log=log))
    client.new_run()
    client.get("/share/geheim", {"x-request-id": "mine"})
    log.close()
    made, asked = map(json.loads, sink.lines())
    assert (made["method"], made["path"], made["status"]) == ("POST", f"{API}runs/create", 200)
    assert made["received"] > 0 < made["sent"]
    assert (asked["path"], asked["request_id"]) == ("/share/***", "mine")


# --- servers of their own ---


def logged(server: Started) -> list[str]:
    return [line for line in server.said().splitlines() if re.match(TIME, line)]


def test_a_server_is_quiet_unless_told_otherwise(start: Callable[..., Started]) -> None:
    server = start("server")
    server.get("/health")
    server.process.send_signal(signal.SIGTERM)
    server.process.wait(30)
    assert logged(server) == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_every_answer_has_its_line_when_the_server_has_ended(tmp_path: Path, workers: str) -> None:
    options = ("--access-log", "text", "--workers", workers)
    with started(str(tmp_path / "mlruns"), tmp_path, *options) as server:
        run = new_run(server.port)
        with callers(4, server.port, run) as at_work:
            wait_for_points(at_work, 30)
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        answered = sum(len(caller.said) for caller in at_work)
        lines = logged(server)
        assert answered >= 120
        assert sum(f"POST {API}runs/log-metric 200 2 " in line for line in lines) >= answered
        assert all(len(line.split(" ")) == 9 for line in lines)
        assert len({line.split()[-1] for line in lines}) == len(lines)


def test_what_is_no_request_has_a_line_and_an_id_too(tmp_path: Path) -> None:
    options = ("--access-log", "json", "--expose-prometheus")
    with started(str(tmp_path / "mlruns"), tmp_path, *options) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as line:
            line.sendall(b"GET / HTTP/9\nno http\r\n\r\n")
            said = b""
            while piece := line.recv(4096):
                said += piece
        found = re.search(rb"\r\nx-request-id: ([0-9a-f]{16})\r\n", said)
        assert said.startswith(b"HTTP/1.1 400 ")
        assert found
        assert b'requests_total{method="-",route="-",status="400"} 1\n' in server.get("/metrics")[1]
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
        (refused, _metrics) = map(json.loads, [one for one in server.said().splitlines() if one.startswith("{")])
        assert (refused["request_id"], refused["status"]) == (found[1].decode(), 400)
        assert refused["client"] == "127.0.0.1"
