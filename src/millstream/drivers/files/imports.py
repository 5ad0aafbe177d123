"""Writing experiments and runs that come from elsewhere into a tree, as they were there."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import structs

from millstream.drivers.files import reader
from millstream.drivers.files.appender import Appender
from millstream.drivers.files.atomic import create_file, failure, replace_file
from millstream.drivers.files.keys import keeping_key, key_path
from millstream.drivers.files.models import read_model, rewrite_model
from millstream.drivers.files.runs import line_of, note_inputs, note_outputs, rewrite_info
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.models import format_model_point
from millstream.values import ops, refusals
from millstream.values.entities import DELETED, Experiment, LoggedModel, Metric, RunInfo
from millstream.values.paths import Location
from millstream.values.rules import check_dataset_words


def create_experiment(tree: Tree, experiment: Experiment) -> str:
    """Make the directory of an experiment, in the trash when it is deleted; the caller has looked at name and id."""
    experiment_id = experiment.experiment_id
    deleted = experiment.lifecycle_stage == DELETED
    directory = os.path.join(tree.trash if deleted else tree.root, experiment_id)
    # As for one that was deleted here: the location is where its runs were, and will be again.
    location = experiment.artifact_location or str(Location("file", "", Path(tree.root, experiment_id).as_posix()))
    _make(directory)
    for key, value in experiment.tags.items():
        with keeping_key("tag", key):
            replace_file(key_path(directory, layout.TAGS, key), value.encode(), directory)
    fields = meta.experiment_to_fields(structs.replace(experiment, artifact_location=location), rewritten=deleted)
    replace_file(os.path.join(directory, layout.META), meta.dump(fields), directory)
    return experiment_id


def put_run(tree: Tree, op: ops.ImportRun) -> RunInfo:
    """Make a run's directory, whole before anybody sees it, or add to one that is there."""
    with tree.lock():
        return _create(tree, op) if op.known is None else _extend(tree, op, op.known)


def _create(tree: Tree, op: ops.ImportRun) -> RunInfo:
    info = op.info
    experiment_dir = tree.require_experiment_dir(info.experiment_id)
    directory = os.path.join(experiment_dir, info.run_id)
    if os.path.exists(directory) or tree.find_run(info.run_id) is not None:
        raise refusals.run_exists(info.run_id, tree.root)
    if not info.artifact_uri:
        location = _location(tree, experiment_dir) / info.run_id / layout.ARTIFACTS
        info = structs.replace(info, artifact_uri=str(location))
    with _appearing(experiment_dir, directory) as scratch:
        _write_new(scratch, op.params, op.tags, _lines(op.metrics))
        note_inputs(scratch, info.run_id, (*op.inputs.dataset_inputs, *op.inputs.model_inputs))
        note_outputs(scratch, op.outputs.model_outputs)
        rewrite_info(scratch, info, deleted_time=op.deleted_time)
    tree.remember_run(info.run_id, directory)
    return info


@contextmanager
def _appearing(experiment_dir: str, directory: str) -> Iterator[str]:
    """A place to write what becomes `directory` at the end, whole."""
    # One name each, under the lock: what a killed import left is found and removed here.
    scratch = os.path.join(experiment_dir, f"{layout.TEMPORARY_PREFIX}import-{os.path.basename(directory)}")
    try:
        shutil.rmtree(scratch, ignore_errors=True)
        yield scratch
        os.rename(scratch, directory)
    except OSError as error:
        raise failure("make the directory", directory, error) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def put_model(tree: Tree, present: str | None, op: ops.ImportLoggedModel) -> LoggedModel:
    """Make a logged model's directory, whole before anybody sees it, or add to the one at `present`; under the lock."""
    model = op.model
    if not op.known:
        experiment_dir = tree.require_experiment_dir(model.experiment_id)
        if present is not None:
            raise refusals.model_exists(model.model_id, tree.root)
        return _create_model(tree, model, experiment_dir)
    if present is None:
        raise refusals.no_model(model.model_id, tree.root)
    _add(present, model.params, model.tags, _model_lines(model.metrics))
    home = os.path.basename(os.path.dirname(os.path.dirname(present)))
    rewrite_model(present, structs.replace(model, experiment_id=home))
    return read_model(present).model


