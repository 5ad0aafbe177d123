"""Removing deleted runs, logged models and experiments of a tree for good.

First the directory is renamed to a hidden name: from then on nobody sees it. Then artifacts go that lie outside of it,
then the directory, whose meta.yaml says until then where those artifacts are. So what is cut off can be completed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from millstream.drivers.artifacts import disk
from millstream.drivers.files import reader
from millstream.drivers.files.atomic import failure
from millstream.drivers.files.models import read_model_info
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.stores.tree_spaces import artifact_location, deleted_time, is_removable, is_removable_model, model_dir
from millstream.values import ops, refusals
from millstream.values.entities import ACTIVE
from millstream.values.errors import DataDamaged, InvalidValue, NotFound
from millstream.values.paths import Location
from millstream.values.space import Compacted, Freed, is_named_after, is_older

# A dataset so young may belong to a run that is about to name it.
DATASET_SECONDS = 3600.0


class TreePurges:
    """One method an op."""

    def __init__(self, tree: Tree, let_go: Callable[[], None]) -> None:
        """Remove from `tree`; `let_go` makes the store forget what it has open."""
        self._tree = tree
        self._let_go = let_go
        self.writers: dict[type, Callable[[Any], Any]] = {
            ops.PurgeRun: self._purge_run,
            ops.PurgeLoggedModel: self._purge_model,
            ops.PurgeExperiment: self._purge_experiment,
            ops.FinishPurges: self._finish,
            ops.Compact: lambda _op: Compacted(),
        }

    def _purge_run(self, op: ops.PurgeRun) -> Freed:
        with self._tree.changing_places():
            directory = self._tree.run_dir(op.run_id)
            if reader.read_info(directory).lifecycle_stage == ACTIVE:
                raise refusals.run_not_deleted(op.run_id)
            if not is_older(deleted_time(directory, "deleted_time"), op.before):
                raise refusals.deleted_too_recently("Run", op.run_id)
            gone = self._set_aside(directory)
        return self._remove_run(gone, op.run_id) + Freed(runs=1)

    def _purge_model(self, op: ops.PurgeLoggedModel) -> Freed:
        with self._tree.changing_places():
            directory = model_dir(self._tree, op.model_id)
            if directory is None:
                raise refusals.no_model(op.model_id, self._tree.root)
            model = read_model_info(directory)
            if model.lifecycle_stage == ACTIVE:
                raise refusals.model_not_deleted(op.model_id)
            if not is_older(model.last_updated_timestamp, op.before):
                raise refusals.deleted_too_recently("Logged model", op.model_id)
            gone = self._set_aside(directory)
        return self._remove_model(gone, op.model_id, _location_of(gone)) + Freed(models=1)

    def _purge_experiment(self, op: ops.PurgeExperiment) -> Freed:
        with self._tree.changing_places():
            directory = self._tree.require_experiment_dir(op.experiment_id)
            in_trash = os.path.dirname(directory) == self._tree.trash
            experiment = reader.read_experiment(directory, op.experiment_id, in_trash=in_trash)
            if experiment.lifecycle_stage == ACTIVE:
                raise refusals.experiment_still_active(op.experiment_id)
            if not is_older(deleted_time(directory, "last_update_time"), op.before):
                raise refusals.deleted_too_recently("Experiment", op.experiment_id)
            gone = self._set_aside(directory)
        return self._remove_experiment(gone) + Freed(experiments=1)

    def _set_aside(self, directory: str) -> str:
        parent, name = os.path.split(directory)
        gone = os.path.join(parent, f"{layout.GONE_PREFIX}{os.urandom(4).hex()}-{name}")
        try:
            os.rename(directory, gone)
        except OSError as error:
            raise failure("rename", directory, error) from error
        self._let_go()
        return gone

    def _finish(self, op: ops.FinishPurges) -> Freed:
        freed = Freed()
        for gone in list(self._gone()):
            if os.path.islink(gone) or _is_run(gone):
                freed += self._remove_run(gone, _name(gone)) + Freed(runs=1)
            else:
                freed += self._remove_experiment(gone) + Freed(experiments=1)
        for _, directory, _ in self._tree.experiment_dirs():
            freed += self._remove_models(directory, _gone_in(os.path.join(directory, layout.MODELS)))
            freed += _remove_unused_datasets(self._tree, directory, op.time)
        return freed + self._remove_registered()

    def _remove_registered(self) -> Freed:
        """What is left of registered models whose removal was interrupted."""
        home = os.path.join(self._tree.root, layout.MODELS)
        size = 0
        with self._tree.lock(), suppress(FileNotFoundError, NotADirectoryError):
            for gone in (os.path.join(home, name) for name in os.listdir(home) if _is_gone(name)):
                size += disk.measure(gone)[0]
                disk.remove(gone)
        return Freed(size=size)

    def _gone(self) -> Iterator[str]:
        """Directories that an interrupted purge left."""
        homes = [self._tree.root, self._tree.trash, *(directory for _, directory, _ in self._tree.experiment_dirs())]
        for home in homes:
            yield from (os.path.join(home, name) for name in _gone_in(home))

    def _remove_experiment(self, gone: str) -> Freed:
        freed = Freed()
        own = artifact_location(gone)
        for name in [*self._tree.run_ids(gone), *_gone_in(gone)]:
            run_id = _name(name)
            path = os.path.join(gone, name)
            freed += Freed(runs=int(_is_run(path))) + self._remove_run(path, run_id)
        freed += self._remove_models(gone, _entries(os.path.join(gone, layout.MODELS)))
        freed += Freed(size=disk.measure(gone)[0])
        disk.remove(gone)
        place = _local(own)
        if place is not None and place.name == _name(gone):
            with suppress(OSError):
                place.rmdir()
        return freed

    def _remove_run(self, gone: str, run_id: str) -> Freed:
        if os.path.islink(gone):
            disk.remove(gone)
            return Freed()
        freed = self._remove_outside(gone, run_id)
        freed += Freed(size=disk.measure(gone)[0])
        disk.remove(gone)
        return freed

    def _remove_outside(self, gone: str, run_id: str) -> Freed:
        """Remove the run's artifacts where they lie outside of its directory, if they are certainly its own."""
        try:
            uri = str(reader.read_fields(gone).get("artifact_uri") or "")
        except DataDamaged:
            uri = ""
        # Relative in trees of MLflow 1; ours are absolute.
        place = _local(uri, Path(self._tree.root).parent)
        if not uri or (place is not None and not os.path.lexists(place)):
            if place is not None and is_named_after(place, run_id):
                with suppress(OSError):
                    place.parent.rmdir()
            return Freed()
        if self._is_there_again(run_id):
            return Freed(kept=(f"{uri}: there is a run {run_id} again, which has them now",))
        if place is None or not is_removable(self._tree, place, run_id, os.path.dirname(gone)):
            return Freed(kept=(f"{uri}: not certainly the artifacts of run {run_id} alone",))
        size = disk.measure(place)[0]
        disk.remove_own(place)
        return Freed(size=size)

    def _remove_models(self, home: str, names: Iterable[str]) -> Freed:
        """Remove the directories `names` of logged models of the experiment in `home`, whole or set aside."""
        freed = Freed()
        for name in names:
            path = os.path.join(home, layout.MODELS, name)
            if os.path.isdir(path):
                freed += self._remove_model(path, _name(name), artifact_location(home)) + Freed(models=1)
        return freed

    def _remove_model(self, gone: str, model_id: str, location: str) -> Freed:
        """Remove a model's directory, and its artifacts where they lie in its experiment's `location` outside of it."""
        if os.path.islink(gone):
            disk.remove(gone)
            return Freed()
        uri = artifact_location(gone)
        place = _local(uri)
        freed = Freed()
        if place is None or os.path.lexists(place):
            if uri and model_dir(self._tree, model_id) not in (None, gone):
                freed = Freed(kept=(f"{uri}: there is a logged model {model_id} again, which has them now",))
            elif place is not None and is_removable_model(place, model_id, location):
                freed = Freed(size=disk.measure(place)[0])
                disk.remove_own(place)
            elif uri:
                freed = Freed(kept=(f"{uri}: not certainly the artifacts of model {model_id} alone",))
        elif is_named_after(place, model_id):
            with suppress(OSError):
                place.parent.rmdir()
        freed += Freed(size=disk.measure(gone)[0])
        disk.remove(gone)
        return freed

    def _is_there_again(self, run_id: str) -> bool:
        try:
            self._tree.run_dir(run_id)
        except (NotFound, InvalidValue):
            return False
        return True


