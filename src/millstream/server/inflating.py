"""Request bodies that come compressed: what is behind here gets what they stand for, piece by piece.

However little a body is and however much it stands for, one piece of it is in memory at a time; limits on how long a
body may be are those of who reads it.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.formats.digests import CONTENT, parse_digest
from millstream.values.errors import BadRequest, InvalidValue, NotReadable

ENCODINGS = "gzip, deflate"
_PIECE = 2**18
_GZIP = 16 + zlib.MAX_WBITS
_NO_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
_ENCODING, _LENGTH, _DIGEST = b"content-encoding", b"content-length", CONTENT.lower().encode()


class Inflating:
    """Takes gzip and deflate off the bodies of requests; NotReadable for other encodings."""

    def __init__(self, app: ASGIApp) -> None:
        """Pass on to `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body as it was before it was compressed."""
        if scope["type"] == "http" and scope["method"] not in _NO_BODY:
            given = [value for name, value in scope["headers"] if name == _ENCODING]
            if given:
                named = b", ".join(given).decode("latin-1").strip().lower()
                if named not in ("", "identity"):
                    scope, receive = _inflated(scope, receive, named)
        await self.app(scope, receive, send)


def _inflated(scope: Scope, receive: Receive, named: str) -> tuple[Scope, Receive]:
    if named not in ("gzip", "x-gzip", "deflate"):
        raise NotReadable(
            f"The body has the Content-Encoding {named[:100]!r}; this server reads {ENCODINGS} and what is not encoded."
        )
    # Length and digest are those of the body as it is sent, and say nothing of what it stands for.
    rest = [pair for pair in scope["headers"] if pair[0] not in (_ENCODING, _LENGTH, _DIGEST)]
    announced = next((value.decode("latin-1") for name, value in scope["headers"] if name == _DIGEST), None)
    body = _Body(receive, _Inflater(gzipped=named != "deflate"), parse_digest(announced))
    return {**scope, "headers": rest}, body.receive


class _Body:
    """A body under way."""

    def __init__(self, receive: Receive, inflater: _Inflater, announced: str | None) -> None:
        self._receive = receive
        self._inflater = inflater
        self._pieces: Iterator[bytes] = iter(())
        self._more = True
        self._ended = False
        self._announced = announced
        self._digest = hashlib.sha256()

    async def receive(self) -> Message:
        """The next piece."""
        while not self._ended:
            piece = next(self._pieces, None)
            if piece is not None:
                return {"type": "http.request", "body": piece, "more_body": True}
            if not self._more:
                self._check_end()
                self._ended = True
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            data, self._more = message.get("body", b""), bool(message.get("more_body"))
            if self._announced is not None:
                self._digest.update(data)
            self._pieces = self._inflater.pieces(data)
        return await self._receive()

    def _check_end(self) -> None:
        if not self._inflater.whole:
            raise BadRequest("The body is not whole: what was compressed breaks off. Send it again.")
        if self._announced is not None and self._digest.hexdigest() != self._announced:
            raise InvalidValue("The body is not what was sent: its SHA-256 is another. Send it again.")


class _Inflater:
    """Compressed bytes in, plain ones out, at most `_PIECE` at a time."""

    def __init__(self, *, gzipped: bool) -> None:
        self._gzipped = gzipped
        self._head = b""
        self._stream = zlib.decompressobj(_GZIP) if gzipped else None
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether nothing is missing at the end."""
        return not self._begun or (self._stream is not None and self._stream.eof)

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What `data`, which comes next, stands for."""
        try:
            while data:
                self._begun = True
                if self._stream is None:
                    self._head += data
                    if len(self._head) < 2:
                        return
                    # Some senders of "deflate" leave out the head that it should have.
                    headed = self._head[0] & 15 == 8 and int.from_bytes(self._head[:2]) % 31 == 0
                    self._stream = zlib.decompressobj(zlib.MAX_WBITS if headed else -zlib.MAX_WBITS)
                    data, self._head = self._head, b""
                elif self._stream.eof:
                    if not self._gzipped:
                        raise BadRequest("After the end of the compressed body there is more.")
                    self._stream = zlib.decompressobj(_GZIP)  # files of gzip may stand one behind the other
                piece = self._stream.decompress(data, _PIECE)
                data = self._stream.unconsumed_tail or self._stream.unused_data
                if piece:
                    yield piece
            while self._stream is not None and not self._stream.eof:
                # What the stream holds back beyond the longest piece.
                piece = self._stream.decompress(b"", _PIECE)
                if not piece:
                    return
                yield piece
        except zlib.error as error:
            raise BadRequest(f"The body is not what its Content-Encoding says: {error}.") from error
