"""Rows that may be there already."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert those of `rows` whose primary key is not there yet."""
    if rows:
        connection.execute(_insert(connection.dialect.name, table).on_conflict_do_nothing(), rows)


def insert_one(connection: Connection, table: Table, row: dict[str, Any]) -> Any | None:
    """Insert `row`; its primary key (of one column), None when a row of that or another unique key is there."""
    (key,) = table.primary_key
    statement = _insert(connection.dialect.name, table).values(row).on_conflict_do_nothing().returning(key)
    return connection.execute(statement).scalar_one_or_none()


def upsert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert `rows`, or overwrite those of the same primary key; no key comes twice in `rows`."""
    if rows:
        connection.execute(_upsert(connection.dialect.name, table), rows)


@lru_cache(maxsize=64)
def _upsert(dialect: str, table: Table) -> Any:
    statement = _insert(dialect, table)
    changed = {column.name: statement.excluded[column.name] for column in table.c if not column.primary_key}
    keys = [column.name for column in table.primary_key]
    return statement.on_conflict_do_update(index_elements=keys, set_=changed)


def _insert(dialect: str, table: Table) -> Any:
    # The two write it alike, but SQLAlchemy has no name for both.
    return (sqlite if dialect == "sqlite" else postgresql).insert(table)