def _is_gone(name: str) -> bool:
    return name.startswith(layout.GONE_PREFIX)


def _gone_in(folder: str) -> list[str]:
    """Names of directories in a folder that were set aside."""
    return [name for name in _entries(folder) if _is_gone(name)]


def _entries(folder: str) -> list[str]:
    with suppress(OSError):
        return os.listdir(folder)
    return []


def _location_of(gone: str) -> str:
    """Where the artifacts of the experiment go that has a model in the directory `gone`."""
    return artifact_location(os.path.dirname(os.path.dirname(gone)))


def _name(gone: str) -> str:
    """The id of a directory, which it had before it was set aside."""
    name = os.path.basename(gone)
    return name.removeprefix(layout.GONE_PREFIX).partition("-")[2] if _is_gone(name) else name


def _is_run(gone: str) -> bool:
    try:
        fields = reader.read_fields(gone)
    except DataDamaged:
        return any(os.path.isdir(os.path.join(gone, part)) for part in layout.RUN_PARTS)
    return "artifact_uri" in fields or "run_id" in fields or "run_uuid" in fields


def _local(uri: str, base: Path | None = None) -> Path | None:
    try:
        return Location.parse(uri, base=base).local
    except InvalidValue:
        return None


def _remove_unused_datasets(tree: Tree, directory: str, now: int) -> Freed:
    """Remove datasets of an experiment that no run of it, deleted ones included, names as its input."""
    folder = os.path.join(directory, layout.DATASETS)
    if not os.path.isdir(folder):
        return Freed()
    try:
        used = {source for run_id in tree.run_ids(directory) for source in _sources(os.path.join(directory, run_id))}
    except DataDamaged:
        return Freed()  # Nobody knows what it names.
    size = 0
    for name in set(os.listdir(folder)) - used:
        path = os.path.join(folder, name)
        with suppress(OSError):
            if now / 1000 - os.stat(path).st_mtime > DATASET_SECONDS:
                size += disk.measure(path)[0]
                disk.remove(path)
    return Freed(size=size)


def _sources(directory: str) -> Iterator[str]:
    inputs = os.path.join(directory, layout.INPUTS)
    for name in os.listdir(inputs) if os.path.isdir(inputs) else ():
        yield meta.input_from_fields(reader.read_fields(os.path.join(inputs, name)))[0]
