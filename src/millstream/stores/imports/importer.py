"""An import: every experiment and run of a source into a store, only what is not there yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from msgspec import Struct, structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.additions import additions, new_points
from millstream.stores.imports.base import Source, SourceRun
from millstream.stores.imports.cleaning import cleaned
from millstream.stores.imports.copies import copy_artifacts
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.experiments import Experiments, Goal
from millstream.stores.imports.summary import Summary
from millstream.stores.imports.trees import TreeSource
from millstream.values import ops, queries
from millstream.values.entities import DELETED, Experiment, Metric, RunInfo
from millstream.values.errors import AlreadyExists, DataDamaged, InvalidValue, NotFound, NotSupported
from millstream.values.paths import Location

COPY, LINK, NONE = "copy", "link", "none"
# Points written at a time: one run of a usual size is one transaction.
MOST_POINTS = 100_000

Progress = Callable[[int, int], None]

# What is wrong with one run; anything else (a full disk, a lost connection) ends the import.
_OF_ONE_RUN = (AlreadyExists, DataDamaged, InvalidValue, NotFound, NotSupported)


class Options(Struct, frozen=True):
    """How to import. `experiments` are names or ids (all when empty); see docs/import.md for the rest."""

    artifacts: str = COPY
    experiments: tuple[str, ...] = ()
    prefix: str = ""
    overwrite: bool = False
    dry_run: bool = False


class Importer:
    """One import. Done again, or after it was cut off, it adds what is missing and nothing twice."""

    def __init__(self, source: Source, target: Store, options: Options, progress: Progress | None = None) -> None:
        """From `source` into `target`; `progress` is called with runs done and runs in all."""
        self._source = source
        self._target = target
        self._options = options
        self._progress = progress
        self.summary = Summary(source.place, _place(target), options.dry_run)
        self._experiments = Experiments(
            target,
            self.summary,
            options.prefix,
            keep_places=options.artifacts == LINK,
            overwrite=options.overwrite,
        )
        self._problem = self.summary.problems.append
        self._done = 0

    def run(self) -> Summary:
        """Import everything that was asked for; what could not be is in the summary's problems."""
        chosen = self._chosen(self._source.experiments(self._problem))
        total = sum(self._source.count_runs(item.experiment_id) for item in chosen) if self._progress else 0
        for experiment in chosen:
            goal = self._experiments.goal(experiment)
            if goal is None:
                continue
            for run in self._source.runs(experiment.experiment_id, self._problem):
                self._import(run, goal)
                self._done += 1
                if self._progress is not None:
                    self._progress(self._done, max(total, self._done))
        self._count_unmoved()
        return self.summary

    def _chosen(self, found: list[Experiment]) -> list[Experiment]:
        wanted = self._options.experiments
        known = {item.name for item in found} | {item.experiment_id for item in found}
        for name in wanted:
            if name not in known:
                raise NotFound(f"{self._source.place} has no experiment with the name or id {name!r}.")
        return [item for item in found if not wanted or item.name in wanted or item.experiment_id in wanted]

    def _import(self, run: SourceRun, goal: Goal) -> None:
        run_id = run.info.run_id
        try:
            run = cleaned(run, self._problem, files=isinstance(self._target, EmbeddedStore))
            artifacts = self._artifacts(run.info)
            present = self._present(run_id)
            if present is None:
                self._create(run, goal, artifacts)
            else:
                self._extend(run, present)
            if artifacts is not None and not self._options.dry_run:
                self._copy(run_id, artifacts)
        except _OF_ONE_RUN as error:
            self._problem(f"run {run_id}: {error.message}")

    def _create(self, run: SourceRun, goal: Goal, artifacts: Artifacts | None) -> None:
        blocks = _pieces(run.points())
        first = next(blocks, ())
        if not self._options.dry_run:
            op = ops.ImportRun(
                info=structs.replace(
                    run.info,
                    experiment_id=goal.experiment_id or "",
                    artifact_uri=self._new_uri(run.info, artifacts),
                ),
                deleted_time=_deleted_time(run.info, run.deleted_time),
                params=run.params,
                tags=run.tags,
                metrics=tuple(first),
                inputs=run.inputs,
                outputs=run.outputs,
            )
            info = self._target.write(op)
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

    def _series(self, run_id: str, counts: dict[str, int]) -> Callable[[str], Sequence[Metric]]:
        """A function that gives the points that the target has of one metric of a run, and notes how many they are."""
        whole = DatabaseSource(self._target).series(run_id) if isinstance(self._target, DatabaseStore) else None

        def series(key: str) -> Sequence[Metric]:
            query = queries.MetricHistory(run_id=run_id, key=key)
            if whole is not None:
                points = whole(key)
            else:
                page = self._target.read(query)
                points = page
            counts[key] = len(points)
            return points

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

    def _artifacts(self, info: RunInfo) -> Artifacts | None:
        """The artifacts to copy; None when there are none, or they stay where they are."""
        if self._options.artifacts == NONE:
            return None
        try:
            return self._source.artifacts(info)
        except NotSupported as error:
            if self._options.artifacts == COPY:
                self.summary.note(
                    f"artifacts at {error.message} cannot be reached from here; runs keep the URIs they have there"
                )
        except InvalidValue as error:
            if self._options.artifacts == COPY:
                self._problem(f"run {info.run_id}: {error.message}")
        return None

    def _new_uri(self, info: RunInfo, artifacts: Artifacts | None) -> str:
        """The artifact URI of a new run; "" for the place that the target has for it."""
        if self._options.artifacts == NONE:
            return ""
        if self._options.artifacts == COPY:
            # Copied into the target's place, unless they are where no copy can be made from.
            return info.artifact_uri if artifacts is None and _is_remote(info.artifact_uri) else ""
        if _is_absolute(info.artifact_uri):
            return info.artifact_uri
        return "" if artifacts is None else str(artifacts.location)

    def _copy(self, run_id: str, source: Artifacts) -> None:
        if self._options.artifacts != COPY:
            return
        target = self._target.artifacts(run_id)
        if target.location == source.location:
            return
        files, size = copy_artifacts(
            source,
            target,
            lambda sentence: self._problem(f"run {run_id}, {sentence}"),
            lambda sentence: self.summary.note(f"run {run_id}, {sentence}"),
            overwrite=self._options.overwrite,
        )
        self.summary.files += files
        self.summary.bytes += size

    def _count_unmoved(self) -> None:
        found = self._source.unmoved()
        self.summary.registered_models_left = found.registered_models
        self.summary.model_versions_left = found.model_versions
        self.summary.logged_models_left = found.logged_models


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


def _is_absolute(uri: str) -> bool:
    try:
        Location.parse(uri)
    except InvalidValue:
        return False
    return True


def _is_remote(uri: str) -> bool:
    try:
        return Location.parse(uri).scheme != "file"
    except InvalidValue:
        return False
