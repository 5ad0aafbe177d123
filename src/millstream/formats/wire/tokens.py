"""Tokens and share links on the wire: for our own pages and programs, under api/ui."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire.decode import Int64, Text
from millstream.formats.wire.needs import ACCOUNT, Needs, manage
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.formats.wire.users import Nothing
from millstream.values import accounts
from millstream.values.accounts import DAY, NewToken, Token
from millstream.values.rights import EXPERIMENT, REGISTERED_MODEL, RUN

PREFIX = ("/api/ui/",)


class Create(Request, frozen=True, kw_only=True):
    """Fields of POST ui/tokens: with ids of experiments or names of models it is for these only."""

    name: Text
    scope: Text = "edit"
    days: Int64 = 90
    experiment_ids: tuple[str, ...] = ()
    registered_models: tuple[str, ...] = ()


class One(Request, frozen=True, kw_only=True):
    """Fields of DELETE ui/tokens/ID."""

    token_id: Text


class ShareExperiment(Request, frozen=True, kw_only=True):
    """Fields of ui/shares/experiment."""

    experiment_id: Text
    name: str = ""
    hours: Int64 = 168


class ShareRun(Request, frozen=True, kw_only=True):
    """Fields of ui/shares/run."""

    run_id: Text
    name: str = ""
    hours: Int64 = 168


def _create(request: Create, given: Given) -> accounts.CreateToken:
    named = {EXPERIMENT: request.experiment_ids, REGISTERED_MODEL: request.registered_models}
    things = {kind: names for kind, names in named.items() if names}
    return accounts.CreateToken(
        user=given.caller.name,
        name=request.name,
        time=given.now,
        expires=given.now + request.days * DAY,
        scope=request.scope,
        things=things or None,
    )


def _list(_request: Nothing, given: Given) -> accounts.ListTokens:
    return accounts.ListTokens(user=given.caller.name)


def _revoke(request: One, given: Given) -> accounts.RevokeToken:
    return accounts.RevokeToken(token_id=request.token_id, user=None if given.caller.rules else given.caller.name)


def _share_experiment(request: ShareExperiment, given: Given) -> accounts.CreateShare:
    return _share(EXPERIMENT, request.experiment_id, request.name, request.hours, given)


def _share_run(request: ShareRun, given: Given) -> accounts.CreateShare:
    return _share(RUN, request.run_id, request.name, request.hours, given)


def _share(kind: str, thing: str, name: str, hours: int, given: Given) -> accounts.CreateShare:
    expires = given.now + hours * DAY // 24
    return accounts.CreateShare(
        user=given.caller.name, kind=kind, thing=thing, name=name, time=given.now, expires=expires
    )


def encode_token(token: Token) -> dict[str, Any]:
    """Reply object of a token; what it is worth is not among it."""
    things = None if token.things is None else {kind: list(names) for kind, names in token.things.items()}
    return {
        "token_id": token.token_id,
        "user": token.user,
        "name": token.name,
        "scope": token.scope,
        "things": things,
        "created": token.created,
        "expires": token.expires,
    }


def _reply_new(made: NewToken, _given: Given) -> dict[str, Any]:
    return encode_token(made.token) | {"token": made.secret.reveal()}


def _reply_share(made: NewToken, _given: Given) -> dict[str, Any]:
    # Relative, as all that our pages ask: the server may lie below any path.
    return encode_token(made.token) | {"path": f"share/{made.secret.reveal()}"}


def _reply_list(found: list[Token], _given: Given) -> dict[str, Any]:
    return {"tokens": [encode_token(token) for token in found]}


def _route(verb: str, path: str, needs: Needs, **rest: Any) -> Route:
    return Route(methods=(verb,), path=path, needs=needs & ACCOUNT, prefixes=PREFIX, **rest)


def _shared(path: str, needs: Needs, request: type[Request], call: Any) -> Route:
    path = f"shares/{path}"
    return _route("POST", path, needs, request=request, speaks=accounts.CreateShare, call=call, reply=_reply_share)


ROUTES = (
    _route("POST", "tokens", ACCOUNT, request=Create, speaks=accounts.CreateToken, call=_create, reply=_reply_new),
    _route("GET", "tokens", ACCOUNT, request=Nothing, speaks=accounts.ListTokens, call=_list, reply=_reply_list),
    _route(
        "DELETE",
        "tokens/{token_id}",
        ACCOUNT,
        request=One,
        speaks=accounts.RevokeToken,
        call=_revoke,
        reply=reply_nothing,
    ),
    _shared("experiment", manage(experiment="experiment_id"), ShareExperiment, _share_experiment),
    _shared("run", manage(run="run_id"), ShareRun, _share_run),
)
