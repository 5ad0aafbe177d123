"""Users on the wire: MLflow's routes of its basic-auth app. They are there where users log in."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, UnsetType

from millstream.formats.wire.decode import Text
from millstream.formats.wire.needs import ADMIN, USER, itself
from millstream.formats.wire.route import PREFIXES, Given, Request, Route, reply_nothing
from millstream.values import accounts
from millstream.values.accounts import Role, User
from millstream.values.errors import InvalidState
from millstream.values.rights import EXPERIMENT, REGISTERED_MODEL
from millstream.values.secrets import Secret

NEWER_PREFIXES = ("/api/3.0/mlflow/", "/ajax-api/3.0/mlflow/")
"""Where MLflow 3 has what is newer."""


class Create(Request, frozen=True, kw_only=True):
    """Fields of users/create."""

    username: Text
    password: Text


class ByName(Request, frozen=True, kw_only=True):
    """Fields of users/get and delete."""

    username: Text


class Nothing(Request, frozen=True, kw_only=True):
    """No fields."""


class Password(Request, frozen=True, kw_only=True):
    """Fields of users/update-password. Who changes his own gives the current one too."""

    username: Text
    password: Text
    current_password: str = ""


class Admin(Request, frozen=True, kw_only=True):
    """Fields of users/update-admin."""

    username: Text
    is_admin: bool


def _create(request: Create, given: Given) -> accounts.CreateUser:
    return accounts.CreateUser(name=request.username, password=Secret(request.password), time=given.now)


def _get_roles(request: ByName) -> accounts.UserRoles:
    return accounts.UserRoles(name=request.username)


def _get(request: ByName, _given: Given) -> accounts.GetUser:
    return accounts.GetUser(name=request.username)


def _current(_request: Nothing, given: Given) -> accounts.GetUser:
    return accounts.GetUser(name=given.caller.name)


def _set_password(request: Password, given: Given) -> accounts.SetPassword:
    own = request.username == given.caller.name
    if own and not request.current_password:
        raise InvalidState("Give the current password too when you change your own.")
    return accounts.SetPassword(
        name=request.username,
        password=Secret(request.password),
        current=Secret(request.current_password) if own else None,
    )


def _set_admin(request: Admin, _given: Given) -> accounts.SetAdmin:
    return accounts.SetAdmin(name=request.username, admin=request.is_admin)


def _delete(request: ByName, given: Given) -> accounts.DeleteUser:
    if request.username == given.caller.name:
        raise InvalidState("Users cannot delete themselves; ask another administrator.")
    return accounts.DeleteUser(name=request.username)


def encode_user(user: User, roles: list[Role] | UnsetType = UNSET) -> dict[str, Any]:
    """Reply object of a user; when `roles` are given, with his own permissions as older clients expect them."""
    found: dict[str, Any] = {"id": user.user_id, "username": user.name, "is_admin": user.admin}
    if roles is UNSET:
        return found
    own = [grant for role in roles if role.owner == user.user_id for grant in role.grants]
    names = {EXPERIMENT: "experiment_id", REGISTERED_MODEL: "name"}
    for kind, name in names.items():
        found[f"{kind}_permissions"] = [
            {name: grant.pattern, "user_id": user.user_id, "permission": grant.level.name}
            for grant in own
            if grant.kind == kind
        ]
    return found | {"scorer_permissions": []}


def _reply_new(user: User, _given: Given) -> dict[str, Any]:
    return {"user": encode_user(user, [])}


def _reply_one(user: User, given: Given) -> dict[str, Any]:
    return {"user": encode_user(user, given.first)}


def _reply_current(user: User, _given: Given) -> dict[str, Any]:
    return {"user": encode_user(user), "is_basic_auth": True}


def _reply_all(users: list[User], _given: Given) -> dict[str, Any]:
    return {"users": [encode_user(user) for user in users]}


def _route(verb: str, path: str, **rest: Any) -> Route:
    return Route(methods=(verb,), path=f"users/{path}", prefixes=PREFIXES, **rest)


ROUTES = (
    _route("POST", "create", needs=ADMIN, request=Create, speaks=accounts.CreateUser, call=_create, reply=_reply_new),
    _route(
        "GET",
        "get",
        needs=itself("username"),
        request=ByName,
        speaks=accounts.GetUser,
        call=_get,
        reply=_reply_one,
        first=_get_roles,
    ),
    _route("GET", "current", needs=USER, request=Nothing, speaks=accounts.GetUser, call=_current, reply=_reply_current),
    _route(
        "GET",
        "list",
        needs=ADMIN,
        request=Nothing,
        speaks=accounts.ListUsers,
        call=lambda _request, _given: accounts.ListUsers(),
        reply=_reply_all,
    ),
    _route(
        "PATCH",
        "update-password",
        needs=itself("username"),
        request=Password,
        speaks=accounts.SetPassword,
        call=_set_password,
        reply=reply_nothing,
    ),
    _route(
        "PATCH",
        "update-admin",
        needs=ADMIN,
        request=Admin,
        speaks=accounts.SetAdmin,
        call=_set_admin,
        reply=reply_nothing,
    ),
    _route(
        "DELETE",
        "delete",
        needs=ADMIN,
        request=ByName,
        speaks=accounts.DeleteUser,
        call=_delete,
        reply=reply_nothing,
    ),
)