def _create_model(tree: Tree, model: LoggedModel, experiment_dir: str) -> LoggedModel:
    directory = os.path.join(experiment_dir, layout.MODELS, model.model_id)
    if not model.artifact_location:
        location = _location(tree, experiment_dir) / layout.MODELS / model.model_id / layout.ARTIFACTS
        model = structs.replace(model, artifact_location=str(location))
    _make(os.path.dirname(directory))
    with _appearing(experiment_dir, directory) as scratch:
        _write_new(scratch, model.params, model.tags, _model_lines(model.metrics))
        rewrite_model(scratch, model)
    return read_model(directory).model


def _model_lines(metrics: Iterable[Metric]) -> dict[str, bytes]:
    # By time, as they were logged: MLflow filters by the dataset that it finds first.
    return _lines(sorted(metrics, key=lambda point: point.timestamp), format_model_point)


def _location(tree: Tree, experiment_dir: str) -> Location:
    """Where an experiment keeps the artifacts of what is in it."""
    in_trash = os.path.dirname(experiment_dir) == tree.trash
    experiment = reader.read_experiment(experiment_dir, os.path.basename(experiment_dir), in_trash=in_trash)
    return Location.parse(experiment.artifact_location or experiment_dir, base=Path(tree.root))


def _write_new(directory: str, params: dict[str, str], tags: dict[str, str], lines: dict[str, bytes]) -> None:
    """Files of a directory that only this process knows: written plainly."""
    for part in (*layout.RUN_PARTS, layout.TAGS):
        os.makedirs(os.path.join(directory, part))
    for part, texts in ((layout.PARAMS, params), (layout.TAGS, tags)):
        for key, value in texts.items():
            with keeping_key("param" if part == layout.PARAMS else "tag", key):
                _write(directory, part, key, value.encode())
    for key, text in lines.items():
        with keeping_key("metric", key):
            _write(directory, layout.METRICS, key, text)


def _write(directory: str, part: str, key: str, data: bytes) -> None:
    path = key_path(directory, part, key)
    try:
        if "/" in key:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "xb") as file:
            file.write(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise failure("write", path, error) from error


def _extend(tree: Tree, op: ops.ImportRun, known: dict[str, int]) -> RunInfo:
    info = op.info
    directory = tree.run_dir(info.run_id)
    for key, count in known.items():
        found = _count(directory, key)
        if found != count:
            raise refusals.run_moved_on(info.run_id, key, found, count)
    _add(directory, op.params, op.tags, _lines(op.metrics))
    note_inputs(directory, info.run_id, (*op.inputs.dataset_inputs, *op.inputs.model_inputs))
    note_outputs(directory, op.outputs.model_outputs)
    rewrite_info(directory, info, deleted_time=op.deleted_time)
    return info


def _add(directory: str, params: dict[str, str], tags: dict[str, str], lines: dict[str, bytes]) -> None:
    """Params that are new, tags, and lines of metrics, to a directory that others see."""
    for key, value in params.items():
        with keeping_key("param", key):
            create_file(key_path(directory, layout.PARAMS, key), value.encode(), directory)
    _append(os.path.join(directory, layout.METRICS, ""), lines)
    for key, value in tags.items():
        with keeping_key("tag", key):
            replace_file(key_path(directory, layout.TAGS, key), value.encode(), directory)


def _count(directory: str, key: str) -> int:
    try:
        return reader.continue_series(key_path(directory, layout.METRICS, key), None).summary.count
    except OSError:
        return 0


def _append(folder: str, lines: dict[str, bytes]) -> None:
    if lines:
        _make(folder)
    appender = Appender()
    try:
        for key, text in lines.items():
            with keeping_key("metric", key):
                appender.append(folder, key, text)
    finally:
        appender.close()
    if lines:
        # An append leaves no trace in directory times, and an index looks no deeper for a finished run.
        with suppress(OSError):
            os.utime(folder)


def _lines(metrics: Iterable[Metric], line: Callable[[Metric], bytes] = line_of) -> dict[str, bytes]:
    lines: dict[str, list[bytes]] = {}
    for metric in metrics:
        if metric.dataset_name:
            check_dataset_words(metric)
        lines.setdefault(metric.key, []).append(line(metric))
    return {key: b"".join(some) for key, some in lines.items()}


def _make(directory: str) -> None:
    try:
        os.makedirs(directory, exist_ok=True)
    except OSError as error:
        raise failure("make the directory", directory, error) from error
