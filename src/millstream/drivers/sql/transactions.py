"""Transactions over one database: writes one after the other where the database wants it, each whole or not at all."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from threading import RLock, get_ident
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from millstream.drivers.sql.breaks import breakable
from millstream.drivers.sql.failures import failure, is_disconnected, is_passing
from millstream.drivers.sql.queues import Queue
from millstream.values.errors import Unavailable

T = TypeVar("T")

ATTEMPTS = 5
# Connections that writes keep to themselves: taking one from the pool costs as much as a small write.
KEPT = 4


class _BrokenOff(Exception):
    """A signal handler undid this write to make one of its own."""


class _Turn:
    """A write of one thread, under way."""

    def __init__(self, connection: Connection) -> None:
        self.transaction = connection.begin()
        self._driver: Any = connection.connection.driver_connection
        self._refusals: Any = connection.dialect.loaded_dbapi.Error
        self.committing = False
        self.broken_off = False

    def break_off(self) -> None:
        """Undo what was done so far, unless it is being committed."""
        if not self.committing and self.transaction.is_active:
            self.broken_off = True
            if self._in_statement():
                self._cut_off()
            else:
                self.transaction.rollback()

    def _in_statement(self) -> bool:
        # psycopg holds this lock while it waits for the server, and sees to signals meanwhile; SQLite does not.
        lock = getattr(self._driver, "lock", None)
        return lock is not None and bool(lock.locked())

    def _cut_off(self) -> None:
        """End the session from outside: whoever asks the driver now waits for the lock that its own thread holds.

        The server sees that nobody listens once it does not work on the statement, which is therefore cancelled.
        """
        of_any_kind = (socket.AF_INET, socket.SOCK_STREAM)  # ending it needs neither
        with suppress(OSError, self._refusals), socket.fromfd(self._driver.fileno(), *of_any_kind) as line:
            line.shutdown(socket.SHUT_RDWR)
        with suppress(self._refusals):
            self._driver.cancel()


class Transactions:
    """Runs reads and writes. Safe for threads, and for signal handlers that write in the middle of a write."""

    def __init__(self, engine: Engine, place: str, queue: Queue | None = None) -> None:
        """Use `engine`; `place` names the database in errors; `queue` is where processes wait for their turn."""
        self._engine = engine
        self._place = place
        self._queue: Callable[[], AbstractContextManager[None]] = queue.turn if queue else nullcontext
        sqlite = engine.dialect.name == "sqlite"
        # SQLite lets one writer in at a time and makes the others poll; a lock of our own wakes them in time.
        self._order: AbstractContextManager[object] = RLock() if sqlite else nullcontext()
        # All statements of a read see one state of the database.
        self._snapshots = engine if sqlite else engine.execution_options(isolation_level="REPEATABLE READ")
        self._kept: list[Connection] = []
        self._closed = False
        self._turns: dict[int, _Turn] = {}

    def close(self) -> None:
        """Keep no connection beyond the write that uses it now."""
        self._closed = True
        self._let_go()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees everything committed before."""
        try:
            with self._snapshots.connect() as connection, breakable(connection):
                yield connection
        except DBAPIError as error:
            raise failure(error, self._place) from error

    def write(self, work: Callable[[Connection], T], *, repeatable: bool | Callable[[], bool]) -> T:
        """What `work` returns, once its transaction is committed; after an error nothing of it is done.

        `repeatable` says (asked once `work` is done) that doing it twice has the effect of doing it once, so that it is
        tried again even when the connection is lost while it is committed.
        """
        for attempt in range(ATTEMPTS):
            turn: _Turn | None = None
            try:
                with self._order, self._writing() as connection:
                    turn = _Turn(connection)
                    return self._take(turn, connection, work)
            except _BrokenOff:
                continue
            except DBAPIError as error:
                safe = (repeatable() if callable(repeatable) else repeatable) or turn is None or not turn.committing
                again = is_passing(error) or (is_disconnected(error) and safe)
                if attempt == ATTEMPTS - 1 or not again:
                    raise failure(error, self._place) from error
        said = "was interrupted too often; nothing was written. Try again."
        raise Unavailable(f"The database {self._place} {said}", told=f"The database {said}")

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A connection with its turn. It is kept for the next write when nothing happened to it."""
        self._break_off_interrupted()
        with self._queue():
            # One that died meanwhile is found out by its first statement; then the write is tried again with a new one.
            connection = self._connection()
            try:
                yield connection
            except BaseException:
                connection.close()
                self._let_go()
                raise
            if self._closed or len(self._kept) >= KEPT:
                connection.close()
            else:
                self._kept.append(connection)

    def _connection(self) -> Connection:
        with suppress(IndexError):
            return self._kept.pop()
        return self._engine.connect().execution_options(immediate=True)

    def _let_go(self) -> None:
        with suppress(IndexError):
            while True:
                self._kept.pop().close()

    def _take(self, turn: _Turn, connection: Connection, work: Callable[[Connection], T]) -> T:
        thread = get_ident()
        self._turns[thread] = turn
        try:
            with turn.transaction:
                result = work(connection)
                turn.committing = True
                if turn.broken_off:
                    raise _BrokenOff
            return result
        except Exception as error:
            if turn.broken_off:
                raise _BrokenOff from error
            raise
        finally:
            if self._turns.get(thread) is turn:
                del self._turns[thread]

    def _break_off_interrupted(self) -> None:
        # This thread is in a write already: a signal handler came in the middle of it. The interrupted write
        # cannot go on before the handler returns, so its locks must go; it starts anew afterwards.
        turn = self._turns.pop(get_ident(), None)
        if turn is not None:
            turn.break_off()
