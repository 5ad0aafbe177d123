"""An import: every experiment, run and logged model of a source into a store, only what is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.histories import history_pages
from millstream.stores.imports.additions import additions, new_points
from millstream.stores.imports.base import Options, Source, SourceRun
from millstream.stores.imports.cleaning import cleaned
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.experiments import Experiments, Goal
from millstream.stores.imports.models import Models
from millstream.stores.imports.registered import Registered
from millstream.stores.imports.summary import Summary
from millstream.stores.imports.transport import Transport
from millstream.stores.imports.trees import TreeSource
from millstream.values import ops, queries
from millstream.values.entities import DELETED, Experiment, Metric, RunInfo
from millstream.values.errors import AlreadyExists, DataDamaged, InvalidValue, NotFound, NotSupported

# Points written at a time: one run of a usual size is one transaction.
MOST_POINTS = 100_000

Progress = Callable[[int, int], None]

# What is wrong with one run or model; anything else (a full disk, a lost connection) ends the import.
_OF_ONE = (AlreadyExists, DataDamaged, InvalidValue, NotFound, NotSupported)


class Importer:
    """One import. Done again, or after it was cut off, it adds what is missing and nothing twice."""

    def __init__(self, source: Source, target: Store, options: Options, progress: Progress | None = None) -> None:
        """From `source` into `target`; `progress` is called with runs and models done, and in all."""
        self._source = source
        self._target = target
        self._options = options
        self._progress = progress
        self.summary = Summary(source.place, _place(target), options.dry_run)
        self._experiments = Experiments(target, self.summary, options.prefix, overwrite=options.overwrite)
        self._transport = Transport(target, options, self.summary)
        self._models = Models(source, target, options, self.summary)
        self._registered = Registered(target, options, self.summary)
        # Runs and logged models of the experiments that were asked for; None when all were.
        self._seen: set[str] | None = set() if options.experiments else None
        self._problem = self.summary.problems.append
        self._done = 0
        self._total = 0

    def run(self) -> Summary:
        """Import everything that was asked for; what could not be is in the summary's problems."""
        chosen = self._chosen(self._source.experiments(self._problem))
        if self._progress is not None:
            for count in (self._source.count_runs, self._source.count_models):
                self._total += sum(count(item.experiment_id) for item in chosen)
            self._total += self._source.count_registered()
        for experiment in chosen:
            goal = self._experiments.goal(experiment)
            if goal is None:
                continue
            for run in self._source.runs(experiment.experiment_id, self._problem):
                self._note_seen(run.info.run_id)
                self._one(f"run {run.info.run_id}", partial(self._import, run, goal))
            for model in self._source.models(experiment.experiment_id, self._problem):
                self._note_seen(model.model_id)
                self._one(f"logged model {model.model_id}", partial(self._models.bring, model, goal))
        for found in self._source.registered(self._problem):
            name, size = f"registered model {found.model.name!r}", 1 + len(found.versions)
            self._one(name, partial(self._registered.bring, found, self._seen), size)
        return self.summary

    def _one(self, name: str, work: Callable[[], None], size: int = 1) -> None:
        try:
            work()
        except _OF_ONE as error:
            self._problem(f"{name}: {error.message}")
        self._done += size
        if self._progress is not None:
            self._progress(self._done, max(self._total, self._done))

    def _note_seen(self, owner: str) -> None:
        if self._seen is not None:
            self._seen.add(owner)

    def _chosen(self, found: list[Experiment]) -> list[Experiment]:
        wanted = self._options.experiments
        known = {item.name for item in found} | {item.experiment_id for item in found}
        for name in wanted:
            if name not in known:
                raise NotFound(f"{self._source.place} has no experiment with the name or id {name!r}.")
        return [item for item in found if not wanted or item.name in wanted or item.experiment_id in wanted]

    def _import(self, run: SourceRun, goal: Goal) -> None:
        run_id = run.info.run_id
        whose = f"run {run_id}"
        run = cleaned(run, self._problem, files=isinstance(self._target, EmbeddedStore))
        artifacts = self._transport.find(whose, partial(self._source.artifacts, run.info))
        present = self._present(run_id)
        if present is None:
            self._create(run, goal, artifacts)
        else:
            self._extend(run, present)
        self._transport.copy(whose, artifacts, partial(self._target.artifacts, run_id))

    def _create(self, run: SourceRun, goal: Goal, artifacts: Artifacts | None) -> None:
        blocks = _pieces(run.points())
        first = next(blocks, ())
        if not self._options.dry_run:
            experiment_id = goal.experiment_id or ""
            op = ops.ImportRun(
                info=structs.replace(run.info, experiment_id=experiment_id),
                deleted_time=_deleted_time(run.info, run.deleted_time),
                params=run.params,
                tags=run.tags,
                metrics=tuple(first),
                inputs=run.inputs,
                outputs=run.outputs,
            )
            old = run.info
            with self._transport.placing(experiment_id, old.run_id, old.artifact_uri, artifacts) as uri:
                placed = structs.replace(op, info=structs.replace(op.info, artifact_uri=uri))
                info = self._target.write(placed)
            self._append(info, op.deleted_time, first, blocks, {})
        else:
            self.summary.points += len(first) + sum(map(len, blocks))
        self.summary.runs_created += 1

    def _append(
        self,
        info: RunInfo,
        deleted_time: int | None,
        first: Sequence[Metric],
        blocks: Iterator[Sequence[Metric]],
        counts: dict[str, int],
    ) -> None:
        """Append the blocks after the `first`, which is written; `counts` are points a series had before it."""
        self.summary.points += len(first)
        written = first
        for block in blocks:
            _count(counts, written)
            known = {key: counts.get(key, 0) for key in {metric.key for metric in block}}
            op = ops.ImportRun(info=info, deleted_time=deleted_time, metrics=tuple(block), known=known)
            self._target.write(op)
            self.summary.points += len(block)
            written = block

    def _extend(self, run: SourceRun, present: SourceRun) -> None:
        run_id = run.info.run_id
        if present.info.start_time != run.info.start_time:
            raise AlreadyExists(
                f"another run of this id, started at {present.info.start_time} and not {run.info.start_time}, "
                "is in the target; it is left as it is"
            )
        found = additions(present, run, self.summary.note, overwrite=self._options.overwrite)
        counts: dict[str, int] = {}

        blocks = _pieces(new_points(self._series(run_id, counts), run.points()))
        first = next(blocks, ())
        if not first and found.is_nothing(present.info):
            self.summary.runs_unchanged += 1
            return
        if self._options.dry_run:
            self.summary.points += len(first) + sum(map(len, blocks))
        else:
            deleted = found.info.lifecycle_stage == DELETED
            deleted_time = (
                (present.deleted_time or run.deleted_time or time.time_ns() // 1_000_000) if deleted else None
            )
            op = ops.ImportRun(
                info=found.info,
                deleted_time=deleted_time,
                params=found.params,
                tags=found.tags,
                metrics=tuple(first),
                inputs=found.inputs,
                outputs=found.outputs,
                known={key: counts[key] for key in {metric.key for metric in first}},
            )
            self._target.write(op)
            self._append(found.info, deleted_time, first, blocks, counts)
        self.summary.runs_extended += 1

    def _series(self, run_id: str, counts: dict[str, int]) -> Callable[[str], Iterator[Metric]]:
        """A function that gives the points that the target has of one metric of a run, and counts them."""
        whole = DatabaseSource(self._target).series(run_id) if isinstance(self._target, DatabaseStore) else None

        def series(key: str) -> Iterator[Metric]:
            counts[key] = 0
            pages = history_pages(self._target, run_id, key) if whole is None else whole(key)
            for page in pages:
                counts[key] += len(page)
                yield from page

        return series

    def _present(self, run_id: str) -> SourceRun | None:
        try:
            self._target.read(queries.GetRunInfo(run_id=run_id))
        except NotFound:
            return None
        if isinstance(self._target, EmbeddedStore):
            return TreeSource(self._target.root).run(run_id, self._problem)
        assert isinstance(self._target, DatabaseStore)
        return DatabaseSource(self._target).run(run_id, self._problem)


def _deleted_time(info: RunInfo, known: int | None) -> int | None:
    """When a deleted run was deleted; now, where nobody noted it."""
    if info.lifecycle_stage != DELETED:
        return None
    return known or time.time_ns() // 1_000_000


def _place(store: Store) -> str:
    return store.database.public if isinstance(store, DatabaseStore) else str(getattr(store, "root", store.uri))


def _pieces(blocks: Iterator[Sequence[Metric]]) -> Iterator[Sequence[Metric]]:
    """The same points in pieces of about `MOST_POINTS`."""
    held: list[Metric] = []
    for block in blocks:
        for start in range(0, len(block), MOST_POINTS):
            held.extend(block[start : start + MOST_POINTS])
            if len(held) >= MOST_POINTS:
                yield held
                held = []
    if held:
        yield held


def _count(counts: dict[str, int], written: Sequence[Metric]) -> None:
    for metric in written:
        counts[metric.key] = counts.get(metric.key, 0) + 1
