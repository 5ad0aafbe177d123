"""Files from the disk to a caller without a detour through this process: sendfile(2).

The disk is waited for in a thread, the caller by the loop: neither holds up other requests.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import closing
from typing import Any, BinaryIO

from anyio import to_thread
from starlette.types import Scope

from millstream.server.lines import PASSED, Line, line_of

PIECE = 8 * 2**20
"""Bytes that a thread sends at most before the loop hears of it."""
_send: Any = getattr(os, "sendfile", None)


async def send_part(scope: Scope, file: BinaryIO, start: int, count: int) -> int:
    """Send `count` bytes of `file` from `start` on, as the body of the answer to `scope`; how many were sent.

    Fewer where the system, the connection or the file does not allow it, and when the file or the caller has gone.
    """
    line, tell = line_of(scope), scope.get(PASSED)
    sock, source = line.socket(), _descriptor(file)
    if tell is None or sock is None or source is None or _send is None:
        return 0
    sent = 0
    line.passing = True
    # The loop watches the socket for what the caller sends; another number for it can be watched for when he takes.
    try:
        with closing(sock.dup()) as own:
            while sent < count and not line.is_lost():
                passed = await to_thread.run_sync(_pass, own.fileno(), source, start + sent, min(count - sent, PIECE))
                if passed is None:
                    break
                tell(passed)
                sent += passed
                if sent < count:
                    await _until_taken(line, own.fileno())
    finally:
        line.passing = False
    return sent


def _descriptor(file: BinaryIO) -> int | None:
    try:
        return file.fileno()
    except (OSError, AttributeError):
        return None  # it is no file of this system


def _pass(sock: int, source: int, start: int, count: int) -> int | None:
    """How many bytes the socket took before it was full; None at the end of the file, or when the caller is gone."""
    sent = 0
    while sent < count:
        try:
            passed = _send(sock, source, start + sent, count - sent)
        except BlockingIOError:
            return sent
        except OSError:
            return sent or None
        if not passed:
            return sent or None
        sent += passed
    return sent


async def _until_taken(line: Line, sock: int) -> None:
    """Until the socket has room again, or nobody listens any more."""
    loop = asyncio.get_running_loop()
    taken: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not taken.done():
            taken.set_result(None)

    loop.add_writer(sock, tell)
    try:
        with line.told_of_loss(tell):
            await taken
    finally:
        loop.remove_writer(sock)
