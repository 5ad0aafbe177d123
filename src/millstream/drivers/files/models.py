"""Logged models in a tree: directories of their own beside the runs of an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from hashlib import blake2b
from stat import S_ISDIR

from msgspec import Struct, structs

from millstream.drivers.files import reader
from millstream.drivers.files.appender import Appender
from millstream.drivers.files.atomic import failure, replace_file
from millstream.drivers.files.keys import add_params, keeping_key, key_path, remove_key
from millstream.drivers.files.places import make_place
from millstream.drivers.files.stamps import Stamp, file_stamp
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.models import (
    format_model_point,
    latest,
    model_from_fields,
    model_to_fields,
    parse_model_points,
)
from millstream.values import names, ops, refusals
from millstream.values.entities import DELETED, Experiment, LoggedModel, LoggedModelStatus, Metric
from millstream.values.errors import DataDamaged
from millstream.values.paths import Location

_PARTS = (layout.METRICS, layout.PARAMS, layout.TAGS)


class ModelScan(Struct):
    """All that a model's directory says, and `problems`: sentences about files that could not be read."""

    model: LoggedModel
    problems: list[str]


class ModelFiles:
    """Reads and writes the logged models of one tree. Safe for threads; several processes may write one model."""

    def __init__(self, tree: Tree, appender: Appender) -> None:
        """Write below `tree`, points through `appender`."""
        self._tree = tree
        self._appender = appender
        self._known: dict[str, str] = {}

    def directory(self, model_id: str) -> str:
        """Directory of a logged model, of deleted ones too; NotFound when there is none."""
        known = self._known.get(model_id)
        if known is not None and os.path.isfile(os.path.join(known, layout.META)):
            return known
        names.check_model_id(model_id)
        found = self.find(model_id)
        if found is None:
            raise refusals.no_model(model_id, self._tree.root)
        return found

    def find(self, model_id: str) -> str | None:
        """As `directory`, looked for afresh; None when there is none."""
        for _, experiment_dir, _ in self._tree.experiment_dirs():
            path = os.path.join(experiment_dir, layout.MODELS, model_id)
            if os.path.isfile(os.path.join(path, layout.META)):
                self._known[model_id] = path
                return path
        self._known.pop(model_id, None)
        return None

    def get(self, model_id: str, *, deleted: bool = False) -> LoggedModel:
        """A logged model; NotFound for a deleted one unless `deleted`."""
        model = read_model(self.directory(model_id)).model
        if model.lifecycle_stage == DELETED and not deleted:
            raise refusals.model_deleted(model_id)
        return model

    def create(self, op: ops.CreateLoggedModel, experiment: Experiment) -> LoggedModel:
        """Make a model's directory; its meta.yaml comes last, so that nobody sees half a model."""
        home = os.path.join(self._tree.root, op.experiment_id)
        directory = os.path.join(home, layout.MODELS, op.model_id)
        if os.path.isfile(os.path.join(directory, layout.META)):
            return read_model(directory).model
        location = Location.parse(experiment.artifact_location or home)
        place = location / layout.MODELS / op.model_id / layout.ARTIFACTS
        model = LoggedModel(
            model_id=op.model_id,
            experiment_id=op.experiment_id,
            name=op.name or names.random_name(),
            artifact_location=str(place),
            creation_timestamp=op.time,
            last_updated_timestamp=op.time,
            model_type=op.model_type,
            source_run_id=op.source_run_id,
            status=LoggedModelStatus.PENDING,
            tags=dict(op.tags),
            params=dict(op.params),
        )
        try:
            for part in (*_PARTS, layout.ARTIFACTS):
                os.makedirs(os.path.join(directory, part), exist_ok=True)
        except OSError as error:
            raise failure("make the directory", directory, error) from error
        make_place(location, place)
        _put_texts(directory, layout.PARAMS, "param", op.params)
        _put_texts(directory, layout.TAGS, "tag", op.tags)
        rewrite_model(directory, model)
        self._known[op.model_id] = directory
        return model

    def finalize(self, op: ops.FinalizeLoggedModel) -> LoggedModel:
        """Set the final status."""
        directory = self._require(op.model_id)
        with self._tree.lock():
            model = structs.replace(
                self.get(op.model_id), status=LoggedModelStatus(op.status), last_updated_timestamp=op.time
            )
            rewrite_model(directory, model)
        return model

    def delete(self, op: ops.DeleteLoggedModel) -> None:
        """Mark as deleted; deleting a deleted model changes nothing."""
        directory = self.directory(op.model_id)
        with self._tree.lock():
            model = read_model(directory).model
            if model.lifecycle_stage != DELETED:
                rewrite_model(
                    directory, structs.replace(model, lifecycle_stage=DELETED, last_updated_timestamp=op.time)
                )
        self._appender.close(below=directory)

    def set_tags(self, op: ops.SetLoggedModelTags) -> LoggedModel:
        """Set or overwrite tags."""
        _put_texts(self._require(op.model_id), layout.TAGS, "tag", op.tags)
        return self.get(op.model_id)

    def delete_tag(self, op: ops.DeleteLoggedModelTag) -> None:
        """Remove a tag; NotFound when there is none."""
        if not remove_key(self._require(op.model_id), layout.TAGS, op.key):
            raise refusals.no_model_tag(op.model_id, op.key)

    def log_params(self, op: ops.LogLoggedModelParams) -> None:
        """Add params; all are checked before the first is written."""
        directory = self._require(op.model_id)
        add_params(directory, op.params, partial(refusals.model_param_changed, op.model_id))

    def require_all(self, metrics: Iterable[Metric]) -> None:
        """NotFound when a point names a model that is not there, or is deleted."""
        for model_id in {metric.model_id for metric in metrics if metric.model_id}:
            self._require(model_id)

    def append(self, run_id: str, metrics: Iterable[Metric]) -> None:
        """Add the points that name a model to that model; `run_id` is who logged them."""
        for (model_id, key), text in self.lines_of(run_id, metrics).items():
            self.append_lines(model_id, key, text)

    def metrics(self, model_id: str) -> str:
        """The directory of the model's metric files."""
        return os.path.join(self.directory(model_id), layout.METRICS)

    def lines_of(self, run_id: str, metrics: Iterable[Metric]) -> dict[tuple[str, str], bytes]:
        """What points are in the files of their models and keys."""
        lines: dict[tuple[str, str], bytes] = {}
        for metric in metrics:
            if metric.model_id:
                place = (metric.model_id, metric.key)
                lines[place] = lines.get(place, b"") + format_model_point(structs.replace(metric, run_id=run_id))
        return lines

    def append_lines(self, model_id: str, key: str, text: bytes) -> None:
        """Append to the file of one key."""
        folder = self.metrics(model_id)
        with suppress(FileExistsError, FileNotFoundError):
            os.mkdir(folder)
        with keeping_key("metric", key):
            self._appender.append(os.path.join(folder, ""), key, text)

    def _require(self, model_id: str) -> str:
        directory = self.directory(model_id)
        if read_model_info(directory).lifecycle_stage == DELETED:
            raise refusals.model_deleted(model_id)
        return directory


