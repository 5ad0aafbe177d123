"""One request from its first to its last moment: its id, what it was, and how it was answered."""

from __future__ import annotations

import random
import re

from msgspec import Struct
from starlette.types import Scope

HEADER = b"x-request-id"
LONGEST = 128
"""So many characters an id that a caller brings has at most."""
NONE = "-"
"""The route of what was answered before one was found."""
VISIT = "millstream.visit"
"""Where a scope holds the `Visit` of its request."""

_ID = re.compile(rb"[\x21-\x7e]{1,%d}" % LONGEST)


class Visit(Struct):
    """A request under way. `route` is a template and never a path; `received` and `sent` are bytes of bodies.

    Whoever finds out more about it says so here: `user` is his name, `file` that an artifact is carried.
    """

    id: str
    route: str = NONE
    user: str = ""
    status: int = 0
    received: int = 0
    sent: int = 0
    file: bool = False


def visit_of(scope: Scope) -> Visit:
    """The visit of a request; a new one where nobody asks about it."""
    found = scope.get(VISIT)
    return found if isinstance(found, Visit) else Visit(new_id())


def new_id() -> str:
    """An id that no other request has."""
    return f"{random.getrandbits(64):016x}"


def read_id(scope: Scope) -> str:
    """The id that the caller brings, if it is one; else a new one."""
    given = b""
    for name, value in scope["headers"]:
        if name == HEADER:
            if given:
                return new_id()
            given = value
    return given.decode() if given and _ID.fullmatch(given) else new_id()
