"""Connections to one server that many threads share, and requests on them that are tried again."""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

from msgspec import Struct

from millstream.drivers.rest.client import RestClient
from millstream.drivers.rest.lane import Answer, Broken, Content, Lane
from millstream.formats.wire.calls.errors import may_work_later
from millstream.values.errors import Unavailable
from millstream.values.settings import setting

T = TypeVar("T")
Use = Callable[[Answer, Lane], T]

MOST = 16
"""Connections to a server that are open at once, in a process."""
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_ASKED_SECONDS = 300.0


class Passing(Exception):
    """A failure that may be gone at the next try; `pause` is how many seconds the server asks to wait."""

    def __init__(self, reason: str, pause: float = 0) -> None:
        """Say why."""
        super().__init__(reason)
        self.pause = pause


class Tries:
    """How often something was tried in vain; waits longer each time."""

    def __init__(self, sleep: Callable[[float], None] = time.sleep) -> None:
        """Nothing was tried yet."""
        self._sleep = sleep
        self._failed = 0

    def begin_again(self) -> None:
        """There was some progress: what failed before does not count."""
        self._failed = 0

    def wait(self, error: Passing, what: str) -> None:
        """Wait before the next try; Unavailable when there were enough."""
        self._failed += 1
        if self._failed > max(0, int(str(setting("HTTP_REQUEST_MAX_RETRIES")))):
            raise Unavailable(f"{what} after {self._failed} tries: {error}.") from error
        pause = min(_FIRST_PAUSE_SECONDS * 2 ** (self._failed - 1), _LONGEST_PAUSE_SECONDS)
        # Many clients of a server that is back do not come at once.
        self._sleep(max(pause * random.uniform(0.75, 1.25), min(error.pause, _LONGEST_ASKED_SECONDS)))


class _Held(Struct):
    """A connection that somebody uses, and whether it was used before."""

    lane: Lane
    used: bool


class Pool:
    """One server. For any number of threads; each request takes a connection that is free."""

    def __init__(
        self,
        client: RestClient,
        *,
        login: bool = True,
        connect: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask the server of `client` as it does; without `login` as nobody. `connect` is how long that may take (s)."""
        self.public = client.public
        self.sleep = sleep
        self._client = client
        self._seconds = connect
        self._headers = {**client.headers, "Host": client.host}
        if not login:
            self._headers.pop("Authorization", None)
        self._lanes: list[Lane] = []
        self._room = threading.BoundedSemaphore(MOST)
        self._process = os.getpid()

    def ask(
        self,
        method: str,
        path: str,
        use: Use[T],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        good: tuple[int, ...] = (200,),
    ) -> T:
        """What `use` makes of a good answer; Unavailable when there is none after some tries."""
        tries = Tries(self.sleep)
        while True:
            try:
                return self.once(method, path, use, headers=headers, body=body, good=good)
            except Passing as error:
                tries.wait(error, f"{self.public} did not answer {path.partition('?')[0]}")

    def once(
        self,
        method: str,
        path: str,
        use: Use[T],
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Content = b"",
        good: tuple[int, ...] = (200,),
    ) -> T:
        """As `ask`, but tried once: `Passing` when another try may help."""
        target, whole = self._client.path + path, self._headers | dict(headers or {})
        with self._lane() as held:
            try:
                answer = self._send(held, method, target, whole, body)
                if answer.status in good:
                    return use(answer, held.lane)
                text = held.lane.read()
            except Broken as error:
                raise Passing(str(error)) from error
        raise self._failure(answer, text, path)

    def _send(self, held: _Held, method: str, target: str, headers: Mapping[str, str], body: bytes | Content) -> Answer:
        try:
            return held.lane.ask(method, target, headers, body)
        except Broken as error:
            if error.heard or not held.used or isinstance(body, Content):
                raise
        # A connection that waited may have been closed meanwhile: that is nobody's fault.
        held.lane.close()
        held.lane = self._connect()
        return held.lane.ask(method, target, headers, body)

    def _failure(self, answer: Answer, text: bytes, path: str) -> Exception:
        refusal = self._client.refusal(answer.status, text, path)
        if not may_work_later(answer.status, text):
            return refusal
        asked = answer.headers.get("retry-after", "")
        return Passing(refusal.message, float(asked) if asked.isascii() and asked.isdigit() else 0)

    @contextmanager
    def _lane(self) -> Iterator[_Held]:
        """A connection, kept afterwards if it can be used again."""
        if self._process != os.getpid():
            # What was open belongs to the process that this one was forked from.
            self._process, self._lanes, self._room = os.getpid(), [], threading.BoundedSemaphore(MOST)
        with self._room:
            try:
                held = _Held(self._lanes.pop(), used=True)
            except IndexError:
                held = _Held(self._connect(), used=False)
            try:
                yield held
            finally:
                if held.lane.free:
                    self._lanes.append(held.lane)
                else:
                    held.lane.close()

    def _connect(self) -> Lane:
        try:
            return Lane(self._client.connect(self._seconds))
        except (OSError, http.client.HTTPException) as error:
            raise Passing(str(error) or type(error).__name__) from error

    def close(self) -> None:
        """Close what is open and not in use; it opens again when used."""
        while self._lanes:
            self._lanes.pop().close()


def read_all(_answer: Answer, lane: Lane) -> bytes:
    """The body of an answer."""
    return lane.read()
