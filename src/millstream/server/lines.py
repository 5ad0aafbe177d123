"""What the server knows of the line to a caller: whether somebody still listens, and whether it is about to end."""

from __future__ import annotations

import asyncio
import select
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.types import Scope

LINE = "millstream.line"
"""Where a scope holds the `Line` of its request."""
PASSED = "millstream.passed"
"""Where it holds whom to tell how many bytes of the answer were sent on the socket itself, where that can be done."""


class Line:
    """The line of one connection. One request after the other is answered on it."""

    def __init__(self, transport: Any = None, ending: asyncio.Event | None = None) -> None:
        """A line that a `transport` of asyncio holds; without one nothing is known, and nothing is ever lost.

        `ending` is set when the server is told to end: an answer that goes on for long ends then.
        """
        self.ending = asyncio.Event() if ending is None else ending
        self._transport = transport
        self._lost = False
        #: Whether an answer is being sent on the socket itself now.
        self.passing = False
        self._when_lost: Callable[[], None] | None = None

    def is_lost(self) -> bool:
        """Whether the caller has hung up, as far as this system has heard."""
        return self._lost or (self._transport is not None and self._has_hung_up())

    def lose(self) -> None:
        """The connection is gone."""
        self._lost = True
        if self._when_lost is not None:
            self._when_lost()

    def socket(self) -> Any:
        """The socket, when nothing waits to be sent on it and what is sent goes out as it is; else None."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return None
        if transport.get_write_buffer_size() or transport.get_extra_info("sslcontext") is not None:
            return None
        return transport.get_extra_info("socket")

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    @contextmanager
    def told_of_loss(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call `tell` when the caller hangs up meanwhile."""
        self._when_lost = tell
        try:
            yield
        finally:
            self._when_lost = None

    def _has_hung_up(self) -> bool:
        """The kernel knows it before the event loop does."""
        hang_up = getattr(select, "POLLRDHUP", 0)
        sock = self._transport.get_extra_info("socket")
        if not hang_up or sock is None or sock.fileno() < 0:
            return bool(self._transport.is_closing())
        poll = select.poll()
        poll.register(sock.fileno(), hang_up)
        return bool(poll.poll(0))


def line_of(scope: Scope) -> Line:
    """The line of a request; one that is never lost where the server does not tell."""
    found = scope.get(LINE)
    return found if isinstance(found, Line) else Line()