def read_model(directory: str) -> ModelScan:
    """A logged model with its params, tags and latest metrics; DataDamaged when its meta.yaml is not good."""
    info = read_model_info(directory)
    problems: list[str] = []
    model = structs.replace(
        info,
        params=reader.read_texts(os.path.join(directory, layout.PARAMS), problems),
        tags=reader.read_texts(os.path.join(directory, layout.TAGS), problems),
        metrics=tuple(_read_metrics(directory, info.model_id, problems)),
    )
    return ModelScan(model, problems)


def model_stamp(directory: str) -> Stamp:
    """(newest time, digest): changes when meta.yaml, a metric, a param or a tag changes, in place too.

    A search asks this of every model, so there is no walking by helpers.
    """
    stamp = file_stamp(os.path.join(directory, layout.META))
    newest = stamp[0] if stamp else 0
    seen = [str(stamp)]
    pending = [os.path.join(directory, part) for part in _PARTS]
    while pending:
        folder = pending.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    status = entry.stat()
                    if S_ISDIR(status.st_mode):
                        if not entry.is_symlink():
                            pending.append(entry.path)
                        continue
                    newest = max(newest, status.st_mtime_ns)
                    seen.append(f"{entry.path} {status.st_mtime_ns} {status.st_size} {status.st_ino}")
        except OSError:
            seen.append(folder)
    seen.sort()
    return (newest, int.from_bytes(blake2b(os.fsencode("\n".join(seen)), digest_size=7).digest()))


