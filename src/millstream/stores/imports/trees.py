"""An `mlruns` tree as a source, MLflow's or ours: its files are read as they are, no index is made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files import reader
from millstream.drivers.files.models import model_ids, read_model
from millstream.drivers.files.pages import read_page
from millstream.drivers.files.registered import read_registered, registered_names, version_numbers
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.stores.imports import places
from millstream.stores.imports.base import Problem, SourceRegistered, SourceRun
from millstream.values.entities import DELETED, Experiment, LoggedModel, Metric, RunInfo, RunInputs, RunOutputs
from millstream.values.errors import DataDamaged, InvalidValue, NotFound

_BLOCK = 65_536


class TreeSource:
    """Runs of one directory."""

    def __init__(self, root: Path, artifact_root: Path | None = None) -> None:
        """Read `root`; artifacts that are not where their URIs say may lie below `artifact_root`."""
        self.place = str(root)
        self._tree = Tree(root)
        self._registry = os.path.join(root, layout.MODELS)
        self._roots = [path for path in (artifact_root, root.parent / "mlartifacts") if path is not None]
        if root.is_file():
            raise InvalidValue(
                f"{str(root)!r} is neither a directory of runs nor a SQLite database; nothing to import."
            )
        if not self._tree.exists():
            raise NotFound(f"There is no directory {str(root)!r} to import from.")

    def experiments(self, problem: Problem) -> list[Experiment]:
        """All experiments by id."""
        found = []
        for experiment_id, directory, in_trash in self._tree.experiment_dirs():
            if not os.path.isfile(os.path.join(directory, layout.META)):
                continue
            try:
                found.append(reader.read_experiment(directory, experiment_id, in_trash=in_trash))
            except DataDamaged as error:
                problem(f"{error}; the experiment is left out")
        return sorted(found, key=lambda experiment: (len(experiment.experiment_id), experiment.experiment_id))

    def count_runs(self, experiment_id: str) -> int:
        """Directories that may be runs."""
        return len(self._tree.run_ids(self._tree.require_experiment_dir(experiment_id)))

    def runs(self, experiment_id: str, problem: Problem) -> Iterator[SourceRun]:
        """All runs, by id."""
        directory = self._tree.require_experiment_dir(experiment_id)
        for run_id in sorted(self._tree.run_ids(directory)):
            try:
                yield self._run(os.path.join(directory, run_id), problem)
            except DataDamaged as error:
                problem(f"{error}; the run is left out")

    def run(self, run_id: str, problem: Problem) -> SourceRun:
        """One run; NotFound or DataDamaged."""
        return self._run(self._tree.run_dir(run_id), problem)

    def _run(self, directory: str, problem: Problem) -> SourceRun:
        scan = reader.read_run(directory, {})
        for sentence in scan.problems:
            problem(sentence)
        self._tree.remember_run(scan.info.run_id, directory)
        keys = sorted(scan.series)

        def points() -> Iterator[Sequence[Metric]]:
            for key in keys:
                page = read_page(directory, key, None, _BLOCK)
                yield page
                while page.token is not None:
                    page = read_page(directory, key, page.token, _BLOCK)
                    yield page

        deleted = scan.info.lifecycle_stage == DELETED
        return SourceRun(
            info=scan.info,
            deleted_time=_deleted_time(directory) if deleted else None,
            params=scan.params,
            tags=scan.tags,
            points=points,
            inputs=RunInputs(tuple(scan.datasets), tuple(scan.models_in)),
            outputs=RunOutputs(tuple(scan.models_out)),
        )

    def artifacts(self, info: RunInfo) -> Artifacts | None:
        """The run's artifacts; those of a tree that was moved lie beside the run."""
        beside = Path(self._tree.run_dir(info.run_id), layout.ARTIFACTS)
        return places.find(info.artifact_uri, info.run_id, Path(self._tree.root).parent, self._roots, beside)

    def count_models(self, experiment_id: str) -> int:
        """Directories that may be logged models."""
        return len(model_ids(self._tree.require_experiment_dir(experiment_id)))

    def models(self, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
        """All logged models, by id."""
        directory = self._tree.require_experiment_dir(experiment_id)
        for model_id in sorted(model_ids(directory)):
            place = os.path.join(directory, layout.MODELS, model_id)
            if not os.path.isfile(os.path.join(place, layout.META)):
                continue
            try:
                scan = read_model(place)
            except DataDamaged as error:
                problem(f"{error}; the logged model is left out")
                continue
            for sentence in scan.problems:
                problem(sentence)
            yield scan.model

    def model_artifacts(self, model: LoggedModel) -> Artifacts | None:
        """The logged model's artifacts; those of a tree that was moved lie beside its meta.yaml."""
        home = self._tree.require_experiment_dir(model.experiment_id)
        beside = Path(home, layout.MODELS, model.model_id, layout.ARTIFACTS)
        base = Path(self._tree.root).parent
        return places.find(model.artifact_location, model.model_id, base, self._roots, beside, places.OF_MODEL)

    def count_registered(self) -> int:
        """Directories that may be registered models or versions."""
        return sum(1 + len(version_numbers(os.path.join(self._registry, name))) for name in self._registered_names())

    def registered(self, problem: Problem) -> Iterator[SourceRegistered]:
        """All registered models, by name."""
        for name in self._registered_names():
            try:
                yield self.registered_model(name, problem)
            except DataDamaged as error:
                problem(f"{error}; the registered model is left out")

    def registered_model(self, name: str, problem: Problem) -> SourceRegistered:
        """One registered model; DataDamaged when it is none."""
        directory = os.path.join(self._registry, name)
        scan = read_registered(directory)
        for sentence in scan.problems:
            problem(sentence)
        return SourceRegistered(scan.model, scan.versions, max(version_numbers(directory), default=0))

    def _registered_names(self) -> list[str]:
        found = registered_names(self._registry)
        return sorted(name for name in found if os.path.isfile(os.path.join(self._registry, name, layout.META)))

    def close(self) -> None:
        """Nothing is held."""


def _deleted_time(directory: str) -> int | None:
    try:
        found = meta.load(reader.read_bytes(os.path.join(directory, layout.META))).get("deleted_time")
    except DataDamaged:
        return None
    return found if isinstance(found, int) else None
