"""Keeping the index's own tables: what was seen of each file, and which could not be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct
from sqlalchemy import Connection, Engine, delete, exists, func, insert, or_, select, update
from sqlalchemy.exc import DatabaseError

from millstream.drivers.sql import scan, schema
from millstream.drivers.sql.engine import sqlite_engine, writing
from millstream.drivers.sql.making import make_tables
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import delete_rows, insert_rows, summary_of
from millstream.formats.mlruns import layout
from millstream.formats.mlruns.points import Summary
from millstream.values.errors import StorageFailed
from millstream.values.names import INT64_MAX

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)


class NoSense(Exception):
    """The index says what no index says; it is damaged."""


class RunState(Struct):
    """What is known of a run's directory: `rid` None means no readable run, a stamp () never matches.

    `directories` are relative to it, each after a separator. Until the time `watched` (ns since the epoch) each of
    its files is looked at. `newest` is when something that `stamp` covers last changed.
    """

    rid: int | None
    stamp: tuple[int, ...]
    deep: tuple[int, ...]
    directories: tuple[str, ...]
    watched: int
    newest: int = INT64_MAX

    def __post_init__(self) -> None:
        # A stamp is the time, size and number of meta.yaml, then the times of directories.
        if len(self.stamp) > 3:
            self.newest = max(self.stamp[0], *self.stamp[3:])


class SeriesState(Struct):
    """How far a metric file was read, and what the points up to there come down to: see `reader.SeriesScan`."""

    inode: int
    offset: int
    bad: int
    tail: int
    time: int
    segmented: int
    summary: Summary


class State(Struct):
    """All stamps of an index as of `generation`."""

    generation: int
    experiments: dict[str, str]
    runs: dict[str, dict[str, RunState]]


def open_index(path: Path, root: str) -> Engine:
    """The index database at `path` for the tree `root`; one of another version or a damaged one is made anew."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return _open(path, root)
        except (DatabaseError, UnicodeDecodeError) as error:  # the latter: sqlite3 cannot even say what is wrong
            if isinstance(error, DatabaseError) and not is_damaged(error):
                raise
        remove_index(path)
        return _open(path, root)
    except (OSError, DatabaseError) as error:
        raise index_failure(path, error) from error


def _open(path: Path, root: str) -> Engine:
    engine = sqlite_engine(path)
    try:
        with engine.connect() as connection:
            version = connection.exec_driver_sql("PRAGMA user_version").scalar()
        if version not in (0, scan.VERSION):
            engine.dispose()
            remove_index(path)
        if version != scan.VERSION:
            _create(engine, root)
    except (DatabaseError, UnicodeDecodeError):
        engine.dispose()
        raise
    return engine


def is_damaged(error: DatabaseError) -> bool:
    """Whether `error` says that the file is no index (any more), rather than that it cannot be used now."""
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    said = str(error.orig)
    return code in _DAMAGED or said.startswith(("no such ", "malformed ", "Could not decode to UTF-8"))


def remove_index(path: Path) -> None:
    """Remove the index's files; it can be made again from the tree."""
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def index_failure(path: Path, error: Exception) -> StorageFailed:
    """The error for an index that cannot be used."""
    reason = error.orig if isinstance(error, DatabaseError) else error
    return StorageFailed(
        f"The index {str(path)!r} cannot be used: {reason}. The runs are safe; set MILLSTREAM_INDEX_DIR to a "
        "directory on this machine that can be written to."
    )


def _create(engine: Engine, root: str) -> None:
    with writing(engine) as connection:
        if connection.exec_driver_sql("PRAGMA user_version").scalar() == scan.VERSION:
            return
        make_tables(connection, schema.metadata, scan.metadata)
        connection.execute(insert(scan.state), [{"generation": 0, "root": root}])
        connection.exec_driver_sql(f"PRAGMA user_version = {scan.VERSION}")


def clear(connection: Connection) -> None:
    """Forget everything."""
    for table in (*schema.metadata.sorted_tables, *scan.metadata.sorted_tables):
        if table is not scan.state:
            connection.execute(delete(table))


