"""Questions to a store, and what the model says to them."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from millstream.stores.base import Store
from millstream.values import queries
from millstream.values.entities import ACTIVE, DELETED, Metric, Run, ViewType
from millstream.values.errors import NotFound
from tests.machine.model import Model, Point, RunRecord, as_text, metric_order, said

Test = Callable[[RunRecord], bool]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """A search: its text, the same as a function, and how the answers are sorted."""

    text: str
    test: Test
    order_by: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Question({self.text!r}, {self.order_by!r})"

    def answer(self, model: Model, view: int) -> list[str]:
        """Ids of the runs that match, in order."""
        stages = ViewType.stages(view)
        found = [run_id for run_id, run in model.runs.items() if run.stage in stages and self.test(run)]
        # The last key first: sorting keeps the order of equal ones.
        found.sort()
        found.sort(key=lambda run_id: -model.runs[run_id].start)
        for term in reversed(self.order_by):
            _sort(found, model, *term.rsplit(" ", 1))
        return found


def _sort(found: list[str], model: Model, key: str, direction: str) -> None:
    down = direction == "DESC"
    if key == "metrics.m":
        found.sort(key=lambda run_id: metric_order(model.runs[run_id], "m")[1], reverse=down)
        found.sort(key=lambda run_id: metric_order(model.runs[run_id], "m")[0])
        return
    value: dict[str, Callable[[RunRecord], Any]] = {
        "params.p": lambda run: run.params.get("p"),
        "attributes.end_time": lambda run: run.end,
        "run_name": lambda run: run.name,
    }
    there = [run_id for run_id in found if value[key](model.runs[run_id]) is not None]
    missing = [run_id for run_id in found if value[key](model.runs[run_id]) is None]
    there.sort(key=lambda run_id: value[key](model.runs[run_id]), reverse=down)
    found[:] = there + missing


def _metric(comparator: str, number: float) -> tuple[str, Test]:
    def test(run: RunRecord) -> bool:
        if "m" not in run.points:
            return False
        value = run.latest("m")[1]
        return comparator == "!=" if math.isnan(value) else COMPARE[comparator](value, number)

    return f"metrics.m {comparator} {number!r}", test


def _text(column: str, comparator: str, value: str, get: Callable[[RunRecord], str | None]) -> tuple[str, Test]:
    def test(run: RunRecord) -> bool:
        found = get(run)
        if found is None:
            return False
        return found.startswith(value) if comparator == "LIKE" else COMPARE[comparator](found, value)

    return f"{column} {comparator} '{value}{'%' if comparator == 'LIKE' else ''}'", test


def _both(one: tuple[str, Test], two: tuple[str, Test]) -> tuple[str, Test]:
    return f"{one[0]} AND {two[0]}", lambda run: one[1](run) and two[1](run)


def _either(one: tuple[str, Test], two: tuple[str, Test]) -> tuple[str, Test]:
    return f"({one[0]} OR {two[0]})", lambda run: one[1](run) or two[1](run)


def _not(one: tuple[str, Test]) -> tuple[str, Test]:
    return f"NOT ({one[0]})", lambda run: not one[1](run)


_TEXT_OPS = st.sampled_from(["=", "!=", "LIKE"])
_LEAVES = st.one_of(
    st.builds(_metric, st.sampled_from(sorted(COMPARE)), st.sampled_from([0.5, -1.0, 3.0, 100.0])),
    st.builds(
        _text, st.just("params.p"), _TEXT_OPS, st.sampled_from(["1", "값"]), st.just(lambda r: r.params.get("p"))
    ),
    st.builds(_text, st.just("tags.t"), _TEXT_OPS, st.sampled_from(["1", "값"]), st.just(lambda r: r.tags.get("t"))),
    st.builds(_text, st.just("status"), _TEXT_OPS, st.sampled_from(["F", "RUNNING"]), st.just(lambda r: r.status)),
    st.builds(_text, st.just("run_name"), _TEXT_OPS, st.sampled_from(["1", "값"]), st.just(lambda r: r.name)),
)
_FILTERS = st.recursive(
    _LEAVES,
    lambda below: st.one_of(st.builds(_both, below, below), st.builds(_either, below, below), st.builds(_not, below)),
    max_leaves=3,
)
_KEYS = st.sampled_from(["metrics.m", "params.p", "attributes.end_time", "run_name"])
_ORDERS = st.lists(_KEYS, unique=True, max_size=2).flatmap(
    lambda keys: st.tuples(*(st.sampled_from([f"{key} ASC", f"{key} DESC"]) for key in keys))
)
QUESTIONS = st.builds(
    lambda found, order: Question(*found, order), st.one_of(st.just(("", lambda run: True)), _FILTERS), _ORDERS
)


def facet(model: Model, key: str, view: int) -> dict[str, int]:
    """How many runs of the view have which value."""
    get: dict[str, Callable[[RunRecord], str | None]] = {
        "params.p": lambda run: run.params.get("p"),
        "tags.t": lambda run: run.tags.get("t"),
        "attributes.status": lambda run: run.status,
    }
    found = [get[key](run) for run in model.runs.values() if run.stage in ViewType.stages(view)]
    return dict(Counter(value for value in found if value is not None))


def compare_run(found: Run, model: Model, run_id: str) -> None:
    """The run says what the model says."""
    run = model.runs[run_id]
    data = found.data
    assert said(found.info) == model.info(run_id)
    assert (data.params, data.tags) == (run.params, run.tags)
    latest = {metric.key: metric for metric in data.latest}
    # SQLite knows one zero only, outside of histories.
    assert {key: (metric.timestamp, repr(metric.value + 0.0), metric.step) for key, metric in latest.items()} == {
        key: (time, repr(value + 0.0), step) for key in run.points for time, value, step in [run.latest(key)]
    }
    assert {key: repr(value) for key, value in data.metrics.items()} == {
        key: repr(metric.value) for key, metric in latest.items()
    }
    datasets = {(source.dataset.name, source.dataset.digest): source for source in found.inputs.dataset_inputs}
    assert datasets == run.datasets
    assert {model.model_id for model in found.inputs.model_inputs} == run.models_in
    assert {model.model_id: model.step for model in found.outputs.model_outputs} == run.models_out


def compare_sample(found: list[Metric], points: list[Point], limit: int) -> None:
    """At most `limit` of the points, among them the first, last, lowest and highest; all when there are not more."""
    given = as_text(points)
    shown = as_text(found)
    assert len(shown) <= limit
    assert set(shown) <= set(given)
    if len(points) <= limit:
        assert sorted(shown) == sorted(given)
        return
    numbers = [value for _, value, _ in points if not math.isnan(value)]
    if numbers:
        values = [metric.value for metric in found]
        assert min(numbers) in values
        assert max(numbers) in values
    assert min(step for _, _, step in points) in [metric.step for metric in found]
    assert max(step for _, _, step in points) in [metric.step for metric in found]


def compare_experiments(store: Store, model: Model, view: int) -> None:
    """All experiments of the view are there, and as many runs as there are."""
    found = store.read(queries.SearchExperiments(view=view))
    expected = {key: record for key, record in model.experiments.items() if record.stage in ViewType.stages(view)}
    assert {
        item.experiment_id: (item.name, item.tags, item.lifecycle_stage, item.last_update_time) for item in found
    } == {key: (record.name, record.tags, record.stage, record.changed) for key, record in expected.items()}
    facts = store.read(queries.DescribeStore())
    active = sum(record.stage == ACTIVE for record in model.experiments.values())
    runs = sum(run.stage == ACTIVE for run in model.runs.values())
    assert (facts.experiments, facts.runs, facts.problems) == (active, runs, ())


def compare_named(store: Store, model: Model, name: str) -> None:
    """The experiment of a name is found, deleted ones too."""
    ids = [key for key, record in model.experiments.items() if record.name == name]
    try:
        found = store.read(queries.GetExperimentByName(name=name))
    except NotFound:
        assert ids == []
        return
    assert [found.experiment_id] == ids
    assert found.lifecycle_stage in (ACTIVE, DELETED)
