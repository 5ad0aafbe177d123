"""One connection to a server for small requests: whole requests out, whole answers in.

The standard library's client spends most of its time on building objects for the head of an answer.
"""

from __future__ import annotations

import http.client
from io import BufferedReader
from typing import Any

from msgspec import Struct

MAX_LINE = 65_536
"""Longest line of an answer's head, in bytes."""
MAX_HEADERS = 200


class Answer(Struct, frozen=True):
    """Status, its words, headers by their names in small letters (of two of a name the last), and the body."""

    status: int
    reason: str
    headers: dict[str, str]
    body: bytes


class Line:
    """A connection that is opened when it is used, and stays open. Of one thread at a time."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        """Connect as `connection` would."""
        self._connection = connection
        self._reader: BufferedReader | None = None

    @property
    def sock(self) -> Any:
        """The open socket; None while there is none."""
        return self._connection.sock

    def ask(self, request: bytes) -> Answer:
        """The answer to the bytes of a request.

        Raises:
            OSError, http.client.HTTPException: no answer came, or not whole; the connection is closed.
        """
        try:
            if self._reader is None or self._connection.sock is None:
                self._connection.connect()
                self._reader = self._connection.sock.makefile("rb")
            self._connection.sock.sendall(request)
            return self._take(self._reader)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End it; it opens again when used."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._connection.close()

    def _take(self, reader: BufferedReader) -> Answer:
        while True:
            version, status, reason = _read_status(reader)
            headers = _read_headers(reader)
            if status >= 200:
                break
        length = headers.get("content-length", "")
        if status in (204, 304):
            body = b""
        elif "chunked" in headers.get("transfer-encoding", "").lower():
            body = _read_chunks(reader)
        elif length.isascii() and length.isdigit():
            body = _read_exactly(reader, int(length))
        else:
            body = reader.read()
            version = ""  # it ended with the connection
        if version != "HTTP/1.1" or headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, reason, headers, body)


def _read_line(reader: BufferedReader) -> bytes:
    line = reader.readline(MAX_LINE + 1)
    if len(line) > MAX_LINE:
        raise http.client.LineTooLong("head of an answer")
    return line


def _read_status(reader: BufferedReader) -> tuple[str, int, str]:
    line = _read_line(reader)
    if not line:
        raise http.client.RemoteDisconnected("the connection was closed without an answer")
    version, _, rest = line.decode("latin-1").strip().partition(" ")
    number, _, reason = rest.partition(" ")
    if not version.startswith("HTTP/1.") or len(number) != 3 or not number.isascii() or not number.isdigit():
        raise http.client.BadStatusLine(repr(line[:100]))
    return version, int(number), reason


def _read_headers(reader: BufferedReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS):
        line = _read_line(reader)
        if line in (b"\r\n", b"\n"):
            return headers
        if not line:
            raise http.client.IncompleteRead(b"")
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise http.client.HTTPException(f"the answer has more than {MAX_HEADERS} headers")


def _read_exactly(reader: BufferedReader, length: int) -> bytes:
    body = reader.read(length)
    if len(body) < length:
        raise http.client.IncompleteRead(body, length - len(body))
    return body


def _read_chunks(reader: BufferedReader) -> bytes:
    pieces: list[bytes] = []
    while True:
        text = _read_line(reader).partition(b";")[0].strip()
        try:
            size = int(text, 16)
        except ValueError as error:
            raise http.client.IncompleteRead(b"".join(pieces)) from error
        if size == 0:
            _read_headers(reader)
            return b"".join(pieces)
        pieces.append(_read_exactly(reader, size))
        _read_line(reader)
