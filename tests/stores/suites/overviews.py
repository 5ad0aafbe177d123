"""What every store answers about all experiments, and about runs wherever they are."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.values import ops, overviews
from millstream.values.entities import ViewType
from millstream.values.errors import InvalidValue
from millstream.values.names import NOTE_TAG
from millstream.values.queries import GetExperiment
from millstream.values.rights import Seen
from tests.stores.calls import T0, covers, finish, log, new_experiment, new_run


def found(store: Store, **fields: Any) -> list[str]:
    """Names of the runs."""
    return store.read(overviews.FindRuns(**fields)).run_name


class OverviewSuite:
    @covers(overviews.ListExperiments)
    def test_experiments_with_what_goes_on_in_them(self, store: Store) -> None:
        busy = new_experiment(store, "팀/바쁜 것", time=T0 - 5, tags={NOTE_TAG: "메모 " * 100, "x": "y"})
        new_experiment(store, "empty", time=T0 - 9)
        first = new_run(store, busy, run_name="first")
        finish(store, first)
        last = new_run(store, busy, run_name="마지막")
        gone = new_run(store, busy)
        store.write(ops.DeleteRun(run_id=gone, time=T0))
        table = store.read(overviews.ListExperiments())
        rows = {row[1]: row for row in zip(*(getattr(table, name) for name in table.__struct_fields__), strict=True)}
        assert sorted(table.creation_time, reverse=True) == table.creation_time
        made = store.read(GetExperiment(experiment_id=busy)).creation_time
        note = ("메모 " * 100)[: overviews.NOTE_START]
        start = rows["팀/바쁜 것"][-1]
        assert rows["팀/바쁜 것"] == (
            busy, "팀/바쁜 것", "active", made, note, 2, 1, last, "마지막", "RUNNING", start,
        )  # fmt: skip
        assert isinstance(start, int)
        assert rows["empty"][4:] == ("", 0, 0, None, None, None, None)
        store.write(ops.DeleteExperiment(experiment_id=busy, time=T0))
        assert busy not in store.read(overviews.ListExperiments()).experiment_id
        assert store.read(overviews.ListExperiments(view=ViewType.DELETED_ONLY)).experiment_id == [busy]

    @covers(overviews.ListExperiments, overviews.FindRuns)
    def test_nobody_is_told_of_what_he_may_not_know(self, store: Store) -> None:
        mine, others = new_experiment(store, "mine"), new_experiment(store, "others")
        new_run(store, mine, run_name="my run")
        new_run(store, others, run_name="their run")
        for seen in (Seen(frozenset({mine})), Seen(frozenset({others, "0"}), others=True)):
            assert store.read(overviews.ListExperiments(seen=seen)).name == ["mine"]
            assert found(store, seen=seen) == ["my run"]
        assert found(store, seen=Seen()) == []
        assert store.read(overviews.ListExperiments(seen=Seen())).runs == []

    @covers(overviews.FindRuns)
    def test_runs_of_all_experiments_by_words(self, store: Store) -> None:
        other = new_experiment(store, "other")
        run = new_run(store, run_name="Großer Lauf")
        log(store, run, [("loss", 1.0)], {"p": "q"}, {"t": "u"})
        new_run(store, other, run_name="큰 실행 100%")
        finish(store, new_run(store, other, run_name="lauf_3"))
        gone = new_run(store, other, run_name="lauf deleted")
        store.write(ops.DeleteRun(run_id=gone, time=T0))
        assert found(store) == ["lauf_3", "큰 실행 100%", "Großer Lauf"]
        assert found(store, limit=1) == ["lauf_3"]
        assert found(store, limit=0) == []
        assert found(store, text="LAUF") == ["lauf_3", "Großer Lauf"]
        assert found(store, text="lauf gro") == ["Großer Lauf"]
        assert found(store, text="0%  실행") == ["큰 실행 100%"]
        assert found(store, text="_") == ["lauf_3"]
        assert found(store, text=run[:20].upper()) == ["Großer Lauf"]
        assert found(store, text=run[1:20]) == []
        named = new_run(store, run_name=f"like {run[:8]}", start_time=T0 - 1)
        assert found(store, text=run[:8]) == [f"like {run[:8]}", "Großer Lauf"]
        store.write(ops.DeleteRun(run_id=named, time=T0))
        assert found(store, text="' OR 1=1") == []
        assert found(store, status="FINISHED") == ["lauf_3"]
        table = store.read(overviews.FindRuns(text="gro"))
        assert (table.total, table.run_id, table.experiment_id) == (1, [run], ["0"])
        assert (table.metrics, table.params, table.tags) == ({}, {}, {})
        store.write(ops.DeleteExperiment(experiment_id=other, time=T0))
        assert found(store) == ["Großer Lauf"]
        for bad in ({"status": "GONE"}, {"limit": -1}, {"text": "x" * 501}):
            with pytest.raises(InvalidValue):
                found(store, **bad)
