"""Reads that are broken off when the errand of their thread is over: the database stops working on them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from millstream.drivers.sql.errands import Errand, current
from millstream.values.errors import OutOfTime

# SQLite asks after so many steps of its machine, some milliseconds, whether to go on.
_STEPS = 100_000
# PostgreSQL: query_canceled.
_CANCELED = "57014"


@contextmanager
def breakable(connection: Connection) -> Iterator[None]:
    """Work on `connection`; OutOfTime as soon as the errand of this thread is over."""
    errand = current()
    if errand is None:
        yield
        return
    driver: Any = connection.connection.driver_connection
    try:
        with _asking(driver, errand) if isinstance(driver, sqlite3.Connection) else _canceling(driver, errand):
            yield
    except DBAPIError as error:
        if not _was_broken_off(error):
            raise
        # What came to end this read must not meet the next one.
        connection.invalidate()
        raise OutOfTime("This took too long and was ended; ask for less.") from error


@contextmanager
def _asking(driver: sqlite3.Connection, errand: Errand) -> Iterator[None]:
    driver.set_progress_handler(lambda: errand.over, _STEPS)
    try:
        yield
    finally:
        with suppress(sqlite3.ProgrammingError):  # closed meanwhile
            driver.set_progress_handler(None, 0)


@contextmanager
def _canceling(driver: Any, errand: Errand) -> Iterator[None]:
    with errand.breakable(partial(_cancel, driver)):
        yield


def _cancel(driver: Any) -> None:
    # A database that cannot be reached any more ends the read by itself.
    with suppress(Exception):
        driver.cancel()


def _was_broken_off(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return bool(code & 0xFF == sqlite3.SQLITE_INTERRUPT)
    return getattr(error.orig, "sqlstate", None) == _CANCELED
