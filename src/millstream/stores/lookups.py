"""Questions about one thing of the embedded store, answered from its files: no database is opened for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files import reader
from millstream.drivers.files.stamps import file_stamp
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout
from millstream.formats.mlruns.points import to_metric
from millstream.formats.points import thin
from millstream.formats.tokens import decode_token, next_token
from millstream.values import names, queries
from millstream.values.entities import Experiment, FileInfo, Metric, Page, RunInfo
from millstream.values.errors import DataDamaged, InvalidValue, NotFound
from millstream.values.paths import RelPath


class Lookups:
    """One method a query."""

    def __init__(self, tree: Tree, artifacts: Callable[[str], Artifacts]) -> None:
        """Answer from `tree`; `artifacts` finds the artifact store of a run."""
        self._tree = tree
        self._artifacts = artifacts
        self._names: dict[str, tuple[tuple[int, ...], str]] = {}
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.GetExperiment: self._experiment,
            queries.GetExperimentByName: self._experiment_by_name,
            queries.GetRunInfo: self._run_info,
            queries.MetricHistory: self._history,
            queries.MetricHistories: self._histories,
            queries.SampledHistories: self._sampled,
            queries.ListArtifacts: self._list_artifacts,
            queries.FindLoggedModels: self._find_models,
        }

    def experiments_named(self, name: str) -> list[Experiment]:
        """All experiments with this name, active ones first; damaged ones are passed over."""
        found = []
        for experiment_id, directory, in_trash in self._tree.experiment_dirs():
            if self._name_of(directory, experiment_id, in_trash=in_trash) == name:
                found.append(reader.read_experiment(directory, experiment_id, in_trash=in_trash))
        return sorted(found, key=lambda experiment: experiment.lifecycle_stage)

    def _name_of(self, directory: str, experiment_id: str, *, in_trash: bool) -> str | None:
        stamp = file_stamp(os.path.join(directory, layout.META))
        known = self._names.get(directory)
        if known is not None and known[0] == stamp:
            return known[1]
        try:
            name = reader.read_experiment(directory, experiment_id, in_trash=in_trash).name
        except DataDamaged:
            return None
        self._names[directory] = (stamp, name)
        return name

    def _experiment(self, query: queries.GetExperiment) -> Experiment:
        experiment_id = names.check_experiment_id(query.experiment_id)
        directory = self._tree.require_experiment_dir(experiment_id)
        return reader.read_experiment(directory, experiment_id, in_trash=os.path.dirname(directory) == self._tree.trash)

    def _experiment_by_name(self, query: queries.GetExperimentByName) -> Experiment:
        found = self.experiments_named(query.name)
        if not found:
            raise NotFound(f"No experiment is called {query.name!r} in {self._tree.root}.")
        return found[0]

    def _run_info(self, query: queries.GetRunInfo) -> RunInfo:
        return reader.read_info(self._tree.run_dir(query.run_id))

    def _history(self, query: queries.MetricHistory) -> Page[Metric]:
        if query.max_results is not None and query.max_results <= 0:
            raise InvalidValue(f"max_results is {query.max_results}; it must be a positive integer.")
        points = self._points(query.run_id, query.key)
        if query.max_results is None:
            return Page(points)
        offset = decode_token(query.page_token)
        page = points[offset : offset + query.max_results]
        return Page(page, next_token(offset, query.max_results, len(points) - offset))

    def _histories(self, query: queries.MetricHistories) -> list[Metric]:
        found: list[Metric] = []
        for run_id in sorted(set(query.run_ids)):
            points = self._points(run_id, query.key, own_id=True)
            found += sorted(points, key=lambda point: (point.timestamp, point.step, point.value))
        return found[: query.max_results]

    def _sampled(self, query: queries.SampledHistories) -> list[Metric]:
        low, high = query.start_step, query.end_step
        found: list[Metric] = []
        for run_id in query.run_ids:
            points = self._points(run_id, query.key, own_id=True)
            if low is not None or high is not None:
                points = [p for p in points if (low is None or p.step >= low) and (high is None or p.step <= high)]
            found += thin(points, query.max_results)
        return found

    def _points(self, run_id: str, key: str, *, own_id: bool = False) -> list[Metric]:
        names.check_key(key, "metric")
        directory = self._tree.run_dir(run_id)
        owner = run_id if own_id else None
        return [to_metric(key, point, owner) for point in reader.read_points(directory, key)]

    def _list_artifacts(self, query: queries.ListArtifacts) -> list[FileInfo]:
        return self._artifacts(query.run_id).list(RelPath.parse(query.path))

    def _find_models(self, query: queries.FindLoggedModels) -> list[str]:
        directories = [self._tree.experiment_dir(names.check_experiment_id(item)) for item in query.experiment_ids]
        return sorted(model_id for item in directories if item is not None for model_id in reader.model_ids(item))
