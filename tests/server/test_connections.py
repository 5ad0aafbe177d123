"""What one connection may cost, and how it ends: driven second by second, without waiting for the clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from millstream.server import connections
from millstream.server.connections import Connection, State
from millstream.server.lines import line_of

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


class Line(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""
        self.closing = False
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.closing = self.aborted = True

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Calls:
    """An app whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.endless = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        while message["type"] == "http.request" and message["more_body"]:
            message = await receive()
        await (line_of(scope).ending if self.endless else self.may_answer).wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"OK"})


def driven(drive: Callable[[Connection, Line, Calls], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """A test that gets a connection, its transport and the app."""

    async def run() -> None:
        calls = Calls()
        config = uvicorn.Config(calls, lifespan="off", log_config=None, timeout_keep_alive=10**6)
        connection = Connection(config, State(), {})
        line = Line()
        connection.connection_made(line)
        await drive(connection, line, calls)
        calls.may_answer.set()
        connection.connection_lost(None)
        await settle()

    def test() -> None:
        asyncio.run(run())

    return test


def end(connection: Connection) -> None:
    """What the server does when it is told to end."""
    connection.server_state.ending.set()
    connection.shutdown()


async def comes_while_the_server_ends(connection: Connection, line: Line, calls: Calls) -> None:
    connection.server_state.ending.set()
    late = Connection(connection.config, connection.server_state, {})
    other = Line()
    late.connection_made(other)
    late.data_received(ASK)
    await settle()
    assert other.sent.endswith(b"connection: close\r\n\r\nOK")
    silent = Connection(connection.config, connection.server_state, {})
    silent.connection_made(line)
    await asyncio.sleep(connections.LINGER)
    await settle()
    assert line.closing


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def look(connection: Connection, seconds: int) -> None:
    for _ in range(seconds + 2):
        connection.look()


async def answers_and_waits(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(ASK)
    await settle()
    assert line.sent.endswith(b"OK")
    look(connection, connections.KEEP_ALIVE - 5)
    connection.data_received(ASK)
    await settle()
    look(connection, connections.KEEP_ALIVE - 5)
    assert not line.closing
    look(connection, 5)
    assert line.closing


async def says_nothing(connection: Connection, line: Line, calls: Calls) -> None:
    look(connection, connections.KEEP_ALIVE)
    assert line.closing
    assert line.sent == b""


async def drips_its_head(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"GET / HTTP/1.1\r\n")
    for number in range(connections.HEADERS + 2):
        connection.data_received(b"X-%d: 1\r\n" % number)
        connection.look()
    assert line.sent.startswith(b"HTTP/1.1 408")
    assert line.closing


async def sends_a_head_without_end(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"GET / HTTP/1.1\r\n")
    for number in range(1000):
        connection.data_received(b"X-%d: %s\r\n" % (number, b"1" * 100))
        if line.closing:
            break
    assert line.sent.startswith(b"HTTP/1.1 431")


async def drips_its_body(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
    await settle()
    for _ in range(connections.BODY + 2):
        connection.data_received(b"1")
        await settle()
        connection.look()
    assert line.aborted


async def sends_its_body_steadily(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    await settle()
    for _ in range(100):
        connection.data_received(b"1" * 1000)
        await settle()
        connection.look()
    assert not line.closing
    assert line.sent.endswith(b"OK")


async def waits_for_a_slow_answer(connection: Connection, line: Line, calls: Calls) -> None:
    calls.may_answer.clear()
    connection.data_received(ASK)
    await settle()
    look(connection, 1000)
    assert not line.closing


async def takes_nothing(connection: Connection, line: Line, calls: Calls) -> None:
    calls.may_answer.clear()
    connection.data_received(ASK)
    await settle()
    connection.pause_writing()
    look(connection, connections.READING - 5)
    connection.resume_writing()
    connection.pause_writing()
    look(connection, connections.READING - 5)
    assert not line.aborted
    look(connection, 5)
    assert line.aborted


async def takes_nothing_of_a_file(connection: Connection, line: Line, calls: Calls) -> None:
    calls.may_answer.clear()
    connection.data_received(ASK)
    await settle()
    connection.line.passing = True
    look(connection, connections.READING - 5)
    connection._note_passed(connection.cycle, 1)
    look(connection, connections.READING - 5)
    assert not line.aborted
    look(connection, 5)
    assert line.aborted


async def says_no_http(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    assert line.sent.startswith(b"HTTP/1.1 400")
    assert b'{"error_code":"BAD_REQUEST"' in line.sent
    assert line.closing


async def asks_with_a_method_that_nobody_knows(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(ASK)
    await settle()
    line.sent = b""
    connection.data_received(b"FOO /api/2.0/mlflow/experiments/search HTTP/1.1\r\nHost: a\r\n\r\n")
    assert line.sent.startswith(b"HTTP/1.1 501")
    assert b'{"error_code":"NOT_IMPLEMENTED"' in line.sent
    assert line.closing


async def says_a_method_and_no_http(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(b"FOO / SMTP/1.1\r\n\r\n")
    assert line.sent.startswith(b"HTTP/1.1 400")


async def asks_while_the_server_ends(connection: Connection, line: Line, calls: Calls) -> None:
    connection.data_received(ASK)
    await settle()
    assert b"connection: close" not in line.sent
    end(connection)
    assert not line.closing
    connection.data_received(ASK)
    await settle()
    assert line.sent.endswith(b"connection: close\r\n\r\nOK")
    assert line.closing


async def is_answered_while_the_server_ends(connection: Connection, line: Line, calls: Calls) -> None:
    calls.may_answer.clear()
    connection.data_received(ASK)
    await settle()
    end(connection)
    calls.may_answer.set()
    await settle()
    assert line.sent.endswith(b"connection: close\r\n\r\nOK")


async def hears_an_answer_without_end(connection: Connection, line: Line, calls: Calls) -> None:
    calls.endless = True
    connection.data_received(ASK)
    await settle()
    assert line.sent == b""
    end(connection)
    await settle()
    assert line.sent.endswith(b"connection: close\r\n\r\nOK")
    assert line.closing


async def idles_while_the_server_ends(connection: Connection, line: Line, calls: Calls) -> None:
    end(connection)
    await asyncio.sleep(connections.LINGER)
    await settle()
    assert line.closing


@pytest.mark.parametrize(
    "drive",
    [
        answers_and_waits,
        says_nothing,
        drips_its_head,
        sends_a_head_without_end,
        drips_its_body,
        sends_its_body_steadily,
        waits_for_a_slow_answer,
        takes_nothing,
        takes_nothing_of_a_file,
        says_no_http,
        asks_with_a_method_that_nobody_knows,
        says_a_method_and_no_http,
        asks_while_the_server_ends,
        is_answered_while_the_server_ends,
        hears_an_answer_without_end,
        idles_while_the_server_ends,
        comes_while_the_server_ends,
    ],
)
def test_a_caller_that(
    drive: Callable[[Connection, Line, Calls], Coroutine[Any, Any, None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LINGER", 0.01)
    driven(drive)()
