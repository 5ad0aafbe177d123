"""Tokens, sessions, share links and tries: inside a transaction of the caller's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from millstream.drivers.sql.accounts import tables
from millstream.drivers.sql.accounts.tables import state, tries, users
from millstream.values.accounts import Token
from millstream.values.errors import NotFound
from millstream.values.readers import json_reader

API, SESSION, SHARE, FIRST = "api", "session", "share", "first"
_read_things = json_reader(dict[str, tuple[str, ...]])


class Credential(Struct, frozen=True):
    """A token as it was found by its hash: its kind, and the user it belongs to."""

    kind: str
    token: Token
    user_id: int | None


def add(connection: Connection, kind: str, user_id: int | None, token: Token, hashed: str) -> None:
    """Keep a token by its hash."""
    fields = {
        "token_id": token.token_id,
        "hash": hashed,
        "kind": kind,
        "user_id": user_id,
        "name": token.name,
        "scope": token.scope,
        "things": None if token.things is None else msgspec.json.encode(token.things).decode(),
        "created": token.created,
        "expires": token.expires,
    }
    connection.execute(insert(tables.tokens), [fields])


def find(connection: Connection, hashed: str) -> Credential | None:
    """The token of this hash, whether over or not."""
    row = connection.execute(_tokens().where(tables.tokens.c.hash == hashed)).one_or_none()
    return None if row is None else Credential(row.kind, _token(row), row.user_id)


def listed(connection: Connection, user: str | None, now: int) -> list[Token]:
    """Tokens for programs and share links that are not over, the newest first."""
    columns = tables.tokens.c
    conditions: list[ColumnElement[bool]] = [columns.kind.in_([API, SHARE]), columns.expires > now]
    if user is not None:
        conditions.append(users.c.name == user)
    statement = _tokens().where(*conditions).order_by(columns.created.desc(), columns.token_id)
    return [_token(row) for row in connection.execute(statement).all()]


def revoke(connection: Connection, token_id: str, user: str | None) -> None:
    """Remove a token, only one of `user` unless that is None; else NotFound."""
    conditions = [tables.tokens.c.token_id == token_id]
    if user is not None:
        conditions.append(tables.tokens.c.user_id.in_(select(users.c.user_id).where(users.c.name == user)))
    if not connection.execute(delete(tables.tokens).where(*conditions)).rowcount:
        raise NotFound(f"There is no token {token_id!r}.")


def sweep(connection: Connection, now: int) -> None:
    """Remove tokens that are over."""
    connection.execute(delete(tables.tokens).where(tables.tokens.c.expires <= now))


def raise_generation(connection: Connection) -> None:
    """Let every process look again at what it knows of users."""
    connection.execute(update(state).values(generation=state.c.generation + 1))


def generation(connection: Connection) -> int:
    """Raised with every change of what somebody may do."""
    return int(connection.execute(select(state.c.generation)).scalar_one())


def tried(connection: Connection, subjects: Sequence[str], since: int) -> dict[str, tuple[int, int]]:
    """Count and time (ms) of what was tried by each subject since `since`."""
    columns = tries.c
    statement = select(columns.subject, columns["count"], columns.last)
    found = connection.execute(statement.where(columns.subject.in_(subjects), columns.last > since))
    return {subject: (count, last) for subject, count, last in found.all()}


def note_try(connection: Connection, subjects: Sequence[str], now: int, since: int) -> None:
    """Count one more try of each subject; what is older than `since` is forgotten."""
    connection.execute(delete(tries).where(tries.c.last <= since))
    dialect: Any = postgresql if connection.dialect.name == "postgresql" else sqlite
    added = dialect.insert(tries).values([{"subject": subject, "count": 1, "last": now} for subject in subjects])
    latest = {"count": tries.c["count"] + 1, "last": func.coalesce(added.excluded.last, tries.c.last)}
    connection.execute(added.on_conflict_do_update(index_elements=[tries.c.subject], set_=latest))


def clear_tries(connection: Connection, wholly: str, once: Sequence[str]) -> None:
    """After a right password: forget the subject `wholly`, and one try of each of `once`."""
    connection.execute(delete(tries).where(tries.c.subject == wholly))
    less = and_(tries.c.subject.in_(once), tries.c["count"] > 0)
    connection.execute(update(tries).where(less).values(count=tries.c["count"] - 1))


def _tokens() -> Any:
    joined = tables.tokens.outerjoin(users, users.c.user_id == tables.tokens.c.user_id)
    return select(*tables.tokens.c, users.c.name.label("owner")).select_from(joined)


def _token(row: Row[Any]) -> Token:
    things = None if row.things is None else _read_things(row.things)
    return Token(row.token_id, row.owner or "", row.name, row.scope, row.created, row.expires, things)
