"""One server in one process: takes the port first, serves, drains, ends with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import http.client
import ipaddress
import json
import logging
import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import psutil
import uvicorn
from msgspec import Struct
from starlette.types import ASGIApp

from millstream.values.errors import InvalidValue, Unavailable

DRAIN_SECONDS = 3
BACKLOG = 1024
_NEXT_PORTS = 100


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


class Holder(Struct, frozen=True):
    """The process that listens on a port, as far as this user may know."""

    pid: int | None = None
    command: str = ""


def find_holder(port: int) -> Holder:
    """Who listens on `port` of this machine."""
    try:
        listening = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return Holder()
    for connection in listening:
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port and connection.pid:
            try:
                return Holder(connection.pid, shlex.join(psutil.Process(connection.pid).cmdline()))
            except psutil.Error:
                return Holder(connection.pid)
    return Holder()


def ask_about(host: str, port: int) -> str | None:
    """Directory that the Millstream server on this port shows; None when it is none or takes over a second."""
    connection = http.client.HTTPConnection(reachable(host), port, timeout=1)
    try:
        connection.request("GET", "/api/ui/about", headers={"Host": f"localhost:{port}"})
        store = json.loads(connection.getresponse().read(2**16))["store"]
        return str(store["location"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


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


def next_free_port(host: str, port: int) -> int | None:
    """The first free port after `port`, None when there is none nearby."""
    for candidate in range(port + 1, min(port + _NEXT_PORTS, 65_536)):
        try:
            bind(host, candidate).close()
        except OSError:
            continue
        return candidate
    return None


def explain(error: OSError, host: str, port: int, command: list[str]) -> Unavailable:
    """Why `bind` failed, and what to type instead; `command` is the command line without its port."""
    if error.errno == errno.EACCES:
        return Unavailable(
            f"Ports below 1024, like {port}, need special rights. Use another: {_with_port(command, 5000)}"
        )
    if error.errno != errno.EADDRINUSE:
        return Unavailable(f"Cannot listen on {host}, port {port}: {error.strerror}. Give another --host.")
    holder = find_holder(port)
    served = ask_about(host, port)
    who = f"process {holder.pid} ({holder.command[:300]})" if holder.pid else "a process of another user"
    lines = [f"Port {port} on {host} is taken by {who}."]
    if served:
        lines.append(f"It is Millstream, serving {served} at {url(host, port)}")
    if (free := next_free_port(host, port)) is not None:
        lines.append(f"To use the next free port:  {_with_port(command, free)}")
    if holder.pid:
        lines.append(f"To stop that process:       kill {holder.pid}")
    return Unavailable("\n".join(lines))


def _with_port(command: list[str], port: int) -> str:
    return shlex.join([*command, "--port", str(port)])


class _Server(uvicorn.Server):
    """uvicorn that ends as itself: it does not raise the signal again after a clean stop."""

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


def serve(app: ASGIApp, sock: socket.socket) -> None:
    """Answer requests on `sock` until SIGINT or SIGTERM; then let those under way end for at most 3 seconds."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
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
        runner.run(_Server(config).serve(sockets=[sock]))


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
