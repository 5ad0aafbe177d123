"""What a database's refusals mean: errors of the drivers into ours, never with a password in them."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from millstream.values.databases import hidden
from millstream.values.errors import DataDamaged, MillstreamError, NoRoom, StorageFailed, Unavailable

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
# PostgreSQL: disk full.
_DISK_FULL = "53100"
# A disk with less is full: no page of a SQLite file and no journal of it goes there.
_NO_ROOM = 2**16
_CLOSED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM)
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# PostgreSQL: serialization failure, deadlock; the transaction may be tried again.
_TRY_AGAIN = ("40001", "40P01")
# PostgreSQL: connection exceptions, too many connections, shutting down, starting up; a lock that did not come.
_LATER = ("08", "53300", "57P0", "55P03")


def failure(error: DBAPIError, place: str) -> MillstreamError:
    """The error for a database at `place` (as `DatabaseUri.public` says it) that answered with `error`."""
    reason = _reason(error)
    code = _sqlite_code(error)
    if code in _DAMAGED:
        return DataDamaged(f"The file of {place} is damaged or no SQLite database: {reason}.")
    if code in _BUSY:
        return Unavailable(
            f"The database {place} is locked by another program ({reason}); nothing was written. Try again when "
            "that program is done.",
            told="The database is locked by another program; nothing was written. Try again later.",
        )
    if code is None and (is_disconnected(error) or _state(error).startswith(_LATER) or _never_connected(error)):
        return Unavailable(
            f"The database {place} cannot be reached: {reason}.",
            told="The database cannot be reached. Try again later.",
        )
    if code == sqlite3.SQLITE_FULL or _state(error) == _DISK_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(place)):
        return NoRoom(
            f"The database {place} refused: {reason}. See whether its disk is full; free some space and "
            "try again; what was written before is safe.",
            told=f"The server's database has no room left for this: {reason}. What was written before is safe.",
        )
    if code in _CLOSED:
        reason = f"{reason}. {_obstacle(place)}"
    told = "The server's database cannot be written to." if code in _CLOSED else None
    return StorageFailed(f"The database {place} refused: {reason}.", told=told)


def _is_full(place: str) -> bool:
    """Whether that is why writing to the SQLite file at `place` went wrong: some full disks say no more."""
    try:
        return shutil.disk_usage(Path(place.removeprefix("sqlite:///")).parent).free < _NO_ROOM
    except OSError:
        return False


def _obstacle(place: str) -> str:
    """Why the SQLite file at `place` cannot be opened or written to, and what to do."""
    path = Path(place.removeprefix("sqlite:///"))
    if path.is_dir():
        return "It is a directory; name a file"
    if path.is_file() and not os.access(path, os.R_OK):
        return "The file may not be read; check its permissions"
    if not os.access(path.parent, os.W_OK):
        return (
            f"Nothing can be written in the directory {str(path.parent)!r}: check its permissions and whether its file "
            "system is read-only, or copy the file, with those beside it whose names begin with its name, to a place "
            "that can be written to"
        )
    return "See whether its permissions let it be written to, and whether its file system is read-only"


def is_disconnected(error: DBAPIError) -> bool:
    """Whether the connection was lost, maybe long before; a new one may work."""
    return error.connection_invalidated


def is_passing(error: DBAPIError) -> bool:
    """Whether the same transaction, tried again at once, may well succeed."""
    return _state(error) in _TRY_AGAIN


def _never_connected(error: DBAPIError) -> bool:
    return type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout") and not _state(error)


def _state(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _sqlite_code(error: DBAPIError) -> int | None:
    code = getattr(error.orig, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _reason(error: DBAPIError) -> str:
    lines = [line.strip() for line in str(error.orig).splitlines() if line.strip()]
    return hidden(lines[0]).rstrip(".") if lines else type(error.orig).__name__
