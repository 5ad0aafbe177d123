"""What was begun and what was finished under idempotency keys on a tree: a SQLite file outside of it.

Files have no transactions. So what a request is about to do is noted before, and that it was done afterwards; a retry
that finds only the first looks at the files themselves.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct

from millstream.values.errors import StorageFailed
from millstream.values.readers import msgpack_reader

KEPT = 7 * 24 * 3600
"""How long keys are remembered (s)."""
EVERY = 64
AT_ONCE = 1024
BEGUN, SETTLED, DONE = 0, 1, 2
_PLACES = 256
_WAIT_SECONDS = 30

_TABLES = (
    """CREATE TABLE IF NOT EXISTS noted (op_id TEXT PRIMARY KEY, time REAL NOT NULL, digest TEXT NOT NULL,
    subject TEXT NOT NULL, state INTEGER NOT NULL, plan BLOB NOT NULL, result TEXT) WITHOUT ROWID""",
    "CREATE INDEX IF NOT EXISTS noted_by_time ON noted (time)",
    f"CREATE INDEX IF NOT EXISTS noted_open ON noted (subject) WHERE state = {BEGUN}",
)
_PUT = "INSERT OR REPLACE INTO noted VALUES (?, ?, ?, ?, ?, ?, NULL)"
_GET = "SELECT op_id, digest, state, plan, result FROM noted WHERE "
_FORGET = "DELETE FROM noted WHERE op_id IN (SELECT op_id FROM noted WHERE time < ? ORDER BY time LIMIT ?)"


class Append(Struct, frozen=True, array_like=True):
    """Lines that go to the file of `key` of a run or of a logged model, behind its first `start` bytes."""

    owner: str
    model: bool
    key: str
    start: int
    text: bytes


_read_plan = msgpack_reader(list[Append])


class Noted(Struct, frozen=True):
    """What is known of one key. `plan` is what is, or was, left to be appended."""

    op_id: str
    digest: str
    state: int
    plan: list[Append]
    result: str | None


class Intents:
    """The keys of one tree. Safe for threads and processes."""

    def __init__(self, path: Path) -> None:
        """Keep them in `path`, which is made at the first use."""
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()
        self._places = [Lock() for _ in range(_PLACES)]
        self._file: int | None = None
        self._locks: Any = import_module("fcntl") if hasattr(os, "fork") else None
        self._noted = EVERY

    @contextmanager
    def alone(self, *names: str) -> Iterator[None]:
        """Keep all others out who come with one of these names, in whichever process."""
        with ExitStack() as held:
            for place in sorted({crc32(name.encode()) % _PLACES for name in names}):
                held.enter_context(self._places[place])
                held.enter_context(self._locked(place))
            yield

    def find(self, op_id: str) -> Noted | None:
        """What is known of a key."""
        found = self._ask(_GET + "op_id = ?", op_id)
        return found[0] if found else None

    def begun(self, subject: str) -> list[Noted]:
        """What was begun on `subject` and neither done nor settled."""
        return self._ask(f"{_GET}subject = ? AND state = {BEGUN}", subject)

    def begin(self, op_id: str, digest: str, subject: str, plan: list[Append]) -> None:
        """Note what is about to be done."""
        self._noted += 1
        if self._noted > EVERY:
            self._noted = 0
            self._do(_FORGET, time.time() - KEPT, AT_ONCE)
        self._do(_PUT, op_id, time.time(), digest, subject, BEGUN, msgspec.msgpack.encode(plan))

    def settle(self, op_id: str, left: list[Append]) -> None:
        """Note what a request that was broken off has left to do."""
        self._do("UPDATE noted SET state = ?, plan = ? WHERE op_id = ?", SETTLED, msgspec.msgpack.encode(left), op_id)

    def finish(self, op_id: str, result: str | None) -> None:
        """Note that it was done, and what cannot be found otherwise of its answer."""
        self._do("UPDATE noted SET state = ?, plan = ?, result = ? WHERE op_id = ?", DONE, b"\x90", result, op_id)

    def forget(self, op_id: str) -> None:
        """It was refused: the key may be used for another request."""
        self._do("DELETE FROM noted WHERE op_id = ?", op_id)

    def close(self) -> None:
        """Close the files; they open again when used."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            if self._file is not None:
                os.close(self._file)
            self._connection = self._file = None

    def _ask(self, statement: str, *values: object) -> list[Noted]:
        rows = self._do(statement, *values)
        return [Noted(op_id, digest, state, _read_plan(plan), result) for op_id, digest, state, plan, result in rows]

    def _do(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            try:
                with closing(self._opened().execute(statement, values)) as cursor:
                    return cursor.fetchall()
            except (sqlite3.Error, OSError) as error:
                raise self._failure(error) from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            made = sqlite3.connect(
                self._path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False, uri=False
            )
            try:
                # Refused at once while another process does the same; then that one has seen to it.
                with suppress(sqlite3.OperationalError):
                    made.execute("PRAGMA journal_mode = WAL")
                for statement in ("PRAGMA synchronous = NORMAL", *_TABLES):
                    made.execute(statement)
            except BaseException:
                made.close()
                raise
            self._connection = made
        return self._connection

    @contextmanager
    def _locked(self, place: int) -> Iterator[None]:
        if self._locks is None:
            yield
            return
        try:
            with self._lock:
                if self._file is None:
                    self._path.parent.mkdir(parents=True, exist_ok=True)
                    self._file = os.open(f"{self._path}-lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._locks.lockf(self._file, self._locks.LOCK_EX, 1, place)
        except OSError as error:
            raise self._failure(error) from error
        try:
            yield
        finally:
            self._locks.lockf(self._file, self._locks.LOCK_UN, 1, place)

    def _failure(self, error: Exception) -> StorageFailed:
        said = "The request has an idempotency key, and it cannot be noted what is done under it"
        advice = "Nothing more was done. Send it again later with the same key."
        return StorageFailed(
            f"{said}: {str(self._path)!r}: {error}. {advice} A damaged file may be deleted; the keys of the last "
            "week are forgotten with it.",
            told=f"{said}. {advice}",
        )


# The last two where one key lies below another, as a/b below a: whoever appends is refused then.
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


def end_of_lines(path: str) -> int:
    """Where the last whole line of a file ends; 0 when there is no file."""
    try:
        with open(path, "rb") as file:
            position = file.seek(0, os.SEEK_END)
            while position > 0:
                length = min(4096, position)
                file.seek(position - length)
                newline = file.read(length).rfind(b"\n")
                if newline >= 0:
                    return position - length + newline + 1
                position -= length
    except _NO_FILE:
        pass
    return 0


def left_of(path: str, start: int, text: bytes) -> bytes:
    """What of the lines `text` is not in the file behind its first `start` bytes, where they stand in one piece."""
    try:
        with open(path, "rb") as file:
            file.seek(start)
            found = file.read()
    except _NO_FILE:
        return text
    lines = text.splitlines(keepends=True)
    most, position = 0, 0
    while (position := found.find(lines[0], position)) >= 0:
        if position == 0 or found[position - 1 : position] == b"\n":
            count, end = 0, position
            while count < len(lines) and found.startswith(lines[count], end):
                end += len(lines[count])
                count += 1
            most = max(most, count)
        position += 1
    return b"".join(lines[most:])
