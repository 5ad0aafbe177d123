"""The tables, and making them. They have a version of their own: any database may hold them, beside runs or alone."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Engine,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    func,
    insert,
    inspect,
    select,
    update,
)

from millstream.drivers.sql.engine import writing
from millstream.drivers.sql.making import make_tables
from millstream.values.errors import NotSupported

VERSION = 2

metadata = MetaData()


def _string(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


# One row. `generation` is raised with every change that matters for what somebody may do.
state = Table(
    "auth_state",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
)

users = Table(
    "auth_users",
    metadata,
    Column("user_id", Integer, primary_key=True),
    Column("name", _string(255), nullable=False, unique=True),
    Column("admin", Boolean, nullable=False),
    Column("password", Text, nullable=False),
    Column("created", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

# Every user has a role of his own, which nobody else is in: its `owner` is his id.
roles = Table(
    "auth_roles",
    metadata,
    Column("role_id", Integer, primary_key=True),
    Column("name", _string(255), nullable=False, unique=True),
    Column("description", Text),
    Column("owner", Integer, unique=True),
    sqlite_autoincrement=True,
)

members = Table(
    "auth_members",
    metadata,
    Column("member_id", Integer, primary_key=True),
    Column("user_id", Integer, nullable=False),
    Column("role_id", Integer, nullable=False, index=True),
    UniqueConstraint("user_id", "role_id"),
    sqlite_autoincrement=True,
)

grants = Table(
    "auth_grants",
    metadata,
    Column("grant_id", Integer, primary_key=True),
    Column("role_id", Integer, nullable=False),
    Column("kind", _string(64), nullable=False),
    Column("pattern", _string(500), nullable=False),
    Column("level", Integer, nullable=False),
    UniqueConstraint("role_id", "kind", "pattern"),
    Index("auth_grants_by_thing", "kind", "pattern"),
    sqlite_autoincrement=True,
)

# `kind` is "api", "session", "share" or "first"; `user_id` is NULL for the first. `things` is JSON: names by kind.
tokens = Table(
    "auth_tokens",
    metadata,
    Column("token_id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("kind", String(16), nullable=False),
    Column("user_id", Integer, index=True),
    Column("name", Text, nullable=False),
    Column("scope", String(16), nullable=False),
    Column("things", Text),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
)

# Passwords that were tried and not yet found right, by user and by address; `last` in ms.
tries = Table(
    "auth_tries",
    metadata,
    Column("subject", String(80), primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last", BigInteger, nullable=False, index=True),
)

# Since version 2. Changes that were sent under an idempotency key; of a request with a password the digest is hashed as
# that is. `answer` is JSON, and never holds a secret.
kept = Table(
    "auth_kept",
    metadata,
    Column("op_id", String(256), primary_key=True),
    Column("digest", Text, nullable=False),
    Column("time", BigInteger, nullable=False, index=True),
    Column("answer", Text),
)

# All programs that make the tables at once wait for each other here.
_LOCK = 0x6D696C61


def prepare(engine: Engine, place: str) -> None:
    """Make the tables where they are not, or those that are new; NotSupported for those of a newer Millstream."""
    with engine.connect() as connection:
        version = _version(connection)
    if version is None or version < VERSION:
        with writing(engine) as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
            make_tables(connection, metadata)
            if _version(connection) is None:
                connection.execute(insert(state), [{"version": VERSION, "generation": 1}])
            connection.execute(update(state).where(state.c.version < VERSION).values(version=VERSION))
    elif version > VERSION:
        raise NotSupported(
            f"The users in {place} are those of a newer Millstream (version {version}; this one knows {VERSION}). "
            "Use the newer one."
        )


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(state.name):
        return None
    return connection.execute(select(func.max(state.c.version))).scalar()
