"""Which runs and experiments of a database changed, in which order: one row a run or experiment, written with it.

New points of running runs are not noted: that would cost every writer a row. They are counted (`changed_runs`) by
whoever follows the runs.

Rows are numbered by the transaction that changed them. SQLite writes one transaction after the other, so numbers
grow. PostgreSQL's are the numbers of its transactions, which end in any order: whoever reads must look again at all
numbers from the oldest one that was still under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any

from msgspec import Struct
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    bindparam,
    delete,
    func,
    literal_column,
    null,
    select,
)
from sqlalchemy import Index as SqlIndex
from sqlalchemy.dialects import postgresql, sqlite

from millstream.drivers.sql import schema
from millstream.drivers.sql.plain import Plain, Write
from millstream.values import ops
from millstream.values.changes import MOST
from millstream.values.names import INT64_MAX

metadata = MetaData()

# `run_id` is "" in the row of an experiment as a whole; `made` is the number with which a run was made. These rows are
# not copied to other databases: the numbers mean nothing there.
run_changes = Table(
    "run_changes",
    metadata,
    Column("run_id", String(256), primary_key=True),
    Column("experiment_id", String(64), primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("made", BigInteger),
    SqlIndex("run_changes_by_number", "number"),
    sqlite_with_rowid=False,
)

_MAKE = (ops.CreateRun, ops.ImportRun)
_OF_EXPERIMENT = (
    ops.RenameExperiment,
    ops.DeleteExperiment,
    ops.RestoreExperiment,
    ops.SetExperimentTag,
    ops.DeleteExperimentTag,
)
_OF_RUN = (ops.UpdateRun, ops.DeleteRun, ops.RestoreRun, ops.DeleteTag, ops.LogInputs, ops.LogOutputs)


class Changed(Struct, frozen=True):
    """A row."""

    run_id: str
    experiment_id: str
    number: int
    made: bool


class Page(Struct, frozen=True):
    """Rows since a position, and the position from which to ask next; `sound` when the position was one of here."""

    position: int
    rows: list[Changed]
    sound: bool = True


def note_runs(connection: Connection, run_ids: Iterable[str], *, made: bool = False) -> None:
    """Note that runs changed; the caller holds them, or makes them. Unknown ones are nothing."""
    with Plain(connection) as tables:
        put_runs(tables, run_ids, made=made)


def put_runs(tables: Plain, run_ids: Iterable[str], *, made: bool = False) -> None:
    """As `note_runs`."""
    # All take their rows in the same order, so that nobody waits for somebody who waits for him.
    tables.write(_MADE if made else _NOTED, [(run_id,) for run_id in sorted(run_ids)])


def note_experiments(connection: Connection, experiment_ids: Iterable[str]) -> None:
    """Note that experiments changed as a whole."""
    for experiment_id in sorted(set(experiment_ids)):
        connection.execute(_experiment_statement(connection.dialect.name), {"id": experiment_id})


def forget_runs(connection: Connection, run_ids: Iterable[str]) -> None:
    """Take away the rows of runs that are gone or elsewhere. Their experiments are noted before: numbers never fall."""
    connection.execute(delete(run_changes).where(run_changes.c.run_id.in_(list(run_ids))))


def note(connection: Connection, op: ops.Op[Any], result: Any) -> None:
    """Note what `op` changed, which is done and returned `result`."""
    if isinstance(op, _OF_RUN):
        note_runs(connection, [op.run_id])
    elif isinstance(op, _MAKE):
        note_runs(connection, [op.info.run_id if isinstance(op, ops.ImportRun) else op.run_id], made=True)
    elif isinstance(op, _OF_EXPERIMENT):
        note_experiments(connection, [op.experiment_id])
    elif isinstance(op, ops.CreateExperiment | ops.ImportExperiment):
        note_experiments(connection, [result])


def note_moved(connection: Connection, op: ops.MoveRuns, left: set[str]) -> None:
    """Note that runs have moved, from the experiments `left`."""
    note_experiments(connection, left)
    forget_runs(connection, op.run_ids)
    note_runs(connection, op.run_ids)


def read_since(connection: Connection, since: int | None) -> Page:
    """Rows since a position; none since None. More than `MOST` rows of runs are not all told of."""
    low, high = _bounds(connection)
    if since is None:
        return Page(low, [])
    if since > high:
        return Page(low, [], sound=False)
    if since == high:
        return Page(low, [])
    table = run_changes.c
    # Of PostgreSQL, what had this number or a higher one may have been under way.
    first = since if _is_postgresql(connection) else since + 1
    statement = select(table.run_id, table.experiment_id, table.number, table.made)
    statement = statement.where(table.number >= first, table.number <= high).order_by(table.number).limit(MOST + 1)
    rows = [
        Changed(row.run_id, row.experiment_id, row.number, row.made is not None and row.made >= first)
        for row in connection.execute(statement)
    ]
    return Page(low, rows)


def experiments_since(connection: Connection, since: int) -> list[str]:
    """All experiments with rows since a position."""
    table = run_changes.c
    statement = select(table.experiment_id).where(table.number >= since).distinct()
    return list(connection.execute(statement).scalars())


def writes(connection: Connection) -> str:
    """Which writes of a PostgreSQL server have ended: another text whenever another one has."""
    return str(connection.execute(select(func.pg_current_snapshot().cast(postgresql.TEXT))).scalar_one())


def _bounds(connection: Connection) -> tuple[int, int]:
    """The position to go on from, and the highest number that rows of this database can have now."""
    if _is_postgresql(connection):
        snapshot = func.pg_current_snapshot()
        bounds = (func.pg_snapshot_xmin(snapshot), func.pg_snapshot_xmax(snapshot))
        row = connection.execute(select(*(_number(one) for one in bounds))).one()
        return int(row[0]), int(row[1])
    latest = connection.execute(select(func.coalesce(func.max(run_changes.c.number), 0))).scalar_one()
    return int(latest), int(latest)


def _is_postgresql(connection: Connection) -> bool:
    return connection.dialect.name == "postgresql"


def _number(transaction: Any) -> Any:
    # xid8 has no cast to a number of its own.
    return transaction.cast(postgresql.TEXT).cast(BigInteger)


def _present(dialect: str) -> Any:
    """The number of the transaction under way."""
    if dialect == "postgresql":
        return _number(func.pg_current_xact_id())
    # Written out, so that a statement has no parameters but its keys.
    latest = func.coalesce(func.max(run_changes.c.number), literal_column("0", BigInteger))
    return select(latest + literal_column("1", BigInteger)).scalar_subquery()


def _write_runs(made: bool, dialect: str, only: Callable[[Any], Any]) -> Any:
    runs, number = schema.runs.c, _present(dialect)
    source = only(select(runs.run_id, runs.experiment_id, number, number if made else null()))
    return _noted(dialect, source.order_by(runs.run_id))


@lru_cache(maxsize=2)
def _experiment_statement(dialect: str) -> Any:
    # The condition keeps SQLite from taking the rest of the statement for a join.
    source = select(literal_column("''"), bindparam("id", type_=String), _present(dialect), null())
    return _noted(dialect, source.where(literal_column("1") == literal_column("1")))


def _noted(dialect: str, source: Any) -> Any:
    columns = [column.name for column in run_changes.c]
    statement = (sqlite if dialect == "sqlite" else postgresql).insert(run_changes).from_select(columns, source)
    return statement.on_conflict_do_update(
        index_elements=list(run_changes.primary_key), set_={"number": statement.excluded.number}
    )


_NOTED, _MADE = (Write(partial(_write_runs, made), (schema.runs.c.run_id,)) for made in (False, True))


def parse_position(text: str) -> int | None:
    """The position that a text says; None for any other text."""
    if not (text.isascii() and text.isdigit()) or len(text) > len(str(INT64_MAX)):
        return None
    return int(text)
