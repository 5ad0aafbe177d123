"""What subscribers are told of changes in a store, made from its change sets and from counts of points."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Mapping

from msgspec import Struct

from millstream.values.changes import ChangedRun, ChangeSet, PointCount, Steps
from millstream.values.entities import DELETED, RunStatus

REMEMBERED = 256
"""Runs whose last state is remembered, so that it can be said what about them changed."""
MOST_KEYS = 100
"""Metrics that a change names."""

CREATED, CHANGED, REMOVED, RESTORED, POINTS, WHOLE = "created", "changed", "deleted", "restored", "points", "experiment"

_RUNNING = RunStatus.to_string(RunStatus.RUNNING)


class Change(Struct, frozen=True, omit_defaults=True):
    """What is told of a run, or of a whole experiment (`kind` "experiment"): its runs are to be looked at anew.

    `points` has the last step of each metric with new points; `more`: and further metrics may have some.
    """

    kind: str
    experiment_id: str
    run_id: str = ""
    status: str = ""
    points: dict[str, int] = {}
    more: bool = False


class Told(Struct, frozen=True):
    """Changes up to `position`; None instead when all is to be looked at anew."""

    position: str
    changes: tuple[Change, ...] | None


class _Known(Struct):
    """The last state of a run that was told of. Of a run whose points only were told, the rest is not known."""

    digest: int | None
    lifecycle_stage: str
    experiment_id: str
    series: Steps


class Memory:
    """What was last told of some runs."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._runs: OrderedDict[str, _Known] = OrderedDict()

    def tell(self, found: ChangeSet) -> Told:
        """What is new in `found`."""
        if not found.complete:
            self._runs.clear()
            return Told(found.position, None)
        wholes = [Change(WHOLE, experiment_id) for experiment_id in dict.fromkeys(found.experiments)]
        runs = (self._compare(run) for run in found.runs)
        return Told(found.position, (*wholes, *(change for change in runs if change is not None)))

    def grow(self, run_id: str, experiment_id: str, series: Steps) -> Change | None:
        """What is new when a running run has got points."""
        before = self._runs.get(run_id)
        now = _Known(None, "", experiment_id, series)
        if before is not None:
            now = _Known(before.digest, before.lifecycle_stage, experiment_id, series)
        points = _new_points(before, series)
        self._remember(run_id, now)
        return _change(POINTS, experiment_id, run_id, _RUNNING, points) if points else None

    def _compare(self, run: ChangedRun) -> Change | None:
        before = self._runs.get(run.run_id)
        now = _Known(run.digest, run.lifecycle_stage, run.experiment_id, run.series)
        self._remember(run.run_id, now)
        if before == now:
            return None
        points = _new_points(before, run.series)
        return _change(_kind(run, before, points), run.experiment_id, run.run_id, run.status, points)

    def _remember(self, run_id: str, now: _Known) -> None:
        self._runs[run_id] = now
        self._runs.move_to_end(run_id)
        if len(self._runs) > REMEMBERED:
            self._runs.popitem(last=False)


def tell_counts(counts: Mapping[str, PointCount], most: int) -> tuple[Change, ...]:
    """That running runs may have got points; when there are over `most`, that their experiments have changed."""
    if len(counts) > most:
        return tuple(Change(WHOLE, one) for one in sorted({count.experiment_id for count in counts.values()}))
    return tuple(_change(POINTS, one.experiment_id, run_id, _RUNNING, {}, more=True) for run_id, one in counts.items())


def _new_points(before: _Known | None, series: Steps) -> dict[str, int]:
    known = {} if before is None else before.series
    return {key: state[1] for key, state in series.items() if known.get(key) != state}


def _change(
    kind: str, experiment_id: str, run_id: str, status: str, points: dict[str, int], *, more: bool = False
) -> Change:
    named = dict(sorted(points.items())[:MOST_KEYS])
    return Change(kind, experiment_id, run_id, status, named, more or len(points) > len(named))


def _kind(run: ChangedRun, before: _Known | None, points: Collection[str]) -> str:
    if run.lifecycle_stage == DELETED:
        return REMOVED
    if run.made and before is None:
        return CREATED
    if before is not None and before.lifecycle_stage == DELETED:
        return RESTORED
    same = before is not None and before.digest == run.digest and before.experiment_id == run.experiment_id
    return POINTS if points and same else CHANGED
