"""Artifact contents over HTTP: downloads with ranges, uploads, both in constant memory.

What users log is data, never a page of ours: every file is an attachment in a sandbox of its own.
"""

from __future__ import annotations

import mimetypes
import os
import re
import shutil
import stat
import tempfile
from collections.abc import AsyncIterator, Callable
from email.utils import formatdate, parsedate_to_datetime
from functools import partial
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

from anyio import to_thread
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from millstream.drivers.artifacts.base import Artifacts
from millstream.formats.wire.artifacts import Fetch
from millstream.formats.wire.decode import read_query
from millstream.formats.wire.logged_models import Fetch as ModelFetch
from millstream.formats.wire.logged_models import checked_model
from millstream.formats.wire.runs import checked_run
from millstream.server.guards import check_raw
from millstream.stores.base import Store
from millstream.values.errors import InvalidValue, NotFound, TooLarge
from millstream.values.paths import RelPath

CHUNK = 256 * 2**10
UPLOAD_CHUNK = 2**20
MAX_UPLOAD = 10 * 2**30
"""Longest file that upload-artifact takes, in bytes."""

SANDBOX = "sandbox; default-src 'none'"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9._\- ()+,=@]")


class Opened(Struct, frozen=True):
    """A stored file that is open: its size (None where the store cannot tell) and its time of change in ns."""

    file: BinaryIO
    name: str
    size: int | None = None
    changed: int = 0

    @property
    def etag(self) -> str | None:
        """Changes whenever the file does."""
        return None if self.size is None else f'"{self.changed:x}-{self.size:x}"'


class FileReply(StreamingResponse):
    """Sends `length` bytes of an open file from where it stands, and closes it whatever happens."""

    def __init__(self, file: BinaryIO, length: int | None, status: int, headers: dict[str, str], media: str) -> None:
        """Reply with the rest of the file when `length` is None."""
        self.file = file
        super().__init__(_chunks(file, length), status, headers, media)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, or only the headers for HEAD."""
        try:
            if scope["method"] == "HEAD":
                await Response(None, self.status_code, dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            self.file.close()


async def _chunks(file: BinaryIO, length: int | None) -> AsyncIterator[bytes]:
    left = length
    while left is None or left > 0:
        chunk = await to_thread.run_sync(file.read, CHUNK if left is None else min(CHUNK, left))
        if not chunk:
            return
        if left is not None:
            left -= len(chunk)
        yield chunk


class Files:
    """Handlers for get-artifact and upload-artifact of one store."""

    def __init__(self, store: Store) -> None:
        """Serve the artifacts of `store`."""
        self.store = store

    async def get(self, request: Request) -> Response:
        """A run's file, a part of it, or 304 when the caller has it already."""
        run_id, path = _place(request)
        return await self._send(request, partial(self.store.artifacts, run_id), path, f"Run {run_id!r}")

    async def get_of_model(self, request: Request) -> Response:
        """A logged model's file, as `get`."""
        fields = read_query(request.scope["query_string"], ModelFetch, request.path_params)
        model_id, path = checked_model(fields.model_id), _file(fields.artifact_file_path)
        whose = f"The logged model {model_id!r}"
        return await self._send(request, partial(self.store.model_artifacts, model_id), path, whose)

    async def _send(self, request: Request, find: Callable[[], Artifacts], path: RelPath, whose: str) -> Response:
        opened = await to_thread.run_sync(_open, find, path, whose)
        try:
            return _reply(opened, request)
        except BaseException:
            opened.file.close()
            raise

    async def put(self, request: Request) -> Response:
        """Store the body as a file: whole or not at all."""
        check_raw(request)
        run_id, path = _place(request)
        artifacts = await to_thread.run_sync(self.store.artifacts, run_id)
        folder = Path(await to_thread.run_sync(partial(tempfile.mkdtemp, prefix="millstream-upload-")))
        try:
            await _receive(request, folder / "body")
            await to_thread.run_sync(artifacts.put_file, folder / "body", path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return Response(b"")


def _open(find: Callable[[], Artifacts], path: RelPath, whose: str) -> Opened:
    artifacts = find()
    try:
        file = artifacts.open(path)
    except NotFound as error:
        if artifacts.list(path) or _is_directory(artifacts, path):
            raise InvalidValue(f"{str(path)!r} is a directory; name a file in it.") from error
        raise NotFound(f"{whose} has no artifact {str(path)!r}.") from error
    try:
        facts = os.fstat(file.fileno())
    except (OSError, AttributeError):
        return Opened(file, path.name)
    if not stat.S_ISREG(facts.st_mode):
        file.close()
        raise InvalidValue(f"{str(path)!r} is not a plain file.")
    return Opened(file, path.name, facts.st_size, facts.st_mtime_ns)


def _is_directory(artifacts: Artifacts, path: RelPath) -> bool:
    siblings = artifacts.list(RelPath(path.segments[:-1]))
    return any(item.is_dir and item.path == str(path) for item in siblings)


def _place(request: Request) -> tuple[str, RelPath]:
    fields = read_query(request.scope["query_string"], Fetch)
    return checked_run(fields.run_id), _file(fields.path)


def _file(text: str) -> RelPath:
    path = RelPath.parse(text)
    if not path.segments:
        raise InvalidValue("Invalid path: name a file, not the artifact root.")
    return path


async def _receive(request: Request, target: Path) -> None:
    size, held = 0, bytearray()
    with target.open("xb") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_UPLOAD:
                raise TooLarge(f"The file is longer than {MAX_UPLOAD} bytes.")
            held += chunk
            if len(held) >= UPLOAD_CHUNK:
                await to_thread.run_sync(file.write, held)
                held = bytearray()
        await to_thread.run_sync(file.write, held)


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
    if opened.size is None or opened.etag is None:
        return FileReply(opened.file, None, 200, headers, media)
    headers |= {
        "etag": opened.etag,
        "last-modified": formatdate(opened.changed // 10**9, usegmt=True),
        "accept-ranges": "bytes",
    }
    if _has_it(request, opened):
        opened.file.close()
        return Response(None, 304, headers)
    part = _part(request, opened, opened.size)
    if part is None:
        return FileReply(opened.file, opened.size, 200, headers | {"content-length": str(opened.size)}, media)
    start, end = part
    opened.file.seek(start)
    headers |= {"content-range": f"bytes {start}-{end - 1}/{opened.size}", "content-length": str(end - start)}
    return FileReply(opened.file, end - start, 206, headers, media)


def _has_it(request: Request, opened: Opened) -> bool:
    known = request.headers.get("if-none-match")
    if known is not None:
        return known.strip() == "*" or opened.etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return _unchanged_since(request.headers.get("if-modified-since"), opened)


def _unchanged_since(date: str | None, opened: Opened) -> bool:
    try:
        return date is not None and opened.changed // 10**9 <= parsedate_to_datetime(date).timestamp()
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
