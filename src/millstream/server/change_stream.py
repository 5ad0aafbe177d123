"""`GET /api/ui/changes`: a stream of server-sent events that tells of new and changed runs and of new points.

Events (https://html.spec.whatwg.org/multipage/server-sent-events.html): `ready` once nothing is missed any more,
`change` with an `events.Change` as JSON, `reset` when everything is to be looked at anew, `end` when the server ends.
The id of an event is a position in the store: any process of the server goes on from it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from millstream.formats.wire.decode import check, invalid, read_query
from millstream.formats.wire.route import Request as Fields
from millstream.server.doors import CALLER_NOW, caller_of
from millstream.server.events import Change, Told
from millstream.server.lines import line_of
from millstream.server.subscribers import Interest, Subscriber, Subscribers, everything
from millstream.values.errors import Unavailable
from millstream.values.names import check_experiment_id, check_run_id
from millstream.values.rights import EXPERIMENT, RUN, Caller, Level

T = TypeVar("T")

PATH = "/api/ui/changes"
KEEP_ALIVE = 20.0
"""Seconds after which a stream without news sends a comment: proxies end what is silent for longer."""
RENEWAL = 5.0
"""Seconds after which it is asked again who the caller is, where users log in."""
LIFE = 3600.0
"""Seconds after which a stream ends; whoever comes again may meet a process that has less to do."""
RETRY = 2000
"""Milliseconds after which a browser comes again."""
MOST_CHOSEN = 1000
"""Experiments and runs that a caller may choose."""

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx passes on what it gets at once.
    (b"x-accel-buffering", b"no"),
]


class Follow(Fields, frozen=True, kw_only=True):
    """Fields of ui/changes: which experiments and runs to tell of, of all when none is named; of new points or not.

    `since` is where to begin, as an answer or an event said it; the header Last-Event-ID goes before it.
    """

    experiment_id: tuple[str, ...] = ()
    run_id: tuple[str, ...] = ()
    points: bool = True
    since: str = ""


class Reader:
    """Who follows a stream, and what he may be told of, where users log in. What he may is asked anew."""

    def __init__(self, scope: Scope) -> None:
        """Whoever sent the request of `scope`."""
        self._caller = caller_of(scope)
        self._now: Callable[[], Awaitable[Caller | None]] | None = scope.get(CALLER_NOW)

    def may_read(self, change: Change) -> bool:
        """Whether he may be told of `change`."""
        level = self._caller.level(EXPERIMENT, change.experiment_id)
        return max(level, self._caller.level(RUN, change.run_id) if change.run_id else level) >= Level.READ

    async def renew(self) -> bool:
        """Ask what he may now; False when he may nothing: the user, token or link is gone."""
        if self._now is None:
            return True
        found = await self._now()
        self._caller = found or Caller()
        return found is not None


class ChangeStream:
    """Answers with the stream."""

    def __init__(self, subscribers: Subscribers, *, gated: bool = False) -> None:
        """Tell what `subscribers` are told; `gated`: each caller only of what he may read."""
        self._subscribers = subscribers
        self._gated = gated

    async def get(self, request: Request) -> _Stream:
        """The stream for the experiments and runs that the query chooses; TooMany when there are too many streams."""
        reader = Reader(request.scope) if self._gated else None
        chosen: Follow = read_query(request.scope["query_string"], Follow, {})
        subscriber = Subscriber(_interest(chosen), reader.may_read if reader else everything)
        ending = line_of(request.scope).ending
        since = request.headers.get("last-event-id") or chosen.since or None
        missed = await _unless(ending, self._subscribers.join(subscriber, since))
        return _Stream(subscriber, missed, self._subscribers.leave, ending, reader)


class _Stream(Response):
    """The reply."""

    def __init__(
        self,
        subscriber: Subscriber,
        missed: Told,
        leave: Callable[[Subscriber], None],
        ending: asyncio.Event,
        reader: Reader | None,
    ) -> None:
        super().__init__()
        self._subscriber = subscriber
        self._missed = missed
        self._leave = leave
        self._ending = ending
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is to tell until the caller goes or may not stay, or the server ends."""
        gone = asyncio.ensure_future(_gone(receive))
        ending = asyncio.ensure_future(self._ending.wait())
        telling = asyncio.ensure_future(self._tell(send))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
            if scope["method"] != "HEAD":
                await asyncio.wait({gone, ending, telling}, timeout=LIFE, return_when=asyncio.FIRST_COMPLETED)
            await _cancel(telling)
            if not gone.done():
                last = _event("end") if ending.done() else b""
                await send({"type": "http.response.body", "body": last, "more_body": False})
        finally:
            self._leave(self._subscriber)
            for task in (gone, ending, telling):
                await _cancel(task)

    async def _tell(self, send: Send) -> None:
        async def write(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await write(b"retry: %d\n\n" % RETRY + _events(self._missed) + _event("ready", self._missed.position))
        now = asyncio.get_running_loop().time
        spoke = now()
        while True:
            patience = spoke + KEEP_ALIVE - now()
            await self._subscriber.wait(max(0.0, patience if self._reader is None else min(patience, RENEWAL)))
            if self._reader is not None and not await self._reader.renew():
                return
            told = self._subscriber.take()
            body = b"" if told is None else _events(told)
            if body or now() - spoke >= KEEP_ALIVE:
                await write(body or b":\n\n")
                spoke = now()


def _events(told: Told) -> bytes:
    """The position counts once all that happened up to it is told: it is the id of the last event only."""
    if told.changes is None:
        return _event("reset", told.position)
    last = len(told.changes) - 1
    return b"".join(
        _event("change", told.position if number == last else "", change) for number, change in enumerate(told.changes)
    )


def _event(name: str, position: str = "", change: Change | None = None) -> bytes:
    # A browser tells of no event without data.
    data = b"{}" if change is None else msgspec.json.encode(change)
    head = f"id: {position}\nevent: {name}\n" if position else f"event: {name}\n"
    return head.encode() + b"data: " + data + b"\n\n"


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _unless(ending: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns; Unavailable when the server ends meanwhile."""
    doing, waiting = asyncio.ensure_future(work), asyncio.ensure_future(ending.wait())
    try:
        await asyncio.wait({doing, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise Unavailable("The server is about to end. Try again.")
        return doing.result()
    finally:
        for task in (doing, waiting):
            if not task.done():
                task.cancel()


async def _cancel(task: asyncio.Future[Any]) -> None:
    """End a task; what it failed with is raised, as nobody else will hear of it."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _interest(chosen: Follow) -> Interest:
    if len(chosen.experiment_id) + len(chosen.run_id) > MOST_CHOSEN:
        raise invalid("run_id", len(chosen.run_id), f"At most {MOST_CHOSEN} experiments and runs can be named.")
    experiments = frozenset(check("experiment_id", one, check_experiment_id) for one in chosen.experiment_id)
    runs = frozenset(check("run_id", one, check_run_id) for one in chosen.run_id)
    return Interest(experiments, runs, chosen.points)