def model_ids(experiment_dir: str) -> list[str]:
    """Names of the directories of an experiment that may be logged models."""
    folder = os.path.join(experiment_dir, layout.MODELS)
    try:
        with os.scandir(folder) as entries:
            return [entry.name for entry in entries if not entry.name.startswith(".") and reader.is_text(entry.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise failure("read the directory", folder, error) from error


def find_by_name(run_dir: str, name: str) -> str | None:
    """Id of the newest active logged model called `name` among a run's outputs, None when there is none."""
    outputs = os.path.join(run_dir, layout.OUTPUTS)
    found: list[tuple[int, str]] = []
    for model_id in os.listdir(outputs) if os.path.isdir(outputs) else ():
        with suppress(DataDamaged):
            model = read_model_info(_model_dir(run_dir, model_id))
            if model.name == name and model.lifecycle_stage != DELETED:
                found.append((model.creation_timestamp, model_id))
    return max(found)[1] if found else None


def _model_dir(run_dir: str, model_id: str) -> str:
    """Where a model of a run lies: in the run's experiment or, when the run was moved, in another one."""
    home = os.path.dirname(run_dir)
    beside = os.path.join(home, layout.MODELS, model_id)
    if not os.path.isdir(beside):
        for name in os.listdir(os.path.dirname(home)):
            path = os.path.join(os.path.dirname(home), name, layout.MODELS, model_id)
            if os.path.isdir(path):
                return path
    return beside


def read_model_info(directory: str) -> LoggedModel:
    """A logged model as its meta.yaml alone says it; DataDamaged when that is not good."""
    path = os.path.join(directory, layout.META)
    experiment_dir = os.path.dirname(os.path.dirname(directory))
    try:
        fields = meta.load(reader.read_bytes(path))
        return model_from_fields(fields, os.path.basename(directory), os.path.basename(experiment_dir))
    except DataDamaged as error:
        raise DataDamaged(f"{path}: {error}") from error


def _read_metrics(directory: str, model_id: str, problems: list[str]) -> list[Metric]:
    points: list[Metric] = []
    for key, entry in reader.walk_keys(os.path.join(directory, layout.METRICS)):
        if not reader.is_text(key):
            problems.append(f"{reader.printable(entry.path)}: its name is not UTF-8 text; it is left out")
            continue
        try:
            found, bad = parse_model_points(reader.read_bytes(entry.path), key, model_id)
        except DataDamaged as error:
            problems.append(f"{entry.path}: {error}")
            continue
        if bad:
            problems.append(f"{entry.path}: {bad} line(s) are not points and are left out")
        points += latest(found)
    return points


def _put_texts(directory: str, part: str, what: str, texts: dict[str, str]) -> None:
    for key, value in texts.items():
        with keeping_key(what, key):
            replace_file(key_path(directory, part, key), value.encode(), directory)


def rewrite_model(directory: str, model: LoggedModel) -> None:
    """Write a logged model's meta.yaml anew."""
    replace_file(os.path.join(directory, layout.META), meta.dump(model_to_fields(model)), directory)
