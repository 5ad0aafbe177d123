"""One of our own databases as a source."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from millstream.drivers.artifacts.base import Artifacts
from millstream.stores.database import DatabaseStore
from millstream.stores.histories import history_pages
from millstream.stores.imports import places
from millstream.stores.imports.base import Problem, SourceRegistered, SourceRun
from millstream.values import queries
from millstream.values.entities import DELETED, Experiment, LoggedModel, Metric, Run, RunInfo, ViewType
from millstream.values.errors import DataDamaged, NotFound

PAGE = 200
# A run of more points is read metric by metric.
MOST_POINTS = 200_000


class DatabaseSource:
    """Runs of one database."""

    def __init__(self, store: DatabaseStore, artifact_root: Path | None = None) -> None:
        """Read `store`; artifacts that are not where their URIs say may lie below `artifact_root`."""
        self._store = store
        self.place = store.database.public
        path = store.database.path
        self._base = Path.cwd() if path is None else path.parent
        beside = [] if path is None else [path.parent / "mlartifacts"]
        self._roots = beside if artifact_root is None else [artifact_root, *beside]

    def is_of(self, store: DatabaseStore) -> bool:
        """Whether `store` is where this reads from."""
        return self._store is store or self._store.uri == store.uri

    def experiments(self, problem: Problem) -> list[Experiment]:
        """All experiments by id."""
        found: list[Experiment] = []
        token = None
        while True:
            page = self._store.read(queries.SearchExperiments(view=ViewType.ALL, page_token=token))
            found += page
            token = page.token
            if token is None:
                return sorted(found, key=lambda experiment: (len(experiment.experiment_id), experiment.experiment_id))

    def count_runs(self, experiment_id: str) -> int:
        """All runs."""
        query = queries.TabulateRuns(experiment_ids=(experiment_id,), view=ViewType.ALL, limit=0)
        return self._store.read(query).total

    def runs(self, experiment_id: str, problem: Problem) -> Iterator[SourceRun]:
        """All runs, the oldest first."""
        token = None
        while True:
            page = self._store.read(
                queries.SearchRuns(
                    experiment_ids=(experiment_id,),
                    view=ViewType.ALL,
                    order_by=("attributes.start_time ASC",),
                    max_results=PAGE,
                    page_token=token,
                )
            )
            deleted = [run.info.run_id for run in page if run.info.lifecycle_stage == DELETED]
            times = self._store.deleted_times(deleted) if deleted else {}
            for run in page:
                yield self._of(run, times.get(run.info.run_id), problem)
            token = page.token
            if token is None:
                return

    def run(self, run_id: str, problem: Problem) -> SourceRun:
        """One run; NotFound when there is none."""
        run = self._store.read(queries.GetRun(run_id=run_id))
        times = self._store.deleted_times([run_id]) if run.info.lifecycle_stage == DELETED else {}
        return self._of(run, times.get(run_id), problem)

    def _of(self, run: Run, deleted_time: int | None, problem: Problem) -> SourceRun:
        run_id = run.info.run_id

        def points() -> Iterator[Sequence[Metric]]:
            series = self.series(run_id)
            for key in sorted(run.data.metrics):
                try:
                    yield from series(key)
                except DataDamaged as error:
                    problem(f"run {run_id}, metric {key!r}: {error} Its points are left out")

        return SourceRun(run.info, deleted_time, run.data.params, run.data.tags, points, run.inputs, run.outputs)

    def series(self, run_id: str) -> Callable[[str], Iterator[Sequence[Metric]]]:
        """A function that gives the points of one metric of a run, in blocks; a run of usual size is read at once."""
        try:
            known = self._store.of_run(run_id, MOST_POINTS)
        except DataDamaged:
            known = None  # One damaged series must not hide the others.
        if known is None:
            return lambda key: history_pages(self._store, run_id, key)
        return lambda key: iter([known[key]] if key in known else [])

    def artifacts(self, info: RunInfo) -> Artifacts | None:
        """The run's artifacts, where its URI says, or beside a SQLite file that was moved."""
        return places.find(info.artifact_uri, info.run_id, self._base, self._roots)

    def count_models(self, experiment_id: str) -> int:
        """All logged models."""
        return self._store.count_logged_models(experiment_id)

    def models(self, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
        """All logged models, the oldest first."""
        for some in self._store.logged_models(experiment_id, PAGE):
            yield from some

    def model_artifacts(self, model: LoggedModel) -> Artifacts | None:
        """The logged model's artifacts, where its location says, or beside a SQLite file that was moved."""
        return places.find(model.artifact_location, model.model_id, self._base, self._roots, depth=places.OF_MODEL)

    def count_registered(self) -> int:
        """All registered models and versions."""
        return self._store.count_registered()

    def registered(self, problem: Problem) -> Iterator[SourceRegistered]:
        """All registered models, by name."""
        for name in self._store.registered_names():
            with suppress(NotFound):  # Deleted just now.
                yield self.registered_model(name)

    def registered_model(self, name: str) -> SourceRegistered:
        """One registered model; NotFound when there is none."""
        return SourceRegistered(*self._store.registered_model(name))

    def close(self) -> None:
        """The store stays open: it is shared."""
