"""Short ways to say what tests say to a store again and again."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import Metric, Param, Run, RunTag

T0 = 1_700_000_000_000
T = TypeVar("T", bound=Callable[..., Any])

_clock = itertools.count(T0)


def covers(*kinds: type) -> Callable[[T], T]:
    """Mark a test as the one that says what ops and queries of these kinds do."""

    def mark(test: T) -> T:
        test.covers = kinds  # type: ignore[attr-defined]
        return test

    return mark


def new_experiment(store: Store, name: str = "실험 하나", **fields: Any) -> str:
    return store.write(ops.CreateExperiment(name=name, time=fields.pop("time", T0), **fields))


def new_run(store: Store, experiment_id: str = "0", **fields: Any) -> str:
    """A run; each later one starts one millisecond later."""
    fields.setdefault("run_id", names.new_run_id())
    fields.setdefault("start_time", next(_clock))
    return store.write(ops.CreateRun(experiment_id=experiment_id, **fields)).info.run_id


def log(
    store: Store,
    run_id: str,
    metrics: Sequence[tuple[Any, ...]] = (),
    params: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
) -> None:
    """Log a batch; a metric is (key, value[, step[, time]])."""
    points = tuple(Metric(m[0], m[1], m[3] if len(m) > 3 else T0, m[2] if len(m) > 2 else 0) for m in metrics)
    texts = tuple(Param(*item) for item in (params or {}).items())
    notes = tuple(RunTag(*item) for item in (tags or {}).items())
    store.write(ops.LogBatch(run_id=run_id, metrics=points, params=texts, tags=notes))


def finish(store: Store, run_id: str, status: str = "FINISHED") -> None:
    store.write(ops.UpdateRun(run_id=run_id, status=status, end_time=T0 + 60_000))


def get(store: Store, run_id: str) -> Run:
    return store.read(queries.GetRun(run_id=run_id))


def search(store: Store, filter: str = "", order: Sequence[str] = (), ids: Sequence[str] = ("0",), **more: Any) -> Any:
    """Ids of the runs that match, in order."""
    query = queries.SearchRuns(experiment_ids=tuple(ids), filter=filter, order_by=tuple(order), **more)
    return [run.info.run_id for run in store.read(query)]


def history(store: Store, run_id: str, key: str, **more: Any) -> list[tuple[int, float, int]]:
    """(step, value, time) of every point."""
    page = store.read(queries.MetricHistory(run_id=run_id, key=key, **more))
    return [(point.step, point.value, point.timestamp) for point in page]


def experiment_names(store: Store, **more: Any) -> list[str]:
    return [found.name for found in store.read(queries.SearchExperiments(**more))]
