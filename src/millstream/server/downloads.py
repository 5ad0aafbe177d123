"""Stored files as replies: whole or in ranges, in constant memory, and never a page of ours.

What users log is data: every file is an attachment in a sandbox of its own.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from typing import BinaryIO
from urllib.parse import quote

from anyio import to_thread
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from millstream.drivers.artifacts.base import Artifacts, Facts, facts_of
from millstream.formats.digests import WANTED, WHOLE, print_digest, sha256
from millstream.server.lines import line_of
from millstream.server.sendfile import send_part
from millstream.server.small_jobs import FILES
from millstream.server.visits import visit_of
from millstream.values.errors import InvalidValue, NotFound
from millstream.values.paths import RelPath

CHUNK = 256 * 2**10
SANDBOX = "sandbox; default-src 'none'"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._\- ()+,=@]")

Find = Callable[[], tuple[Artifacts, RelPath]]


class Opened(Struct, frozen=True):
    """A stored file that is open, and what is known of it; `whole` is all that is in it, if that is little."""

    file: BinaryIO
    name: str
    facts: Facts
    whole: bytes | None = None

    @property
    def size(self) -> int:
        """Bytes in it."""
        return self.facts.size

    @property
    def etag(self) -> str:
        """Changes whenever the file does."""
        return self.facts.etag or f'"{self.facts.changed:x}-{self.size:x}"'


class FileReply(StreamingResponse):
    """Sends `length` bytes of an open file from where it stands, and closes it whatever happens."""

    def __init__(self, file: BinaryIO, length: int, status: int, headers: dict[str, str], media: str) -> None:
        """Reply with `status`."""
        self.file = file
        self.start = file.tell()
        self.length = length
        super().__init__((), status, headers, media)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or only the headers for HEAD."""
        try:
            if scope["method"] == "HEAD":
                await Response(None, self.status_code, dict(self.headers))(scope, receive, send)
            else:
                await self._send(scope, send)
        finally:
            self.file.close()

    async def _send(self, scope: Scope, send: Send) -> None:
        line = line_of(scope)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        sent = await send_part(scope, self.file, self.start, self.length)
        visit_of(scope).sent += sent
        if sent:
            self.file.seek(self.start + sent)
        async for chunk in _chunks(self.file, self.length - sent):
            if line.is_lost():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _chunks(file: BinaryIO, length: int) -> AsyncIterator[bytes]:
    left = length
    while left > 0:
        chunk = await to_thread.run_sync(file.read, min(CHUNK, left))
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


async def send_file(request: Request, find: Find, whose: str) -> Response:
    """The file that `find` names, a part of it, or 304 when the caller has it already.

    NotFound speaks of `whose`; a directory is InvalidValue.
    """
    opened = await FILES.do(partial(_open, find, whose))
    visit_of(request.scope).file = True
    try:
        return _reply(opened, request)
    except BaseException:
        opened.file.close()
        raise


def _open(find: Find, whose: str) -> Opened:
    artifacts, path = find()
    try:
        file = artifacts.open(path)
    except NotFound as error:
        if artifacts.list(path) or _is_directory(artifacts, path):
            raise InvalidValue(f"{str(path)!r} is a directory; name a file in it.") from error
        raise NotFound(f"{whose} has no artifact {str(path)!r}.") from error
    try:
        facts = facts_of(file)
        # Each change of thread takes as long as reading some kilobytes.
        whole = file.read(facts.size) if facts.size <= CHUNK else b""
    except BaseException:
        file.close()
        raise
    if len(whole) == facts.size:
        file.close()
        return Opened(file, path.name, facts, whole)
    return Opened(file, path.name, facts)


def _is_directory(artifacts: Artifacts, path: RelPath) -> bool:
    siblings = artifacts.list(RelPath(path.segments[:-1]))
    return any(item.is_dir and item.path == str(path) for item in siblings)


def disposition(name: str) -> str:
    """Content-Disposition of a download called `name`: a plain fallback, and the exact name by RFC 5987."""
    plain = _NOT_PLAIN.sub("_", name)
    exact = f"; filename*=UTF-8''{quote(name, safe='')}" if plain != name else ""
    return f'attachment; filename="{plain}"{exact}'


def _reply(opened: Opened, request: Request) -> Response:
    headers = {
        "content-disposition": disposition(opened.name),
        "content-security-policy": SANDBOX,
        "cache-control": "no-cache",
    }
    media = mimetypes.guess_type(opened.name)[0] or "application/octet-stream"
    headers |= {
        "etag": opened.etag,
        "last-modified": formatdate(opened.facts.changed // 10**9, usegmt=True),
        "accept-ranges": "bytes",
    }
    if _has_it(request, opened):
        opened.file.close()
        return Response(None, 304, headers)
    part = _part(request, opened, opened.size)
    start, end = (0, opened.size) if part is None else part
    headers |= {"content-length": str(end - start)}
    if part is not None:
        headers |= {"content-range": f"bytes {start}-{end - 1}/{opened.size}"}
    status = 200 if part is None else 206
    if opened.whole is not None:
        if WANTED in request.headers:
            headers[WHOLE.lower()] = print_digest(sha256(opened.whole))
        body = None if request.method == "HEAD" else opened.whole[start:end]
        return Response(body, status, headers, media)
    opened.file.seek(start)
    return FileReply(opened.file, end - start, status, headers, media)


def _has_it(request: Request, opened: Opened) -> bool:
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or opened.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return _unchanged_since(request.headers.get("if-modified-since"), opened)


def _unchanged_since(date: str | None, opened: Opened) -> bool:
    try:
        return date is not None and opened.facts.changed // 10**9 <= parsedate_to_datetime(date).timestamp()
    except (ValueError, OverflowError):
        return False


def _part(request: Request, opened: Opened, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of the one range asked for; None for the whole file.

    Several ranges at once are answered with the whole file, as HTTP allows.
    """
    asked = _RANGE.fullmatch(request.headers.get("range", "").replace(" ", ""))
    if asked is None or not (asked[1] or asked[2]):
        return None
    # A resumed download must not be patched together from two versions of the file.
    condition = request.headers.get("if-range")
    if condition is not None and condition != opened.etag:
        return None
    if asked[1]:
        start, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else size, size)
    else:
        start, end = max(size - int(asked[2]), 0), size
    if asked[1] and asked[2] and int(asked[2]) < int(asked[1]):
        return None
    if start >= size or end <= start:
        raise HTTPException(416, f"The file has {size} bytes.", {"Content-Range": f"bytes */{size}"})
    return start, end
