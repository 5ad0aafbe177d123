"""Users: one function an op or query, inside a transaction of the caller's."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from millstream.drivers.sql.accounts.tables import grants, members, roles, tokens, users
from millstream.values import accounts
from millstream.values.accounts import User
from millstream.values.errors import AlreadyExists, InvalidState, NotFound
from millstream.values.rights import Level, fold
from millstream.values.secrets import Secret


class Person(Struct, frozen=True):
    """All that is known of a user: `password` as it is kept, levels by kind and name, of all roles together."""

    user: User
    password: Secret
    grants: dict[tuple[str, str], Level]


def create(connection: Connection, op: accounts.CreateUser, password: str) -> User:
    """Add a user with his own role; `password` is the hashed one."""
    if find(connection, op.name) is not None:
        raise AlreadyExists(f"A user called {op.name!r} exists already.")
    first = not connection.execute(select(func.count()).select_from(users)).scalar_one()
    admin = op.admin or first
    fields = {"name": op.name, "admin": admin, "password": password, "created": op.time}
    (user_id,) = connection.execute(insert(users).returning(users.c.user_id), [fields]).one()
    # MLflow's name for it.
    own = {"name": f"__user_{user_id}__", "owner": user_id}
    (role_id,) = connection.execute(insert(roles).returning(roles.c.role_id), [own]).one()
    connection.execute(insert(members), [{"user_id": user_id, "role_id": role_id}])
    if first:
        connection.execute(delete(tokens).where(tokens.c.kind == "first"))
    return User(user_id, op.name, admin, op.time)


def set_password(connection: Connection, op: accounts.SetPassword, password: str) -> None:
    """Keep another (hashed) password, and end the user's sessions."""
    user = get(connection, op.name)
    connection.execute(update(users).where(users.c.user_id == user.user_id).values(password=password))
    connection.execute(delete(tokens).where(tokens.c.user_id == user.user_id, tokens.c.kind == "session"))


def set_admin(connection: Connection, op: accounts.SetAdmin) -> None:
    """Make a user an administrator, or none."""
    user = get(connection, op.name)
    if not op.admin:
        _keep_an_admin(connection, user)
    connection.execute(update(users).where(users.c.user_id == user.user_id).values(admin=op.admin))


def remove(connection: Connection, op: accounts.DeleteUser) -> None:
    """Remove a user and all that is his."""
    user = get(connection, op.name)
    _keep_an_admin(connection, user)
    own = select(roles.c.role_id).where(roles.c.owner == user.user_id)
    connection.execute(delete(grants).where(grants.c.role_id.in_(own)))
    connection.execute(delete(roles).where(roles.c.owner == user.user_id))
    for table in (members, tokens, users):
        connection.execute(delete(table).where(table.c.user_id == user.user_id))


def _keep_an_admin(connection: Connection, user: User) -> None:
    admins = connection.execute(select(users.c.user_id).where(users.c.admin)).scalars().all()
    if list(admins) == [user.user_id]:
        raise InvalidState(f"{user.name!r} is the only administrator; make another one first.")


def find(connection: Connection, name: str) -> User | None:
    """The user called `name`."""
    row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
    return None if row is None else _user(row)


def get(connection: Connection, name: str) -> User:
    """The user called `name`, else NotFound."""
    found = find(connection, name)
    if found is None:
        raise NotFound(f"There is no user called {name!r}.")
    return found


def listed(connection: Connection) -> list[User]:
    """All users by name."""
    return [_user(row) for row in connection.execute(select(users).order_by(users.c.name)).all()]


def person(connection: Connection, *, name: str | None = None, user_id: int | None = None) -> Person | None:
    """A user with all that the roles he is in grant him."""
    named = users.c.user_id == user_id if name is None else users.c.name == name
    row = connection.execute(select(users).where(named)).one_or_none()
    if row is None:
        return None
    statement = (
        select(grants.c.kind, grants.c.pattern, grants.c.level)
        .select_from(grants.join(members, members.c.role_id == grants.c.role_id))
        .where(members.c.user_id == row.user_id)
    )
    levels: dict[tuple[str, str], Level] = {}
    for kind, pattern, level in connection.execute(statement).all():
        key = (kind, pattern)
        levels[key] = fold([Level(level), levels[key]]) if key in levels else Level(level)
    return Person(_user(row), Secret(row.password), levels)


def _user(row: Row[Any]) -> User:
    return User(row.user_id, row.name, bool(row.admin), row.created)
