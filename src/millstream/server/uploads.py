"""Request bodies as stored files: whole or not at all, in constant memory."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Protocol

from anyio import CancelScope, to_thread
from starlette.requests import Request

from millstream.drivers.artifacts.base import Draft, Resuming
from millstream.formats.digests import CONTENT, parse_digest, sha256
from millstream.server.downloads import Find
from millstream.server.small_jobs import FILES
from millstream.server.visits import visit_of
from millstream.values.errors import BadRequest, InvalidValue
from millstream.values.paths import RelPath

PIECE = 2**20
"""Bytes of a body that are written at once."""


class _Written(Protocol):
    """What a body was written into."""

    def discard(self) -> None: ...


async def receive_file(request: Request, find: Find) -> None:
    """Store the body as the file that `find` names. When it breaks off, what was there before stays.

    If the caller says the body's checksum, another body is refused.
    """
    announced = parse_digest(request.headers.get(CONTENT))
    visit_of(request.scope).file = True
    pieces = _pieces(request)
    first = await anext(pieces)
    if len(first) < PIECE:
        # All of it. Each change of thread takes as long as writing some kilobytes.
        await FILES.do(partial(_store, find, first, announced))
        return
    artifacts, path = await to_thread.run_sync(find)
    draft = await to_thread.run_sync(artifacts.draft, path)
    digest = hashlib.sha256()

    def write(piece: bytearray) -> None:
        draft.write(piece)
        if announced is not None:
            digest.update(piece)

    def commit() -> None:
        _check(announced, digest.hexdigest)
        draft.commit()

    try:
        await to_thread.run_sync(write, first)
        async for piece in pieces:
            await to_thread.run_sync(write, piece)
        await to_thread.run_sync(commit)
    finally:
        await _discard(draft)


async def receive_part(request: Request, artifacts: Resuming, path: RelPath, upload_id: str, number: int) -> str:
    """Store the body as a part of an upload: its etag. It counts when it has come as its checksum says."""
    visit_of(request.scope).file = True
    announced = parse_digest(request.headers.get(CONTENT))
    length = request.headers.get("content-length", "")
    if announced is None or not length.isdigit() or len(length) > 18:
        raise BadRequest(
            f"A part comes with its Content-Length and its checksum: {CONTENT}: sha-256=:<base64>:, and not compressed."
        )
    draft = await to_thread.run_sync(partial(artifacts.part, path, upload_id, number, int(length), announced))
    try:
        async for piece in _pieces(request):
            await to_thread.run_sync(draft.write, piece)
        return await to_thread.run_sync(draft.commit)
    finally:
        await _discard(draft)


async def _discard(draft: _Written) -> None:
    # Also when the caller is gone or the server stops.
    with CancelScope(shield=True):
        await to_thread.run_sync(draft.discard)


def _check(announced: str | None, found: Callable[[], str]) -> None:
    if announced is not None and found() != announced:
        raise InvalidValue("The body is not what was sent: its SHA-256 is another. Nothing was stored; send it again.")


async def _pieces(request: Request) -> AsyncIterator[bytearray]:
    """The body in pieces of at least `PIECE` bytes; the last, which may be empty, has fewer."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= PIECE:
            yield held
            held = bytearray()
    yield held


def _store(find: Find, body: bytearray, announced: str | None) -> None:
    _check(announced, partial(sha256, body))
    artifacts, path = find()
    draft: Draft = artifacts.draft(path)
    try:
        draft.write(body)
        draft.commit()
    finally:
        draft.discard()
