"""One connection to a server (HTTP/1.1): requests out, responses in, of any length in constant memory.

The standard library's client takes longer for the head of a response than a server for a small file.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import httptools
from msgspec import Struct

from millstream.drivers.rest.retries import Transient
from millstream.values.errors import BadRequest, StorageFailed

PIECE = 2**20
"""Bytes of a file that are held at a time."""
LONGEST = 2**30
"""Most bytes of a response that is taken as a whole."""
_LONGEST_HEAD = 2**18
_SMALL = 2**16
_RECEIVED = 2**18


class Content(Struct):
    """A body that is read from a file while it is sent: `length` bytes from where it stands."""

    file: BinaryIO
    length: int
    told: Callable[[int], None] | None = None
    """Is told how many bytes more were sent."""

    def pieces(self) -> Iterator[bytes]:
        """The bytes, some at a time; StorageFailed when there are fewer than there were."""
        left = self.length
        while left:
            piece = self.file.read(min(PIECE, left))
            if not piece:
                raise StorageFailed("The file became shorter while it was sent. Send it again.")
            yield piece
            left -= len(piece)
            if self.told is not None:
                self.told(len(piece))


class Response:
    """What a server answers: status, headers (names in small letters, of two the last), and the body as it comes."""

    def __init__(self, connected: socket.socket) -> None:
        """The next response that comes over a socket; `take_head` waits for it."""
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.ended = False
        """Whether the body was received to its end."""
        self.lasts = False
        """Whether the connection can be used again after that."""
        self._socket = connected
        self._parser: Any = httptools.HttpResponseParser(self)
        self._complete = False
        self._pieces: list[bytes] = []
        self._taken = 0
        self._left: int | None = None

    @property
    def length(self) -> int | None:
        """How long the body is, if that is said."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isascii() and text.isdigit() else None

    def take_head(self) -> None:
        """Wait for status and headers; `Transient` when none come."""
        while not self._complete:
            self._receive()
            if self._taken > _LONGEST_HEAD and not self._complete:
                raise Transient(f"the head of the response is longer than {_LONGEST_HEAD} bytes")

    def pieces(self) -> Iterator[bytes]:
        """The body as it comes, once; `Transient` when it ends too early."""
        while True:
            pieces, self._pieces = self._pieces, []
            yield from pieces
            if self.ended and not self._pieces:
                return
            if not self.ended:
                self._receive()

    def read(self) -> bytes:
        """The whole body; BadRequest when it is longer than `LONGEST`."""
        found, length = [], 0
        for piece in self.pieces():
            found.append(piece)
            length += len(piece)
            if length > LONGEST:
                raise BadRequest(f"The server's answer is longer than {LONGEST} bytes.")
        return b"".join(found)

    def _receive(self) -> None:
        most = _SMALL if not self._complete else _RECEIVED
        try:
            data = self._socket.recv(most if self._left is None else min(most, self._left))
        except OSError as error:
            unheard = not self._taken and isinstance(error, ConnectionError)
            raise Transient(reason_of(error), unheard=unheard) from error
        if not data:
            self._end_of_stream()
            return
        self._taken += len(data)
        if self._left is not None:
            self._pieces.append(data)
            self._left -= len(data)
            self.ended = not self._left
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise Transient(f"the answer is no HTTP: {error}") from error
        if self._complete:
            self._go_past_parser()

    def _go_past_parser(self) -> None:
        """From here on bytes are counted, not parsed, where the response says how many come."""
        if not self.ended and "transfer-encoding" not in self.headers and (length := self.length) is not None:
            self._left = length - sum(map(len, self._pieces))
            self.ended = self._left <= 0
        if self.ended or self._left is not None:
            self._parser = None  # which holds this object, too

    def _end_of_stream(self) -> None:
        if not self._complete or self.length is not None or "transfer-encoding" in self.headers:
            raise Transient("the connection ended before the answer did", unheard=not self._taken)
        self.ended, self.lasts = True, False

    # What the parser says.

    def on_status(self, reason: bytes) -> None:
        """The words beside the status."""
        self.reason = reason.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A line of the head."""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """The head is whole; one of 1xx only says that another will come."""
        self.status = self._parser.get_status_code()
        if self.status < 200:
            self.headers.clear()
            return
        self._complete = True
        self.lasts = bool(self._parser.should_keep_alive())

    def on_body(self, data: bytes) -> None:
        """A piece of the body."""
        self._pieces.append(data)

    def on_message_complete(self) -> None:
        """The response is whole; one of 1xx is none."""
        self.ended = self._complete


class Connection:
    """A connection that is opened when it is used, and stays open. For one request at a time."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        """`connect` makes an open socket; nothing is opened yet."""
        self._connect = connect
        self._socket: socket.socket | None = None
        self._response: Response | None = None

    def __del__(self) -> None:
        self.close()

    @property
    def free(self) -> bool:
        """Whether it is open, the last response was taken to its end, and another request may be sent."""
        response = self._response
        return self._socket is not None and (response is None or (response.ended and response.lasts))

    def close(self) -> None:
        """End it; it opens again when used."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, head: bytes, body: bytes | Content = b"") -> Response:
        """Send a request and take the head of its response; `Transient` when none comes.

        A connection that was kept, and which the server has closed meanwhile, is opened again: that is nobody's fault.
        """
        if self._socket is not None and _is_readable(self._socket):
            # Nothing was asked, so what there is to read can only be the end.
            self.close()
        kept = self._socket is not None
        try:
            return self._exchange(head, body)
        except Transient as error:
            if not kept or not error.unheard or isinstance(body, Content):
                raise
        self.close()
        return self._exchange(head, body)

    def _exchange(self, head: bytes, body: bytes | Content) -> Response:
        if self._socket is None:
            self._socket = self._connect()
        response = self._response = Response(self._socket)
        failed = self._send(self._socket, head, body)
        if failed is None:
            response.take_head()
            return response
        # A server that refuses says so before it has read everything.
        if isinstance(failed, TimeoutError) and not _is_readable(self._socket):
            raise Transient(reason_of(failed)) from failed
        try:
            response.take_head()
        except Transient as error:
            raise Transient(reason_of(failed), unheard=error.unheard) from failed
        response.lasts = False
        return response

    def _send(self, connected: socket.socket, head: bytes, body: bytes | Content) -> OSError | None:
        """Send a request; the error when the server does not take all of it."""
        if isinstance(body, bytes) and len(body) <= _SMALL:
            pieces: Iterator[bytes] = iter((head + body,))
        else:
            pieces = _chain(head, body)
        for piece in pieces:
            try:
                connected.sendall(piece)
            except OSError as error:
                return error
        return None


def _chain(head: bytes, body: bytes | Content) -> Iterator[bytes]:
    yield head
    if isinstance(body, bytes):
        yield body
    else:
        yield from body.pieces()


def _is_readable(connected: socket.socket) -> bool:
    try:
        if hasattr(select, "poll"):
            poll = select.poll()  # select itself knows no descriptors over 1024
            poll.register(connected, select.POLLIN)
            return bool(poll.poll(0))
        return bool(select.select([connected], [], [], 0)[0])
    except (OSError, ValueError):
        return True


def reason_of(error: Exception) -> str:
    """What went wrong, in the words of the system."""
    return str(error) or type(error).__name__
