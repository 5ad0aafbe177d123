"""How many bytes rows of a database hold, and how much the database takes up on disk."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, LargeBinary, String, Table, cast, func, select
from sqlalchemy.exc import DBAPIError

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.failures import failure
from millstream.drivers.sql.read import batches
from millstream.values.space import Compacted

T = TypeVar("T")

# A row costs about so much besides its texts: numbers, keys, headers.
ROW_BYTES = 16


def of_runs(connection: Connection, tables: Sequence[Table], rids: Sequence[int]) -> dict[int, int]:
    """Bytes that each run has in `tables`, which have a column `rid`: texts, binary data, and something a row."""
    return _of(connection, tables, "rid", rids)


def _of(connection: Connection, tables: Sequence[Table], name: str, owners: Sequence[T]) -> dict[T, int]:
    found: dict[T, int] = {}
    for table in tables:
        size: Any = func.count() * ROW_BYTES
        for column in table.c:
            if isinstance(column.type, String | LargeBinary):
                size += func.coalesce(func.sum(_length(connection, column)), 0)
        owner = table.c[name]
        for batch in batches(owners):
            statement = select(owner, size).where(owner.in_(batch)).group_by(owner)
            for one, number in connection.execute(statement).all():
                found[one] = found.get(one, 0) + int(number)
    return found


def of_models(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Bytes of the rows of logged models."""
    return _of(connection, schema.LOGGED_MODELS, "model_id", ids)


def of_experiment(connection: Connection, experiment_id: str) -> int:
    """Bytes of an experiment's tags."""
    table = schema.experiment_tags
    size = func.sum(_length(connection, table.c.key) + _length(connection, table.c.value) + ROW_BYTES)
    return int(connection.execute(select(size).where(table.c.experiment_id == experiment_id)).scalar() or 0)


def _length(connection: Connection, column: Any) -> Any:
    if isinstance(column.type, LargeBinary):
        return func.length(column)
    if connection.dialect.name == "sqlite":
        return func.length(cast(column, LargeBinary))
    return func.octet_length(column)


def compact(engine: Engine, place: str) -> Compacted:
    """Give free space back: SQLite rewrites its file; PostgreSQL marks it for its own use. Others wait meanwhile."""
    before = _on_disk(engine)
    note = ""
    try:
        if engine.dialect.name == "sqlite":
            _vacuum_file(engine)
        else:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                names = map(connection.dialect.identifier_preparer.format_table, ledger.TABLES)
                connection.exec_driver_sql(f"VACUUM {', '.join(names)}")
            note = "PostgreSQL keeps the free space for new runs; VACUUM FULL gives it back, but locks the tables."
    except sqlite3.Error as error:
        note = f"The file was not made smaller ({error}); the free space in it is used for new runs."
    except DBAPIError as error:
        note = failure(error, place).message
    return Compacted(before, _on_disk(engine), note)


def _vacuum_file(engine: Engine) -> None:
    # Straight to the driver: a VACUUM may not stand inside a transaction.
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.close()
    finally:
        connection.close()


def _on_disk(engine: Engine) -> int | None:
    if engine.dialect.name == "sqlite":
        path = Path(engine.url.database or "")
        return sum(os.path.getsize(file) for file in (path, Path(f"{path}-wal")) if file.exists())
    with engine.connect() as connection:
        sizes = [
            connection.execute(select(func.pg_total_relation_size(func.to_regclass(table.name)))).scalar()
            for table in ledger.TABLES
        ]
    return sum(int(size or 0) for size in sizes)
