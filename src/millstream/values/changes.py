"""What changed in a store since a position, for whoever follows it: which runs, and whole experiments.

A position is a text of the store's own; any process that opens the store understands it. A store may leave out new
points of running runs, so that writers of points need not note them: these are counted instead (`CountPoints`).
"""

from __future__ import annotations

from msgspec import Struct

from millstream.values.queries import Query

MOST = 500
"""More changed runs than this are told of as changed experiments."""

Steps = dict[str, tuple[int, int]]
"""Of each metric of a run its number of points and its last step."""


class ChangedRun(Struct, frozen=True):
    """A run that was made or changed, as it is now.

    `digest` is another number (within a process) when its info, params or tags are others.
    """

    experiment_id: str
    run_id: str
    made: bool
    status: str
    lifecycle_stage: str
    digest: int
    series: Steps


class ChangeSet(Struct, frozen=True):
    """All that changed up to `position`; a change may be told twice, but none is left out.

    `experiments` changed as a whole: themselves, or runs of them that are gone, or too many runs to name. When not
    `complete`, what changed is not known: everything is to be looked at anew.
    """

    position: str
    runs: tuple[ChangedRun, ...] = ()
    experiments: tuple[str, ...] = ()
    complete: bool = True


class ReadChanges(Query[ChangeSet], frozen=True, kw_only=True):
    """Changes since the position `since`; the present position and no change when it is None."""

    since: str | None = None


class PointCount(Struct, frozen=True):
    """How many points a running run has, all metrics together."""

    experiment_id: str
    count: int


class CountPoints(Query[dict[str, PointCount]], frozen=True, kw_only=True):
    """By run id, those of the running runs of some experiments and of some runs that have points.

    Nothing where `ReadChanges` tells of all new points. All runs are meant where `experiment_ids` is None.
    """

    experiment_ids: frozenset[str] | None = frozenset()
    run_ids: frozenset[str] = frozenset()


class ReadSteps(Query[dict[str, Steps]], frozen=True, kw_only=True):
    """By run id, how far the metrics of runs are; unknown runs are left out."""

    run_ids: tuple[str, ...]
