"""`/api/ui/score`: a page's request to a scoring server, passed on to servers on a list and to no others.

A caller names an entry of the list; no address of his own is ever connected to. See docs/decisions/0015-scoring.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

import msgspec
from anyio import CapacityLimiter, to_thread
from msgspec import Struct
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse

from millstream.drivers.rest.connection import Response
from millstream.drivers.rest.pool import Pool
from millstream.drivers.rest.retries import Transient
from millstream.formats.wire.needs import MAKER, USER
from millstream.server import roster
from millstream.server.doors import Door
from millstream.server.errors import json_reply
from millstream.server.guards import read_json
from millstream.server.limits import Room
from millstream.values.errors import BadRequest, InvalidValue, NotPermitted, Unavailable
from millstream.values.readers import json_reader
from millstream.values.servers import ServerUri

SERVERS = "/api/ui/scoring-servers"
SCORE = "/api/ui/score"
MAX_ANSWER = 2**20
"""Bytes of an answer that a page is shown."""
MAX_REQUEST = 4 * 2**20
SECONDS = 60.0
CONNECT_SECONDS = 5.0
AT_ONCE = 4
_SHOWN = ("application/json", "text/plain")


class Destination(Struct, frozen=True):
    """A scoring server that may be called; `model` is the URI of what it serves, "" where that is not known."""

    url: str
    model: str = ""


class Asked(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a call: which server, and what it is sent, a text in JSON."""

    url: str
    request: str


class Told(Struct, frozen=True):
    """What it said. `cut`: the answer is longer than this."""

    status: int
    milliseconds: int
    type: str
    body: str
    cut: bool


_read_asked = json_reader(Asked)


def running() -> list[Destination]:
    """The scoring servers that this server's user runs on this machine."""
    return [Destination(entry.url, entry.model) for entry in roster.scorers()]


class Scoring:
    """Passes on JSON to ``/invocations`` of the servers on a list: those named, and those that `found` finds.

    Nothing of the caller's goes along but the text: no cookie, no login, no header. No redirect is followed.
    """

    def __init__(self, named: Iterable[str] = (), found: Callable[[], list[Destination]] = running) -> None:
        """The operator named these addresses; InvalidValue for what is none, or has a password in it."""
        self._named = [Destination(check_destination(url)) for url in named]
        self._found = found
        self._held = Room(16 * 2**20, "bytes of requests to scoring servers")
        self._room = Room(AT_ONCE, "calls of scoring servers under way")
        self._threads = CapacityLimiter(AT_ONCE)

    def doors(self) -> tuple[Door, ...]:
        """The list, and the call: for users, not for who was given a link; to call takes more than a token to read."""
        return (
            Door(path=SERVERS, answer=self.list, needs=USER),
            Door(path=SCORE, answer=self.score, needs=MAKER, methods=("POST",)),
        )

    def destinations(self) -> dict[str, Destination]:
        """All that may be called now, by address."""
        return {each.url: each for each in (*self._named, *self._found())}

    async def list(self, _request: HttpRequest) -> HttpResponse:
        """The servers that may be called."""
        found = await to_thread.run_sync(self.destinations)
        return json_reply({"servers": list(found.values())}, headers={"cache-control": "no-store"})

    async def score(self, request: HttpRequest) -> HttpResponse:
        """What the server says, whatever its status; NotPermitted for one that is not on the list."""
        with self._room.place():
            body = await read_json(request.scope, request.receive, self._held)
            try:
                asked = _asked(body)
                found = await to_thread.run_sync(self.destinations)
                destination = found.get(asked.url.rstrip("/"))
                if destination is None:
                    raise NotPermitted(
                        f"This server does not call {asked.url[:200]!r}. It calls scoring servers that its own user "
                        "runs on its machine (`millstream models serve`), and those that it was started with: "
                        "--scoring-servers http://host:port"
                    )
                told = await to_thread.run_sync(call, destination.url, asked.request, limiter=self._threads)
            finally:
                self._held.give(len(body))
        return json_reply(told, headers={"cache-control": "no-store"})


def _asked(body: bytes) -> Asked:
    try:
        asked = _read_asked(body)
        if len(asked.request) <= MAX_REQUEST:
            msgspec.json.decode(asked.request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise BadRequest(f"The body must be an object with a url and a request, a text in JSON: {error}.") from error
    if len(asked.request) > MAX_REQUEST:
        raise BadRequest(f"The request is longer than {MAX_REQUEST} characters; send it to the server itself.")
    return asked


def check_destination(url: str) -> str:
    """The address of a scoring server as it is compared; InvalidValue for anything but http(s) without a password."""
    server = ServerUri.parse(url)
    if server.user is not None or server.password is not None:
        raise InvalidValue(f"{server.public!r} has a name or password in it; scoring servers are called without.")
    return server.text


def call(url: str, request: str) -> Told:
    """POST a text to ``/invocations`` of a server; Unavailable when it does not answer."""
    server, body, began = ServerUri.parse(url), request.encode(), time.monotonic()
    head = (
        f"POST {server.path}/invocations HTTP/1.1\r\nHost: {urlsplit(server.text).netloc}\r\n"
        f"Content-Type: application/json\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    pool = Pool(server, CONNECT_SECONDS)
    try:
        with pool.connection() as connection:
            response = connection.ask(head.encode("latin-1"), body)
            answer, whole = _head_of(response, began + SECONDS)
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            spent = round((time.monotonic() - began) * 1000)
    except (Transient, Unavailable) as error:
        raise Unavailable(f"{server.public} does not answer: {error}.") from error
    finally:
        pool.close()
    if media not in _SHOWN:
        answer, media = b"", media or "?"
    return Told(response.status, spent, media, answer.decode("utf-8", "replace"), not whole)


def _head_of(response: Response, until: float) -> tuple[bytes, bool]:
    """The first `MAX_ANSWER` bytes of a body, and whether that is all of it."""
    found = bytearray()
    for piece in response.pieces():
        found += piece
        if len(found) > MAX_ANSWER:
            return bytes(found[:MAX_ANSWER]), False
        if time.monotonic() > until:
            raise Unavailable(f"it took longer than {SECONDS:g} s")
    return bytes(found), True
