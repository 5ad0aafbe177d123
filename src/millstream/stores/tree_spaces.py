"""What runs and logged models of a tree take up, measured where their files lie."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.disk import is_own, measure
from millstream.drivers.files import reader
from millstream.drivers.files.models import model_ids, read_model_info
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout
from millstream.values.entities import LoggedModel
from millstream.values.errors import DataDamaged, InvalidValue, MillstreamError
from millstream.values.paths import Location, RelPath
from millstream.values.space import ModelSpace, RunSpace, is_named_after, model_facts, own_artifacts

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from millstream.stores.spaces import Known


class TreeScale:
    """Weighs what lies in a tree, and artifacts that lie elsewhere on this machine."""

    def __init__(self, tree: Tree, artifacts: Callable[[str], Artifacts]) -> None:
        """Look below `tree`; `artifacts` finds those of a run."""
        self._tree = tree
        self._artifacts = artifacts

    def run_times(self, connection: Connection, runs: Sequence[Any]) -> dict[int, int]:
        """When runs were deleted."""
        found = {}
        for row in runs:
            time = deleted_time(self._directory(row), "deleted_time")
            if time is not None:
                found[row.rid] = time
        return found

    def experiment_time(self, experiment: Any) -> int | None:
        """When an experiment was deleted."""
        directory = self._tree.experiment_dir(experiment.experiment_id)
        return None if directory is None else deleted_time(directory, "last_update_time")

    def weigh_runs(self, connection: Connection, runs: Sequence[Any], known: Known) -> list[RunSpace]:
        """Bytes of files, by what they are."""
        return [self._weigh(row, known) for row in runs]

    def models(
        self, connection: Connection, experiment_ids: Sequence[str] | None, model_ids: Sequence[str]
    ) -> list[LoggedModel]:
        """Logged models as their meta.yaml says; those that cannot be read are left out."""
        if experiment_ids is None:
            homes = [directory for _, directory, _ in self._tree.experiment_dirs()]
        else:
            homes = [found for one in experiment_ids if (found := self._tree.experiment_dir(one)) is not None]
        places = [os.path.join(home, layout.MODELS, one) for home in homes for one in _model_ids(home)]
        places += [found for one in model_ids if (found := model_dir(self._tree, one)) is not None]
        return [model for place in dict.fromkeys(places) if (model := _readable_model(place)) is not None]

    def weigh_models(self, connection: Connection, models: Sequence[Any], *, doomed: bool) -> list[ModelSpace]:
        """Bytes of files; of `doomed` ones only of those that would go."""
        return [self._weigh_model(model, doomed=doomed) for model in models]

    def _weigh_model(self, model: LoggedModel, *, doomed: bool) -> ModelSpace:
        home = self._tree.experiment_dir(model.experiment_id) or self._tree.root
        directory = os.path.join(home, layout.MODELS, model.model_id)
        inside, files = measure(os.path.join(directory, layout.ARTIFACTS))
        size: int | None = inside
        kept = ""
        place = _local(model.artifact_location)
        if place is None:
            size, kept = (inside, model.artifact_location) if doomed else (None, "")
        elif place != Path(directory, layout.ARTIFACTS) and place.exists():
            if doomed and not is_removable_model(place, model.model_id, artifact_location(home)):
                kept = model.artifact_location
            elif is_named_after(place, model.model_id):
                outside = measure(place)
                size, files = inside + outside[0], files + outside[1]
        return ModelSpace(
            **model_facts(model),
            text_bytes=measure(directory)[0] - inside,
            artifact_bytes=size,
            artifact_files=files,
            kept=kept,
        )

    def weigh_experiment(
        self, connection: Connection, experiment: Any, runs: Sequence[RunSpace], models: Sequence[ModelSpace]
    ) -> int:
        """All files of an experiment's directory that are in no run or logged model of it that can be read."""
        directory = self._tree.experiment_dir(experiment.experiment_id)
        if directory is None:
            return 0
        known = {run.run_id for run in runs}
        size = 0
        for entry in os.scandir(directory):
            if entry.name not in known:
                is_dir = entry.is_dir(follow_symlinks=False)
                size += measure(entry.path)[0] if is_dir else entry.stat(follow_symlinks=False).st_size
        inside = (os.path.join(directory, layout.MODELS, model.model_id) for model in models)
        return size - sum(measure(place)[0] for place in inside)

    def _weigh(self, row: Any, known: Known) -> RunSpace:
        directory = self._directory(row)
        metrics = measure(os.path.join(directory, layout.METRICS))[0]
        inside, files = measure(os.path.join(directory, layout.ARTIFACTS))
        size: int | None = inside
        kept = ""
        place = self._place(row)
        if place is None:
            size = inside if known.doomed else None
            kept = row.artifact_uri if known.doomed else ""
        elif place != Path(directory, layout.ARTIFACTS) and place.exists():
            if known.doomed and not is_removable(self._tree, place, row.run_id, os.path.dirname(directory)):
                kept = row.artifact_uri
            else:
                outside = measure(place)
                size, files = inside + outside[0], files + outside[1]
        return RunSpace(
            run_id=row.run_id,
            experiment_id=row.experiment_id,
            run_name=row.run_name,
            lifecycle_stage=row.lifecycle_stage,
            deleted_time=known.times.get(row.rid),
            points=known.points.get(row.rid, 0),
            metric_bytes=metrics,
            text_bytes=measure(directory)[0] - metrics - inside,
            artifact_bytes=size,
            artifact_files=files,
            kept=kept,
        )

    def _place(self, row: Any) -> Path | None:
        """Where the run's artifacts lie, None when that is not a directory of this machine named after it."""
        try:
            place = self._artifacts(row.run_id).local_path(RelPath())
        except MillstreamError:
            return None
        return place if place is not None and is_named_after(place, row.run_id) else None

    def _directory(self, row: Any) -> str:
        return os.path.join(self._tree.experiment_dir(row.experiment_id) or self._tree.root, row.run_id)


