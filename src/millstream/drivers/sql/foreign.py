"""MLflow's own databases, of any schema from 1.0 on: read by the tables and columns that are there, never written.

Tables: experiments, experiment_tags, runs, params, tags, metrics, since 2.4 datasets, inputs and input_tags (also the
links to logged models of 3.x). A column that a schema has not yet is read as NULL. NaN is value 0 with `is_nan`;
infinities were written as the largest double, and are left so.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, column, create_engine, func, inspect, null, select, table
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from millstream.drivers.sql import ledger
from millstream.drivers.sql.engine import connect_to_read, keeps_a_rollback_journal, postgresql_engine
from millstream.drivers.sql.failures import failure
from millstream.values.databases import DatabaseUri
from millstream.values.entities import Dataset, DatasetInput, InputTag, Metric, ModelInput, ModelOutput
from millstream.values.errors import MillstreamError, NotFound
from millstream.values.names import INT64_MAX, INT64_MIN

T = TypeVar("T")

OURS, MLFLOW, OTHER = "ours", "mlflow", "other"
Problem = Callable[[str], None]


class ForeignDatabase:
    """One database, opened so that it cannot be written. Locks are held for one statement at a time."""

    def __init__(self, database: DatabaseUri) -> None:
        """Look at `database`; NotFound when a SQLite file is not there."""
        self.database = database
        self._engine = _sqlite_reader(database) if database.path is not None else _postgresql_reader(database)
        self._columns: dict[str, frozenset[str]] = {}

    def close(self) -> None:
        """Let go of connections."""
        self._engine.dispose()

    def kind(self) -> str:
        """Whose tables these are: OURS, MLFLOW or OTHER."""
        with self._connection() as connection:
            names = set(inspect(connection).get_table_names())
        if ledger.schema_version.name in names:
            return OURS
        return MLFLOW if {"experiments", "runs", "metrics", "params"} <= names else OTHER

    def rows(self, name: str, wanted: Sequence[str], *where: Any, order: Sequence[str] = ()) -> list[Any]:
        """Rows of the table `name`, [] when there is none; columns in `wanted` that it has not are None."""
        if not self.has(name):
            return []
        return self._all(self._select(name, wanted).where(*where).order_by(*(column(item) for item in order)))

    def has(self, name: str) -> bool:
        """Whether there is such a table."""
        return bool(self._columns_of(name))

    def count(self, name: str, *where: Any) -> int:
        """How many rows a table has; 0 when there is no such table."""
        if not self.has(name):
            return 0
        return int(self._all(select(func.count()).select_from(table(name)).where(*where))[0][0])

    def texts(self, name: str, run_ids: Sequence[str]) -> dict[str, dict[str, str]]:
        """Params or tags of runs."""
        found: defaultdict[str, dict[str, str]] = defaultdict(dict)
        rows = self.rows(name, ("run_uuid", "key", "value"), column("run_uuid").in_(run_ids), order=("run_uuid", "key"))
        for run_id, key, value in rows:
            found[run_id][str(key)] = "" if value is None else str(value)
        return found

    def point_counts(self, run_ids: Sequence[str]) -> dict[str, int]:
        """How many points each run has; runs without any are left out."""
        run: Any = column("run_uuid")
        statement = select(run, func.count()).select_from(table("metrics")).where(run.in_(run_ids)).group_by(run)
        return dict(tuple(row) for row in self._all(statement))

    def metric_keys(self, run_id: str) -> list[str]:
        """Keys of a run's metrics."""
        key: Any = column("key")
        statement = select(key).select_from(table("metrics")).where(column("run_uuid") == run_id).distinct()
        return [row[0] for row in self._all(statement.order_by(key))]

    def points(self, run_ids: Sequence[str], key: str | None, damaged: Problem) -> dict[str, list[Metric]]:
        """Points of runs (of one metric or of all), key by key in MLflow's order: by time, step and value."""
        wanted = ("run_uuid", "key", "value", "timestamp", "step", "is_nan")
        where: list[Any] = [column("run_uuid").in_(run_ids)]
        if key is not None:
            where.append(column("key") == key)
        order = [
            name for name in ("run_uuid", "key", "timestamp", "step", "value") if name in self._columns_of("metrics")
        ]
        found: defaultdict[str, list[Metric]] = defaultdict(list)
        bad: defaultdict[tuple[str, str], int] = defaultdict(int)
        cut: defaultdict[tuple[str, str], int] = defaultdict(int)
        for run_id, name, value, time, step, is_nan in self.rows("metrics", wanted, *where, order=order):
            try:
                number = math.nan if is_nan else float(value)
                point = Metric(str(name), number, _int64(time), _int64(step or 0))
                cut[run_id, name] += (point.timestamp, point.step) != (time, step or 0)
                found[run_id].append(point)
            except (TypeError, ValueError, OverflowError):
                bad[run_id, name] += 1
        for (run_id, name), number_of in bad.items():
            damaged(f"run {run_id}, metric {name!r}: {number_of} row(s) are not points and are left out")
        for (run_id, name), number_of in cut.items():
            if number_of:
                damaged(
                    f"run {run_id}, metric {name!r}: {number_of} point(s) have a step or time with a fraction, "
                    "which is left out"
                )
        return found

    def inputs(self, run_ids: Sequence[str]) -> dict[str, list[DatasetInput]]:
        """Datasets that runs used."""
        wanted = ("input_uuid", "source_id", "destination_id")
        where = (column("source_type") == "DATASET", column("destination_type") == "RUN")
        links = self.rows("inputs", wanted, *where, column("destination_id").in_(run_ids), order=("input_uuid",))
        names = ("dataset_uuid", "name", "digest", "dataset_source_type", "dataset_source", "dataset_schema")
        ids = sorted({link.source_id for link in links})
        rows = self.rows("datasets", (*names, "dataset_profile"), column("dataset_uuid").in_(ids)) if ids else []
        datasets = {row[0]: _dataset(*row[1:]) for row in rows}
        tags = self._input_tags([link.input_uuid for link in links])
        found: defaultdict[str, list[DatasetInput]] = defaultdict(list)
        for link in links:
            dataset = datasets.get(link.source_id)
            if dataset is not None:
                found[link.destination_id].append(DatasetInput(dataset, tuple(tags.get(link.input_uuid, ()))))
        return found

    def models(self, run_ids: Sequence[str]) -> tuple[dict[str, list[ModelInput]], dict[str, list[ModelOutput]]]:
        """Logged models that runs used, and made."""
        used: defaultdict[str, list[ModelInput]] = defaultdict(list)
        made: defaultdict[str, list[ModelOutput]] = defaultdict(list)
        wanted = ("source_type", "source_id", "destination_id", "step")
        kinds = ("RUN_INPUT", "RUN_OUTPUT")
        where = (column("source_type").in_(kinds), column("source_id").in_(run_ids))
        for kind, run_id, model_id, step in self.rows("inputs", wanted, *where, order=("destination_id",)):
            if kind == "RUN_INPUT":
                used[run_id].append(ModelInput(model_id))
            else:
                made[run_id].append(ModelOutput(model_id, int(step or 0)))
        return used, made

    def _input_tags(self, ids: Sequence[str]) -> dict[str, list[InputTag]]:
        found: defaultdict[str, list[InputTag]] = defaultdict(list)
        if ids:
            for input_id, name, value in self.rows(
                "input_tags", ("input_uuid", "name", "value"), column("input_uuid").in_(ids), order=("name",)
            ):
                found[input_id].append(InputTag(str(name), str(value)))
        return found

    def _columns_of(self, name: str) -> frozenset[str]:
        if name not in self._columns:
            with self._connection() as connection:
                inspector = inspect(connection)
                found = inspector.get_columns(name) if inspector.has_table(name) else []
            self._columns[name] = frozenset(item["name"] for item in found)
        return self._columns[name]

    def _select(self, name: str, wanted: Sequence[str]) -> Select[Any]:
        present = self._columns_of(name)
        columns: list[Any] = [column(item) if item in present else null().label(item) for item in wanted]
        return select(*columns).select_from(table(name))

    def _all(self, statement: Select[Any]) -> list[Any]:
        with self._connection() as connection:
            return list(connection.execute(statement))

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                yield connection
        except DBAPIError as error:
            raise failure(error, self.database.public) from error


