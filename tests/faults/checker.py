"""Compares what processes were told with what a store says afterwards."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops
from millstream.values.entities import Run
from tests.faults.work import Told
from tests.stores.calls import get, history, search
from tests.stores.snapshots import snapshot

Point = tuple[int, float, int]


def settings() -> dict[str, str]:
    """The settings of this test, for a process of another environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("MILLSTREAM_")}


def fresh_snapshot(root: Path, cache: Path) -> dict[str, Any]:
    """All that an index made at this moment says."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MILLSTREAM_INDEX_DIR", str(cache))
        store = EmbeddedStore(root)
        try:
            return snapshot(store)
        finally:
            store.close()


def points_of(told: Iterable[ops.Op[Any]]) -> dict[tuple[str, str], Counter[Point]]:
    """Points that ops say, by run and key."""
    found: defaultdict[tuple[str, str], Counter[Point]] = defaultdict(Counter)
    for op in told:
        if isinstance(op, ops.LogBatch):
            for metric in op.metrics:
                found[op.run_id, metric.key][metric.step, metric.value, metric.timestamp] += 1
    return found


def check_journals(store: Store, journals: list[Told], *, whole_ops: bool) -> None:
    """What was acknowledged is there once, all else that is there was tried, and at most once.

    `whole_ops`: of what was not acknowledged, each op is there whole or not at all (a database's promise; a folder
    promises that of each file).
    """
    created = {op.run_id for told in journals for op in told.tried if isinstance(op, ops.CreateRun)}
    acknowledged = {op.run_id for told in journals for op in told.acknowledged if isinstance(op, ops.CreateRun)}
    found = set(search(store, max_results=50_000))
    assert acknowledged <= found
    written = {op.run_id for told in journals for op in told.tried if hasattr(op, "run_id")}
    runs = {run_id: get(store, run_id) for run_id in (written | created) & found}
    _check_points(store, journals, set(runs))
    for run_id, run in runs.items():
        _check_data(run, [(told, _on(told.acknowledged, run_id), _on(told.unknown, run_id)) for told in journals])
    if whole_ops:
        for told in journals:
            for op in told.unknown:
                _check_whole(store, op, runs)


def _on(some: list[ops.Op[Any]], run_id: str) -> list[Any]:
    return [op for op in some if getattr(op, "run_id", "") == run_id]


def _check_points(store: Store, journals: list[Told], present: set[str]) -> None:
    tried = points_of(op for told in journals for op in told.tried)
    acknowledged = points_of(op for told in journals for op in told.acknowledged)
    each = [points_of(told.tried) for told in journals]
    for (run_id, key), possible in tried.items():
        if run_id not in present:
            assert not acknowledged.get((run_id, key))
            continue
        order = history(store, run_id, key)
        found = Counter(order)
        assert acknowledged.get((run_id, key), Counter()) <= found, f"acknowledged points of {key} are lost"
        assert found <= possible, f"points of {key} that nobody wrote, or that were written once and are there twice"
        for mine in (list(points[run_id, key]) for points in each if (run_id, key) in points):
            known = set(mine)
            kept = [point for point in order if point in known]
            assert kept == mine[: len(kept)], f"points of one writer to {key} are not in the order they were written"
    for run_id in present:
        latest = {point.key: point for point in get(store, run_id).data.latest}
        assert {key for of, key in acknowledged if of == run_id} <= latest.keys()
        for key, point in latest.items():
            order = history(store, run_id, key)
            highest = max(step for step, _, _ in order)
            # Whatever the clocks say: the one written last.
            assert (point.step, point.value, point.timestamp) == [one for one in order if one[0] == highest][-1]


def _check_data(run: Run, parts: list[tuple[Told, list[Any], list[Any]]]) -> None:
    params, tags = dict(run.data.params), dict(run.data.tags)
    data = {source.dataset.digest for source in run.inputs.dataset_inputs}
    models = {model.model_id for model in run.outputs.model_outputs}
    may: dict[str, set[Any]] = {"params": set(), "tags": {"mlflow.runName", "k"}, "data": set(), "models": set()}
    for _, done, unknown in parts:
        for op in done:
            if isinstance(op, ops.LogBatch):
                assert {param.key: param.value for param in op.params}.items() <= params.items()
                assert {tag.key: tag.value for tag in op.tags}.items() <= tags.items()
            elif isinstance(op, ops.LogInputs):
                assert {source.dataset.digest for source in op.datasets} <= data
            elif isinstance(op, ops.LogOutputs):
                assert {model.model_id for model in op.models} <= models
            elif isinstance(op, ops.CreateRun):
                assert op.tags.items() <= tags.items()
        for op in [*done, *unknown]:
            may["params"] |= {param.key for param in getattr(op, "params", ())}
            may["data"] |= {source.dataset.digest for source in getattr(op, "datasets", ())}
            if isinstance(op, ops.LogBatch):
                may["tags"] |= {tag.key for tag in op.tags}
            if isinstance(op, ops.LogOutputs):
                may["models"] |= {model.model_id for model in op.models}
        ends = [op.status for op in done if isinstance(op, ops.UpdateRun)]
        maybe = [op.status for op in unknown if isinstance(op, ops.UpdateRun)]
        if ends or maybe:
            assert run.info.status in {(["RUNNING", *ends])[-1], *maybe}
    assert params.keys() <= may["params"]
    assert tags.keys() <= may["tags"]
    assert data <= may["data"]
    assert models <= may["models"]


def _check_whole(store: Store, op: ops.Op[Any], runs: dict[str, Run]) -> None:
    if not isinstance(op, ops.LogBatch) or op.run_id not in runs:
        return
    data = runs[op.run_id].data
    there = [param.key in data.params for param in op.params] + [tag.key in data.tags for tag in op.tags]
    for (_, key), points in points_of([op]).items():
        found = set(history(store, op.run_id, key))
        there += [point in found for point in points]
    assert len(set(there)) <= 1, f"half of {op} is there"
