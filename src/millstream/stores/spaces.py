"""What runs and experiments take up, and which of them may be removed for good: the same over files and databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, func, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.read import batches
from millstream.stores.searches import Reading
from millstream.values import names, queries, refusals
from millstream.values.entities import ACTIVE, LoggedModel
from millstream.values.space import ExperimentSpace, ModelSpace, RunSpace, StoreSpace, is_older

T = TypeVar("T", RunSpace, ModelSpace)

RUNS, EXPERIMENTS = schema.runs, schema.experiments


class Known(Struct, frozen=True):
    """Points of runs and when they were deleted, by `rid`. Of `doomed` ones only what would go is counted."""

    points: dict[int, int]
    times: dict[int, int]
    doomed: bool


class Scale(Protocol):
    """Knows when things were deleted and what they take up. `runs` and `experiments` are rows of these tables."""

    def run_times(self, connection: Connection, runs: Sequence[Any]) -> dict[int, int]:
        """`rid` to the time a run was deleted, as far as it was noted."""
        ...

    def experiment_time(self, experiment: Any) -> int | None:
        """When an experiment was deleted."""
        ...

    def weigh_runs(self, connection: Connection, runs: Sequence[Any], known: Known) -> list[RunSpace]:
        """What the runs take up."""
        ...

    def models(
        self, connection: Connection, experiment_ids: Sequence[str] | None, model_ids: Sequence[str]
    ) -> list[LoggedModel]:
        """Logged models, without their data: those with `model_ids`, and all of some experiments, or of all (None)."""
        ...

    def weigh_models(self, connection: Connection, models: Sequence[LoggedModel], *, doomed: bool) -> list[ModelSpace]:
        """What the models take up; of `doomed` ones only what would go."""
        ...

    def weigh_experiment(
        self, connection: Connection, experiment: Any, runs: Sequence[RunSpace], models: Sequence[ModelSpace]
    ) -> int:
        """Bytes of an experiment without those of its `runs` and `models`, which are all that it has."""
        ...


class Spaces:
    """One method a query."""

    def __init__(self, reading: Reading, scale: Scale, place: str) -> None:
        """Ask the connections of `reading` and weigh with `scale`; `place` names the store in errors."""
        self._reading = reading
        self._scale = scale
        self._place = place
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.MeasureSpace: self._measure,
            queries.FindDeleted: self._find_deleted,
        }

    def _measure(self, query: queries.MeasureSpace) -> StoreSpace:
        with self._reading() as connection:
            experiments = self._experiments(connection, query.experiment_ids or None)
            ids = [row.experiment_id for row in experiments]
            runs = _rows(connection, RUNS, RUNS.c.experiment_id, ids)
            models = self._scale.models(connection, ids, ())
            return self._weigh(connection, experiments, runs, models, doomed=False)

    def _find_deleted(self, query: queries.FindDeleted) -> StoreSpace:
        everything = not query.run_ids and not query.experiment_ids and not query.model_ids
        with self._reading() as connection:
            experiments = self._deleted_experiments(connection, query, everything=everything)
            ids = [row.experiment_id for row in experiments]
            runs = {row.rid: row for row in _rows(connection, RUNS, RUNS.c.experiment_id, ids)}
            for row in self._deleted_runs(connection, query, everything=everything):
                runs.setdefault(row.rid, row)
            models = {item.model_id: item for item in self._scale.models(connection, ids, ())}
            for item in self._deleted_models(connection, query, everything=everything):
                models.setdefault(item.model_id, item)
            return self._weigh(connection, experiments, list(runs.values()), list(models.values()), doomed=True)

    def _deleted_experiments(
        self, connection: Connection, query: queries.FindDeleted, *, everything: bool
    ) -> Sequence[Any]:
        if everything:
            found = connection.execute(select(EXPERIMENTS).where(EXPERIMENTS.c.lifecycle_stage != ACTIVE)).all()
            return [row for row in found if is_older(self._scale.experiment_time(row), query.before)]
        found = self._experiments(connection, query.experiment_ids)
        for row in found:
            if row.lifecycle_stage == ACTIVE:
                raise refusals.experiment_still_active(row.experiment_id)
            if not is_older(self._scale.experiment_time(row), query.before):
                raise refusals.deleted_too_recently("Experiment", row.experiment_id)
        return found

    def _deleted_runs(self, connection: Connection, query: queries.FindDeleted, *, everything: bool) -> Sequence[Any]:
        if everything:
            found = connection.execute(select(RUNS).where(RUNS.c.lifecycle_stage != ACTIVE)).all()
            times = self._scale.run_times(connection, found)
            return [row for row in found if is_older(times.get(row.rid), query.before)]
        wanted = [names.check_run_id(run_id) for run_id in query.run_ids]
        rows = {row.run_id: row for row in _rows(connection, RUNS, RUNS.c.run_id, wanted)}
        times = self._scale.run_times(connection, list(rows.values()))
        for run_id in wanted:
            if run_id not in rows:
                raise refusals.no_run(run_id, self._place)
            if rows[run_id].lifecycle_stage == ACTIVE:
                raise refusals.run_not_deleted(run_id)
            if not is_older(times.get(rows[run_id].rid), query.before):
                raise refusals.deleted_too_recently("Run", run_id)
        return list(rows.values())

    def _deleted_models(
        self, connection: Connection, query: queries.FindDeleted, *, everything: bool
    ) -> Sequence[LoggedModel]:
        if everything:
            found = self._scale.models(connection, None, ())
            gone = (item for item in found if item.lifecycle_stage != ACTIVE)
            return [item for item in gone if is_older(item.last_updated_timestamp, query.before)]
        wanted = [names.check_model_id(model_id) for model_id in query.model_ids]
        models = {item.model_id: item for item in self._scale.models(connection, (), wanted)}
        for model_id in wanted:
            if model_id not in models:
                raise refusals.no_model(model_id, self._place)
            if models[model_id].lifecycle_stage == ACTIVE:
                raise refusals.model_not_deleted(model_id)
            if not is_older(models[model_id].last_updated_timestamp, query.before):
                raise refusals.deleted_too_recently("Logged model", model_id)
        return list(models.values())

    def _experiments(self, connection: Connection, ids: Sequence[str] | None) -> Sequence[Any]:
        if ids is None:
            return connection.execute(select(EXPERIMENTS)).all()
        wanted = [names.check_experiment_id(experiment_id) for experiment_id in ids]
        rows = {row.experiment_id: row for row in _rows(connection, EXPERIMENTS, EXPERIMENTS.c.experiment_id, wanted)}
        for experiment_id in wanted:
            if experiment_id not in rows:
                raise refusals.no_experiment(experiment_id, self._place)
        return list(rows.values())

    def _weigh(
        self,
        connection: Connection,
        experiments: Sequence[Any],
        runs: Sequence[Any],
        models: Sequence[LoggedModel],
        *,
        doomed: bool,
    ) -> StoreSpace:
        times = self._scale.run_times(connection, [row for row in runs if row.lifecycle_stage != ACTIVE])
        known = Known(_points(connection, [row.rid for row in runs]), times, doomed)
        spaces = self._scale.weigh_runs(connection, runs, known)
        weighed = self._scale.weigh_models(connection, models, doomed=doomed)
        of, made = _by_experiment(spaces), _by_experiment(weighed)
        owners = [
            ExperimentSpace(
                experiment_id=row.experiment_id,
                name=row.name,
                lifecycle_stage=row.lifecycle_stage,
                deleted_time=None if row.lifecycle_stage == ACTIVE else self._scale.experiment_time(row),
                own_bytes=self._scale.weigh_experiment(connection, row, of[row.experiment_id], made[row.experiment_id]),
            )
            for row in experiments
        ]
        return StoreSpace(tuple(spaces), tuple(owners), tuple(weighed))


def _by_experiment(spaces: Sequence[T]) -> defaultdict[str, list[T]]:
    found: defaultdict[str, list[T]] = defaultdict(list)
    for space in spaces:
        found[space.experiment_id].append(space)
    return found


def _points(connection: Connection, rids: Sequence[int]) -> dict[int, int]:
    series = schema.series.c
    found: dict[int, int] = {}
    for batch in batches(rids):
        statement = select(series.rid, func.sum(series.count)).where(series.rid.in_(batch)).group_by(series.rid)
        found.update((rid, int(total)) for rid, total in connection.execute(statement).all())
    return found


def _rows(connection: Connection, table: Any, column: Any, values: Sequence[str]) -> list[Any]:
    found: list[Any] = []
    for batch in batches(values):
        found += connection.execute(select(table).where(column.in_(batch))).all()
    return found