def generation(connection: Connection) -> int:
    """How often the index was changed."""
    return int(connection.exec_driver_sql("SELECT generation FROM index_state").scalar_one())


def raise_generation(connection: Connection) -> int:
    """Count a change; returns the new generation."""
    connection.execute(update(scan.state).values(generation=scan.state.c.generation + 1))
    return generation(connection)


def load_state(connection: Connection) -> State:
    """All stamps."""
    state = State(generation(connection), _load_experiments(connection), {})
    _load_runs(connection, state, -1)
    return state


def load_changes(connection: Connection, state: State) -> list[tuple[str, str]] | None:
    """Bring `state` up to date; the runs that came or changed since, (experiment, id).

    None when runs went: then `state` is of no use any more.
    """
    since, state.generation = state.generation, generation(connection)
    state.experiments = _load_experiments(connection)
    changed = _load_runs(connection, state, since)
    # All that are in the table are in the state now, so as many as there are means the same ones.
    total = connection.execute(select(func.count()).select_from(scan.scanned_runs)).scalar_one()
    return changed if total == sum(map(len, state.runs.values())) else None


def _load_experiments(connection: Connection) -> dict[str, str]:
    return {row.experiment_id: row.stamp for row in connection.execute(select(scan.scanned_experiments))}


def _load_runs(connection: Connection, state: State, since: int) -> list[tuple[str, str]]:
    table = scan.scanned_runs
    columns = (table.c.experiment_id, table.c.run_id, table.c.rid, table.c.stamp, table.c.deep, table.c.directories)
    # Most runs have the same directories; the state of thousands of runs is a good part of the memory of a process.
    shared: dict[str, tuple[str, ...]] = {}
    loaded = []
    for experiment_id, run_id, rid, stamp, deep, directories, watched in connection.execute(
        select(*columns, table.c.watched).where(table.c.generation > since)
    ):
        names = shared.get(directories)
        if names is None:
            names = shared[directories] = tuple(directories.split("\n"))
        run = RunState(rid, _numbers(stamp), _numbers(deep), names, watched)
        state.runs.setdefault(experiment_id, {})[run_id] = run
        loaded.append((experiment_id, run_id))
    return loaded


def put_experiment_stamp(connection: Connection, experiment_id: str, stamp: str) -> None:
    """Note how an experiment looked when it was read."""
    delete_rows(connection, scan.scanned_experiments.c.experiment_id, [experiment_id])
    insert_rows(connection, scan.scanned_experiments, [{"experiment_id": experiment_id, "stamp": stamp}])


def drop_experiment_stamp(connection: Connection, experiment_id: str) -> None:
    """Forget an experiment and all of its runs' stamps."""
    for table in (scan.scanned_experiments, scan.scanned_runs):
        delete_rows(connection, table.c.experiment_id, [experiment_id])


def put_run_states(
    connection: Connection, experiment_id: str, states: dict[str, RunState], next_generation: int
) -> None:
    """Note how runs of an experiment looked when they were read; `next_generation` is the one this change makes."""
    drop_run_states(connection, experiment_id, states)
    rows = [
        {
            "experiment_id": experiment_id,
            "run_id": run_id,
            "rid": state.rid,
            "stamp": ",".join(map(str, state.stamp)),
            "deep": ",".join(map(str, state.deep)),
            "directories": "\n".join(state.directories),
            "watched": state.watched,
            "generation": next_generation,
        }
        for run_id, state in states.items()
    ]
    insert_rows(connection, scan.scanned_runs, rows)


def drop_run_states(connection: Connection, experiment_id: str, run_ids: Iterable[str]) -> None:
    """Forget how runs of an experiment looked."""
    table = scan.scanned_runs
    for batch in batches(list(run_ids)):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id, table.c.run_id.in_(batch)))


def model_stamps(connection: Connection, experiment_id: str) -> dict[str, str]:
    """How the logged models of an experiment looked when they were read."""
    table = scan.scanned_models
    statement = select(table.c.model_id, table.c.stamp).where(table.c.experiment_id == experiment_id)
    return {row.model_id: row.stamp for row in connection.execute(statement)}


