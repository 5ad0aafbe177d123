"""The wire table as an ASGI app: find the route, decode, ask the store in a thread, encode."""

from __future__ import annotations

import time
from contextlib import nullcontext
from typing import Any

from anyio import to_thread
from msgspec import structs
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from millstream.formats.wire.encode import write_body
from millstream.formats.wire.families import missing_route
from millstream.formats.wire.route import Given, Route
from millstream.formats.wire.table import Table
from millstream.server.doors import Gate, caller_of
from millstream.server.guards import read_json
from millstream.server.keys import Asked, Key, credentials_of, read_key
from millstream.server.lines import line_of
from millstream.server.turns import Turn
from millstream.server.unheard import Call, Unheard, adds
from millstream.stores.base import Store
from millstream.values.names import new_run_id
from millstream.values.ops import Op
from millstream.values.queries import Query
from millstream.values.rights import Caller


class Api:
    """Answers every route of a table from one store. Other paths are 404, other methods 405, both in JSON."""

    def __init__(self, store: Store, routes: tuple[Route, ...], gate: Gate | None = None) -> None:
        """Serve `routes` from `store`; `gate` says who may do what."""
        self.store = store
        self.gate = gate
        self.table = Table(routes)
        self.alone = Turn()
        self.unheard = Unheard()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method = scope["method"]
        route, named = self.find(method, scope["path"])
        if method in ("GET", "HEAD"):
            body = scope["query_string"]
        else:
            # A page of another site can send a POST unasked, but no PATCH and no DELETE: these need no content type.
            body = await read_json(Request(scope, receive), typed=method == "POST")
        asked = Asked(route, method, body, named, caller_of(scope))
        if issubclass(route.speaks, Op):
            text = await self.change(scope, asked)
        else:
            # A read may be left behind when the server stops; a write is waited for.
            text = await to_thread.run_sync(self.answer, asked, abandon_on_cancel=True)
        if text is not None:
            await Response(text, media_type="application/json")(scope, receive, send)

    async def change(self, scope: Scope, asked: Asked) -> bytes | None:
        """Body of the reply to a request that changes something; None when its caller is gone."""
        key = read_key(scope, asked)
        if key is not None:
            return await to_thread.run_sync(self.answer, asked, key)
        call = Call(lambda: f"{credentials_of(scope)} {asked.digest()}")
        line = line_of(scope)
        if line.is_lost():
            # Before it has had any effect. The caller may be asking another worker again already.
            line.close()
            return None
        with line.told_of_loss(lambda: self.unheard.begin(call)):
            try:
                text = await to_thread.run_sync(self.answer, asked, None, call)
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

    def answer(self, asked: Asked, key: Key | None = None, own: Call | None = None) -> bytes:
        """Body of the reply to a request, with a `key`, or without one as the `own` call of the server."""
        route, caller = asked.route, asked.caller
        request = asked.read()
        if self.gate is not None:
            self.gate.admit(caller, route.needs, request)
        given = Given(time.time_ns() // 1_000_000, new_run_id if key is None else key.ids(), caller=caller)
        with self.alone if route.alone else nullcontext():
            if route.first is not None:
                given = structs.replace(given, first=self.store.read(route.first(request)))
            call = route.call(request, given)
            if not isinstance(call, Op):
                return write_body(route.reply(self.ask(call, route, caller), given))
            op = call if key is None else key.mark(call)

            def carry_out() -> bytes:
                return write_body(route.reply(self.ask(op, route, caller), given))

            if own is None or not self.unheard:
                return carry_out()
            return self.unheard.answer(own, carry_out, adding=route.alone or adds(op))

    def ask(self, call: Op[Any] | Query[Any], route: Route, caller: Caller) -> Any:
        """What the store says; where users log in, `caller` is told only what he may know."""
        if self.gate is None:
            return self.store.write(call) if isinstance(call, Op) else self.store.read(call)
        if isinstance(call, Op):
            return self.gate.write(caller, call, self.store)
        return self.store.read(self.gate.narrow(caller, call) if route.needs.narrowed else call)
