"""One connection to a server: requests out, answers in, of any length in constant memory.

The standard library's client takes longer for the head of an answer than a server for a small file.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

import httptools
from msgspec import Struct

PIECE = 2**20
"""Bytes of a file that are held at a time."""
_SMALL = 2**16
_RECEIVED = 2**18


class Broken(Exception):
    """The connection ended, or said what is no HTTP; `heard` tells whether an answer had begun."""

    def __init__(self, reason: str, *, heard: bool = True) -> None:
        """Say why."""
        super().__init__(reason)
        self.heard = heard


class Answer(Struct):
    """Status and headers of an answer; names of headers in small letters."""

    status: int
    headers: dict[str, str]

    @property
    def length(self) -> int | None:
        """How long the body is, if that is said."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None


class Content(Struct):
    """A body that is read from a file while it is sent: `length` bytes from where it stands."""

    file: BinaryIO
    length: int
    told: Callable[[int], None] | None = None
    """Is told how many bytes more were sent."""


class Lane:
    """A connection that stays open from one answer to the next. Of one thread at a time."""

    def __init__(self, connected: socket.socket) -> None:
        """Speak on an open socket."""
        self._socket = connected
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parser: Any = None
        self._answer: Answer | None = None
        self._pieces: list[bytes] = []
        self._headers: dict[str, str] = {}
        self._left: int | None = None
        self._ended = True
        self._heard = False
        self._lasts = True

    @property
    def free(self) -> bool:
        """Whether the last answer was taken to its end and the next request may be sent."""
        return self._ended and self._lasts

    def close(self) -> None:
        """End it."""
        self._socket.close()

    def ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | Content = b"") -> Answer:
        """Send a request and take the head of its answer; `Broken` when none comes."""
        self._begin()
        length = body.length if isinstance(body, Content) else len(body)
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        sized = f"content-length: {length}\r\n" if length or method not in ("GET", "DELETE") else ""
        head = f"{method} {target} HTTP/1.1\r\n{lines}{sized}\r\n".encode("latin-1")
        try:
            self._send(head, body)
        except OSError as error:
            # A server that refuses says so before it has read everything.
            return self._head(error)
        return self._head()

    def _send(self, head: bytes, body: bytes | Content) -> None:
        if isinstance(body, bytes):
            if len(body) <= _SMALL:
                self._socket.sendall(head + body)
                return
            self._socket.sendall(head)
            self._socket.sendall(body)
            return
        self._socket.sendall(head)
        left = body.length
        while left:
            piece = body.file.read(min(PIECE, left))
            if not piece:
                raise Broken("the file became shorter while it was sent")
            self._socket.sendall(piece)
            left -= len(piece)
            if body.told is not None:
                body.told(len(piece))

    def pieces(self) -> Iterator[bytes]:
        """The body of the answer, as it comes; `Broken` when it ends too early."""
        while True:
            while self._pieces:
                yield self._pieces.pop(0)
            if self._ended:
                return
            self._receive()

    def read(self, most: int = 2**26) -> bytes:
        """The whole body of the answer; `Broken` when it is longer than `most`."""
        found = bytearray()
        for piece in self.pieces():
            found += piece
            if len(found) > most:
                raise Broken(f"the answer is longer than {most} bytes")
        return bytes(found)

    def _begin(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer, self._left, self._pieces, self._headers = None, None, [], {}
        self._ended, self._heard, self._lasts = False, False, False

    def _head(self, failed: OSError | None = None) -> Answer:
        while self._answer is None:
            try:
                self._receive()
            except Broken as error:
                raise (Broken(_reason(failed), heard=self._heard) if failed else error) from failed
        if failed is not None:
            self._lasts = False
        return self._answer

    def _receive(self) -> None:
        try:
            data = self._socket.recv(_RECEIVED if self._left is None else min(_RECEIVED, self._left))
        except OSError as error:
            raise Broken(_reason(error), heard=self._heard) from error
        if not data:
            self._end_of_stream()
            return
        self._heard = True
        if self._left is not None:
            self._pieces.append(data)
            self._left -= len(data)
            self._ended = not self._left
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise Broken(f"the answer is no HTTP: {error}") from error
        self._go_past_parser()

    def _go_past_parser(self) -> None:
        """From here on bytes are counted, not parsed, where the answer says how many come."""
        answer = self._answer
        if answer is None or self._ended or "transfer-encoding" in answer.headers or answer.length is None:
            return
        self._left = answer.length - sum(map(len, self._pieces))
        self._ended = self._left <= 0

    def _end_of_stream(self) -> None:
        answer = self._answer
        if answer is None or answer.length is not None or "transfer-encoding" in answer.headers:
            raise Broken("the connection ended before the answer did", heard=self._heard)
        self._ended, self._lasts = True, False

    # What the parser says.

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole."""
        status = self._parser.get_status_code()
        if status >= 200:
            self._answer = Answer(status, self._headers)
            self._lasts = bool(self._parser.should_keep_alive())
        self._headers = {}

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The answer is whole; one of 1xx is none."""
        self._ended = self._answer is not None


def _reason(error: OSError | None) -> str:
    return str(error) or type(error).__name__
