"""What is granted to users, on the wire: by kind and name as MLflow 3 asks, and by experiment or model as 2 does."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from millstream.formats.wire.decode import Text, invalid
from millstream.formats.wire.needs import ACCOUNT, USER, Needs, itself, manage
from millstream.formats.wire.route import PREFIXES, Given, Request, Route, reply_nothing
from millstream.formats.wire.users import NEWER_PREFIXES, Nothing
from millstream.values import accounts
from millstream.values.accounts import WORKSPACE, Grant, Role, check_grant
from millstream.values.errors import InvalidValue, NotPermitted
from millstream.values.rights import EXPERIMENT, REGISTERED_MODEL, Level


class Thing(Request, frozen=True, kw_only=True):
    """Fields of users/permissions/revoke and get."""

    username: Text
    resource_type: Text
    resource_id: Text


class GrantOn(Request, frozen=True, kw_only=True):
    """Fields of users/permissions/grant."""

    username: Text
    resource_type: Text
    resource_id: Text
    permission: Text


class OfUser(Request, frozen=True, kw_only=True):
    """Fields of users/permissions/list."""

    username: Text


class OnExperiment(Request, frozen=True, kw_only=True):
    """Fields of experiments/permissions/get and delete."""

    experiment_id: Text
    username: Text


class GrantOnExperiment(Request, frozen=True, kw_only=True):
    """Fields of experiments/permissions/create and update."""

    experiment_id: Text
    username: Text
    permission: Text


class OnModel(Request, frozen=True, kw_only=True):
    """Fields of registered-models/permissions/get and delete."""

    name: Text
    username: Text


class GrantOnModel(Request, frozen=True, kw_only=True):
    """Fields of registered-models/permissions/create and update."""

    name: Text
    username: Text
    permission: Text


def read_level(word: str, given: Given) -> Level:
    """The level that `word` names; DENY, which outdoes every other grant, is for administrators."""
    try:
        level = Level.named(word)
    except InvalidValue as error:
        raise invalid("permission", word, error.message) from error
    if level is Level.DENY and not given.caller.rules:
        raise NotPermitted("Only an administrator may deny.")
    return level


def _named(request: Any) -> tuple[str, str]:
    """Kind and name of what a request is about."""
    if isinstance(request, OnExperiment | GrantOnExperiment):
        return EXPERIMENT, request.experiment_id
    if isinstance(request, OnModel | GrantOnModel):
        return REGISTERED_MODEL, request.name
    check_grant(request.resource_type, request.resource_id)
    return request.resource_type, request.resource_id


def _grant(request: Any, given: Given, *, new: bool = False, known: bool = False) -> accounts.GrantTo:
    kind, pattern = _named(request)
    level = read_level(request.permission, given)
    return accounts.GrantTo(name=request.username, kind=kind, pattern=pattern, level=level, new=new, known=known)


def _create(request: Any, given: Given) -> accounts.GrantTo:
    return _grant(request, given, new=True)


def _update(request: Any, given: Given) -> accounts.GrantTo:
    return _grant(request, given, known=True)


def _revoke(request: Any, _given: Given) -> accounts.Revoke:
    kind, pattern = _named(request)
    return accounts.Revoke(name=request.username, kind=kind, pattern=pattern)


def _get(request: Any, _given: Given) -> accounts.GetGrant:
    kind, pattern = _named(request)
    return accounts.GetGrant(name=request.username, kind=kind, pattern=pattern)


def _get_level(request: Thing, _given: Given) -> accounts.GetLevel:
    kind, pattern = _named(request)
    return accounts.GetLevel(name=request.username, kind=kind, thing=pattern)


def _get_user(request: Any) -> accounts.GetUser:
    return accounts.GetUser(name=request.username)


def _list(request: OfUser, _given: Given) -> accounts.UserRoles:
    return accounts.UserRoles(name=request.username)


def _list_own(_request: Nothing, given: Given) -> accounts.UserRoles:
    return accounts.UserRoles(name=given.caller.name)


def _reply_level(level: Level, _given: Given) -> dict[str, Any]:
    return {"allowed": level >= Level.USE, "permission": level.name}


def _reply_grant(grant: Grant, given: Given) -> dict[str, Any]:
    name = {EXPERIMENT: "experiment_id", REGISTERED_MODEL: "name"}[grant.kind]
    fields = {name: grant.pattern, "user_id": given.first.user_id, "permission": grant.level.name}
    return {f"{grant.kind}_permission": fields}


def _reply_list(roles: list[Role], given: Given) -> dict[str, Any]:
    rows = [
        {
            "role_id": role.role_id,
            "role_name": role.name,
            "workspace": WORKSPACE,
            "resource_type": grant.kind,
            "resource_pattern": grant.pattern,
            "permission": grant.level.name,
        }
        for role in roles
        for grant in role.grants
    ]
    return {"is_admin": given.caller.admin if given.first is None else given.first.admin, "permissions": rows}


def _newer(verb: str, path: str, needs: Needs, **rest: Any) -> Route:
    return Route(methods=(verb,), path=f"users/{path}", needs=needs, prefixes=NEWER_PREFIXES, **rest)


def _older(family: str, needs: Needs, thing: type[Request], grant: type[Request]) -> tuple[Route, ...]:
    # Four routes of one family. Each is about a user, who is looked up for his id.
    def route(verb: str, path: str, request: type[Request], speaks: type, call: Any, reply: Any) -> Route:
        return Route(
            methods=(verb,),
            path=f"{family}/permissions/{path}",
            needs=needs & ACCOUNT,
            request=request,
            speaks=speaks,
            call=call,
            reply=reply,
            first=_get_user,
            alone=True,
            prefixes=PREFIXES,
        )

    return (
        route("POST", "create", grant, accounts.GrantTo, _create, _reply_grant),
        structs.replace(route("GET", "get", thing, accounts.GetGrant, _get, _reply_grant), alone=False),
        route("PATCH", "update", grant, accounts.GrantTo, _update, reply_nothing),
        route("DELETE", "delete", thing, accounts.Revoke, _revoke, reply_nothing),
    )


RESOURCE = manage(resource="resource_id") & ACCOUNT
ROUTES = (
    *_older("experiments", manage(experiment="experiment_id"), OnExperiment, GrantOnExperiment),
    *_older("registered-models", manage(registered_model="name"), OnModel, GrantOnModel),
    _newer(
        "POST",
        "permissions/grant",
        RESOURCE,
        request=GrantOn,
        speaks=accounts.GrantTo,
        call=_grant,
        reply=reply_nothing,
    ),
    _newer(
        "POST", "permissions/revoke", RESOURCE, request=Thing, speaks=accounts.Revoke, call=_revoke, reply=reply_nothing
    ),
    _newer(
        "GET",
        "permissions/get",
        itself("username"),
        request=Thing,
        speaks=accounts.GetLevel,
        call=_get_level,
        reply=_reply_level,
    ),
    _newer(
        "GET",
        "permissions/list",
        itself("username"),
        request=OfUser,
        speaks=accounts.UserRoles,
        call=_list,
        reply=_reply_list,
        first=_get_user,
    ),
    _newer(
        "GET",
        "current/permissions",
        USER,
        request=Nothing,
        speaks=accounts.UserRoles,
        call=_list_own,
        reply=_reply_list,
    ),
)
