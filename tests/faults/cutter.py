"""Between a client and a server: counts what passes, and at a byte that a test names does what it says, once."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

RESET = struct.pack("ii", 1, 0)


class Cutter:
    """A proxy for TCP. All connections that are open are reset at the byte; later ones are not."""

    def __init__(self, port: int) -> None:
        """Pass on to a port of this machine."""
        self.to = port
        self.gentle = False
        """Whether connections are ended in order, not reset."""
        self.passed = {"up": 0, "down": 0}
        self._at: tuple[str, int] | None = None
        self._then: Callable[[], None] = lambda: None
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, way: str, offset: int, then: Callable[[], None] = lambda: None) -> None:
        """Count from now on; cut when `offset` bytes have passed `way` (up, down), and do `then` first."""
        with self._lock:
            self.passed = {"up": 0, "down": 0}
            self._at, self._then = (way, offset), then

    @property
    def pending(self) -> bool:
        """Whether nothing was cut yet."""
        return self._at is not None

    def close(self) -> None:
        self._listener.close()
        self._reset()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.to))
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open += [client, server]
            for way, source, goal in (("up", client, server), ("down", server, client)):
                threading.Thread(target=self._pump, args=(way, source, goal), daemon=True).start()

    def _pump(self, way: str, source: socket.socket, goal: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(2**14):
                if not self._pass(way, data, goal):
                    return
        for one in (source, goal):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _pass(self, way: str, data: bytes, goal: socket.socket) -> bool:
        with self._lock:
            left = self._at[1] - self.passed[way] if self._at and self._at[0] == way else None
            cutting = left is not None and left <= len(data)
            data = data[:left] if cutting else data
            self.passed[way] += len(data)
            if cutting:
                self._at = None
        goal.sendall(data)
        if cutting:
            self._then()
            self._reset()
        return not cutting

    def _reset(self) -> None:
        with self._lock:
            closing, self._open = self._open, []
        for one in closing:
            with contextlib.suppress(OSError):
                if not self.gentle:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def cutting(port: int) -> Iterator[Cutter]:
    """A proxy before a port, closed at the end."""
    found = Cutter(port)
    try:
        yield found
    finally:
        found.close()
