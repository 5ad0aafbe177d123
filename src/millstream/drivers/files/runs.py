"""Writing runs into a tree."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import RLock
from typing import TypeVar

from msgspec import Struct, structs

from millstream.drivers.files import reader
from millstream.drivers.files.appender import Appender
from millstream.drivers.files.atomic import create_file, failure, is_gone, made_whole, replace_file, rewriting
from millstream.drivers.files.keys import add_params, keeping_key, key_path, remove_key
from millstream.drivers.files.places import make_place
from millstream.drivers.files.repeats import Repeats
from millstream.drivers.files.stamps import file_stamp
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.points import format_point
from millstream.values import names, ops, refusals
from millstream.values.entities import (
    ACTIVE,
    DELETED,
    DatasetInput,
    Experiment,
    Metric,
    ModelInput,
    ModelOutput,
    RunInfo,
    RunTag,
)
from millstream.values.errors import DataDamaged, MillstreamError, StorageFailed
from millstream.values.paths import Location

T = TypeVar("T")

# How long a writer may go on before it notices that somebody deleted the run it writes to.
STATE_SECONDS = 1.0
# A run that is moved again and again under a writer is followed so often.
_MOVES = 8


class Handle(Struct):
    """A run that is being written to: where it lies, and when its state was last looked at."""

    directory: str
    metrics: str
    checked: float
    stamp: tuple[int, ...]
    status: str


class RunFiles:
    """Writes runs of one tree. Safe for threads; several processes may write the same run."""

    def __init__(self, tree: Tree, appender: Appender) -> None:
        """Write below `tree`, points through `appender`."""
        self._tree = tree
        self._appender = appender
        self._handles: dict[str, Handle] = {}
        self._repeats = Repeats()
        # Re-entrant, because a signal may end a run in the middle of a call of the same thread.
        self._lock = RLock()

    def create(self, op: ops.CreateRun, experiment: Experiment) -> RunInfo:
        """Make a run's directory; its meta.yaml comes last, so that nobody sees half a run."""
        directory = os.path.join(self._tree.root, op.experiment_id, op.run_id)
        there = self._tree.find_run(op.run_id)
        if there is not None:
            info = reader.read_info(there)
            if info.experiment_id != op.experiment_id:
                raise refusals.run_exists(op.run_id, f"experiment {info.experiment_id}")
            return info
        location = Location.parse(
            experiment.artifact_location or os.path.dirname(directory), base=Path(self._tree.root)
        )
        place = location / op.run_id / layout.ARTIFACTS
        name = op.run_name or op.tags.get(names.RUN_NAME_TAG) or names.random_name()
        info = RunInfo(
            run_id=op.run_id,
            experiment_id=op.experiment_id,
            user_id=op.user_id,
            status="RUNNING",
            start_time=op.start_time,
            end_time=None,
            lifecycle_stage=ACTIVE,
            artifact_uri=str(place),
            run_name=name,
        )
        with made_whole(directory):
            try:
                for part in (*layout.RUN_PARTS, layout.TAGS):
                    os.makedirs(os.path.join(directory, part), exist_ok=True)
            except OSError as error:
                raise failure("make the directory", directory, error) from error
            make_place(location, place)
            for key, value in {**op.tags, names.RUN_NAME_TAG: name}.items():
                with keeping_key("tag", key):
                    replace_file(key_path(directory, layout.TAGS, key), value.encode(), directory)
            replace_file(os.path.join(directory, layout.META), meta.dump(meta.run_to_fields(info)), directory)
        self._tree.remember_run(op.run_id, directory)
        return info

    def update(self, op: ops.UpdateRun) -> RunInfo:
        """Change status, end time and name, whichever are given."""

        def change(directory: str, info: RunInfo) -> RunInfo:
            if info.lifecycle_stage != ACTIVE:
                raise refusals.run_deleted(op.run_id)
            if op.run_name:
                replace_file(key_path(directory, layout.TAGS, names.RUN_NAME_TAG), op.run_name.encode(), directory)
            info = structs.replace(
                info,
                status=op.status or info.status,
                end_time=info.end_time if op.end_time is None else op.end_time,
                run_name=op.run_name or info.run_name,
            )
            rewrite_info(directory, info)
            return info

        return self._rewriting(op.run_id, change)

    def delete(self, op: ops.DeleteRun) -> None:
        """Mark as deleted; deleting a deleted run changes nothing."""

        def mark(directory: str, info: RunInfo) -> None:
            if info.lifecycle_stage != DELETED:
                rewrite_info(directory, structs.replace(info, lifecycle_stage=DELETED), deleted_time=op.time)

        self._rewriting(op.run_id, mark)

    def restore(self, op: ops.RestoreRun) -> None:
        """Mark as active; restoring an active run changes nothing."""

        def mark(directory: str, info: RunInfo) -> None:
            if os.path.dirname(os.path.dirname(directory)) == self._tree.trash:
                raise refusals.run_of_deleted_experiment(op.run_id, info.experiment_id)
            if info.lifecycle_stage != ACTIVE:
                rewrite_info(directory, structs.replace(info, lifecycle_stage=ACTIVE))

        self._rewriting(op.run_id, mark)

    def require_writable(self, run_id: str) -> None:
        """NotFound or InvalidState unless the run takes writes."""
        self._handle(run_id)

    def log_batch(self, op: ops.LogBatch) -> None:
        """Params (all are checked before the first is written), then tags, then points.

        Points last, since only they are there twice when a batch that failed is sent again.
        """
        self._handle(op.run_id)
        if op.params:
            self._following(op.run_id, lambda handle: self._add_params(handle.directory, op))
        if op.tags:
            self._following(op.run_id, lambda handle: self._set_tags(handle.directory, op.tags))
        if op.metrics:
            self.append_lines(op.run_id, self.lines_of(op.metrics))

    def delete_tag(self, op: ops.DeleteTag) -> None:
        """Remove a tag; NotFound when there is none."""

        def remove(handle: Handle) -> bool:
            removed = remove_key(handle.directory, layout.TAGS, op.key)
            if not removed:
                reader.read_info(handle.directory)
            return removed

        if not self._following(op.run_id, remove):
            raise refusals.no_tag(op.run_id, op.key)

    def log_inputs(self, op: ops.LogInputs) -> None:
        """Note datasets (once an experiment) and models that the run used."""
        self._following(op.run_id, lambda handle: note_inputs(handle.directory, op.run_id, (*op.datasets, *op.models)))

    def log_outputs(self, op: ops.LogOutputs) -> None:
        """Note models that the run made."""
        self._following(op.run_id, lambda handle: note_outputs(handle.directory, op.models))

    def _add_params(self, directory: str, op: ops.LogBatch) -> None:
        params = {param.key: param.value for param in op.params}
        add_params(directory, params, partial(refusals.param_changed, op.run_id))

    def metrics(self, run_id: str) -> str:
        """The directory of the run's metric files."""
        return self._handle(run_id).metrics

    def leave_out_repeats(self, run_id: str, metrics: tuple[Metric, ...]) -> tuple[Metric, ...]:
        """`metrics` without points that name a model and that the run has already."""
        return self._following(run_id, lambda handle: self._repeats.leave_out(handle.metrics, metrics))

    def lines_of(self, metrics: tuple[Metric, ...]) -> dict[str, bytes]:
        """What points are in the files of their keys."""
        if len(metrics) == 1:
            return {metrics[0].key: line_of(metrics[0])}
        lines: dict[str, bytes] = {}
        for metric in metrics:
            lines[metric.key] = lines.get(metric.key, b"") + line_of(metric)
        return lines

    def append_lines(self, run_id: str, lines: dict[str, bytes]) -> None:
        """Append to the files of some keys, to all of them or to none."""
        ends: dict[str, tuple[int, int]] = {}
        handle: Handle | None = None
        for key, text in lines.items():
            # Each key by itself: what was appended before the run was found to have moved is not appended again.
            try:
                handle, end = self._following(run_id, partial(self._append, key=key, text=text))
            except MillstreamError:
                if handle is not None:
                    self._appender.take_back(handle.metrics, ends)
                raise
            ends[key] = end, len(text)
        if handle is not None and handle.status != "RUNNING":
            # An append leaves no trace in directory times, and an index looks no deeper for a finished run.
            with suppress(OSError):
                os.utime(handle.metrics)

    def _append(self, handle: Handle, key: str, text: bytes) -> tuple[Handle, int]:
        with keeping_key("metric", key):
            return handle, self._appender.append(handle.metrics, key, text)

    def _set_tags(self, directory: str, tags: tuple[RunTag, ...]) -> None:
        for tag in tags:
            with keeping_key("tag", tag.key):
                replace_file(key_path(directory, layout.TAGS, tag.key), tag.value.encode(), directory)
            if tag.key == names.RUN_NAME_TAG:
                with rewriting(directory):
                    rewrite_info(directory, structs.replace(reader.read_info(directory), run_name=tag.value))

    def _following(self, run_id: str, work: Callable[[Handle], T]) -> T:
        """What `work` returns, done where the run lies: begun again there when the run was moved meanwhile."""
        for attempt in range(_MOVES + 1):
            handle = None
            try:
                handle = self._handle(run_id)
                return work(handle)
            except (StorageFailed, DataDamaged) as error:
                if handle is not None:
                    self.let_go(run_id, handle.directory)
                if attempt == _MOVES or not is_gone(error):
                    # The run may have been deleted a moment ago; if so, that is the better reason.
                    self._handle(run_id)
                    raise
        raise AssertionError("unreachable")

    def _rewriting(self, run_id: str, work: Callable[[str, RunInfo], T]) -> T:
        """What `work` returns for the directory and info of a run of which nobody else rewrites the meta.yaml."""
        for attempt in range(_MOVES):
            directory = self._tree.run_dir(run_id)
            try:
                with rewriting(directory):
                    result = work(directory, reader.read_info(directory))
            except (StorageFailed, DataDamaged) as error:
                if attempt == _MOVES - 1 or not is_gone(error):
                    raise
                continue
            self.let_go(run_id, directory)
            return result
        raise AssertionError("unreachable")

    def _handle(self, run_id: str) -> Handle:
        handle = self._handles.get(run_id)
        now = time.monotonic()
        if handle is not None and now - handle.checked < STATE_SECONDS:
            return handle
        with self._lock:
            return self._check_handle(run_id, handle, now)

    def _check_handle(self, run_id: str, handle: Handle | None, now: float) -> Handle:
        directory = self._tree.run_dir(run_id)
        if handle is not None:
            self._appender.look_again(handle.metrics)
        stamp = file_stamp(os.path.join(directory, layout.META))
        if handle is not None and handle.directory == directory and handle.stamp == stamp:
            handle.checked = now
            return handle
        info = reader.read_info(directory)
        if info.lifecycle_stage != ACTIVE:
            self.let_go(run_id, directory)
            raise refusals.run_deleted(run_id)
        if handle is not None and handle.directory != directory:
            self._appender.close(below=handle.directory)
        handle = self._handles[run_id] = Handle(
            directory, os.path.join(directory, layout.METRICS, ""), now, stamp, info.status
        )
        return handle

    def let_go_all(self) -> None:
        """Look anew at every run that is written to, at its next write."""
        with self._lock:
            self._handles.clear()
        self._appender.close()

    def let_go(self, run_id: str, directory: str) -> None:
        """Look anew at a run that is written to, at its next write."""
        with self._lock:
            self._handles.pop(run_id, None)
        self._appender.close(below=directory)