def put_model_stamps(
    connection: Connection, experiment_id: str, read: dict[str, str], gone: Iterable[str] = ()
) -> None:
    """Note how logged models looked when they were `read`; forget those that are `gone`."""
    table = scan.scanned_models
    for batch in batches([*read, *gone]):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id, table.c.model_id.in_(batch)))
    rows = [{"experiment_id": experiment_id, "model_id": key, "stamp": stamp} for key, stamp in read.items()]
    insert_rows(connection, table, rows)


class RegisteredState(Struct, frozen=True):
    """How a registered model's directory looked when it was read, and how many versions it had."""

    quick: str
    close: str
    versions: int


def registered_states(connection: Connection) -> dict[str, RegisteredState]:
    """How the registered models looked when they were read, by name."""
    return {row.name: RegisteredState(*row[1:]) for row in connection.execute(select(scan.scanned_registered))}


def put_registered_states(connection: Connection, read: dict[str, RegisteredState], gone: Iterable[str] = ()) -> None:
    """Note how registered models looked when they were `read`; forget those that are `gone`."""
    table = scan.scanned_registered
    delete_rows(connection, table.c.name, [*read, *gone])
    rows = [
        {"name": name, "quick": state.quick, "close": state.close, "versions": state.versions}
        for name, state in read.items()
    ]
    insert_rows(connection, table, rows)


def load_series(connection: Connection, rids: Sequence[int]) -> dict[int, dict[str, SeriesState]]:
    """How far the metric files of these runs were read."""
    seen, series = scan.scanned_series, schema.series
    found: dict[int, dict[str, SeriesState]] = {}
    both = seen.join(series, (seen.c.rid == series.c.rid) & (seen.c.key == series.c.key))
    columns = [column for column in series.c if column.name not in ("rid", "key", "count")]
    for batch in batches(rids):
        statement = (
            select(seen, series.c.count.label("count_"), *columns).select_from(both).where(seen.c.rid.in_(batch))
        )
        for row in connection.execute(statement):
            state = SeriesState(row.inode, row.offset, row.bad, row.tail, row.time, row.segmented, summary_of(row))
            found.setdefault(row.rid, {})[row.key] = state
    return found


def put_series(connection: Connection, series: dict[int, dict[str, SeriesState]]) -> None:
    """Note how far the metric files of these runs were read."""
    delete_rows(connection, scan.scanned_series.c.rid, list(series))
    rows = [
        {
            "rid": rid,
            "key": key,
            "inode": state.inode,
            "offset": state.offset,
            "bad": state.bad,
            "tail": state.tail,
            "time": state.time,
            "segmented": state.segmented,
        }
        for rid, states in series.items()
        for key, state in states.items()
    ]
    insert_rows(connection, scan.scanned_series, rows)


def put_problems(connection: Connection, problems: dict[str, list[str]]) -> None:
    """Note what could not be read of each owner, an experiment or a run of it; [] when all is well."""
    delete_rows(connection, scan.problems.c.owner, list(problems))
    rows = [
        {"owner": owner, "number": number, "text": text}
        for owner, texts in problems.items()
        for number, text in enumerate(texts)
    ]
    insert_rows(connection, scan.problems, rows)


def problems(connection: Connection) -> tuple[str, ...]:
    """Everything that could not be read."""
    return tuple(row.text for row in connection.execute(select(scan.problems).order_by(scan.problems.c.owner)))


def left_out(connection: Connection) -> int:
    """How many experiments and runs cannot be read at all: owners of problems that are in no table."""
    owner, experiments, runs = scan.problems.c.owner, schema.experiments.c, schema.runs.c
    slash = func.instr(owner, "/")
    experiment_id, run_id = func.substr(owner, 1, slash - 1), func.substr(owner, slash + 1)
    is_known = or_(
        exists().where(experiments.experiment_id == owner),
        exists().where(runs.run_id == run_id, runs.experiment_id == experiment_id),
    )
    # Logged and registered models are known from the first question about them on only.
    is_model = or_(func.instr(run_id, "/") > 0, experiment_id == layout.MODELS)
    statement = select(func.count()).where(scan.problems.c.number == 0, ~is_model, ~is_known)
    return int(connection.execute(statement).scalar_one())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(","))) if text else ()
