"""The scoring server as a process: the port first, then the model, then one line with the URL."""

from __future__ import annotations

import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import psutil
import uvicorn

from millstream.serving.app import ScoringApp
from millstream.values.errors import InvalidValue, Unavailable
from millstream.values.settings import text_setting

_GRACE_SECONDS = 5
_BACKLOG = 2048


def bind(host: str, port: int) -> socket.socket:
    """A socket bound to `host` and `port` (0: any free one), not yet listening.

    Raises Unavailable, naming the process that has the port where that can be known, when it is taken.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        made = socket.socket(family, kind, protocol)
    except (OSError, OverflowError) as error:
        raise InvalidValue(f"Cannot listen on {host}:{port}: {error}.") from error
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(address)
        # Listening here makes a second server on the port fail now, not after it has loaded its model.
        made.listen(_BACKLOG)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise Unavailable(
                f"Port {port} on {host} is in use{_holder(port)}. Stop that, or choose another port: -p {port + 1}."
            ) from error
        raise InvalidValue(f"Cannot listen on {host}:{port}: {error.strerror}.") from error
    return made


def _holder(port: int) -> str:
    try:
        for connection in psutil.net_connections("tcp"):
            address = connection.laddr
            if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except (psutil.Error, OSError):
        pass
    return ""


def url_of(listening: socket.socket) -> str:
    """The URL that reaches a listening socket from this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{host}:{port}"


def allowed_hosts(host: str) -> list[str]:
    """Host names a server bound to `host` answers to, beside addresses and localhost."""
    named = (text_setting("ALLOWED_HOSTS") or "").split(",")
    own = [] if host in ("127.0.0.1", "::1", "localhost") else [host, socket.gethostname(), socket.getfqdn()]
    return [name.strip() for name in (*named, *own) if name.strip()]


@contextmanager
def leaving_on_signal() -> Iterator[None]:
    """End this process at once on Ctrl-C or SIGTERM while the block runs.

    It loads a model, and with it libraries that catch KeyboardInterrupt and go on.
    """

    def leave(_number: int, _frame: FrameType | None) -> None:
        os.write(2, b"Stopped.\n")
        os._exit(0)

    before = {number: signal.signal(number, leave) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def serve(app: ScoringApp, listening: socket.socket, announce: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM; `announce` gets the URL once requests are taken.

    Requests in flight may finish within a few seconds; nothing is left running afterwards.
    """
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, lifespan="off", server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )  # fmt: skip
    announce(url_of(listening))
    # uvicorn raises the signal that ended it once more; Ctrl-C is the usual way to end a server, and no error.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
