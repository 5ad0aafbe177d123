"""One process that answers: serves until a signal, drains, ends with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from types import FrameType
from typing import Any

import uvicorn
from msgspec import Struct
from starlette.types import ASGIApp

from millstream.server.connections import KEEP_ALIVE, LINGER, Connection, State
from millstream.server.sockets import BACKLOG, Offer
from millstream.server.watch import Visits
from millstream.values.settings import setting

_LOOK_SECONDS = 1
_FILES = 2**15
# Without those that end a line or indent it.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f]")
# The signals that end a server; Windows has no SIGHUP.
ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class Hooks(Struct):
    """What happens beside answering: `ready` once it answers, `look` each second; `offer` gives its port away."""

    ready: Callable[[], None]
    look: Callable[[], None] | None = None
    offer: Offer | None = None
    ends_at: tuple[signal.Signals, ...] = ENDING


class _Server(uvicorn.Server):
    """uvicorn that says when it is up, looks after its connections, and ends as itself, without raising a signal."""

    def __init__(self, config: uvicorn.Config, hooks: Hooks) -> None:
        super().__init__(config)
        self.server_state: State = State()
        self.server_state.visits = config.app if isinstance(config.app, Visits) else None
        self.server_state.most_connections = min(State.most_connections, raise_file_limit() // 2)
        self.hooks = hooks
        self._woken: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.hooks.offer is not None:
            self._loop.add_reader(self.hooks.offer.fileno(), self.hooks.offer.answer)
        self.hooks.ready()

    async def main_loop(self) -> None:
        """Once a second; a signal is seen at once."""
        assert self._woken is not None
        tick = 0
        while not await self.on_tick(tick * 10):
            tick = (tick + 1) % 86_400
            if self.hooks.look is not None:
                self.hooks.look()
            self._look_at_connections()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), _LOOK_SECONDS)
        if self.hooks.offer is not None and self._loop is not None:
            self._loop.remove_reader(self.hooks.offer.fileno())

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.server_state.ending.set()
        looking = asyncio.ensure_future(self._keep_looking())
        await super().shutdown(sockets)
        looking.cancel()

    async def _keep_looking(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self.hooks.look is not None:
                self.hooks.look()
            self._look_at_connections()

    def _look_at_connections(self) -> None:
        for connection in list(self.server_state.connections):
            if isinstance(connection, Connection):
                connection.look()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # What is ignored stays ignored: `nohup` says so of SIGHUP.
        numbers = [number for number in self.hooks.ends_at if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self._stop) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        # A second signal means now.
        self.force_exit = self.should_exit
        self.should_exit = True
        if self._loop is not None and self._woken is not None:
            self._loop.call_soon_threadsafe(self._woken.set)


def drain_seconds() -> int:
    """How long requests under way may take to end once the server is told to."""
    return max(1, int(str(setting("DRAIN_SECONDS"))))


def raise_file_limit() -> int:
    """How many files and connections this process may have open, now as many as the system lets it have."""
    if sys.platform == "win32":
        return 2**20
    resource: Any = import_module("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return int(max(soft, wanted)) if soft != resource.RLIM_INFINITY else wanted


def log_to_stderr() -> None:
    """Have warnings and errors go there."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Record("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class Record(logging.Formatter):
    """Only the first line of a record begins at the left: what callers sent cannot look like another record."""

    def format(self, record: logging.LogRecord) -> str:
        text = _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", super().format(record))
        return "\n    ".join(text.splitlines())


def serve(app: ASGIApp, sock: socket.socket, hooks: Hooks) -> None:
    """Answer requests on `sock` until a signal; then let those under way end, for as long as the setting says.

    Once ready, a signal ends it cleanly: what it has taken on it answers, and tells callers to come no more
    on their connections.
    """
    log_to_stderr()
    # Our own border logs what goes wrong in the app; a reply cut off by the end of the server is no error.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app,
        loop="auto",
        http=Connection,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(drain_seconds(), round(LINGER + 0.5)),
        backlog=BACKLOG,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_Server(config, hooks).serve(sockets=[sock]))


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
