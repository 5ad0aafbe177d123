"""All of logging in, put together for a server: what `make_app` takes as its gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from starlette.routing import compile_path
from starlette.types import ASGIApp

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files.bells import Bell
from millstream.formats.wire import grants, roles, tokens, users
from millstream.formats.wire.needs import Needs, Who
from millstream.formats.wire.route import Request, Route
from millstream.server.auth.addresses import Proxies
from millstream.server.auth.gate import Rights
from millstream.server.auth.homes import Homes
from millstream.server.auth.identities import Identities
from millstream.server.auth.keeper import Keeper
from millstream.server.auth.pages import LoginPages
from millstream.server.doors import Door
from millstream.stores.accounts import Accounts
from millstream.stores.base import Store
from millstream.values.accounts import AccountOp, AccountQuery
from millstream.values.ops import LogBatch, Op
from millstream.values.queries import Query, WasDone
from millstream.values.rights import Caller

T = TypeVar("T")


class Auth:
    """Users, their rights and their pages, before one store."""

    def __init__(self, accounts: Accounts, store: Store, prefix: str = "", proxies: Proxies | None = None) -> None:
        """Let in the users of `accounts` to `store`; `prefix` is what stands before every URL; see `Proxies`."""
        self._proxies = proxies or Proxies()
        homes = Homes(store)
        self._prefix = prefix
        self.accounts = accounts
        self._identities = Identities(accounts, homes)
        self._rights = Rights(homes, _Desk(store, accounts, self._identities))
        self._pages = LoginPages(self._identities, prefix, self._proxies)

    @property
    def routes(self) -> tuple[Route, ...]:
        """Users, permissions, roles, tokens and share links."""
        return users.ROUTES + grants.ROUTES + roles.ROUTES + tokens.ROUTES

    @property
    def doors(self) -> tuple[Door, ...]:
        """Logging in and out, and share links."""
        return self._pages.doors

    def guard(self, app: ASGIApp, doors: tuple[Door, ...]) -> ASGIApp:
        """`app` behind a login, but for `doors` that are open to anyone."""
        return Keeper(app, self._identities, _openness(doors), self._prefix, self._proxies)

    def desk(self, store: Store) -> Store:
        """`store`, and the users for the ops and queries about them."""
        return _Desk(store, self.accounts, self._identities)

    def admit(self, caller: Caller, needs: Needs, request: Request) -> None:
        """Raise NotPermitted or NotFound unless `caller` has all that `needs` says about `request`."""
        self._rights.admit(caller, needs, request)

    def narrow(self, caller: Caller, query: Query[T]) -> Query[T]:
        """`query` about nothing but what the caller may read."""
        return self._rights.narrow(caller, query)

    def write(self, caller: Caller, op: Op[T], store: Store) -> T:
        """Have `store` carry out `op`, and see to the rights on what it makes, renames or removes."""
        return self._rights.write(caller, op, store)


class _Desk:
    """A store that knows of users too."""

    def __init__(self, store: Store, accounts: Accounts, identities: Identities) -> None:
        self._store = store
        self._accounts = accounts
        self._identities = identities

    @property
    def uri(self) -> str:
        return self._store.uri

    def write(self, op: Op[T]) -> T:
        if not isinstance(op, AccountOp):
            return self._store.write(op)
        try:
            return cast(T, self._accounts.write(op))
        finally:
            # What was changed counts from the next request on.
            self._identities.outdate()

    def log_all(self, batches: Sequence[LogBatch]) -> list[Exception | None]:
        return self._store.log_all(batches)

    def read(self, query: Query[T]) -> T:
        if isinstance(query, WasDone):
            done = self._store.read(query) or self._accounts.was_done(query.op_id, query.digest)
            return cast(T, done)
        if isinstance(query, AccountQuery):
            return cast(T, self._accounts.read(query))
        return self._store.read(query)

    def bell(self) -> Bell:
        return self._store.bell()

    def artifacts(self, run_id: str) -> Artifacts:
        return self._store.artifacts(run_id)

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        return self._store.model_artifacts(model_id, deleted=deleted)

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        return self._store.logged_model(run_id, name)

    def close(self) -> None:
        self._store.close()


def _methods(door: Door) -> set[str]:
    return {*door.methods, "HEAD"} if "GET" in door.methods else set(door.methods)


def _openness(doors: tuple[Door, ...]) -> Callable[[str, str], bool]:
    """Whether a method and path are a door that is open to anyone: the first door of that path and method decides."""
    known: list[tuple[Any, set[str], bool]] = [
        (compile_path(door.path)[0], _methods(door), door.needs.who is Who.ANYONE) for door in doors
    ]

    def is_open(method: str, path: str) -> bool:
        return next((free for pattern, methods, free in known if method in methods and pattern.match(path)), False)

    return is_open
