"""The database store: SQL is the truth, in a SQLite file or on a PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from threading import Lock
from typing import Any, TypeVar, cast

from msgspec import Struct
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.files import bells
from millstream.drivers.sql import changelog, histories, ledger, read, registry, schema
from millstream.drivers.sql.apply.ids import was_applied
from millstream.drivers.sql.apply.runs import seal
from millstream.drivers.sql.apply.table import Applier
from millstream.drivers.sql.engine import is_kept_from_writing, postgresql_engine, sqlite_engine, sqlite_reader
from millstream.drivers.sql.failures import failure
from millstream.drivers.sql.foreign import is_mlflows
from millstream.drivers.sql.groups import Groups
from millstream.drivers.sql.locks import wait_alone
from millstream.drivers.sql.migrations import mlflows_own, prepare
from millstream.drivers.sql.models import model_ids, output_location, read_models
from millstream.drivers.sql.queues import Queue
from millstream.drivers.sql.transactions import Transactions
from millstream.stores.addresses import sign
from millstream.stores.change_feeds import DatabaseChanges
from millstream.stores.database_purges import DatabasePurges
from millstream.stores.database_registry import RegistryLookups
from millstream.stores.database_spaces import DatabaseScale
from millstream.stores.histories import Histories
from millstream.stores.locations import settle_source
from millstream.stores.models import ModelSearches
from millstream.stores.rowpoints import RowPoints
from millstream.stores.searches import Searches, describe, without_place
from millstream.stores.series import Cache
from millstream.stores.spaces import Spaces
from millstream.values import names, ops, queries, refusals
from millstream.values.databases import SQLITE, DatabaseUri
from millstream.values.entities import (
    DELETED,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    ModelVersion,
    RegisteredModel,
    RunInfo,
    RunStatus,
)
from millstream.values.errors import InvalidState, InvalidValue, MillstreamError, StorageFailed
from millstream.values.paths import Location, RelPath
from millstream.values.rules import check

T = TypeVar("T")

_parents: list[object] = []

ASKED = 1.0
"""Seconds between two questions whether a database on a server was written, while somebody follows it."""


class _Opened(Struct, frozen=True):
    """A database with the right schema."""

    engine: Engine
    transactions: Transactions
    groups: Groups
    queue: Queue | None

    def close(self) -> None:
        """End all sessions."""
        self.transactions.close()
        self.engine.dispose()
        if self.queue is not None:
            self.queue.close()


class DatabaseStore:
    """Experiments, runs and points in one database. Opened, and made when it is a new SQLite file, at the first use."""

    def __init__(self, database: DatabaseUri, artifact_root: Location) -> None:
        """Keep everything in `database`; new experiments keep artifacts below `artifact_root`."""
        self.database = database
        self.artifact_root = artifact_root
        self._applier = Applier(database.public, self.artifact_root)
        self._purges = DatabasePurges(self, database.public)
        self._points = RowPoints(self._reading, self._rid)
        self._readers: dict[type, Callable[[Any], Any]] = {
            **Searches(self._reading, database.public).readers,
            **Spaces(self._reading, DatabaseScale(), database.public).readers,
            **Histories(self._points).readers,
            queries.GetExperiment: self._experiment,
            queries.GetExperimentByName: self._experiment_by_name,
            queries.GetRunInfo: self._run_info,
            queries.ListArtifacts: self._list_artifacts,
            queries.SignArtifact: lambda query: sign(self, query),
            **ModelSearches(self._reading_models, self._reading).readers,
            queries.GetLoggedModel: self._model,
            queries.ListModelArtifacts: self._list_model_artifacts,
            **RegistryLookups(self._reading, database.public).readers,
            queries.DescribeStore: self._describe,
            **DatabaseChanges(self._reading).readers,
            queries.WasDone: self._was_done,
        }
        self._start()

    def _start(self) -> None:
        self._opened: _Opened | None = None
        self._lock = Lock()

    @property
    def uri(self) -> str:
        """The URI that opens this database again, with its password: for programs, not for people."""
        return self.database.text

    def write(self, op: ops.Op[T]) -> T:
        """Carry out `op` in one transaction; one whose `op_id` was seen before has no effect."""
        check(op)
        purge = self._purges.writers.get(type(op))
        if purge is not None:
            return cast(T, purge(op))
        opened = self._open()
        if isinstance(op, ops.LogBatch):
            return cast(T, opened.groups.write(op))
        if isinstance(op, ops.CreateModelVersion):
            op = cast(ops.Op[T], settle_source(self, op))
        # What has an id of its own is found to be there already; an update says the same twice.
        repeatable = bool(op.op_id) or isinstance(op, ops.CreateRun | ops.UpdateRun | ops.CreateLoggedModel)
        result = opened.transactions.write(
            lambda connection: self._applier.apply(connection, op), repeatable=repeatable
        )
        if isinstance(op, ops.UpdateRun) and op.status and RunStatus.is_terminated(op.status):
            # The run has ended, whatever becomes of this: only room is lost.
            with suppress(MillstreamError):
                self._seal(opened.transactions, op.run_id)
        return result

    def log_all(self, batches: Sequence[ops.LogBatch]) -> list[Exception | None]:
        """Carry out several batches in few transactions; the error of each, or None once it is committed."""
        errors = [_refusal(op) for op in batches]
        sound = [op for op, error in zip(batches, errors, strict=True) if error is None]
        outcomes = iter(self._open().groups.write_all(sound) if sound else ())
        return [next(outcomes) if error is None else error for error in errors]

    def _seal(self, transactions: Transactions, run_id: str) -> None:
        """Merge the small chunks that a run ends with, in several transactions: each is short."""
        after: str | None = ""
        while after is not None:
            after = transactions.write(partial(seal, run_id=run_id, after=after), repeatable=True)

    def read(self, query: queries.Query[T]) -> T:
        """Answer `query` from one state of the database."""
        reader = self._readers.get(type(query))
        if reader is None:
            raise InvalidValue(f"{type(query).__name__} is not a question that can be answered.")
        return cast(T, reader(query))

    def _was_done(self, query: queries.WasDone) -> bool:
        with self._reading() as connection:
            return was_applied(connection, query.op_id, query.digest)

    def artifacts(self, run_id: str) -> Artifacts:
        """The run's artifacts, where its artifact URI says."""
        return open_artifacts(Location.parse(self._run_info(queries.GetRunInfo(run_id=run_id)).artifact_uri))

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        """The logged model's artifacts, where its location says."""
        found = self._model(queries.GetLoggedModel(model_id=model_id, deleted=deleted))
        return open_artifacts(Location.parse(found.artifact_location))

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        """The newest logged model of this name among the run's outputs, None when there is none."""
        with self._reading() as connection:
            location = output_location(connection, self._rid(connection, run_id), name)
        return None if location is None else open_artifacts(Location.parse(location))

    def bell(self) -> bells.Bell:
        """Rings when the file is written; a database on a server is asked now and then which writes have ended."""
        path = self.database.path
        return bells.Poll(ASKED, self._ask_writes) if path is None else bells.file_bell(str(path))

    def _ask_writes(self) -> str:
        with self._reading() as connection:
            return changelog.writes(connection)

    def close(self) -> None:
        """Close all connections; they open again when used."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def after_fork(self) -> None:
        """Start anew in a child process: connections of the parent are not the child's."""
        # Never closed here: that would end the parent's sessions.
        _parents.append(self._opened)
        self._points.cache = Cache()
        self._start()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Alone among all processes on a PostgreSQL database; a SQLite file is one machine's, which has other locks."""
        if self.database.path is not None:
            yield
            return
        with self._reading() as connection:
            wait_alone(connection)
            yield

    def change(self, work: Callable[[Connection], T]) -> T:
        """What `work` returns, done in one transaction; `work` may be done again when the connection was lost."""
        return self._open().transactions.write(work, repeatable=True)

    def engine(self) -> Engine:
        """The database, with the right schema."""
        return self._open().engine

    def snapshot(self) -> AbstractContextManager[Connection]:
        """All of the database as it is now, whatever others write meanwhile."""
        return self._open().transactions.reading()

    def fill(self, work: Callable[[Connection], None]) -> None:
        """Do `work` in one transaction on a database that holds nothing but the default experiment; else InvalidState.

        Nobody makes an experiment meanwhile.
        """

        def carefully(connection: Connection) -> None:
            connection.execute(select(ledger.experiment_ids.c.last).with_for_update())
            if read.count(connection, schema.runs) or read.count(connection, schema.experiments) > 1:
                raise InvalidState(f"The database {self.database.public} is not empty; restore into an empty one.")
            work(connection)
            ids = connection.execute(select(schema.experiments.c.experiment_id)).scalars()
            changelog.note_experiments(connection, ids)

        self._open().transactions.write(carefully, repeatable=False)

    def of_run(self, run_id: str, most: int) -> dict[str, list[Metric]] | None:
        """Every point of every series of a run, in one read; None when there are over `most`."""
        with self._reading() as connection:
            return histories.of_run(connection, self._rid(connection, run_id), most)

    def logged_models(self, experiment_id: str, most: int) -> Iterator[list[LoggedModel]]:
        """All logged models of an experiment, deleted ones too, at most `most` at a time."""
        with self._reading() as connection:
            ids = model_ids(connection, experiment_id)
        for start in range(0, len(ids), most):
            with self._reading() as connection:
                found = read_models(connection, ids[start : start + most])
            yield found

    def count_logged_models(self, experiment_id: str) -> int:
        """How many logged models an experiment has, deleted ones too."""
        with self._reading() as connection:
            return len(model_ids(connection, experiment_id))

    def registered_names(self) -> list[str]:
        """Names of all registered models, in order."""
        with self._reading() as connection:
            return registry.registered_names(connection)

    def registered_model(self, name: str) -> tuple[RegisteredModel, list[ModelVersion], int]:
        """A registered model, all of its versions, and the highest number that one ever had; NotFound."""
        with self._reading() as connection:
            found = registry.read_whole(connection, name)
        if found is None:
            raise refusals.no_registered_model(name, self.database.public)
        return found

    def count_registered(self) -> int:
        """How many registered models and versions there are, together."""
        with self._reading() as connection:
            return registry.count_rows(connection)

    def deleted_times(self, run_ids: list[str]) -> dict[str, int]:
        """When those of the runs that are deleted were deleted (ms), by run id; unknown where that was not noted."""
        with self._reading() as connection:
            return read.deleted_times(connection, run_ids)

    @contextmanager
    def _reading(self, run_id: str | None = None) -> Iterator[Connection]:
        with self._open().transactions.reading() as connection:
            yield connection

    def _open(self) -> _Opened:
        opened = self._opened
        if opened is not None:
            return opened
        with self._lock:
            if self._opened is None:
                engine = self._engine()
                try:
                    self._prepare(engine)
                except BaseException:
                    engine.dispose()
                    raise
                queue = None if self.database.path is None else Queue(self.database.path)
                transactions = Transactions(engine, self.database.public, queue)
                groups = Groups(transactions, self._apply_batches)
                self._opened = _Opened(engine, transactions, groups, queue)
            return self._opened

    def _apply_batches(self, connection: Connection, group: Sequence[ops.LogBatch]) -> list[MillstreamError | None]:
        return self._applier.apply_batches(connection, group)

    def _prepare(self, engine: Engine) -> None:
        try:
            prepare(engine, self.database.public, self.artifact_root)
        except DBAPIError as error:
            raise failure(error, self.database.public) from error

    def _engine(self) -> Engine:
        path = self.database.path
        if path is None:
            return postgresql_engine(self.database.text)
        if is_mlflows(self.database):
            raise mlflows_own(self.database.public)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageFailed(f"Cannot make the directory {str(path.parent)!r}: {error.strerror}.") from error
        return sqlite_reader(path) if is_kept_from_writing(path) else sqlite_engine(path)

    def _rid(self, connection: Connection, run_id: str) -> int:
        names.check_run_id(run_id)
        rid = read.rid_of(connection, run_id)
        if rid is None:
            raise refusals.no_run(run_id, self.database.public)
        return rid

    def _experiment(self, query: queries.GetExperiment) -> Experiment:
        names.check_experiment_id(query.experiment_id)
        with self._reading() as connection:
            found = read.experiments(connection, [query.experiment_id])
        if not found:
            raise refusals.no_experiment(query.experiment_id, self.database.public)
        return found[0]

    def _experiment_by_name(self, query: queries.GetExperimentByName) -> Experiment:
        names.check_text(query.name, "name of an experiment")
        with self._reading() as connection:
            found = read.experiments(connection, read.experiment_ids_named(connection, query.name))
        if not found:
            raise refusals.no_experiment_called(query.name, self.database.public)
        return found[0]

    def _run_info(self, query: queries.GetRunInfo) -> RunInfo:
        names.check_run_id(query.run_id)
        with self._reading() as connection:
            found = read.run_info(connection, query.run_id)
        if found is None:
            raise refusals.no_run(query.run_id, self.database.public)
        return found

    def _list_artifacts(self, query: queries.ListArtifacts) -> list[FileInfo]:
        return self.artifacts(query.run_id).list(RelPath.parse(query.path))

    @contextmanager
    def _reading_models(self, experiment_ids: Sequence[str]) -> Iterator[Connection]:
        with self._reading() as connection:
            yield connection

    def _model(self, query: queries.GetLoggedModel) -> LoggedModel:
        names.check_model_id(query.model_id)
        with self._reading() as connection:
            found = read_models(connection, [query.model_id])
        if not found:
            raise refusals.no_model(query.model_id, self.database.public)
        if found[0].lifecycle_stage == DELETED and not query.deleted:
            raise refusals.model_deleted(query.model_id)
        return found[0]

    def _list_model_artifacts(self, query: queries.ListModelArtifacts) -> list[FileInfo]:
        return self.model_artifacts(query.model_id).list(RelPath.parse(query.path))

    def _describe(self, query: queries.DescribeStore) -> queries.StoreFacts:
        kind = "SQLite database" if self.database.kind == SQLITE else "PostgreSQL database"
        if self.database.path is not None and not self.database.path.exists():
            return without_place(queries.StoreFacts(kind, self.database.public, False, 0, 0), query.seen)
        with self._reading() as connection:
            return describe(connection, query.seen, kind, self.database.public)


def _refusal(op: ops.LogBatch) -> Exception | None:
    try:
        check(op)
    except MillstreamError as error:
        return error
    return None
