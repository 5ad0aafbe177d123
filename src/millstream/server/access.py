"""The access log: one line a request, written by a thread of its own: a slow terminal holds up nobody."""

from __future__ import annotations

import json
import os
import threading
import time
from collections import deque
from typing import Literal

import msgspec
from starlette.types import Scope

from millstream.server.auth.addresses import Proxies
from millstream.server.targets import shown, shown_target
from millstream.server.visits import NONE, Visit

Form = Literal["text", "json"]

PAUSE = 0.1
"""Seconds in which lines are collected before they are written."""
MOST = 20_000
"""So many lines wait at most; while nobody takes them, further ones are lost, and it is said how many."""
PIECE = 4096
"""Bytes written at once: so many reach a pipe in one piece, and lines of several processes do not mix."""
LAST_SECONDS = 2.0
"""How long the end of a server waits for its last lines to be taken."""


class AccessLog:
    """Notes requests on a descriptor. Whatever callers send, one request is one line."""

    def __init__(self, form: Form, proxies: Proxies | None = None, descriptor: int = 2) -> None:
        """Write lines of `form` to `descriptor`; `proxies` may say whom they were asked by."""
        self._json = form == "json"
        self._proxies = proxies or Proxies()
        self._descriptor = descriptor
        self._lines: deque[bytes] = deque()
        self._lost = self._lost_and_said = 0
        self._told = False
        self._news = threading.Event()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._second = (0, "")

    def note(self, scope: Scope, visit: Visit, seconds: float) -> None:
        """A request was answered."""
        self._note(self._proxies.address(scope), scope["method"], shown_target(scope), visit, seconds)

    def note_refusal(self, client: str, visit: Visit) -> None:
        """What was no request, or too much, was refused."""
        self._note(client, NONE, NONE, visit, 0)

    def close(self) -> None:
        """Write what is left, as far as somebody takes it."""
        self._ended.set()
        self._news.set()
        if self._thread is None:
            self._write()
        else:
            self._thread.join(LAST_SECONDS)

    def _note(self, client: str, method: str, target: str, visit: Visit, seconds: float) -> None:
        if len(self._lines) >= MOST:
            self._lost += 1
            return
        line = self._as_json if self._json else self._as_text
        self._lines.append(line(shown(client) or NONE, shown(method), target, visit, round(seconds * 1000, 3)))
        if not self._told:
            self._told = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, daemon=True)
                self._thread.start()
            self._news.set()

    def _as_text(self, client: str, method: str, target: str, visit: Visit, milliseconds: float) -> bytes:
        # A name with a space or anything unusual in it is written as in JSON, in one word.
        user = visit.user if visit.user.isidentifier() and visit.user.isascii() else _quoted(visit.user)
        return (
            f"{self._time()} {client} {user} {method} {target} {visit.status} {visit.sent} {milliseconds} {visit.id}\n"
        ).encode()

    def _as_json(self, client: str, method: str, target: str, visit: Visit, milliseconds: float) -> bytes:
        line = {
            "time": self._time(),
            "client": client,
            "user": visit.user or None,
            "method": method,
            "path": target,
            "route": visit.route,
            "status": visit.status,
            "received": visit.received,
            "sent": visit.sent,
            "ms": milliseconds,
            "request_id": visit.id,
        }
        text = msgspec.json.encode(line)
        # The slower way escapes every letter that some reader takes for the end of a line.
        return (text if text.isascii() else json.dumps(line).encode()) + b"\n"

    def _time(self) -> str:
        """Now in UTC, to the millisecond (ISO 8601)."""
        second, thousandths = divmod(time.time_ns() // 1_000_000, 1000)
        if second != self._second[0]:
            self._second = second, time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        return f"{self._second[1]}.{thousandths:03}Z"

    def _work(self) -> None:
        while not self._ended.is_set():
            self._news.wait()
            self._news.clear()
            self._ended.wait(PAUSE)
            self._write()

    def _write(self) -> None:
        # Before the lines are taken: whoever adds one from now on says so.
        self._told = False
        piece = b""
        while self._lines:
            line = self._lines.popleft()
            if len(piece) + len(line) > PIECE:
                self._send(piece)
                piece = b""
            piece += line
        self._send(piece)
        # Only counted up where lines are added, and only compared here: the two are different threads.
        lost = self._lost - self._lost_and_said
        if lost:
            self._lost_and_said += lost
            self._send(f"{self._time()} {lost} lines of the access log were lost: nobody took them.\n".encode())

    def _send(self, piece: bytes) -> None:
        try:
            while piece:
                piece = piece[os.write(self._descriptor, piece) :]
        except OSError:
            pass  # whoever read this is gone, and nobody else wants it


def _quoted(name: str) -> str:
    return json.dumps(name).replace(" ", "\\u0020") if name else NONE
