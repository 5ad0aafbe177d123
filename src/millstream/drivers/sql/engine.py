"""Connections: SQLite with the functions and settings that searches rely on, and PostgreSQL."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool, QueuePool

from millstream.drivers.sql.plain import Driver
from millstream.formats.patterns import matcher
from millstream.values.databases import hidden
from millstream.values.errors import InvalidValue, MissingDependency

BUSY_SECONDS = 30
CONNECT_SECONDS = 10


def sqlite_engine(path: Path) -> Engine:
    """An engine over the SQLite file `path` (made when missing); transactions that write start as such.

    LIKE is case-sensitive, as in MLflow; `fold(x)` is Unicode case folding, for ILIKE; `rlike(pattern, x)` matches.
    """
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=28,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        query_cache_size=500,
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def is_kept_from_writing(path: Path) -> bool:
    """Whether the SQLite file `path` is there and nothing can be written beside it: SQLite cannot open it as usual."""
    return path.is_file() and not os.access(path.parent, os.W_OK)


def sqlite_reader(path: Path) -> Engine:
    """An engine over a SQLite file that `is_kept_from_writing`; each transaction has a `connect_to_read` of its own."""
    engine = create_engine(
        f"sqlite:///{path}", creator=lambda: connect_to_read(path), poolclass=NullPool, query_cache_size=500
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def connect_to_read(path: Path) -> sqlite3.Connection:
    """A connection to a SQLite file; it refuses to write, and makes no file beside it where that cannot be.

    A file in WAL mode that `is_kept_from_writing` is taken for one that nobody changes, unless there are changes beside
    it that are not in it yet: those can only be read where another program has it open for writing. Without WAL, SQLite
    reads with the usual locks there.
    """
    frozen = is_kept_from_writing(path) and not keeps_a_rollback_journal(path) and not _has_more_beside(path)
    uri = f"file:{quote(path.as_posix())}?mode=ro{'&immutable=1' if frozen else ''}"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, check_same_thread=False)


def _has_more_beside(path: Path) -> bool:
    """Whether changes lie beside a file in WAL mode, or somebody who has it open may put some there."""
    wal = Path(f"{path}-wal")
    return wal.exists() and (wal.stat().st_size > 0 or Path(f"{path}-shm").exists())


def keeps_a_rollback_journal(path: Path) -> bool:
    """Byte 18 of a SQLite file is its write version: 1 for a rollback journal, 2 for WAL."""
    try:
        with path.open("rb") as file:
            return file.read(19)[18:] == b"\x01"
    except OSError:
        return False


def postgresql_engine(uri: str) -> Engine:
    """An engine over the PostgreSQL database `uri`, through psycopg 3; connects when it is used.

    MissingDependency when psycopg is not installed.
    """
    try:
        url = make_url(uri).set(drivername="postgresql+psycopg")
        if "connect_timeout" not in url.query:
            url = url.update_query_dict({"connect_timeout": str(CONNECT_SECONDS)})
        # A connection that died while it lay in the pool is found and replaced before it is used.
        engine = create_engine(
            url, pool_size=8, max_overflow=24, pool_pre_ping=True, pool_use_lifo=True, query_cache_size=500
        )
        event.listen(engine, "connect", _configure_session)
        return engine
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "PostgreSQL needs the package psycopg, which is not installed: pip install 'psycopg[binary]'"
        ) from error
    except ArgumentError as error:
        raise InvalidValue(f"{hidden(uri)!r} is not a database URI.") from error


def _configure_session(connection: Any, _record: object) -> None:
    # Help of other processes comes too late for a search of some ten milliseconds; a long one still gets it.
    connection.autocommit = True
    connection.execute("SET parallel_setup_cost = 20000")
    connection.autocommit = False


def _configure(connection: Any, _record: object) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    # WAL needs shared memory; where the cache lies on a file system without it, the plain journal does.
    with suppress(sqlite3.OperationalError):
        cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA case_sensitive_like=ON")
    cursor.execute("PRAGMA temp_store=MEMORY")
    # The pages that searches of an index of 10,000 runs touch fit into it.
    cursor.execute("PRAGMA cache_size=-32768")
    cursor.close()
    connection.create_function("fold", 1, _fold, deterministic=True)
    connection.create_function("rlike", 2, _rlike, deterministic=True)


def _fold(text: object) -> str | None:
    return None if text is None else str(text).casefold()


def _rlike(pattern: str, text: object) -> bool:
    return matcher(pattern)(str(text))


def _begin(connection: Connection) -> None:
    # A transaction that will write takes the lock at once: upgrading later fails when another process wrote meanwhile.
    immediate = connection.get_execution_options().get("immediate", False)
    with Driver(connection) as driver:
        driver.cursor.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that holds the write lock from its start; commits at the end, rolls back on an error."""
    with engine.connect().execution_options(immediate=True) as connection, connection.begin():
        yield connection
