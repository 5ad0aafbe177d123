"""Questions about one thing of the embedded store, answered from its files: no database is opened for them."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Protocol

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files import reader
from millstream.drivers.files.models import ModelFiles
from millstream.drivers.files.registry import RegistryFiles
from millstream.drivers.files.stamps import file_stamp
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout
from millstream.stores.addresses import sign
from millstream.stores.histories import Histories
from millstream.stores.metricfiles import Knower, MetricFiles
from millstream.values import names, queries
from millstream.values.entities import Experiment, FileInfo, LoggedModel, RunInfo
from millstream.values.errors import DataDamaged
from millstream.values.paths import RelPath
from millstream.values.refusals import no_experiment_called


class Places(Protocol):
    """Where artifacts are."""

    def artifacts(self, run_id: str) -> Artifacts:
        """Those of a run."""
        ...

    def model_artifacts(self, model_id: str) -> Artifacts:
        """Those of a logged model."""
        ...


class Lookups:
    """One method a query."""

    def __init__(
        self, tree: Tree, models: ModelFiles, registry: RegistryFiles, places: Places, index: Callable[[], Knower]
    ) -> None:
        """Answer from `tree`, its `models` and its `registry`; `places` finds artifact stores, `index` the index."""
        self._tree = tree
        self._models = models
        self._places = places
        self._names: dict[str, tuple[tuple[int, ...], str]] = {}
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.GetExperiment: self._experiment,
            queries.GetExperimentByName: self._experiment_by_name,
            queries.GetRunInfo: self._run_info,
            queries.ListArtifacts: self._list_artifacts,
            queries.SignArtifact: lambda query: sign(self._places, query),
            queries.GetLoggedModel: self._model,
            queries.ListModelArtifacts: self._list_model_artifacts,
            queries.GetRegisteredModel: lambda query: registry.get(query.name),
            queries.GetLatestVersions: lambda query: registry.latest(query.name, stages_of(query)),
            queries.GetModelVersion: lambda query: registry.version(query.name, query.version),
            queries.GetModelVersionByAlias: lambda query: registry.by_alias(query.name, query.alias),
            **Histories(MetricFiles(tree, index)).readers,
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
            raise no_experiment_called(query.name, self._tree.root)
        return found[0]

    def _run_info(self, query: queries.GetRunInfo) -> RunInfo:
        return reader.read_info(self._tree.run_dir(query.run_id))

    def _list_artifacts(self, query: queries.ListArtifacts) -> list[FileInfo]:
        return self._places.artifacts(query.run_id).list(RelPath.parse(query.path))

    def _model(self, query: queries.GetLoggedModel) -> LoggedModel:
        return self._models.get(query.model_id, deleted=query.deleted)

    def _list_model_artifacts(self, query: queries.ListModelArtifacts) -> list[FileInfo]:
        return self._places.model_artifacts(query.model_id).list(RelPath.parse(query.path))


def stages_of(query: queries.GetLatestVersions) -> tuple[str, ...]:
    """The stages that are asked for, as they are written."""
    return tuple(names.check_model_stage(stage) for stage in query.stages)
