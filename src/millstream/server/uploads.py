"""Request bodies as stored files: whole or not at all, in constant memory."""

from __future__ import annotations

from anyio import CancelScope, to_thread
from starlette.requests import Request

from millstream.drivers.artifacts.base import Artifacts, Draft
from millstream.values.paths import RelPath

PIECE = 2**20
"""Bytes of a body that are written at once."""


async def receive_file(request: Request, artifacts: Artifacts, path: RelPath) -> None:
    """Store the body as `path`. When it breaks off, what was there before stays."""
    draft = await to_thread.run_sync(artifacts.draft, path)
    try:
        await _receive(request, draft)
        await to_thread.run_sync(draft.commit)
    finally:
        # Also when the caller is gone or the server stops.
        with CancelScope(shield=True):
            await to_thread.run_sync(draft.discard)


async def _receive(request: Request, draft: Draft) -> None:
    held = bytearray()
    async for chunk in request.stream():
        held += chunk
        if len(held) >= PIECE:
            await to_thread.run_sync(draft.write, held)
            held = bytearray()
    await to_thread.run_sync(draft.write, held)
