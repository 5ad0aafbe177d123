"""Roles and what they grant: one function an op or query, inside a transaction of the caller's."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, delete, insert, select, update

from millstream.drivers.sql.accounts import people
from millstream.drivers.sql.accounts.tables import grants, members, roles
from millstream.values import accounts
from millstream.values.accounts import Grant, Membership, Role
from millstream.values.errors import AlreadyExists, InvalidValue, NotFound
from millstream.values.rights import Level


def grant(connection: Connection, op: accounts.GrantTo) -> Grant:
    """Give a user a level on a thing, in the role that is his own."""
    role_id = _own(connection, op.name)
    present = _find(connection, role_id, op.kind, op.pattern)
    if present is None:
        if op.known:
            raise _nothing(op.name, op.kind, op.pattern)
        return _add(connection, role_id, op.kind, op.pattern, op.level)
    if op.new:
        raise AlreadyExists(f"{op.name!r} has a permission on {op.kind} {op.pattern!r} already; update that.")
    return update_grant(connection, accounts.UpdateRoleGrant(grant_id=present.grant_id, level=op.level))


def get(connection: Connection, query: accounts.GetGrant) -> Grant:
    """What a user himself was granted on a thing."""
    found = _find(connection, _own(connection, query.name), query.kind, query.pattern)
    if found is None:
        raise _nothing(query.name, query.kind, query.pattern)
    return found


def revoke(connection: Connection, op: accounts.Revoke) -> None:
    """Take back what a user himself was granted on a thing."""
    found = get(connection, accounts.GetGrant(name=op.name, kind=op.kind, pattern=op.pattern))
    connection.execute(delete(grants).where(grants.c.grant_id == found.grant_id))


def forget(connection: Connection, op: accounts.ForgetThing) -> None:
    """Remove every grant on a thing."""
    connection.execute(delete(grants).where(_on(op.kind, op.pattern)))


def rename(connection: Connection, op: accounts.RenameThing) -> None:
    """Move every grant on a thing to its new name; what was granted on that name before is void."""
    connection.execute(delete(grants).where(_on(op.kind, op.to)))
    connection.execute(update(grants).where(_on(op.kind, op.pattern)).values(pattern=op.to))


def create_role(connection: Connection, op: accounts.CreateRole) -> Role:
    """Add a role."""
    _check_name(connection, op.name)
    fields = {"name": op.name, "description": op.description}
    (role_id,) = connection.execute(insert(roles).returning(roles.c.role_id), [fields]).one()
    return Role(role_id, op.name, op.description)


def update_role(connection: Connection, op: accounts.UpdateRole) -> Role:
    """Change a role."""
    found = _shared(connection, op.role_id)
    if op.name is not None and op.name != found.name:
        _check_name(connection, op.name)
    changes = {"name": op.name, "description": op.description}
    given = {key: value for key, value in changes.items() if value is not None}
    if given:
        connection.execute(update(roles).where(roles.c.role_id == op.role_id).values(**given))
    return role(connection, op.role_id)


def _check_name(connection: Connection, name: str) -> None:
    if name.startswith("__"):
        raise InvalidValue(f"{name!r} cannot be a role's name: those that begin with __ belong to users.")
    if connection.execute(select(roles.c.role_id).where(roles.c.name == name)).first():
        raise AlreadyExists(f"A role called {name!r} exists already.")


def delete_role(connection: Connection, op: accounts.DeleteRole) -> None:
    """Remove a role with its grants; who was in it has lost them."""
    _shared(connection, op.role_id)
    for table in (grants, members, roles):
        connection.execute(delete(table).where(table.c.role_id == op.role_id))


def add_grant(connection: Connection, op: accounts.AddRoleGrant) -> Grant:
    """Give a role a level on a thing."""
    role(connection, op.role_id)
    if _find(connection, op.role_id, op.kind, op.pattern) is not None:
        raise AlreadyExists(f"The role has a permission on {op.kind} {op.pattern!r} already; update that.")
    return _add(connection, op.role_id, op.kind, op.pattern, op.level)


def update_grant(connection: Connection, op: accounts.UpdateRoleGrant) -> Grant:
    """Change the level of a grant."""
    named = grants.c.grant_id == op.grant_id
    if not connection.execute(update(grants).where(named).values(level=int(op.level))).rowcount:
        raise _no_grant(op.grant_id)
    return _grant(connection.execute(select(grants).where(named)).one())


def remove_grant(connection: Connection, op: accounts.RemoveRoleGrant) -> None:
    """Remove a grant."""
    if not connection.execute(delete(grants).where(grants.c.grant_id == op.grant_id)).rowcount:
        raise _no_grant(op.grant_id)


def assign(connection: Connection, op: accounts.AssignRole) -> Membership:
    """Put a user into a role."""
    user = people.get(connection, op.name)
    _shared(connection, op.role_id)
    fields = {"user_id": user.user_id, "role_id": op.role_id}
    if connection.execute(select(members).where(_is_in(user.user_id, op.role_id))).first():
        raise AlreadyExists(f"{op.name!r} is in the role {op.role_id} already.")
    (member_id,) = connection.execute(insert(members).returning(members.c.member_id), [fields]).one()
    return Membership(member_id, **fields)


def unassign(connection: Connection, op: accounts.UnassignRole) -> None:
    """Take a user out of a role."""
    user = people.get(connection, op.name)
    _shared(connection, op.role_id)
    if not connection.execute(delete(members).where(_is_in(user.user_id, op.role_id))).rowcount:
        raise NotFound(f"{op.name!r} is not in the role {op.role_id}.")


def role(connection: Connection, role_id: int) -> Role:
    """One role with its grants, else NotFound."""
    found = _roles(connection, select(roles).where(roles.c.role_id == role_id))
    if not found:
        raise NotFound(f"There is no role {role_id}.")
    return found[0]


def shared_roles(connection: Connection) -> list[Role]:
    """All roles by name but those of single users."""
    return _roles(connection, select(roles).where(roles.c.owner.is_(None)).order_by(roles.c.name))


def roles_of(connection: Connection, query: accounts.UserRoles) -> list[Role]:
    """The roles that a user is in, his own first."""
    user = people.get(connection, query.name)
    mine = members.join(roles, roles.c.role_id == members.c.role_id)
    statement = select(*roles.c).select_from(mine).where(members.c.user_id == user.user_id)
    return _roles(connection, statement.order_by(roles.c.owner.is_(None), roles.c.name))


def users_of(connection: Connection, query: accounts.RoleUsers) -> list[Membership]:
    """Who is in a role."""
    role(connection, query.role_id)
    statement = select(members).where(members.c.role_id == query.role_id).order_by(members.c.member_id)
    return [Membership(row.member_id, row.user_id, row.role_id) for row in connection.execute(statement).all()]


def _roles(connection: Connection, statement: Select[Any]) -> list[Role]:
    rows = connection.execute(statement).all()
    given: defaultdict[int, list[Grant]] = defaultdict(list)
    wanted = select(grants).where(grants.c.role_id.in_([row.role_id for row in rows])).order_by(grants.c.grant_id)
    for row in connection.execute(wanted).all():
        given[row.role_id].append(_grant(row))
    return [Role(row.role_id, row.name, row.description, row.owner, tuple(given[row.role_id])) for row in rows]


def _shared(connection: Connection, role_id: int) -> Role:
    found = role(connection, role_id)
    if found.owner is not None:
        raise InvalidValue(f"The role {role_id} belongs to one user and stays as it is.")
    return found


def _own(connection: Connection, name: str) -> int:
    user = people.get(connection, name)
    return int(connection.execute(select(roles.c.role_id).where(roles.c.owner == user.user_id)).scalar_one())


def _find(connection: Connection, role_id: int, kind: str, pattern: str) -> Grant | None:
    row = connection.execute(select(grants).where(grants.c.role_id == role_id, _on(kind, pattern))).one_or_none()
    return None if row is None else _grant(row)


def _add(connection: Connection, role_id: int, kind: str, pattern: str, level: Level) -> Grant:
    fields = {"role_id": role_id, "kind": kind, "pattern": pattern, "level": int(level)}
    (grant_id,) = connection.execute(insert(grants).returning(grants.c.grant_id), [fields]).one()
    return Grant(grant_id, role_id, kind, pattern, level)


def _on(kind: str, pattern: str) -> Any:
    return and_(grants.c.kind == kind, grants.c.pattern == pattern)


def _is_in(user_id: int, role_id: int) -> Any:
    return and_(members.c.user_id == user_id, members.c.role_id == role_id)


def _grant(row: Row[Any]) -> Grant:
    return Grant(row.grant_id, row.role_id, row.kind, row.pattern, Level(row.level))


def _nothing(name: str, kind: str, pattern: str) -> NotFound:
    return NotFound(f"{name!r} has no permission of his own on {kind} {pattern!r}.")


def _no_grant(grant_id: int) -> NotFound:
    return NotFound(f"There is no permission {grant_id}.")