def is_removable(tree: Tree, place: Path, run_id: str, home: str) -> bool:
    """Whether `place`, outside of the tree's run, is certainly the artifact directory of it alone.

    It lies in the artifact location of the experiment in the directory `home` or, for a run that was moved, of another.
    """
    homes = [home, *(directory for _, directory, _ in tree.experiment_dirs())]
    uri = str(Location("file", "", place.as_posix()))
    return is_own(place) and own_artifacts(uri, run_id, map(artifact_location, homes)) is not None


def artifact_location(directory: str) -> str:
    """What the experiment in a directory says of where artifacts go, "" when that cannot be read."""
    try:
        return str(reader.read_fields(directory).get("artifact_location") or "")
    except DataDamaged:
        return ""


def deleted_time(directory: str, field: str) -> int | None:
    """When the run or experiment in a directory was deleted: `field` says it, else the time of its meta.yaml."""
    try:
        time = reader.read_fields(directory).get(field)
        if isinstance(time, int):
            return time
        return os.stat(os.path.join(directory, layout.META)).st_mtime_ns // 1_000_000
    except (DataDamaged, OSError):
        return None


def is_removable_model(place: Path, model_id: str, location: str) -> bool:
    """Whether `place`, outside of the tree's model, is certainly the artifact directory of it alone.

    It lies among the models in the artifact `location` of its experiment.
    """
    uri = str(Location("file", "", place.as_posix()))
    home = location and str(Location.parse(location) / layout.MODELS)
    return is_own(place) and own_artifacts(uri, model_id, [home]) is not None


def model_dir(tree: Tree, model_id: str) -> str | None:
    """Where a logged model lies, None when there is none of this id."""
    for _, directory, _ in tree.experiment_dirs():
        found = os.path.join(directory, layout.MODELS, model_id)
        if os.path.isfile(os.path.join(found, layout.META)):
            return found
    return None


def _model_ids(home: str) -> list[str]:
    try:
        return model_ids(home)
    except MillstreamError:
        return []


def _readable_model(directory: str) -> LoggedModel | None:
    try:
        return read_model_info(directory)
    except DataDamaged:
        return None


def _local(uri: str) -> Path | None:
    try:
        return Location.parse(uri).local
    except InvalidValue:
        return None
