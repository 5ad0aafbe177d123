"""One connection of a caller: what it may cost in time and header bytes, and how it ends when the server does."""

from __future__ import annotations

import asyncio
import re
import sys
from functools import partial
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from millstream.server.limits import pause
from millstream.server.lines import LINE, PASSED, Line
from millstream.server.visits import new_id
from millstream.server.watch import Visits

# All in seconds; looked at once a second.
KEEP_ALIVE = 75
"""How long a connection may wait for its next request."""
HEADERS = 10
"""How long the head of a request may take from its first byte."""
BODY = 20
"""In each such time a body under way must grow by `BODY_BYTES`."""
BODY_BYTES = 4 * 2**10
READING = 60
"""How long a caller may take nothing of what is sent to it."""
LINGER = 0.5
"""While the server ends, how long an idle connection is kept for a request that may be on its way."""

MAX_HEAD = 64 * 2**10
"""Longest head of a request in bytes."""

_ERRORS = {
    400: "This is not an HTTP/1.1 request.",
    408: "The request came too slowly.",
    429: "This server has as many connections as it takes on at a time. Try again in a few seconds.",
    501: "This server knows no such method.",
    431: f"The head of the request is longer than {MAX_HEAD} bytes.",
}

_CODES = {429: "REQUEST_LIMIT_EXCEEDED", 501: "NOT_IMPLEMENTED"}
_REQUEST = re.compile(rb"(?:^|\n)[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64} [!-~]+ HTTP/1\.[01]\r?\n")
"""The first line of a request with whatever method."""


class State(ServerState):
    """What the connections of a process share; `ending` is set once it is about to end."""

    most_connections = 10_000
    visits: Visits | None = None

    def __init__(self) -> None:
        """It serves."""
        super().__init__()
        self.ending = asyncio.Event()


class Connection(HttpToolsProtocol):
    """uvicorn's connection with limits, and with an end that no caller takes for a failure."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        """As uvicorn makes it."""
        super().__init__(*arguments, **named)
        self.in_head = False
        self.head = 0
        self.received = 0
        self.requests = 0
        self.taken = 0
        self._fed = b""
        self.passed = 0
        self._stage = ("", 0)
        self._seconds = 0
        self._received_before = 0

    @property
    def draining(self) -> bool:
        """Whether the server is about to end."""
        return isinstance(self.server_state, State) and self.server_state.ending.is_set()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """A caller has come; maybe taken on in the moment in which the server was told to end."""
        super().connection_made(transport)
        self.line = Line(transport, self.server_state.ending if isinstance(self.server_state, State) else None)
        if isinstance(self.server_state, State) and len(self.connections) > self.server_state.most_connections:
            self.refuse(429)
        elif self.draining:
            self.loop.call_later(LINGER, self._close_idle)

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has gone, or the server has closed."""
        super().connection_lost(exc)
        self.line.lose()

    def data_received(self, data: bytes) -> None:
        """Take what came, unless it is a head without end."""
        self.received += len(data)
        self._fed = data
        super().data_received(data)
        self._fed = b""
        if self.in_head:
            self.head += len(data)
            if self.head > MAX_HEAD:
                self.refuse(431)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.in_head = True
        self.head = 0
        self.requests += 1
        super().on_message_begin()
        self.scope[LINE] = self.line  # type: ignore[literal-required] # an addition of ours

    def on_headers_complete(self) -> None:
        """Begin to answer; while the server ends, this is the last answer on this connection."""
        self.in_head = False
        super().on_headers_complete()
        # The next request may come before this one is answered: then it is its cycle that is the connection's.
        self.scope[PASSED] = partial(self._note_passed, self.cycle)  # type: ignore[literal-required] # as above
        if self.draining:
            self.cycle.keep_alive = False

    def resume_writing(self) -> None:
        """The caller has taken most of what was sent."""
        self.taken += 1
        super().resume_writing()

    def _note_passed(self, cycle: Any, count: int) -> None:
        """A part of the answer of `cycle` was sent on the socket itself."""
        self.passed += count
        cycle.expected_content_length -= count

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, or is of a method that the parser does not know."""
        unknown = isinstance(sys.exc_info()[1], httptools.HttpParserInvalidMethodError)
        self.refuse(501 if unknown and _REQUEST.search(self._fed) else 400)

    def refuse(self, status: int) -> None:
        """Answer with `status` and close, unless an answer is under way already."""
        if self.transport.is_closing():
            return
        if self.idle:
            code = _CODES.get(status, "BAD_REQUEST")
            text = f'{{"error_code":"{code}","message":"{_ERRORS[status]}"}}'.encode()
            head = b"content-type: application/json\r\nconnection: close\r\ncontent-length: %d\r\n" % len(text)
            head += b"x-request-id: %s\r\n" % self._tell_refusal(status).encode()
            head += b"retry-after: %s\r\n\r\n" % pause().encode() if status == 429 else b"\r\n"
            self.transport.write(STATUS_LINE[status] + head + text)
        self.in_head = False
        self.transport.close()

    def _tell_refusal(self, status: int) -> str:
        """The id of the answer."""
        visits = self.server_state.visits if isinstance(self.server_state, State) else None
        return new_id() if visits is None else visits.refuse(status, self.client[0] if self.client else "")

    @property
    def idle(self) -> bool:
        """Whether no request is being answered."""
        cycle: Any = self.cycle  # None before the first request
        return cycle is None or bool(cycle.response_complete)

    def shutdown(self) -> None:
        """Let what is under way end; a request that is on its way is answered, and told that it is the last."""
        if self.idle:
            self.loop.call_later(LINGER, self._close_idle)
        else:
            self.cycle.keep_alive = False

    def _close_idle(self) -> None:
        if self.idle and not self.in_head and not self.transport.is_closing():
            self.transport.close()

    def look(self) -> None:
        """Once a second: end what has taken too long."""
        stage = self._find_stage()
        if stage != self._stage:
            self._stage, self._seconds, self._received_before = stage, 0, self.received
            return
        self._seconds += 1
        name = stage[0]
        if name == "head" and self._seconds > HEADERS:
            self.refuse(408)
        elif name == "idle" and self._seconds > KEEP_ALIVE:
            self.transport.close()
        elif name == "body" and self._seconds >= BODY:
            if self.received - self._received_before < BODY_BYTES:
                self.transport.abort()
            self._seconds, self._received_before = 0, self.received
        elif name in ("sending", "closing") and self._seconds > READING:
            self.transport.abort()

    def _find_stage(self) -> tuple[str, int]:
        """What the connection does, and a number that tells this time from the next."""
        if self.transport.is_closing():
            return "closing", 0
        if self.in_head:
            return "head", self.requests
        if self.idle:
            return "idle", self.received
        if self.flow.write_paused or self.line.passing:
            return "sending", self.taken + self.passed
        # While the app does not take what came, it is not the caller who is slow.
        return "body" if self.cycle.more_body and not self.flow.read_paused else "answering", self.requests
