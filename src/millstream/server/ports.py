"""Why a port cannot be had: who holds it, what that serves, and what to type instead."""

from __future__ import annotations

import errno
import http.client
import json
import shlex
import threading
from collections.abc import Callable
from typing import TypeVar

import psutil
from msgspec import Struct

from millstream.server.sockets import bind, reachable, url
from millstream.values.errors import Unavailable

_NEXT_PORTS = 100
_SECONDS = 3

T = TypeVar("T")


class Holder(Struct, frozen=True):
    """The process that listens on a port, as far as this user may know."""

    pid: int | None = None
    command: str = ""


def _within_seconds(ask: Callable[[], T]) -> T | None:
    """What `ask` says, None when it takes longer than three seconds, however slowly its answer drips in."""
    said: list[T] = []
    asking = threading.Thread(target=lambda: said.append(ask()), daemon=True)
    asking.start()
    asking.join(_SECONDS)
    return said[0] if said else None


def find_holder(port: int) -> Holder:
    """Who listens on `port` of this machine; nobody known when that takes over three seconds."""
    return _within_seconds(lambda: _look_for_holder(port)) or Holder()


def _look_for_holder(port: int) -> Holder:
    try:
        listening = psutil.net_connections("tcp")
    except (psutil.Error, OSError):
        return Holder()
    for connection in listening:
        address = connection.laddr
        if connection.status == psutil.CONN_LISTEN and address and address.port == port and connection.pid:
            try:
                return Holder(connection.pid, shlex.join(psutil.Process(connection.pid).cmdline()))
            except psutil.Error:
                return Holder(connection.pid)
    return Holder()


def ask_about(host: str, port: int) -> str | None:
    """Directory that the Millstream server on this port shows; None when it is none or takes over three seconds."""
    return _within_seconds(lambda: _ask(host, port))


def _ask(host: str, port: int) -> str | None:
    connection = http.client.HTTPConnection(reachable(host), port, timeout=_SECONDS)
    try:
        connection.request("GET", "/api/ui/about", headers={"Host": f"localhost:{port}"})
        store = json.loads(connection.getresponse().read(2**16))["store"]
        return str(store["location"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None
    finally:
        connection.close()


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
    who = f"process {holder.pid} ({holder.command[:300]})" if holder.pid else "a process that this user may not look at"
    lines = [f"Port {port} on {host} is taken by {who}."]
    if served:
        lines.append(f"It is Millstream, serving {served} at {url(host, port)}")
        if "--replace" not in command:
            lines.append(f"To take its place:          {_with_port([*command, '--replace'], port)}")
    if (free := next_free_port(host, port)) is not None:
        lines.append(f"To use the next free port:  {_with_port(command, free)}")
    if served and holder.pid:
        lines.append(f"To stop it:                 millstream server stop {port}")
    elif holder.pid:
        lines.append(f"To stop that process:       kill {holder.pid}")
    return Unavailable("\n".join(lines))


def _with_port(command: list[str], port: int) -> str:
    return shlex.join([*command, "--port", str(port)])
