"""Locks that all processes have in common which use one database."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

_ALONE = 0x6D696C6F


def wait_alone(connection: Connection) -> None:
    """Have the one such lock of a PostgreSQL database until the transaction of `connection` ends.

    It goes with the session of one that dies. SQLite has none: nothing happens there.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ALONE)))
