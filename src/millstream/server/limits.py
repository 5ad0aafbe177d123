"""How much one process takes on at a time; whoever comes beyond that is told at once to come again, with 429."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct
from starlette.types import ASGIApp, Receive, Scope, Send

from millstream.values.errors import TooMany
from millstream.values.settings import setting

HELD_BYTES = 256 * 2**20
"""Longest that all JSON bodies together are which wait for their answer."""
PAUSES = (1, 2, 3)
"""Seconds after which a caller may come again, one of them, so that those refused together do not return together."""


class Room:
    """So many places (or bytes) and no more. Of one loop; not for threads."""

    def __init__(self, most: int, what: str) -> None:
        """`what` are the things that it has room for, as the message says them."""
        self.most = most
        self.what = what
        self.taken = 0
        self.refused = 0

    def take(self, count: int = 1) -> None:
        """Take places; TooMany when there are not so many."""
        if self.taken + count > self.most:
            self.refused += 1
            raise TooMany(f"This server has as many {self.what} as it takes on at a time. Try again in a few seconds.")
        self.taken += count

    def give(self, count: int = 1) -> None:
        """Give places back."""
        self.taken -= count

    @contextmanager
    def place(self) -> Iterator[None]:
        """One place for as long as this lasts."""
        self.take()
        try:
            yield
        finally:
            self.taken -= 1


class Limits(Struct, frozen=True):
    """The limits of a server's process."""

    requests: int = 512
    """Calls that are answered or wait for it; and, counted by themselves, files and pages under way."""
    seconds: float = 60
    """A read that takes longer is ended."""
    held: int = HELD_BYTES

    @classmethod
    def of_settings(cls) -> Limits:
        """As the settings say."""
        requests, seconds = (int(str(setting(name))) for name in ("MAX_REQUESTS", "REQUEST_SECONDS"))
        return cls(requests=max(1, requests), seconds=max(1, seconds))


class Admission:
    """Lets in so many requests at a time; those whose paths stand apart are not counted here."""

    def __init__(self, app: ASGIApp, *, room: Room, apart: Callable[[str], bool]) -> None:
        """Guard `app`."""
        self.app = app
        self.room = room
        self.apart = apart

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise TooMany."""
        if self.apart(scope["path"]):
            await self.app(scope, receive, send)
            return
        with self.room.place():
            await self.app(scope, receive, send)


def pause() -> str:
    """Retry-After of a refusal."""
    return str(random.choice(PAUSES))
