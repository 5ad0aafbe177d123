"""Callers that cost little beside the servers they measure: one thread, connections that are kept, bytes made ahead."""

from __future__ import annotations

import json
import os
import selectors
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httptools

PIECE = 2**20


class Lane:
    """One connection, on which a request follows the answer to the one before."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._begin()

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.complete = False

    def on_body(self, body: bytes) -> None:
        """As httptools calls it."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """As httptools calls it."""
        self.complete = True

    def send(self, request: bytes) -> None:
        """Ask; the answer to what was asked before is forgotten."""
        self._begin()
        self.sock.sendall(request)

    def take(self) -> None:
        """Read what there is; SystemExit when the server hangs up or refuses."""
        data = self.sock.recv(PIECE)
        if not data:
            raise SystemExit("The server hung up.")
        self._parser.feed_data(data)
        if self.complete and self._parser.get_status_code() != 200:
            raise SystemExit(f"The server says {self._parser.get_status_code()}: {self.body[:500]!r}")

    def ask(self, request: bytes) -> bytes:
        """The body of the answer."""
        self.send(request)
        while not self.complete:
            self.take()
        return self.body

    @property
    def body(self) -> bytes:
        """The body so far."""
        return b"".join(self._body)

    def close(self) -> None:
        """Hang up."""
        self.sock.close()


def post(path: str, **fields: Any) -> bytes:
    """A request with JSON."""
    return request("POST", path, json.dumps(fields).encode(), "application/json")


def request(method: str, path: str, body: bytes = b"", media: str = "") -> bytes:
    """Any request."""
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
    if method != "GET":
        head += f"Content-Type: {media or 'application/octet-stream'}\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"\r\n" + body


def call(port: int, path: str, **fields: Any) -> Any:
    """The answer to one POST on a connection of its own."""
    lane = Lane(port)
    try:
        return json.loads(lane.ask(post(path, **fields)))
    finally:
        lane.close()


def drive(port: int, lanes: list[Iterator[bytes]], seconds: float = 1e9) -> tuple[int, float]:
    """Number of answers and seconds: a connection for each of `lanes` sends its requests until they or time end."""
    begun = time.perf_counter()
    answers = 0
    with selectors.DefaultSelector() as selector:
        for requests in lanes:
            lane = Lane(port)
            selector.register(lane.sock, selectors.EVENT_READ, (lane, requests))
            lane.send(next(requests))
        while selector.get_map():
            for key, _ in selector.select():
                lane, requests = key.data
                lane.take()
                if not lane.complete:
                    continue
                answers += 1
                following = next(requests, None) if time.perf_counter() - begun < seconds else None
                if following is None:
                    selector.unregister(lane.sock)
                    lane.close()
                else:
                    lane.send(following)
    return answers, time.perf_counter() - begun


def upload(port: int, path: str, file: Path) -> float:
    """Seconds of a PUT of a whole file, to the answer."""
    size = file.stat().st_size
    lane = Lane(port)
    begun = time.perf_counter()
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n"
    lane.sock.sendall(f"{head}Content-Length: {size}\r\n\r\n".encode())
    with file.open("rb") as source:
        lane.sock.sendfile(source)
    while not lane.complete:
        data = lane.sock.recv(PIECE)
        lane._parser.feed_data(data)
    status = lane._parser.get_status_code()
    lane.close()
    if status not in (200, 201, 204):
        raise SystemExit(f"The server says {status} to an upload.")
    return time.perf_counter() - begun


def download(port: int, path: str, size: int) -> float:
    """Seconds of a GET to its last byte; SystemExit when it has not `size` bytes."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=120)
    piece = memoryview(bytearray(PIECE))
    begun = time.perf_counter()
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    received = 0
    while count := sock.recv_into(piece):
        received += count
    sock.close()
    if received < size:
        raise SystemExit(f"Of {size} bytes came {received}: {bytes(piece[:300])!r}")
    return time.perf_counter() - begun


def make_file(path: Path, size: int) -> Path:
    """A file of `size` bytes that no file system shortens."""
    piece = os.urandom(PIECE)
    with path.open("wb") as file:
        for start in range(0, size, PIECE):
            file.write(piece[: min(PIECE, size - start)])
    return path
