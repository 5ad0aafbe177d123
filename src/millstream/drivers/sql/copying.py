"""Copies of databases as SQLite files, each of one moment, while others write."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path

from sqlalchemy import Connection, delete, func, insert, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.engine import connect_to_read, is_kept_from_writing
from millstream.values.errors import DataDamaged, StorageFailed

PAGES = 2000
ROWS = 500

Progress = Callable[[int, int], None]


def copy_sqlite(source: Path, target: Path, progress: Progress | None = None) -> None:
    """Copy a SQLite database as it is at the start of this call; nobody waits for it. One file, without a WAL."""
    try:
        with closing(_connect(source)) as old, closing(sqlite3.connect(target)) as new:
            # With a snapshot of its own the copying need not begin again whenever somebody writes.
            old.execute("BEGIN")
            old.execute("SELECT count(*) FROM sqlite_master").fetchone()
            old.backup(new, pages=PAGES, progress=_reporter(progress))
            old.execute("ROLLBACK")
            new.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.DatabaseError as error:
        code = (getattr(error, "sqlite_errorcode", 0) or 0) & 0xFF
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DataDamaged(f"The database {str(source)!r} is damaged: {error}.") from error
        raise StorageFailed(f"Cannot copy the database {str(source)!r} to {str(target)!r}: {error}.") from error


def _connect(source: Path) -> sqlite3.Connection:
    connection = connect_to_read(source) if is_kept_from_writing(source) else sqlite3.connect(source)
    connection.isolation_level = None
    return connection


def _reporter(progress: Progress | None) -> Callable[[int, int, int], object] | None:
    return None if progress is None else lambda _status, left, total: progress(total - left, total)


def copy_rows(source: Connection, target: Connection, progress: Progress | None = None) -> None:
    """Replace what `target` holds by all rows of `source`; both have the schema of this program.

    All rows are of one moment when `source` reads a snapshot.
    """
    total = sum(int(source.execute(select(func.count()).select_from(table)).scalar_one()) for table in ledger.TABLES)
    done = 0
    for table in ledger.TABLES:
        target.execute(delete(table))
        rows = source.execution_options(yield_per=ROWS).execute(select(table)).mappings()
        while batch := [dict(row) for row in islice(rows, ROWS)]:
            target.execute(insert(table), batch)
            done += len(batch)
            if progress is not None:
                progress(done, total)
    if target.dialect.name == "postgresql":
        # Rows that came with their number do not move the counter that gives out new ones.
        for column in (schema.runs.c.rid, schema.registered_models.c.mid, schema.model_versions.c.vid):
            highest = int(target.execute(select(func.coalesce(func.max(column), 0) + 1)).scalar_one())
            sequence = func.pg_get_serial_sequence(column.table.name, column.name)
            target.execute(select(func.setval(sequence, highest, False)))
