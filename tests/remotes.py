"""A real server in this process, for stores that are reached over HTTP: one a session, an app for each test."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from millstream.server import process, routes
from millstream.server.app import make_app
from millstream.server.connections import KEEP_ALIVE, Connection
from millstream.stores.base import Store


class Served:
    """A server that answers with `app`, whatever that is just now."""

    def __init__(self) -> None:
        self.app: ASGIApp | None = None
        self.address = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert self.app is not None
        await self.app(scope, receive, send)

    def serve(self, store: Store, **options: Any) -> None:
        """Answer from `store` from now on."""
        self.app = make_app(store, **options)


@contextmanager
def running() -> Iterator[Served]:
    """A server on a port of its own, in a thread."""
    served = Served()
    ready = threading.Event()
    with socket.create_server(("127.0.0.1", 0), backlog=512) as sock:
        served.address = f"http://127.0.0.1:{sock.getsockname()[1]}"
        config = uvicorn.Config(
            served, loop="auto", http=Connection, ws="none", lifespan="off", log_config=None, access_log=False,
            server_header=False, proxy_headers=False, timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=1,
        )  # fmt: skip
        server = process._Server(config, process.Hooks(ready.set, ends_at=()))

        def work() -> None:
            with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
                runner.run(server.serve(sockets=[sock]))

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        assert ready.wait(30)
        try:
            yield served
        finally:
            server._stop(0, None)
            thread.join(30)


class Clock:
    """The time that the server takes for now: what the last op says of it."""

    def __init__(self) -> None:
        self.now: int | None = None

    def time_ns(self) -> int:
        return time.time_ns() if self.now is None else self.now * 1_000_000

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


@contextmanager
def clock() -> Iterator[Clock]:
    """The server's clock, in the hands of a test."""
    made = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "time", made)
        yield made
