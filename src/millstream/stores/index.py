"""The index of an `mlruns` tree: a SQLite cache, caught up with the files before every answer.

The files are the truth; the index can be deleted at any time. What changed is found from modification times
and sizes: a finished run by its meta.yaml and directories, a running one by every file. A file of a finished
run that another program overwrote in place is found when that run is opened, or by the few runs that every
catching up looks at closely, in turn. What other programs do to runs at rest is seen at once where the kernel tells of
it (`sentries`), and within two seconds otherwise (`changes`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from threading import Lock

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, NoResultFound

from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import scanned
from millstream.drivers.sql.breaks import breakable
from millstream.drivers.sql.engine import writing
from millstream.stores.changes import Changes, Looker
from millstream.stores.intake import Intake

# Runs are read and stored so many at a time, so that the index can be used while a large tree is taken in.
BATCH = 200

Progress = Callable[[int, int], None]

# What numbers and texts of a damaged index lead to. Damaged files are reported otherwise, and users say nothing here.
_NONSENSE = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, NoResultFound)


class Index:
    """Answers come from `reading()`, a transaction over tables that are up to date."""

    def __init__(self, tree: Tree, path: Path, progress: Progress | None = None) -> None:
        """Index `tree` in the database file `path`; nothing is opened yet.

        `progress` is called after each batch of runs that is read, with how many of how many are done.
        """
        self._tree = tree
        self._progress = progress
        self._path = path
        self._engine: Engine | None = None
        self._file: tuple[int, ...] = ()
        self._state = scanned.State(-1, {}, {})
        self._looker = Looker(tree)
        self._lock = Lock()
        self._last_look = 0.0

    @contextmanager
    def reading(self, run_id: str | None = None) -> Iterator[Connection]:
        """A transaction after `catch_up`; the run `run_id` has been looked at closely."""
        self.catch_up(run_id)
        with self._open().connect() as connection, breakable(connection):
            yield connection

    @contextmanager
    def as_it_is(self) -> Iterator[Connection]:
        """A transaction over the tables as they were left, which may be behind the files."""
        with self._lock:
            engine = self._open()
        with engine.connect() as connection, breakable(connection):
            yield connection

    def catch_up(self, run_id: str | None = None) -> None:
        """Take in all that changed in the tree before this call."""
        arrived = time.monotonic()
        with self._lock:
            if run_id is None and self._last_look > arrived:
                return
            looked = time.monotonic()
            if self._engine is not None and _file_of(self._path) != self._file:
                self._close()  # Somebody removed the file, or made it anew.
            engine = self._open()
            try:
                self._load_if_outdated(engine)
                changes = self._looker.look(self._state, run_id)
                while changes:
                    changes = self._take_in(engine, changes, run_id)
            except _NONSENSE as error:
                self._forget()
                raise scanned.NoSense(str(error)) from error
            except BaseException:
                # What was rolled back must not be taken for known.
                self._forget()
                raise
            self._last_look = looked

    def settle(self) -> bool:
        """Have the kernel tell of more of the runs at rest; whether there are others to do this with."""
        self.catch_up()  # a run that is new to the index is not watched
        with self._lock:
            self._looker.watch_next()
        self.catch_up()
        return self._looker.short

    def rebuild(self) -> None:
        """Forget everything and read the whole tree again."""
        with self._lock:
            with writing(self._open()) as connection:
                scanned.clear(connection)
                scanned.raise_generation(connection)
            self._last_look = 0.0
        self.catch_up()

    def renew(self, error: Exception) -> None:
        """After `error`: make a damaged index anew at the next use; StorageFailed when it is not damaged."""
        with self._lock:
            self._close()
            if isinstance(error, DatabaseError) and not scanned.is_damaged(error):
                raise scanned.index_failure(self._path, error) from error
            scanned.remove_index(self._path)
            self._last_look = 0.0

    def _forget(self) -> None:
        self._state = scanned.State(-1, {}, {})
        self._looker.sweep_next()

    def close(self) -> None:
        """Close the database; it is opened again when needed."""
        with self._lock:
            self._close()
            self._looker.close()

    def opened(self) -> Engine:
        """The database as it is, for tables that runs have no part in; what is in it of runs may be old."""
        with self._lock:
            if self._engine is not None and _file_of(self._path) != self._file:
                self._close()
            return self._open()

    def identity(self) -> int:
        """Another number for an index that was made anew."""
        return self._file[1] if self._file else 0

    def _close(self) -> None:
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
            self._state = scanned.State(-1, {}, {})

    def _open(self) -> Engine:
        if self._engine is None:
            self._engine = scanned.open_index(self._path, self._tree.root)
            self._file = _file_of(self._path)
        return self._engine

    def _load_if_outdated(self, engine: Engine) -> None:
        with engine.connect() as connection:
            self._load(connection)

    def _load(self, connection: Connection) -> bool:
        """Bring the state up to date with the tables; whether it was not."""
        if scanned.generation(connection) == self._state.generation:
            return False
        changed = scanned.load_changes(connection, self._state) if self._state.generation >= 0 else None
        if changed is None:
            self._state = scanned.load_state(connection)
        else:
            self._looker.learn(self._state, changed)
        return True

    def _take_in(self, engine: Engine, changes: Changes, run_id: str | None) -> Changes:
        """Store a batch of `changes`; returns what is left of them, found anew if another process was quicker."""
        with writing(engine) as connection:
            if self._load(connection):
                self._looker.sweep_next()
                changes = self._looker.look(self._state, run_id)
            intake = Intake(connection, self._state)
            intake.experiments(changes)
            batch = list(islice(changes.runs, BATCH))
            intake.runs(batch)
            self._state.generation = scanned.raise_generation(connection)
        rest = changes.without(batch)
        if self._progress is not None:
            self._progress(changes.total - len(rest.runs), changes.total)
        return rest


def _file_of(path: Path) -> tuple[int, ...]:
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino
