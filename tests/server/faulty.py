"""A proxy before a server that loses, doubles and delays: what networks do to requests and answers."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress

LOST_ANSWER = "lostack"
"""The request arrives, its answer does not."""
GONE = "gone"
"""The request arrives, and its sender is gone."""
TWICE = "dup"
"""The request arrives twice, at the same time."""
LATE = "delay"
"""The request is cut off, and arrives long after."""
MODES = (LOST_ANSWER, GONE, TWICE, LATE)


class Proxy:
    """Passes requests on to a server; `fault` befalls the next one."""

    def __init__(self, port: int, listening: socket.socket) -> None:
        self.port = listening.getsockname()[1]
        self.fault = ""
        self._upstream = port
        self._listening = listening
        self._late: list[bytes] = []
        self._pool = ThreadPoolExecutor()

    def serve(self) -> None:
        """Answer until the socket is closed."""
        with suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                with caller, caller.makefile("rb") as reader:
                    request = _read_message(reader)
                    fault, self.fault = self.fault, ""
                    answer = self._pass_on(request, fault)
                    if answer is not None:
                        caller.sendall(answer)

    def deliver_late(self) -> list[int]:
        """Pass on what was held back; the statuses of the answers."""
        late, self._late = self._late, []
        return [int(self._exchange(request).split(None, 2)[1]) for request in late]

    def _pass_on(self, request: bytes, fault: str) -> bytes | None:
        if fault == LATE:
            self._late.append(request)
            return None
        if fault == GONE:
            with socket.create_connection(("127.0.0.1", self._upstream)) as server:
                # The end of the connection travels with the request.
                server.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
                server.sendall(request)
            return None
        if fault == TWICE:
            return [*self._pool.map(self._exchange, [request, request])][1]
        answer = self._exchange(request)
        return None if fault == LOST_ANSWER else answer

    def _exchange(self, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self._upstream), timeout=60) as server:
            server.sendall(request)
            with server.makefile("rb") as reader:
                return _read_message(reader)


def _read_message(reader: socket.SocketIO) -> bytes:  # type: ignore[name-defined] # a buffered one
    head, length = b"", 0
    while not head.endswith(b"\r\n\r\n"):
        line = reader.readline()
        if not line:
            raise OSError("The connection ended within a message.")
        head += line
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body: bytes = reader.read(length)
    return head + body


@contextmanager
def proxy_before(port: int) -> Iterator[Proxy]:
    """A proxy before the server at `port`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        found = Proxy(port, listening)
        thread = threading.Thread(target=found.serve, daemon=True)
        thread.start()
        yield found
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def ask(port: int, method: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body of an answer; sends the same request again as long as connections break, as clients do."""
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            reply = connection.getresponse()
            return reply.status, reply.read()
        except (http.client.HTTPException, ConnectionError):
            continue
        finally:
            connection.close()