def note_inputs(directory: str, run_id: str, sources: Iterable[DatasetInput | ModelInput]) -> None:
    """Note datasets (once an experiment) and models that the run in `directory` used."""
    for source in sources:
        source_id = source.model_id if isinstance(source, ModelInput) else _put_dataset(directory, source)
        folder = os.path.join(directory, layout.INPUTS, layout.input_id(source_id, run_id))
        _create_meta(folder, meta.input_to_fields(source_id, source), directory)


def note_outputs(directory: str, models: Iterable[ModelOutput]) -> None:
    """Note models that the run in `directory` made."""
    for output in models:
        folder = os.path.join(directory, layout.OUTPUTS, output.model_id)
        _create_meta(folder, meta.output_to_fields(output), directory)


def _put_dataset(directory: str, source: DatasetInput) -> str:
    dataset_id = layout.dataset_id(source.dataset.name, source.dataset.digest)
    folder = os.path.join(os.path.dirname(directory), layout.DATASETS, dataset_id)
    _create_meta(folder, meta.dataset_to_fields(source.dataset), directory)
    return dataset_id


def line_of(metric: Metric) -> bytes:
    """The line that says a point."""
    if metric.dataset_name:
        dataset = f" {metric.dataset_name} {metric.dataset_digest}"
        return format_point(metric.timestamp, metric.value, metric.step, dataset)
    return format_point(metric.timestamp, metric.value, metric.step)


def rewrite_info(directory: str, info: RunInfo, *, deleted_time: int | None = None) -> None:
    """Write a run's meta.yaml anew."""
    fields = meta.run_to_fields(info, deleted_time=deleted_time)
    replace_file(os.path.join(directory, layout.META), meta.dump(fields), directory)


def _create_meta(folder: str, fields: dict[str, object], scratch: str) -> None:
    create_file(os.path.join(folder, layout.META), meta.dump(fields), scratch)