def is_mlflows(database: DatabaseUri) -> bool:
    """Whether a SQLite file that is there is MLflow's, found out without changing it.

    Opening a file the way stores do puts it into WAL mode, and it stays so; a file of ours is in that mode already.
    """
    if database.path is None or not keeps_a_rollback_journal(database.path):
        return False
    foreign = ForeignDatabase(database)
    try:
        return foreign.kind() == MLFLOW
    except MillstreamError:
        return False  # Opening it says what is wrong.
    finally:
        foreign.close()


def _dataset(name: Any, digest: Any, kind: Any, source: Any, schema: Any, profile: Any) -> Dataset:
    return Dataset(str(name), str(digest), str(kind or ""), str(source or ""), schema or None, profile or None)


def _int64(value: Any) -> int:
    number = int(value)
    if not INT64_MIN <= number <= INT64_MAX:
        raise ValueError(number)
    return number


def _sqlite_reader(database: DatabaseUri) -> Engine:
    path = database.path
    if path is None or not path.is_file():
        raise NotFound(f"There is no database {database.public}.")

    def connect() -> sqlite3.Connection:
        connection = connect_to_read(path)
        # SQLite keeps any bytes as text; one damaged value must not hide all others.
        connection.text_factory = lambda data: data.decode(errors="replace")
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool)


def _postgresql_reader(database: DatabaseUri) -> Engine:
    return postgresql_engine(database.text).execution_options(postgresql_readonly=True)
