"""Roles on the wire, as MLflow 3 asks for them. There is one workspace here, "default"."""

from __future__ import annotations

from typing import Any, get_type_hints

from millstream.formats.wire.decode import Int64, Text, invalid, missing
from millstream.formats.wire.grants import read_level
from millstream.formats.wire.needs import ADMIN, Needs, itself
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.formats.wire.users import NEWER_PREFIXES
from millstream.values import accounts
from millstream.values.accounts import WORKSPACE, Grant, Membership, Role


class Create(Request, frozen=True, kw_only=True):
    """Fields of roles/create."""

    name: Text
    workspace: Text
    description: str | None = None


class One(Request, frozen=True, kw_only=True):
    """Fields of roles/get and delete, roles/permissions/list and roles/users/list."""

    role_id: Int64


class List(Request, frozen=True, kw_only=True):
    """Fields of roles/list."""

    workspace: tuple[str, ...] = ()


class Update(Request, frozen=True, kw_only=True):
    """Fields of roles/update: what is given changes."""

    role_id: Int64
    name: str | None = None
    description: str | None = None


class Add(Request, frozen=True, kw_only=True):
    """Fields of roles/permissions/add."""

    role_id: Int64
    resource_type: Text
    resource_pattern: Text
    permission: Text


class Change(Request, frozen=True, kw_only=True):
    """Fields of roles/permissions/update."""

    role_permission_id: Int64
    permission: Text


class Remove(Request, frozen=True, kw_only=True):
    """Fields of roles/permissions/remove."""

    role_permission_id: Int64


class Member(Request, frozen=True, kw_only=True):
    """Fields of roles/assign and unassign."""

    username: Text
    role_id: Int64


class OfUser(Request, frozen=True, kw_only=True):
    """Fields of users/roles/list."""

    username: Text


def _check_workspace(name: str) -> None:
    if name != WORKSPACE:
        raise invalid("workspace", name, f"There is one workspace here, {WORKSPACE!r}.")


def _create(request: Create, _given: Given) -> accounts.CreateRole:
    _check_workspace(request.workspace)
    return accounts.CreateRole(name=request.name, description=request.description)


def _get(request: One, _given: Given) -> accounts.GetRole:
    return accounts.GetRole(role_id=request.role_id)


def _list(request: List, _given: Given) -> accounts.ListRoles:
    for name in request.workspace:
        _check_workspace(name)
    return accounts.ListRoles()


def _update(request: Update, _given: Given) -> accounts.UpdateRole:
    if request.name is None and request.description is None:
        raise missing("name")
    return accounts.UpdateRole(role_id=request.role_id, name=request.name, description=request.description)


def _delete(request: One, _given: Given) -> accounts.DeleteRole:
    return accounts.DeleteRole(role_id=request.role_id)


def _add(request: Add, given: Given) -> accounts.AddRoleGrant:
    return accounts.AddRoleGrant(
        role_id=request.role_id,
        kind=request.resource_type,
        pattern=request.resource_pattern,
        level=read_level(request.permission, given),
    )


def _change(request: Change, given: Given) -> accounts.UpdateRoleGrant:
    return accounts.UpdateRoleGrant(grant_id=request.role_permission_id, level=read_level(request.permission, given))


def _remove(request: Remove, _given: Given) -> accounts.RemoveRoleGrant:
    return accounts.RemoveRoleGrant(grant_id=request.role_permission_id)


def _assign(request: Member, _given: Given) -> accounts.AssignRole:
    return accounts.AssignRole(name=request.username, role_id=request.role_id)


def _unassign(request: Member, _given: Given) -> accounts.UnassignRole:
    return accounts.UnassignRole(name=request.username, role_id=request.role_id)


def _of_user(request: OfUser, _given: Given) -> accounts.UserRoles:
    return accounts.UserRoles(name=request.username)


def _users(request: One, _given: Given) -> accounts.RoleUsers:
    return accounts.RoleUsers(role_id=request.role_id)


def _role(role: Role) -> dict[str, Any]:
    return {
        "id": role.role_id,
        "name": role.name,
        "workspace": WORKSPACE,
        "description": role.description,
        "permissions": [_grant(grant) for grant in role.grants],
    }


def _grant(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.grant_id,
        "role_id": grant.role_id,
        "resource_type": grant.kind,
        "resource_pattern": grant.pattern,
        "permission": grant.level.name,
    }


def _member(member: Membership) -> dict[str, Any]:
    return {"id": member.member_id, "user_id": member.user_id, "role_id": member.role_id}


def _reply_one(role: Role, _given: Given) -> dict[str, Any]:
    return {"role": _role(role)}


def _reply_all(roles: list[Role], _given: Given) -> dict[str, Any]:
    return {"roles": [_role(role) for role in roles]}


def _reply_grant(grant: Grant, _given: Given) -> dict[str, Any]:
    return {"role_permission": _grant(grant)}


def _reply_grants(role: Role, _given: Given) -> dict[str, Any]:
    return {"role_permissions": [_grant(grant) for grant in role.grants]}


def _reply_member(member: Membership, _given: Given) -> dict[str, Any]:
    return {"assignment": _member(member)}


def _reply_members(members: list[Membership], _given: Given) -> dict[str, Any]:
    return {"assignments": [_member(member) for member in members]}


def _route(verb: str, path: str, request: type[Request], call: Any, reply: Any, needs: Needs = ADMIN) -> Route:
    speaks = get_type_hints(call)["return"]
    return Route(
        methods=(verb,),
        path=path,
        needs=needs,
        request=request,
        speaks=speaks,
        call=call,
        reply=reply,
        prefixes=NEWER_PREFIXES,
    )


ROUTES = (
    _route("POST", "roles/create", Create, _create, _reply_one),
    _route("GET", "roles/get", One, _get, _reply_one),
    _route("GET", "roles/list", List, _list, _reply_all),
    _route("PATCH", "roles/update", Update, _update, _reply_one),
    _route("DELETE", "roles/delete", One, _delete, reply_nothing),
    _route("POST", "roles/permissions/add", Add, _add, _reply_grant),
    _route("DELETE", "roles/permissions/remove", Remove, _remove, reply_nothing),
    _route("GET", "roles/permissions/list", One, _get, _reply_grants),
    _route("PATCH", "roles/permissions/update", Change, _change, _reply_grant),
    _route("POST", "roles/assign", Member, _assign, _reply_member),
    _route("DELETE", "roles/unassign", Member, _unassign, reply_nothing),
    _route("GET", "roles/users/list", One, _users, _reply_members),
    _route("GET", "users/roles/list", OfUser, _of_user, _reply_all, itself("username")),
)
