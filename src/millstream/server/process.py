"""One server in one process: takes the port first, serves, drains, ends with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

import uvicorn
from starlette.types import ASGIApp

from millstream.values.errors import InvalidValue

DRAIN_SECONDS = 3
BACKLOG = 1024


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port` (0 = any free port); OSError of the bind when it cannot be had.

    It listens at once, so a caller that connects before the app is up waits instead of being refused.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidValue(
            f"This machine does not know the host {host!r}; use 127.0.0.1, 0.0.0.0 or a name it has."
        ) from error
    # "localhost" may be two addresses; IPv4 is the one that every client tries.
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def reachable(host: str) -> str:
    """`host`, or the loopback address where it stands for every address."""
    return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(host, host)


def url(host: str, port: int, prefix: str = "") -> str:
    """Address to open in a browser on this machine."""
    name = reachable(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}{prefix}"


def open_to_all(sock: socket.socket) -> bool:
    """Whether other machines may reach the socket."""
    return not ipaddress.ip_address(sock.getsockname()[0]).is_loopback


class _Server(uvicorn.Server):
    """uvicorn that says when it is up, and ends as itself: it does not raise the signal again after a clean stop."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self.ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # A second signal means now.
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(app: ASGIApp, sock: socket.socket, ready: Callable[[], None]) -> None:
    """Answer requests on `sock` until SIGINT or SIGTERM; then let those under way end for at most 3 seconds.

    `ready` is called once it answers; from then on a signal ends it cleanly.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    # Our own border logs what goes wrong in the app; a reply cut off by the end of the server is no error.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        loop="auto",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        backlog=BACKLOG,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_Server(config, ready).serve(sockets=[sock]))


def leave(status: int = 0) -> None:
    """End the process even where a thread is still busy with a request that nobody waits for."""
    others = [thread for thread in threading.enumerate() if thread is not threading.current_thread()]
    for thread in others:
        if not thread.daemon:
            thread.join(0.2)
    if any(thread.is_alive() and not thread.daemon for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
