"""What stands before everything: each request gets an id, and whoever watches is told how it was answered."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.server.doors import Door
from millstream.server.visits import VISIT, Visit, new_id, read_id

GONE = 499
"""Status of a request whose caller was gone before an answer began; nginx counts it so too."""


class Counting(Protocol):
    """Counts visits."""

    def begin(self) -> None:
        """One has come."""
        ...

    def end(self, method: str, visit: Visit, seconds: float) -> None:
        """One that had begun was answered."""
        ...

    def refuse(self, status: int) -> None:
        """What was no request, or too much, was answered with `status`."""
        ...

    def group(self, size: int) -> None:
        """So many writes are done together."""
        ...

    def waiting(self, crew: str) -> Callable[[int], None]:
        """Takes how many wait for a thread of a crew."""
        ...


class Noting(Protocol):
    """Notes visits."""

    def note(self, scope: Scope, visit: Visit, seconds: float) -> None:
        """One was answered."""
        ...

    def note_refusal(self, client: str, visit: Visit) -> None:
        """What was no request, or too much, was refused."""
        ...


class Watch(Struct, frozen=True):
    """Who is told of visits, and the `doors` where that can be read."""

    counts: Counting | None = None
    log: Noting | None = None
    doors: tuple[Door, ...] = ()


class Visits:
    """Gives every request an id, which `guards` put on the answer, and tells who watches how it went."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        """Serve `app`; nothing stands before this."""
        self.app = app
        self._counts = watch.counts
        self._log = watch.log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = scope[VISIT] = Visit(read_id(scope))
        counts, log = self._counts, self._log
        if counts is None and log is None:
            await self.app(scope, receive, send)
            return

        async def ask() -> Message:
            message = await receive()
            visit.received += len(message.get("body", b""))
            return message

        begun = time.perf_counter()
        if counts is not None:
            counts.begin()
        try:
            await self.app(scope, receive if scope["method"] == "GET" else ask, send)
        finally:
            seconds = time.perf_counter() - begun
            visit.status = visit.status or GONE
            if counts is not None:
                counts.end(scope["method"], visit, seconds)
            if log is not None:
                log.note(scope, visit, seconds)

    def refuse(self, status: int, client: str) -> str:
        """The id of an answer that was given before there was a request."""
        visit = Visit(new_id(), status=status)
        if self._counts is not None:
            self._counts.refuse(status)
        if self._log is not None:
            self._log.note_refusal(client, visit)
        return visit.id
