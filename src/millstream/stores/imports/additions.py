"""What a run or logged model of the target lacks of the one that it was imported from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from millstream.stores.imports.base import SourceRun
from millstream.values.entities import (
    LoggedModel,
    LoggedModelStatus,
    Metric,
    RunInfo,
    RunInputs,
    RunOutputs,
    RunStatus,
)

Note = Callable[[str], None]
Identity = tuple[int, int, object]


class Additions(Struct):
    """What to add besides points. `info` is what the run becomes."""

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    inputs: RunInputs
    outputs: RunOutputs

    def is_nothing(self, present: RunInfo) -> bool:
        """Whether the run has all of it."""
        return (
            self.info == present
            and not (self.params or self.tags)
            and self.inputs == RunInputs()
            and self.outputs == RunOutputs()
        )


def additions(present: SourceRun, source: SourceRun, note: Note, *, overwrite: bool) -> Additions:
    """What `present` lacks of `source`. What differs is left as it is and named to `note`, unless `overwrite`."""
    whose = f"run {present.info.run_id}"
    datasets = {(item.dataset.name, item.dataset.digest) for item in present.inputs.dataset_inputs}
    used = {item.model_id for item in present.inputs.model_inputs}
    made = {item.model_id for item in present.outputs.model_outputs}
    return Additions(
        info=_info(present.info, source.info, note, overwrite=overwrite),
        params=_new_params(whose, present.params, source.params, note),
        tags=new_tags(whose, present.tags, source.tags, note, overwrite=overwrite),
        inputs=RunInputs(
            tuple(i for i in source.inputs.dataset_inputs if (i.dataset.name, i.dataset.digest) not in datasets),
            tuple(i for i in source.inputs.model_inputs if i.model_id not in used),
        ),
        outputs=RunOutputs(tuple(i for i in source.outputs.model_outputs if i.model_id not in made)),
    )


def model_additions(present: LoggedModel, source: LoggedModel, note: Note, *, overwrite: bool) -> LoggedModel:
    """What `present` becomes, with those params, tags and points only that it lacks of `source`.

    What differs is left as it is and named to `note`, unless `overwrite`. A point that the source has is lacking when
    the present one of its key and dataset is older.
    """
    whose = f"logged model {present.model_id}"
    return structs.replace(
        _model_info(whose, present, source, note, overwrite=overwrite),
        params=_new_params(whose, present.params, source.params, note),
        tags=new_tags(whose, present.tags, source.tags, note, overwrite=overwrite),
        metrics=tuple(_later_points(whose, present.metrics, source.metrics, note, overwrite=overwrite)),
    )


def _new_params(whose: str, present: dict[str, str], source: dict[str, str], note: Note) -> dict[str, str]:
    for key in sorted(key for key, value in source.items() if present.get(key, value) != value):
        note(f"{whose}: param {key!r} differs and is left as it is")
    return {key: value for key, value in source.items() if key not in present}


def new_tags(
    whose: str, present: dict[str, str], source: dict[str, str], note: Note, *, overwrite: bool
) -> dict[str, str]:
    """Tags that `present` lacks; of those that differ only with `overwrite`, else they are named to `note`."""
    tags = {key: value for key, value in source.items() if present.get(key) != value}
    if not overwrite:
        for key in sorted(tags.keys() & present.keys()):
            note(f"{whose}: tag {key!r} differs and is left as it is")
            del tags[key]
    return tags


def _model_info(whose: str, present: LoggedModel, source: LoggedModel, note: Note, *, overwrite: bool) -> LoggedModel:
    """A model whose files were not complete when it was imported follows its source; a finished one stays as it is."""
    ends, rest = ("status", "status_message"), ("name", "model_type", "source_run_id", "lifecycle_stage")
    taken = (*ends, *rest) if overwrite else ends if present.status == LoggedModelStatus.PENDING else ()
    info = structs.replace(present, **{name: getattr(source, name) for name in taken})
    left = [name for name in (*ends, *rest) if getattr(info, name) != getattr(source, name)]
    for name in left:
        note(f"{whose}: its {name} differs and is left as it is")
    if left:
        return info
    times = (present.last_updated_timestamp, source.last_updated_timestamp)
    return structs.replace(info, last_updated_timestamp=times[1] if overwrite else max(times))


def _later_points(
    whose: str, present: Iterable[Metric], source: Iterable[Metric], note: Note, *, overwrite: bool
) -> Iterator[Metric]:
    known = {(point.key, point.dataset_name, point.dataset_digest): point for point in present}
    for point in source:
        before = known.get((point.key, point.dataset_name, point.dataset_digest))
        if before is None:
            yield point
        elif _identity(before) == _identity(point) or point.step < before.step:
            continue
        elif overwrite or (point.step, point.timestamp) > (before.step, before.timestamp):
            yield point
        else:
            note(f"{whose}: metric {point.key!r} differs at step {point.step} and is left as it is")


def _info(present: RunInfo, source: RunInfo, note: Note, *, overwrite: bool) -> RunInfo:
    """A run that was under way when it was imported follows its source; one that had ended stays as it is."""
    info = present
    if overwrite or not RunStatus.is_terminated(present.status):
        info = structs.replace(info, status=source.status, end_time=source.end_time)
    if overwrite:
        info = structs.replace(info, run_name=source.run_name, lifecycle_stage=source.lifecycle_stage)
    for name in ("status", "end_time", "run_name", "lifecycle_stage"):
        if getattr(info, name) != getattr(source, name):
            note(f"run {info.run_id}: its {name} differs and is left as it is")
    return info


def new_points(
    present: Callable[[str], Iterator[Metric]], blocks: Iterable[Sequence[Metric]]
) -> Iterator[Sequence[Metric]]:
    """Of the points in `blocks` those that the series `present(key)` has not, in their order.

    A point that the source has more often than the target is missing as often as that: equal points are points. As
    long as the two series go the same way, nothing of them is kept in memory.
    """
    series = _Present(iter(()))
    before = None
    for block in blocks:
        missing = []
        for metric in block:
            if metric.key != before:
                before = metric.key
                series = _Present(present(before))
            if not series.has(_identity(metric)):
                missing.append(metric)
        if missing:
            yield missing


class _Present:
    """The points of a series, each to be asked for once."""

    def __init__(self, points: Iterator[Metric]) -> None:
        self._points = points
        self._rest: Counter[Identity] | None = None

    def has(self, point: Identity) -> bool:
        """Whether the series has the point once more than it was asked for."""
        if self._rest is None:
            following = next(self._points, None)
            if following is not None and _identity(following) == point:
                return True
            # The ways part here: from now on the order says nothing.
            self._rest = Counter(map(_identity, self._points))
            if following is not None:
                self._rest[_identity(following)] += 1
        if self._rest[point] > 0:
            self._rest[point] -= 1
            return True
        return False


def _identity(metric: Metric) -> Identity:
    value = metric.value
    # No NaN is equal to another, but as points of a series they are.
    return metric.timestamp, metric.step, "nan" if value != value else value
