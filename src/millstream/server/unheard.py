"""Answers that their callers never heard: who sends the same request again gets the answer, and no second effect.

Clients that know nothing of idempotency keys send the same bytes again when a connection breaks. The server tells a
retry from a second request by what it knows itself: that the caller was gone before the answer was sent. So calls that
were both answered are never taken for one. Nobody can tell whether the answer of a broken call belongs to this retry or
to that one, so any caller of the same credentials may have it.
"""

from __future__ import annotations

import itertools
import mmap
import os
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec
from msgspec import Struct

from millstream.server.turns import Turn
from millstream.values.errors import MillstreamError, Unavailable
from millstream.values.ops import CreateLoggedModel, CreateModelVersion, CreateRun, LogBatch, Op
from millstream.values.readers import msgpack_reader

KEPT = 120.0
"""How long an answer is kept (s): clients try again sooner."""
PATIENCE = 60.0
"""How long a retry waits (s) for the first request, which is still being carried out."""
ROOM = 2**20
"""Bytes for all answers together; the oldest must go when there are too many."""
_POLL = 0.02
_LENGTH = 8
_numbers = itertools.count()


def adds(op: Op[Any]) -> bool:
    """Whether carrying out `op` twice leaves more behind than carrying it out once."""
    if isinstance(op, LogBatch):
        return bool(op.metrics)  # points are added, params and tags set
    return isinstance(op, CreateRun | CreateLoggedModel | CreateModelVersion)


class Call:
    """A request of which a retry may come."""

    def __init__(self, asked: Callable[[], str]) -> None:
        """It has just come. What `asked` says stands for the request; it is asked only when that is needed."""
        self.asked = cache(asked)
        self.since = time.monotonic()
        self.name = f"{os.getpid()}-{next(_numbers)}"


class _Answer(Struct, frozen=True, array_like=True):
    """The reply to a call, None while it is being carried out; since when (s) the call is here, `until` it is kept."""

    asked: str
    call: str
    since: float
    until: float
    reply: bytes | None = None


_read_answers = msgpack_reader(list[_Answer])


class Unheard:
    """Answers that nobody has heard, in memory that a process shares with those that it forks."""

    def __init__(self) -> None:
        """There are none."""
        self._memory = mmap.mmap(-1, ROOM)
        self._turn = Turn()

    def __bool__(self) -> bool:
        """Whether there are any; costs next to nothing."""
        return self._memory[:_LENGTH] != b"\0" * _LENGTH

    def begin(self, call: Call) -> None:
        """The caller has gone while `call` is being carried out."""
        self._put(call, None)

    def keep(self, call: Call, reply: bytes) -> None:
        """The `call` was carried out; nobody heard its `reply`."""
        self._put(call, reply)

    def drop(self, call: Call) -> None:
        """The `call` was refused, or answered in another way: a retry is a request of its own."""
        with self._turn:
            self._write([answer for answer in self._live() if answer.call != call.name])

    def answer(self, call: Call, carry_out: Callable[[], bytes], *, adding: bool) -> bytes:
        """The answer that nobody heard of the same request, once; else that of `carry_out`.

        What is `adding` something each time is not carried out again. The rest is: only where it is refused, as when a
        thing to be deleted is gone, the first answer counts. Whoever sets a thing again after others did means it.
        """
        if adding:
            heard = self._wait(call)
            return carry_out() if heard is None else heard
        try:
            reply = carry_out()
        except MillstreamError as error:
            heard = None if error.http_status >= 500 else self._wait(call)
            if heard is None:
                raise
            return heard
        self._take(call)
        return reply

    def _wait(self, call: Call) -> bytes | None:
        until = time.monotonic() + PATIENCE
        while True:
            found = self._take(call)
            if found is None or found.reply is not None:
                return None if found is None else found.reply
            if time.monotonic() >= until:
                raise Unavailable("The same request, sent before, is still being carried out. Try again later.")
            time.sleep(_POLL)

    def _take(self, call: Call) -> _Answer | None:
        """The answer of a request like `call` that came before it, taken out; while it is being made it stays."""
        asked = call.asked()
        with self._turn:
            answers = self._live()
            before = [one for one in answers if one.asked == asked and one.since < call.since]
            found = next((one for one in before if one.reply is not None), before[0] if before else None)
            self._write([one for one in answers if one is not found or one.reply is None])
        return found

    def _put(self, call: Call, reply: bytes | None) -> None:
        answer = _Answer(call.asked(), call.name, call.since, time.monotonic() + KEPT, reply)
        with self._turn:
            self._write([*(other for other in self._live() if other.call != call.name), answer])

    def _live(self) -> list[_Answer]:
        length = int.from_bytes(self._memory[:_LENGTH], "little")
        if not length:
            return []
        now = time.monotonic()
        try:
            answers = _read_answers(self._memory[_LENGTH : _LENGTH + length])
        except msgspec.DecodeError:
            return []  # a process was killed while it wrote here; the next to write makes it good
        return [
            one for one in answers if one.until > now and (one.reply is not None or _lives(int(one.call.split("-")[0])))
        ]

    def _write(self, answers: list[_Answer]) -> None:
        data = msgspec.msgpack.encode(answers) if answers else b""
        while len(data) > ROOM - _LENGTH:
            answers = answers[1:]
            data = msgspec.msgpack.encode(answers) if answers else b""
        self._memory[_LENGTH : _LENGTH + len(data)] = data
        self._memory[:_LENGTH] = len(data).to_bytes(_LENGTH, "little")


def _lives(process: int) -> bool:
    """Whether the process is there, as far as can be known."""
    if process == os.getpid() or os.name == "nt":
        return True  # Windows has no signal that only asks; there are no other processes either
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
