"""Rows of many ops at once, through statements that are made once and handed to the driver as they are.

SQLAlchemy makes the statements and keeps connection and transaction; what it does for each single execution is left
out, which takes ten times as long as SQLite does. SQLite gets one small statement a row, PostgreSQL one statement
for all rows: its time goes to messages.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from operator import itemgetter
from types import TracebackType
from typing import Any, TypeVar

from sqlalchemy import ARRAY, Column, Connection, Label, String, Table, Text, bindparam, column, func
from sqlalchemy import delete as delete_from
from sqlalchemy import select as select_from
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.exc import DBAPIError

Columns = Sequence[Column[Any]]
Keys = Sequence[Sequence[Any]]
Row = dict[str, Any]
Arrange = Callable[[Any], Any]
D = TypeVar("D", bound="Driver")


class _Statement(ABC):
    """A statement about many rows. Its text is made at the first use."""

    def __init__(self) -> None:
        self._made: dict[bool, tuple[str, Arrange]] = {}

    def made(self, plain: bool) -> tuple[str, Arrange]:
        """Text with placeholders (for SQLite when `plain`), and what arranges values in the order of those."""
        made = self._made.get(plain)
        if made is None:
            made = self._made[plain] = self._make(plain)
        return made

    @abstractmethod
    def _make(self, plain: bool) -> tuple[str, Arrange]: ...


class Find(_Statement):
    """Rows of columns `give` for each of which the columns `by` are equal to given keys.

    When `locked`, nobody else changes them until the transaction ends; they are locked in the order of their ids.
    """

    def __init__(self, give: Sequence[Column[Any] | Label[Any]], by: Columns, *, locked: bool = False) -> None:
        """Nothing is made yet."""
        super().__init__()
        made: Any = namedtuple
        row = made("Found", [one.name for one in give])
        self.row: Callable[[Any], Any] = row._make
        self._give, self._by, self._locked = give, by, locked

    def _make(self, plain: bool) -> tuple[str, Arrange]:
        statement = _only(plain, select_from(*self._give), self._by)
        if self._locked and not plain:
            table = self._by[0].table
            statement = statement.order_by(*table.primary_key).with_for_update(of=table)
        return _compiled(plain, statement, self._by)


class Put(_Statement):
    """New rows of `table`; with `over` they take the place of rows of the same primary key."""

    def __init__(self, table: Table, *, over: bool = False) -> None:
        """Nothing is made yet."""
        super().__init__()
        self.values = itemgetter(*(one.name for one in table.c))
        self._table, self._over = table, over

    def _make(self, plain: bool) -> tuple[str, Arrange]:
        columns = tuple(self._table.c)
        statement = _insert(plain, self._table, columns)
        if self._over:
            changed = {one.name: statement.excluded[one.name] for one in columns if not one.primary_key}
            statement = statement.on_conflict_do_update(index_elements=list(self._table.primary_key), set_=changed)
        return _compiled(plain, statement, columns)


class PutNew(_Statement):
    """Rows of `columns` whose primary key (of one column) is not there yet."""

    def __init__(self, columns: Columns) -> None:
        """Nothing is made yet."""
        super().__init__()
        self._columns = columns

    def _make(self, plain: bool) -> tuple[str, Arrange]:
        table = self._columns[0].table
        statement = _insert(plain, table, self._columns).on_conflict_do_nothing().returning(*table.primary_key)
        return _compiled(plain, statement, self._columns)


class Delete(_Statement):
    """Rows of `table` by primary key."""

    def __init__(self, table: Table) -> None:
        """Nothing is made yet."""
        super().__init__()
        self._table = table

    def _make(self, plain: bool) -> tuple[str, Arrange]:
        by = tuple(self._table.primary_key)
        return _compiled(plain, _only(plain, delete_from(self._table), by), by)


class Write(_Statement):
    """A statement of one's own: `make(dialect, only)`, where `only` limits a SELECT to rows whose `by` are the keys."""

    def __init__(self, make: Callable[[str, Callable[[Any], Any]], Any], by: Columns) -> None:
        """Nothing is made yet."""
        super().__init__()
        self._write, self._by = make, by

    def _make(self, plain: bool) -> tuple[str, Arrange]:
        statement = self._write("sqlite" if plain else "postgresql", lambda select: _only(plain, select, self._by))
        return _compiled(plain, statement, self._by)


