"""The listening socket: made here, handed in by systemd, or taken over from the server that it belongs to."""

from __future__ import annotations

import array
import contextlib
import ipaddress
import os
import socket
from pathlib import Path
from typing import Any

from millstream.values.errors import InvalidValue, Unavailable

BACKLOG = 1024
_FIRST_PASSED = 3
_ANSWER_SECONDS = 5


def bind(host: str, port: int) -> socket.socket:
    """A listening socket on `host` and `port` (0 = any free port); OSError of the bind when it cannot be had.

    It listens at once, so a caller that connects before the app is up waits instead of being refused.
    """
    family, address = find_address(host, port)
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


def find_address(host: str, port: int) -> tuple[socket.AddressFamily, tuple[Any, ...]]:
    """The one address that a server on `host` and `port` listens on; InvalidValue for a host that nobody knows."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        raise InvalidValue(
            f"This machine does not know the host {host!r}; use 127.0.0.1, 0.0.0.0 or a name it has."
        ) from error
    # "localhost" may be two addresses; IPv4 is the one that every client tries.
    family, _, _, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    return family, address


def passed_in() -> socket.socket | None:
    """The listening socket that systemd made for this process (sd_listen_fds(3)); None when it made none.

    While such a service is restarted, its callers wait in the socket's queue instead of being refused.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    count = os.environ.get("LISTEN_FDS", "0")
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        os.environ.pop(name, None)
    if count == "0":
        return None
    sock = socket.socket(fileno=_FIRST_PASSED)
    if count != "1" or sock.family not in (socket.AF_INET, socket.AF_INET6) or sock.type != socket.SOCK_STREAM:
        raise InvalidValue("The server takes one TCP socket from systemd: one ListenStream= with a port.")
    os.set_inheritable(sock.fileno(), False)
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


class Offer:
    """Gives the listening socket to whoever connects to a path that only this user can reach.

    The one that takes over accepts callers from the same queue, so none is refused between two servers.
    """

    def __init__(self, listening: socket.socket, path: Path) -> None:
        """Offer `listening` at `path`; OSError when the system cannot (no such sockets, a path over 100 bytes)."""
        if not hasattr(socket, "AF_UNIX"):
            raise OSError("This system has no Unix sockets.")
        self._listening = listening
        self._path = path
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.bind(str(path))
            self.sock.listen(4)
            self.sock.setblocking(False)
        except OSError:
            self.sock.close()
            raise

    def fileno(self) -> int:
        """Descriptor that is readable when somebody asks."""
        return self.sock.fileno()

    def answer(self) -> None:
        """Hand the socket to the one who asks."""
        with contextlib.suppress(OSError):
            asking, _ = self.sock.accept()
            with asking:
                asking.setblocking(False)
                asking.sendmsg(
                    [b"1"],
                    [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [self._listening.fileno()]))],
                )

    def close(self) -> None:
        """Offer it no more."""
        self._path.unlink(missing_ok=True)
        self.sock.close()


def offer(listening: socket.socket, path: Path) -> Offer | None:
    """The offer of `listening` at `path`, in a folder that only this user can look into; None where it cannot be."""
    try:
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)  # left by a process of this number that was killed
        return Offer(listening, path)
    except OSError:
        return None


def take_over(path: Path) -> socket.socket:
    """The listening socket that a running server offers at `path`; Unavailable when it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
            asking.settimeout(_ANSWER_SECONDS)
            asking.connect(str(path))
            _, found, _, _ = socket.recv_fds(asking, 1, 1)
    except OSError as error:
        raise Unavailable(f"The running server does not hand over its port: {error.strerror or error}.") from error
    if not found:
        raise Unavailable("The running server does not hand over its port: it is about to end.")
    os.set_inheritable(found[0], False)
    return socket.socket(fileno=found[0])
