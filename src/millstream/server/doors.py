"""Ways into the server that are no rows of the wire table, each with what it needs; and who comes in by them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from anyio import to_thread
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as HttpRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from millstream.formats.wire.decode import read_query
from millstream.formats.wire.needs import Needs, check_needs
from millstream.formats.wire.route import Request, Route
from millstream.server.visits import visit_of
from millstream.stores.base import Store
from millstream.values.ops import Op
from millstream.values.queries import Query
from millstream.values.rights import Caller

T = TypeVar("T")

CALLER = "millstream.caller"
"""Key of a request's scope, where users log in: the `Caller`."""
CALLER_NOW = "millstream.caller_now"
"""Beside it: a coroutine function that says who the caller is now; None once what was brought is worth nothing."""


class Nothing(Request, frozen=True, kw_only=True):
    """No fields."""


class Door(Struct, frozen=True, kw_only=True):
    """A path that a function answers by itself. `request` are the fields of its path and query that `needs` is about.

    Like a row of the wire table it cannot be made without saying what it needs.
    """

    path: str
    answer: Callable[[HttpRequest], Awaitable[Response]]
    needs: Needs
    methods: tuple[str, ...] = ("GET",)
    request: type[Request] = Nothing


class Gate(Protocol):
    """What stands before the routes where users log in. `routes` and `doors` are those of users themselves."""

    @property
    def routes(self) -> tuple[Route, ...]:
        """Further rows of the wire table."""
        ...

    @property
    def doors(self) -> tuple[Door, ...]:
        """Further doors."""
        ...

    def guard(self, app: ASGIApp, doors: tuple[Door, ...]) -> ASGIApp:
        """`app` behind a login: puts the `CALLER` into the scope, and lets in nobody unknown but through open doors."""
        ...

    def desk(self, store: Store) -> Store:
        """`store`, and what answers the ops and queries of `routes`."""
        ...

    def admit(self, caller: Caller, needs: Needs, request: Request) -> None:
        """Raise NotPermitted, or NotFound for what the caller may not know of, unless he has all that `needs` says."""
        ...

    def narrow(self, caller: Caller, query: Query[T]) -> Query[T]:
        """`query` about nothing but what the caller may read."""
        ...

    def write(self, caller: Caller, op: Op[T], store: Store) -> T:
        """Have `store` carry out `op`, and see to the rights on what it makes, renames or removes."""
        ...


def caller_of(scope: Scope) -> Caller:
    """Who asks; nobody where that is not known."""
    found = scope.get(CALLER)
    return found if isinstance(found, Caller) else Caller()


def http_route(door: Door, gate: Gate | None) -> HttpRoute:
    """The route that answers `door`: whoever comes in has what it needs."""
    check_needs(door.needs, door.request, None)

    async def answer(request: HttpRequest) -> Response:
        visit_of(request.scope).route = door.path
        if gate is not None:
            fields = Nothing() if door.request is Nothing else _fields(door, request)
            await to_thread.run_sync(gate.admit, caller_of(request.scope), door.needs, fields)
        return await door.answer(request)

    return DoorRoute(door.path, answer, methods=list(door.methods))


class DoorRoute(HttpRoute):
    """A route that is not looked at closely for a path that begins otherwise."""

    def __init__(self, path: str, endpoint: Callable[..., object], *, methods: list[str] | None = None) -> None:
        super().__init__(path, endpoint, methods=methods)
        self._beginning = path.partition("{")[0]

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        if not scope["path"].startswith(self._beginning):
            return Match.NONE, {}
        return super().matches(scope)


class WrongMethod:
    """Answers for a path of doors that has none for the method: 405, with those that it has."""

    def __init__(self, path: str, methods: set[str]) -> None:
        """The `path` has doors for `methods`."""
        self._path = path
        self._allowed = ", ".join(sorted(methods))

    async def __call__(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Refuse."""
        visit_of(scope).route = self._path
        raise HTTPException(405, f"This takes {self._allowed}, not {scope['method']}.", {"Allow": self._allowed})


def http_routes(doors: tuple[Door, ...], gate: Gate | None) -> list[HttpRoute]:
    """The routes of `doors`, and behind them one for each path that answers all other methods."""
    methods: dict[str, set[str]] = {}
    for door in doors:
        methods.setdefault(door.path, set()).update(door.methods)
    wrong = [DoorRoute(path, WrongMethod(path, known)) for path, known in methods.items()]
    return [*(http_route(door, gate) for door in doors), *wrong]


def _fields(door: Door, request: HttpRequest) -> Request:
    return read_query(request.scope["query_string"], door.request, request.path_params)