class Driver:
    """The driver's own cursor inside a transaction of SQLAlchemy, whose errors it raises."""

    def __init__(self, connection: Connection) -> None:
        """Work inside the transaction of `connection`."""
        self.connection = connection
        self._raw = connection.connection
        self.cursor = self._raw.cursor()

    def __enter__(self: D) -> D:
        """Itself."""
        return self

    def __exit__(self, _type: type | None, error: BaseException | None, _traceback: TracebackType | None) -> None:
        """Close the cursor; the driver's errors become those of SQLAlchemy."""
        if isinstance(error, self.connection.dialect.loaded_dbapi.Error):
            with translated(self.connection, self._raw, self.cursor):
                raise error
        self.cursor.close()


@contextmanager
def translated(connection: Connection, raw: Any, cursor: Any) -> Iterator[None]:
    """Errors of the driver, whose connection `raw` and `cursor` are used here, become those of SQLAlchemy."""
    dialect = connection.dialect
    base: Any = dialect.loaded_dbapi.Error
    try:
        yield
    except base as error:
        lost = dialect.is_disconnect(error, raw, cursor)
        if lost:
            connection.invalidate(error)
        raise DBAPIError.instance(None, None, error, base, connection_invalidated=lost, dialect=dialect) from error


class Plain(Driver):
    """Statements about many rows, inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        """Work inside the transaction of `connection`."""
        super().__init__(connection)
        self._sqlite = connection.dialect.name == "sqlite"

    def find(self, what: Find, keys: Keys) -> list[Any]:
        """Rows, with the names of their columns as attributes."""
        return [what.row(found) for found in self._rows(what, keys)] if keys else []

    def put(self, what: Put, rows: Sequence[Row]) -> None:
        """Write `rows`; no primary key comes twice."""
        self._carry_out(what, [what.values(row) for row in rows])

    def put_new(self, what: PutNew, rows: Keys) -> set[Any]:
        """Write those that are new; their primary keys."""
        return {key for (key,) in self._rows(what, rows)} if rows else set()

    def delete(self, what: Delete, keys: Keys) -> None:
        """Delete the rows of `keys`, if they are there."""
        self._carry_out(what, keys)

    def write(self, what: Write, keys: Keys) -> None:
        """Carry out a statement for all `keys`."""
        self._carry_out(what, keys)

    def _carry_out(self, what: _Statement, rows: Keys) -> None:
        if not rows:
            return
        text, arrange = what.made(self._sqlite)
        if self._sqlite:
            self.cursor.executemany(text, [arrange(row) for row in rows])
        else:
            self.cursor.execute(text, arrange(_turned(rows)))

    def _rows(self, what: _Statement, keys: Keys) -> list[Any]:
        text, arrange = what.made(self._sqlite)
        if self._sqlite:
            return [row for key in keys for row in self.cursor.execute(text, arrange(key)).fetchall()]
        return list(self.cursor.execute(text, arrange(_turned(keys))))


def _turned(rows: Keys) -> list[list[Any]]:
    """A list a column instead of one a row."""
    return [list(values) for values in zip(*rows, strict=True)]


def _only(plain: bool, statement: Any, by: Columns) -> Any:
    """`statement` for the rows whose columns `by` are the parameters."""
    if plain:
        return statement.where(*(one == _parameter(one) for one in by))
    wanted = _unnested(by)
    return statement.where(*(one == wanted.c[one.name] for one in by))


def _insert(plain: bool, table: Any, columns: Columns) -> Any:
    if plain:
        return sqlite.insert(table).values({one.name: _parameter(one) for one in columns})
    given = _unnested(columns)
    names = [one.name for one in columns]
    return postgresql.insert(table).from_select(names, select_from(*(given.c[name] for name in names)))


def _parameter(one: Column[Any]) -> Any:
    return bindparam(f"by_{one.name}", type_=one.type)


def _unnested(columns: Columns) -> Any:
    """A table of the columns' arrays, which are parameters."""
    # Never a cast to VARCHAR(n), which would cut a text that is too long without a word.
    types = {one.name: Text() if isinstance(one.type, String) else one.type for one in columns}
    arrays = [bindparam(f"by_{name}", type_=ARRAY(type_)) for name, type_ in types.items()]
    given = func.unnest(*arrays).table_valued(*(column(name, type_) for name, type_ in types.items()), name="given")
    return given.render_derived()


def _compiled(plain: bool, statement: Any, columns: Columns) -> tuple[str, Arrange]:
    names = [f"by_{one.name}" for one in columns]
    made: Any = sqlite.dialect if plain else psycopg.dialect
    compiled = statement.compile(dialect=made(paramstyle="qmark" if plain else "format"))
    places = [names.index(name) for name in compiled.positiontup]
    if places == list(range(len(names))):
        return str(compiled), tuple
    return str(compiled), itemgetter(*places)
