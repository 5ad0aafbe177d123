"""Writing experiments into a tree."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from msgspec import structs

from millstream.drivers.files import reader
from millstream.drivers.files.atomic import failure, made_whole, replace_file
from millstream.drivers.files.keys import keeping_key, key_path, remove_key
from millstream.drivers.files.places import make_home
from millstream.drivers.files.runs import rewrite_info
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.values import names, ops, refusals
from millstream.values.entities import ACTIVE, DELETED, Experiment
from millstream.values.errors import DataDamaged
from millstream.values.paths import Location


def create(tree: Tree, op: ops.CreateExperiment, experiment_id: str) -> str:
    """Make the directory of an experiment; the caller has made sure that name and id are free."""
    directory = os.path.join(tree.root, experiment_id)
    location = Location.parse(op.artifact_location or directory, base=Path.cwd())
    experiment = Experiment(
        experiment_id=experiment_id,
        name=op.name,
        artifact_location=str(location),
        tags=op.tags,
        creation_time=op.time,
        last_update_time=op.time,
    )
    with made_whole(directory):
        try:
            os.makedirs(directory, exist_ok=True)
        except OSError as error:
            raise failure("make the directory", directory, error) from error
        if op.artifact_location:
            make_home(location)
        for key, value in op.tags.items():
            with keeping_key("tag", key):
                replace_file(key_path(directory, layout.TAGS, key), value.encode(), directory)
        replace_file(os.path.join(directory, layout.META), meta.dump(meta.experiment_to_fields(experiment)), directory)
    return experiment_id


def create_default(tree: Tree, time: int) -> None:
    """Make experiment "0", which runs go to that name no other, unless there is one."""
    if tree.experiment_dir(names.DEFAULT_EXPERIMENT_ID) is None:
        op = ops.CreateExperiment(name=names.DEFAULT_EXPERIMENT_NAME, time=time)
        create(tree, op, names.DEFAULT_EXPERIMENT_ID)


def rename(tree: Tree, op: ops.RenameExperiment) -> None:
    """Give an experiment another name; the caller has made sure that it is free."""
    directory, experiment = _active(tree, op.experiment_id)
    _rewrite(directory, structs.replace(experiment, name=op.name, last_update_time=op.time))


def delete(tree: Tree, op: ops.DeleteExperiment) -> None:
    """Mark an experiment and its runs as deleted and move it to the trash."""
    directory = tree.require_experiment_dir(op.experiment_id)
    if os.path.dirname(directory) == tree.trash:
        raise refusals.experiment_deleted_already(op.experiment_id)
    # One that is marked but still here was left by a deletion that was cut off; this one completes it.
    experiment = reader.read_experiment(directory, op.experiment_id, in_trash=False)
    tree.ensure()
    _mark_runs(tree, directory, DELETED, op.time)
    _rewrite(directory, structs.replace(experiment, lifecycle_stage=DELETED, last_update_time=op.time))
    _move(directory, os.path.join(tree.trash, op.experiment_id))


def restore(tree: Tree, op: ops.RestoreExperiment) -> None:
    """Bring an experiment and its runs back from the trash; also one whose deletion or restoration was cut off."""
    directory = tree.require_experiment_dir(op.experiment_id)
    in_trash = os.path.dirname(directory) == tree.trash
    experiment = reader.read_experiment(directory, op.experiment_id, in_trash=in_trash)
    if experiment.lifecycle_stage == ACTIVE:
        raise refusals.experiment_not_deleted(op.experiment_id)
    target = os.path.join(tree.root, op.experiment_id)
    if in_trash:
        _move(directory, target)
    # The experiment last: as long as it is marked, the restoration can be sent again.
    _mark_runs(tree, target, ACTIVE, None)
    _rewrite(target, structs.replace(experiment, lifecycle_stage=ACTIVE, last_update_time=op.time))


def set_tag(tree: Tree, op: ops.SetExperimentTag) -> None:
    """Set or overwrite a tag."""
    directory, _ = _active(tree, op.experiment_id)
    with keeping_key("tag", op.key):
        replace_file(key_path(directory, layout.TAGS, op.key), op.value.encode(), directory)


def delete_tag(tree: Tree, op: ops.DeleteExperimentTag) -> None:
    """Remove a tag; NotFound when there is none."""
    directory, _ = _active(tree, op.experiment_id)
    if not remove_key(directory, layout.TAGS, op.key):
        raise refusals.no_experiment_tag(op.experiment_id, op.key)


def _active(tree: Tree, experiment_id: str) -> tuple[str, Experiment]:
    directory = tree.require_experiment_dir(experiment_id)
    in_trash = os.path.dirname(directory) == tree.trash
    experiment = reader.read_experiment(directory, experiment_id, in_trash=in_trash)
    if experiment.lifecycle_stage != ACTIVE:
        raise refusals.experiment_deleted(experiment_id, experiment.name)
    return directory, experiment


def require_active(tree: Tree, experiment_id: str) -> Experiment:
    """The experiment, which must be active: NotFound or InvalidState otherwise."""
    return _active(tree, experiment_id)[1]


def _rewrite(directory: str, experiment: Experiment) -> None:
    fields = meta.experiment_to_fields(experiment, rewritten=True)
    replace_file(os.path.join(directory, layout.META), meta.dump(fields), directory)


def _mark_runs(tree: Tree, directory: str, stage: str, deleted_time: int | None) -> None:
    for run_id in tree.run_ids(directory):
        # A run that cannot be read stays as it is: it is hidden, and must not keep its experiment from moving.
        with suppress(DataDamaged):
            info = reader.read_info(os.path.join(directory, run_id))
            rewrite_info(
                os.path.join(directory, run_id), structs.replace(info, lifecycle_stage=stage), deleted_time=deleted_time
            )


def _move(source: str, target: str) -> None:
    try:
        os.rename(source, target)
    except OSError as error:
        raise failure("move to " + target, source, error) from error
