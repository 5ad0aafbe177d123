"""Moving runs from one experiment of a tree to another, while others may be writing them.

A run is a directory, and a rename keeps open files open: points go on arriving. Its meta.yaml names its experiment,
which a rename cannot change in the same moment; until both agree a marker in the run says that either is right.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from millstream.drivers.files import reader
from millstream.drivers.files.atomic import create_file, failure, replace_file, rewriting
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.values import ops, refusals
from millstream.values.entities import ACTIVE
from millstream.values.errors import DataDamaged, InvalidValue
from millstream.values.paths import Location


def move_runs(tree: Tree, op: ops.MoveRuns) -> None:
    """Move runs below the experiment of `op`, which is active; all are checked before the first is moved."""
    target = tree.require_experiment_dir(op.experiment_id)
    sources = [_check(tree, run_id, target) for run_id in op.run_ids]
    for source in sources:
        if os.path.dirname(source) != target:
            _move(source, target)
            tree.remember_run(os.path.basename(source), os.path.join(target, os.path.basename(source)))
        elif reader.moving_between(source):
            settle(source)


def _check(tree: Tree, run_id: str, target: str) -> str:
    source = tree.run_dir(run_id)
    if reader.read_info(source).lifecycle_stage != ACTIVE:
        raise refusals.run_deleted(run_id)
    goal = os.path.join(target, run_id)
    if os.path.dirname(source) != target and os.path.lexists(goal) and not _is_empty(goal):
        raise refusals.run_exists(run_id, f"experiment {os.path.basename(target)}")
    return source


def _is_empty(path: str) -> bool:
    try:
        return not os.path.islink(path) and not os.listdir(path)
    except OSError:
        return False


def _move(source: str, target: str) -> None:
    home, run_id = os.path.split(source)
    goal = os.path.join(target, run_id)
    copy_datasets(source, home, target)
    try:
        with rewriting(source):
            if reader.moving_between(source):
                _settle(source)
            text = f"{os.path.basename(home)}\n{os.path.basename(target)}\n"
            replace_file(os.path.join(source, layout.MOVING), text.encode(), source)
            os.rename(source, goal)
            _settle(goal)
    except OSError as error:
        with suppress(OSError):
            os.unlink(os.path.join(source, layout.MOVING))
        raise failure(f"move to {goal!r} the run", source, error) from error
    # What was noted between the first copying and the rename.
    copy_datasets(goal, home, target)


def settle(directory: str) -> None:
    """Complete a move that was cut off after the rename: the run belongs to the experiment that it lies in."""
    with rewriting(directory):
        _settle(directory)


def _settle(directory: str) -> None:
    home, run_id = os.path.split(directory)
    fields = reader.read_fields(directory)
    before = {*reader.moving_between(directory), str(fields.get("experiment_id"))}
    fields["experiment_id"] = os.path.basename(home)
    uri = fields.get("artifact_uri")
    for experiment_id in before:
        if isinstance(uri, str) and _lies_in(uri, os.path.join(os.path.dirname(home), experiment_id, run_id)):
            fields["artifact_uri"] = str(Location("file", "", Path(directory).as_posix()) / layout.ARTIFACTS)
    replace_file(os.path.join(directory, layout.META), meta.dump(fields), directory)
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(directory, layout.MOVING))


def _lies_in(uri: str, directory: str) -> bool:
    """Whether `uri` is the artifact directory inside the run's directory; given relative or absolute."""
    try:
        local = Location.parse(uri, base=Path(directory).parents[2]).local
    except InvalidValue:
        return False
    if local is None:
        return False
    return os.path.realpath(local) == os.path.realpath(os.path.join(directory, layout.ARTIFACTS))


def copy_datasets(directory: str, home: str, target: str) -> None:
    """Give the experiment in `target` those datasets of the one in `home` that the run in `directory` used."""
    inputs = os.path.join(directory, layout.INPUTS)
    for name in os.listdir(inputs) if os.path.isdir(inputs) else ():
        try:
            source_id, _ = meta.input_from_fields(reader.read_fields(os.path.join(inputs, name)))
            place = os.path.join(layout.DATASETS, os.path.basename(source_id), layout.META)
            data = reader.read_bytes(os.path.join(home, place))
        except DataDamaged:
            continue  # A model, or one that cannot be read here either.
        create_file(os.path.join(target, place), data, target)
