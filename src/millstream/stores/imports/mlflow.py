"""A database of MLflow as a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import column

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.sql.foreign import ForeignDatabase
from millstream.stores.imports import cells, mlflow_models, mlflow_registry, places
from millstream.stores.imports.base import Problem, SourceRegistered, SourceRun
from millstream.values import names
from millstream.values.entities import (
    Experiment,
    LoggedModel,
    Metric,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)

# Runs asked about at a time, and how many points are held in memory for them.
RUNS = 200
POINTS = 500_000

_EXPERIMENT = ("experiment_id", "name", "artifact_location", "lifecycle_stage", "creation_time", "last_update_time")
_RUN = (
    *("run_uuid", "experiment_id", "user_id", "status", "start_time", "end_time", "lifecycle_stage", "artifact_uri"),
    *("name", "deleted_time"),
)


class MlflowSource:
    """Runs of one database."""

    def __init__(self, database: ForeignDatabase, artifact_root: Path | None = None) -> None:
        """Read `database`; artifacts that are not where their URIs say may lie below `artifact_root`."""
        self._database = database
        self.place = database.database.public
        path = database.database.path
        self._base = Path.cwd() if path is None else path.parent
        beside = [] if path is None else [path.parent / "mlruns", path.parent / "mlartifacts"]
        self._roots = beside if artifact_root is None else [artifact_root, *beside]

    def experiments(self, problem: Problem) -> list[Experiment]:
        """All experiments by id."""
        tags: dict[str, dict[str, str]] = {}
        for experiment_id, key, value in self._database.rows("experiment_tags", ("experiment_id", "key", "value")):
            tags.setdefault(str(experiment_id), {})[str(key)] = "" if value is None else str(value)
        found = []
        for row in self._database.rows("experiments", _EXPERIMENT, order=("experiment_id",)):
            try:
                found.append(
                    Experiment(
                        experiment_id=str(row.experiment_id),
                        name=str(row.name),
                        artifact_location=str(row.artifact_location or ""),
                        lifecycle_stage=cells.stage(row.lifecycle_stage),
                        tags=tags.get(str(row.experiment_id), {}),
                        creation_time=cells.whole(row.creation_time),
                        last_update_time=cells.whole(row.last_update_time),
                    )
                )
            except (ValueError, OverflowError) as error:
                problem(f"experiment {row.experiment_id!r}: {error}; the experiment is left out")
        return found

    def count_runs(self, experiment_id: str) -> int:
        """Rows of runs."""
        return self._database.count("runs", column("experiment_id") == int(experiment_id))

    def runs(self, experiment_id: str, problem: Problem) -> Iterator[SourceRun]:
        """All runs, the oldest first."""
        ids = self._database.rows(
            "runs", ("run_uuid",), column("experiment_id") == int(experiment_id), order=("start_time", "run_uuid")
        )
        for start in range(0, len(ids), RUNS):
            run_ids = [row.run_uuid for row in ids[start : start + RUNS]]
            infos = {row.run_uuid: row for row in self._database.rows("runs", _RUN, column("run_uuid").in_(run_ids))}
            counts = self._database.point_counts(run_ids)
            for group in _groups([run_id for run_id in run_ids if run_id in infos], counts):
                yield from self._together([infos[run_id] for run_id in group], counts, problem)

    def _together(self, rows: Sequence[Any], counts: dict[str, int], problem: Problem) -> Iterator[SourceRun]:
        """A few runs, asked about together."""
        run_ids = [row.run_uuid for row in rows]
        params, tags = self._database.texts("params", run_ids), self._database.texts("tags", run_ids)
        inputs = self._database.inputs(run_ids)
        used, made = self._database.models(run_ids)
        fitting = [run_id for run_id in run_ids if 0 < counts.get(run_id, 0) <= POINTS]
        points = self._database.points(fitting, None, problem) if fitting else {}
        for row in rows:
            run_id = row.run_uuid
            try:
                info = _info(row, tags.get(run_id, {}))
                deleted_time = cells.whole(row.deleted_time)
            except (ValueError, OverflowError) as error:
                problem(f"run {run_id!r}: {error}; the run is left out")
                continue
            large = counts.get(run_id, 0) > POINTS
            yield SourceRun(
                info=info,
                deleted_time=deleted_time,
                params=params.get(run_id, {}),
                tags=tags.get(run_id, {}),
                points=self._series(run_id, problem) if large else _blocks(points.pop(run_id, [])),
                inputs=RunInputs(tuple(inputs.get(run_id, ())), tuple(used.get(run_id, ()))),
                outputs=RunOutputs(tuple(made.get(run_id, ()))),
            )

    def _series(self, run_id: str, problem: Problem) -> Any:
        def points() -> Iterator[Sequence[Metric]]:
            for key in self._database.metric_keys(run_id):
                yield self._database.points([run_id], key, problem).get(run_id, [])

        return points

    def artifacts(self, info: RunInfo) -> Artifacts | None:
        """The run's artifacts, where its URI says, or beside a SQLite file that was moved."""
        return places.find(info.artifact_uri, info.run_id, self._base, self._roots)

    def count_models(self, experiment_id: str) -> int:
        """Rows of logged models; 0 before MLflow 3."""
        return self._database.count("logged_models", column("experiment_id") == int(experiment_id))

    def models(self, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
        """All logged models, the oldest first; none before MLflow 3."""
        return mlflow_models.read(self._database, experiment_id, problem)

    def model_artifacts(self, model: LoggedModel) -> Artifacts | None:
        """The logged model's artifacts, where its location says, or beside a SQLite file that was moved."""
        return places.find(model.artifact_location, model.model_id, self._base, self._roots, depth=places.OF_MODEL)

    def count_registered(self) -> int:
        """Rows of registered models and versions; 0 before MLflow 1.4."""
        return sum(self._database.count(name) for name in ("registered_models", "model_versions"))

    def registered(self, problem: Problem) -> Iterator[SourceRegistered]:
        """All registered models, by name; none before MLflow 1.4."""
        return mlflow_registry.read(self._database, problem)

    def close(self) -> None:
        """Let go of connections."""
        self._database.close()


def _blocks(points: list[Metric]) -> Any:
    return lambda: iter([points] if points else [])


def _groups(run_ids: Sequence[str], counts: dict[str, int]) -> Iterator[list[str]]:
    """Runs in order, so many together that their points fit in memory."""
    group: list[str] = []
    held = 0
    for run_id in run_ids:
        count = counts.get(run_id, 0)
        if group and held + count > POINTS:
            yield group
            group, held = [], 0
        group.append(run_id)
        held += count
    if group:
        yield group


def _info(row: Any, tags: dict[str, str]) -> RunInfo:
    status = "RUNNING" if row.status is None else str(row.status)
    if status not in RunStatus.NAMES:
        raise ValueError(f"its status is {status!r:.60}, which is none of {', '.join(RunStatus.NAMES)}")
    return RunInfo(
        run_id=str(row.run_uuid),
        experiment_id=str(row.experiment_id),
        user_id=str(row.user_id or ""),
        status=status,
        start_time=cells.whole(row.start_time),
        end_time=cells.whole(row.end_time),
        lifecycle_stage=cells.stage(row.lifecycle_stage),
        artifact_uri=str(row.artifact_uri or ""),
        # MLflow 1 kept the name in a tag only.
        run_name=str(row.name or tags.get(names.RUN_NAME_TAG, "")),
    )
