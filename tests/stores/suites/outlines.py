"""What every store answers when runs are laid out in groups and below their parents."""

from __future__ import annotations

import math
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.values import ops, outlines
from millstream.values.entities import ViewType
from millstream.values.errors import InvalidValue
from tests.stores.calls import T0, covers, finish, log, new_experiment, new_run

PARENT = "mlflow.parentRunId"


def outline(store: Store, ids: tuple[str, ...] = ("0",), **fields: Any) -> outlines.RunOutline:
    return store.read(outlines.OutlineRuns(experiment_ids=ids, **fields))


def child(store: Store, parent: str, name: str) -> str:
    run = new_run(store, run_name=name)
    log(store, run, tags={PARENT: parent})
    return run


def drawn(found: outlines.RunOutline) -> list[str]:
    """Rows as texts: a dot a level, then the name of a run or the id of a group, then what is below."""
    groups = iter(found.groups.id)
    rows = []
    for run, depth, below in zip(found.run, found.depth, found.below, strict=True):
        name = next(groups) if run is None else found.table.run_name[run]
        rows.append("." * depth + name + (f"+{below}" if below else ""))
    return rows


class OutlineSuite:
    @covers(outlines.OutlineRuns)
    def test_child_runs_stand_below_their_parents_to_any_depth(self, store: Store) -> None:
        top = new_run(store, run_name="top")
        other = new_run(store, run_name="other")
        one = child(store, top, "one")
        two = child(store, top, "two")
        child(store, one, "deep")
        child(store, "0" * 32, "orphan")
        nested = {"nested": True, "order_by": ("run_name",)}
        assert drawn(outline(store, **nested)) == ["orphan", "other", "top+2"]
        assert drawn(outline(store, **nested, open=(top,))) == ["orphan", "other", "top+2", ".one+1", ".two"]
        every = outline(store, **nested, open=(outlines.EVERY_ROW,))
        assert drawn(every) == ["orphan", "other", "top+2", ".one+1", "..deep", ".two"]
        assert (every.total, every.runs) == (6, 6)
        some = outline(store, **nested, open=(top, one), offset=3, limit=2, columns=())
        assert (drawn(some), some.total, some.table.tags) == ([".one+1", "..deep"], 6, {})
        assert drawn(outline(store, order_by=("run_name",))) == ["deep", "one", "orphan", "other", "top", "two"]
        # Whoever's parent does not match stands by himself, and nobody is lost.
        matching = {"filter": "run_name RLIKE '^(deep|two|top)$'", "nested": True}
        assert drawn(outline(store, **matching, open=("*",))) == ["deep", "top+1", ".two"]
        store.write(ops.DeleteRun(run_id=top, time=T0))
        assert drawn(outline(store, **nested)) == ["one+1", "orphan", "other", "two"]
        assert drawn(outline(store, view=ViewType.DELETED_ONLY, **nested)) == ["top"]
        assert (two, other) != (top, one)

    def test_runs_that_are_each_others_parents_are_shown_once(self, store: Store) -> None:
        a, b = new_run(store, run_name="a"), new_run(store, run_name="b")
        own = new_run(store, run_name="own")
        for run, parent in ((a, b), (b, a), (own, own)):
            log(store, run, tags={PARENT: parent})
        found = outline(store, nested=True, order_by=("run_name",), open=("*",))
        assert drawn(found) == ["a+1", ".b", "own"]

    def test_groups_count_and_measure_all_their_runs(self, store: Store) -> None:
        for number, rate in enumerate(["0.1", "0.1", "0.1", "10", "2", None]):
            run = new_run(store, run_name=f"r{number}", user_id="지민")
            values: dict[int, float] = {1: 3.0, 2: math.nan, 3: math.inf}
            log(store, run, [("m", values.get(number, 1.0)), ("m", 7.0, -1)], {} if rate is None else {"lr": rate})
        found = outline(store, group_by=("params.lr",), columns=("metrics.m", "metrics.m.first", "metrics.none"))
        assert drawn(found) == ['["0.1"]+3', '["2"]+1', '["10"]+1', "[null]+1"]
        assert (found.total, found.runs, found.groups.runs) == (4, 6, [3, 1, 1, 1])
        assert found.groups.values == {"params.lr": ["0.1", "2", "10", None]}
        spread = found.groups.metrics["m"]
        assert (spread.count, spread.mean) == ([2, 1, 1, 1], [2.0, 1.0, math.inf, 1.0])
        assert (spread.std, spread.min) == ([pytest.approx(math.sqrt(2)), None, None, None], [1.0, 1.0, math.inf, 1.0])
        assert spread.max == [3.0, 1.0, math.inf, 1.0]
        assert found.groups.metrics["m.first"].mean == [7.0] * 4
        assert found.groups.metrics["none"] == outlines.Spread([0] * 4, [None] * 4, [None] * 4, [None] * 4, [None] * 4)
        opened = outline(store, group_by=("params.lr",), open=('["0.1"]',), order_by=("metrics.m DESC",), columns=())
        assert drawn(opened) == ['["10"]+1', '["0.1"]+3', ".r1", ".r0", ".r2", "[null]+1", '["2"]+1']
        window = outline(store, group_by=("params.lr",), open=("*",), offset=3, limit=3)
        assert (drawn(window), window.total) == ([".r0", '["2"]+1', ".r4"], 10)
        assert window.groups.values == {"params.lr": ["2"]}
        newest = outline(store, group_by=("params.lr",), order_by=("start_time DESC",))
        assert newest.groups.values == {"params.lr": [None, "2", "10", "0.1"]}

    def test_groups_of_several_keys_hold_trees(self, store: Store) -> None:
        elsewhere = new_experiment(store)
        top = new_run(store, run_name="top")
        log(store, top, params={"a": "x"}, tags={"t": '값, "1"'})
        for name, value in (("same", "x"), ("far", "y")):
            log(store, child(store, top, name), params={"a": value}, tags={"t": '값, "1"'})
        finish(store, new_run(store, elsewhere, run_name="there"))
        ids = ("0", elsewhere)
        group_by = ("params.a", "tags.t", "attributes.status", "experiment_id")
        found = outline(store, ids, group_by=group_by, nested=True, open=("*",))
        first = '["x","값, \\"1\\"","RUNNING","0"]'
        assert drawn(found)[:3] == [f"{first}+1", ".top+1", "..same"]
        assert drawn(found)[3:5] == [f"{first.replace('x', 'y')}+1", ".far"]
        assert found.groups.values["experiment_id"] == ["0", "0", elsewhere]
        assert found.groups.values["tags.t"] == ['값, "1"', '값, "1"', None]
        assert drawn(outline(store, ids, group_by=group_by, open=(first,)))[1:3] == [".top", ".same"][::-1]

    def test_outlines_of_nothing_and_wrong_ones(self, store: Store) -> None:
        assert outline(store, group_by=("params.a",), nested=True).run == []
        new_run(store)
        assert outline(store, ids=()).total == 0
        assert outline(store, nested=True, limit=0).total == 1
        for bad in (
            {"group_by": ("metrics.m",)},
            {"group_by": ("start_time",)},
            {"group_by": ("",)},
            {"offset": -1},
            {"filter": "x"},
        ):
            with pytest.raises(InvalidValue):
                outline(store, **bad)
