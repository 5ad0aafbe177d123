"""Request bodies as stored files: whole or not at all, in constant memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

from anyio import CancelScope, to_thread
from starlette.requests import Request

from millstream.drivers.artifacts.base import Draft
from millstream.server.downloads import Find
from millstream.server.visits import visit_of

PIECE = 2**20
"""Bytes of a body that are written at once."""


async def receive_file(request: Request, find: Find) -> None:
    """Store the body as the file that `find` names. When it breaks off, what was there before stays."""
    visit_of(request.scope).file = True
    pieces = _pieces(request)
    first = await anext(pieces)
    if len(first) < PIECE:
        # All of it. Each change of thread takes as long as writing some kilobytes.
        await to_thread.run_sync(_store, find, first)
        return
    artifacts, path = await to_thread.run_sync(find)
    draft = await to_thread.run_sync(artifacts.draft, path)
    try:
        await to_thread.run_sync(draft.write, first)
        async for piece in pieces:
            await to_thread.run_sync(draft.write, piece)
        await to_thread.run_sync(draft.commit)
    finally:
        # Also when the caller is gone or the server stops.
        with CancelScope(shield=True):
            await to_thread.run_sync(draft.discard)


async def _pieces(request: Request) -> AsyncIterator[bytearray]:
    """The body in pieces of at least `PIECE` bytes; the last, which may be empty, has fewer."""
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= PIECE:
            yield held
            held = bytearray()
    yield held


def _store(find: Find, body: bytearray) -> None:
    artifacts, path = find()
    draft: Draft = artifacts.draft(path)
    try:
        draft.write(body)
        draft.commit()
    finally:
        draft.discard()
