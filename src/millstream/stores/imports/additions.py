"""What a run of the target lacks of the run that it was imported from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from msgspec import Struct, structs

from millstream.stores.imports.base import SourceRun
from millstream.values.entities import Metric, RunInfo, RunInputs, RunOutputs, RunStatus

Note = Callable[[str], None]


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
    run_id = present.info.run_id
    changed = {key for key, value in source.params.items() if present.params.get(key, value) != value}
    for key in sorted(changed):
        note(f"run {run_id}: param {key!r} differs and is left as it is")
    tags = {key: value for key, value in source.tags.items() if present.tags.get(key) != value}
    if not overwrite:
        for key in sorted(tags.keys() & present.tags.keys()):
            note(f"run {run_id}: tag {key!r} differs and is left as it is")
            del tags[key]
    datasets = {(item.dataset.name, item.dataset.digest) for item in present.inputs.dataset_inputs}
    used = {item.model_id for item in present.inputs.model_inputs}
    made = {item.model_id for item in present.outputs.model_outputs}
    return Additions(
        info=_info(present.info, source.info, note, overwrite=overwrite),
        params={key: value for key, value in source.params.items() if key not in present.params},
        tags=tags,
        inputs=RunInputs(
            tuple(i for i in source.inputs.dataset_inputs if (i.dataset.name, i.dataset.digest) not in datasets),
            tuple(i for i in source.inputs.model_inputs if i.model_id not in used),
        ),
        outputs=RunOutputs(tuple(i for i in source.outputs.model_outputs if i.model_id not in made)),
    )


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
    present: Callable[[str], Sequence[Metric]], blocks: Iterable[Sequence[Metric]]
) -> Iterator[Sequence[Metric]]:
    """Of the points in `blocks` those that the series `present(key)` has not, in their order.

    A point that the source has more often than the target is missing as often as that: equal points are points.
    """
    left: dict[str, Counter[tuple[int, int, object]]] = {}
    for block in blocks:
        missing = []
        for metric in block:
            key = metric.key
            if key not in left:
                left = {key: Counter(map(_identity, present(key)))}
            identity = _identity(metric)
            if left[key][identity] > 0:
                left[key][identity] -= 1
            else:
                missing.append(metric)
        if missing:
            yield missing


def _identity(metric: Metric) -> tuple[int, int, object]:
    value = metric.value
    # No NaN is equal to another, but as points of a series they are.
    return metric.timestamp, metric.step, "nan" if value != value else value
