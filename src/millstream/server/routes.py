"""The wire table as an ASGI app: find the route, decode, ask the store in a thread, encode."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

from msgspec import structs
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from millstream.formats.wire.encode import write_body
from millstream.formats.wire.families import missing_route
from millstream.formats.wire.route import Form, Given, Route, reply_nothing
from millstream.formats.wire.table import Table
from millstream.server.crew import Crew
from millstream.server.doors import Gate, caller_of
from millstream.server.guards import read_json
from millstream.server.keys import Asked, Key, credentials_of, read_key
from millstream.server.limits import Limits, Room
from millstream.server.lines import line_of
from millstream.server.lots import Lots
from millstream.server.turns import Turn
from millstream.server.unheard import Call, Unheard, adds
from millstream.server.visits import visit_of
from millstream.server.watch import Counting
from millstream.stores.base import Shared, Store
from millstream.values.errors import MillstreamError, NotFound, NotPermitted
from millstream.values.names import new_run_id
from millstream.values.ops import LogBatch, Op
from millstream.values.queries import Query, WasDone

# Together fewer than the connections that a database is asked for at most.
READERS = 12
WRITERS = 12
SMALL = 64 * 2**10
"""Longest body in bytes that shares its thread with others."""

_JSON = (b"content-type", b"application/json")


class Api:
    """Answers every route of a table from one store. Other paths are 404, other methods 405, both in JSON."""

    def __init__(
        self,
        store: Store,
        routes: tuple[Route, ...],
        gate: Gate | None = None,
        limits: Limits | None = None,
        counts: Counting | None = None,
        shared: Shared | None = None,
    ) -> None:
        """Serve `routes` from `store`; `gate` says who may do what, `limits` how much is taken on at a time.

        `counts` are told of groups of writes, and of what waits; `shared` keeps servers of the same store apart.
        """
        self.store = store
        self.gate = gate
        self.table = Table(routes)
        self.turn = Turn()
        self.shared = shared
        self.unheard = Unheard()
        self.limits = limits or Limits()
        self.room = Room(self.limits.requests, "requests")
        self.held = Room(self.limits.held, "bytes of requests")
        self.readers = Crew(READERS, counts.waiting("reads") if counts else None)
        self.writers = Crew(WRITERS, counts.waiting("writes") if counts else None)
        self.lots = Lots(self.writers, self.answer_all, counts.group if counts else None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        route, named = self.find(method, scope["path"])
        visit_of(scope).route = route.title
        text: bytes | None
        if method in ("GET", "HEAD"):
            asked = Asked(route, method, scope["query_string"], named, caller_of(scope), _form(scope, route))
            text = await self.work(asked)
        else:
            # A page of another site can send a POST unasked, but no PATCH and no DELETE: these need no content type.
            body = await read_json(scope, receive, self.held, typed=method == "POST")
            try:
                asked = Asked(route, method, body, named, caller_of(scope), _form(scope, route))
                text = await (self.change(scope, asked) if issubclass(route.speaks, Op) else self.work(asked))
            finally:
                self.held.give(len(body))
        if text is None:
            return
        content = (b"content-type", asked.form.type.encode()) if asked.form else _JSON
        headers = [content, (b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else text})

    async def change(self, scope: Scope, asked: Asked) -> bytes | None:
        """Body of the reply to a request that changes something; None when its caller is gone."""
        key = read_key(scope, asked)
        if key is not None:
            return await self.work(asked, key)
        call = Call(lambda: f"{credentials_of(scope)} {asked.digest()}")
        line = line_of(scope)
        if line.is_lost():
            # Before it has had any effect. The caller may be asking another worker again already.
            line.close()
            return None
        with line.told_of_loss(lambda: self.unheard.begin(call)):
            try:
                text = await self.work(asked, own=call)
            except Exception:
                if line.is_lost():
                    self.unheard.drop(call)
                raise
        if not line.is_lost():
            return text
        self.unheard.keep(call, text)
        # Whoever has only stopped to speak, and listens, is not told either: what is kept was heard by nobody.
        line.close()
        return None

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route and the fields that the path holds, or the error that says there is none."""
        methods, named = self.table.find(path)
        if not methods:
            raise missing_route(path)
        route = methods.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = ", ".join(sorted(methods))
            raise HTTPException(405, f"This endpoint takes {allowed}, not {method}.", {"Allow": allowed})
        return route, named

    def knows(self, path: str) -> bool:
        """Whether the table has the path, whatever the method."""
        return bool(self.table.find(path)[0])

    async def work(self, asked: Asked, key: Key | None = None, own: Call | None = None) -> bytes:
        """Body of the reply, made in a thread; TooMany when there is no room.

        A read is ended when it takes too long, or when the server ends. A write is not; it has a `key`, or is the `own`
        call of the server.
        """
        with self.room.place():
            if key is None and self.shares(asked.route) and len(asked.body) <= SMALL and not self.unheard:
                return await self.lots.add(asked)
            answer = partial(self.answer, asked, key, own)
            if issubclass(asked.route.speaks, Op):
                return await self.writers.do(answer)
            return await self.readers.do(answer, self.limits.seconds)

    @staticmethod
    def shares(route: Route) -> bool:
        """Whether its requests may be done together with others."""
        return route.speaks is LogBatch and route.first is None and not route.alone

    def answer(self, asked: Asked, key: Key | None = None, own: Call | None = None) -> bytes:
        """Body of the reply to a request, with a `key`, or without one as the `own` call of the server."""
        request = asked.read()
        try:
            self.admit(asked, request)
        except (NotFound, NotPermitted) as refusal:
            heard = self.answer_again(asked, request, refusal, key, own)
            if heard is not None:
                return heard
        with self.alone() if asked.route.alone else nullcontext():
            call, given = self.understand(asked, request, key)
            op = call if key is None or not isinstance(call, Op) else key.mark(call)

            def carry_out() -> bytes:
                result = self.ask(op, asked)
                return asked.form.write(result, request) if asked.form else write_body(asked.route.reply(result, given))

            if own is None or not isinstance(op, Op) or not self.unheard:
                return carry_out()
            return self.unheard.answer(own, carry_out, adding=asked.route.alone or adds(op))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One at a time, in all processes that serve the store."""
        # First the turn among our own: each process waits with one connection to the database, not with all.
        with self.turn, nullcontext() if self.shared is None else self.shared.alone():
            yield

    def admit(self, asked: Asked, request: Any) -> None:
        """Let in who may ask for this."""
        if self.gate is not None:
            self.gate.admit(asked.caller, asked.route.needs, request)

    def answer_again(
        self, asked: Asked, request: Any, refusal: MillstreamError, key: Key | None, own: Call | None
    ) -> bytes | None:
        """The answer to a request that was carried out before, and by that took the right to it away.

        It is the caller's own: keys are those of one user. None: he may have the present answer; else `refusal`.
        """
        route = asked.route
        silent = route.reply is reply_nothing
        if self.gate is None or not asked.caller.name or not issubclass(route.speaks, Op):
            raise refusal
        if key is None:
            if own is None or not silent or not self.unheard:
                raise refusal
            return self.unheard.answer(own, partial(_refuse, refusal), adding=False)
        if not self.store.read(WasDone(op_id=key.op_id, digest=key.digest)):
            raise refusal
        if route.again is None:
            if silent:
                return write_body({})
            raise refusal
        self.gate.admit(asked.caller, route.again, request)
        return None

    def understand(self, asked: Asked, request: Any, key: Key | None = None) -> tuple[Op[Any] | Query[Any], Given]:
        """What is asked of the store."""
        route = asked.route
        given = Given(time.time_ns() // 1_000_000, new_run_id if key is None else key.ids(), caller=asked.caller)
        if route.first is not None:
            given = structs.replace(given, first=self._read_first(route.first(request)))
        return route.call(request, given), given

    def _read_first(self, first: Query[Any] | tuple[Query[Any], ...]) -> Any:
        return tuple(map(self.store.read, first)) if isinstance(first, tuple) else self.store.read(first)

    def ask(self, call: Op[Any] | Query[Any], asked: Asked) -> Any:
        """What the store says; where users log in, the caller is told only what he may know."""
        if self.gate is None:
            return self.store.write(call) if isinstance(call, Op) else self.store.read(call)
        if isinstance(call, Op):
            return self.gate.write(asked.caller, call, self.store)
        return self.store.read(self.gate.narrow(asked.caller, call) if asked.route.needs.narrowed else call)

    def answer_all(self, lot: Sequence[Asked]) -> list[bytes | Exception]:
        """Bodies of the replies to requests that each log a batch; in the place of one that is refused, why."""
        understood = [self.understood(asked) for asked in lot]
        batches = [found[0] for found in understood if not isinstance(found, Exception)]
        refusals = iter(self.store.log_all(batches))
        outcomes: list[bytes | Exception] = []
        for asked, found in zip(lot, understood, strict=True):
            if isinstance(found, Exception):
                outcomes.append(found)
            else:
                outcomes.append(next(refusals) or write_body(asked.route.reply(None, found[1])))
        return outcomes

    def understood(self, asked: Asked) -> tuple[LogBatch, Given] | Exception:
        """A batch that is asked to be logged, or why it is refused."""
        try:
            request = asked.read()
            self.admit(asked, request)
            call, given = self.understand(asked, request)
            assert isinstance(call, LogBatch)
            return call, given
        except Exception as error:  # noqa: BLE001 — the border between those who ask
            return error


def _form(scope: Scope, route: Route) -> Form | None:
    """The other form of the reply, where the caller asks for it by name."""
    if route.other is None:
        return None
    wanted = route.other.type.encode()
    return route.other if any(name == b"accept" and wanted in value for name, value in scope["headers"]) else None


def _refuse(refusal: MillstreamError) -> bytes:
    raise refusal


class Known(BaseRoute):
    """The paths of an interface's table: looked up before all other routes are tried one by one."""

    def __init__(self, api: Api) -> None:
        """Of `api`."""
        self.api = api

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether the table has the path, whatever the method."""
        return (Match.FULL if self.api.knows(scope["path"]) else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request."""
        await self.api(scope, receive, send)
