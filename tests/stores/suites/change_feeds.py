"""What every store promises to whoever follows it: no change is left out, whoever made it."""

from __future__ import annotations

import math
import threading

import pytest

from millstream.stores.base import Store
from millstream.values import changes, ops
from millstream.values.changes import ChangedRun, ChangeSet, CountPoints, PointCount, ReadChanges, ReadSteps, Steps
from tests.stores.calls import T0, covers, finish, log, new_experiment, new_run


class Follower:
    """Follows a store from now on."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.position = store.read(ReadChanges()).position
        self.counts = store.read(CountPoints(experiment_ids=None))

    def hear(self) -> ChangeSet:
        """What changed since it last heard."""
        told = self.store.read(ReadChanges(since=self.position))
        self.position = told.position
        return told

    def hear_of(self, run_id: str) -> ChangedRun:
        (run,) = (run for run in self.hear().runs if run.run_id == run_id)
        return run

    def hear_of_points(self, run_id: str) -> Steps:
        """How far the metrics of a run are, which it must have been told of or have found by counting."""
        told, before = self.hear().runs, self.counts
        self.counts = self.store.read(CountPoints(experiment_ids=None))
        assert run_id in {run.run_id for run in told} or self.counts.get(run_id) != before.get(run_id)
        return self.store.read(ReadSteps(run_ids=(run_id,)))[run_id]


class ChangeFeedSuite:
    """Of changes."""

    @covers(ReadChanges, CountPoints, ReadSteps)
    def test_a_run_is_told_of_through_all_its_life(self, store: Store) -> None:
        experiment = new_experiment(store)
        follower = Follower(store)
        assert (follower.hear().runs, follower.hear().experiments, follower.hear().complete) == ((), (), True)
        run = new_run(store, experiment)
        made = follower.hear_of(run)
        assert (made.made, made.status, made.lifecycle_stage, made.series) == (True, "RUNNING", "active", {})
        assert made.experiment_id == experiment
        log(store, run, [("손실", math.nan, 3), ("손실", math.inf, -7), ("a/b", 1.0, 2**63 - 1)])
        assert follower.hear_of_points(run) == {"손실": (2, 3), "a/b": (1, 2**63 - 1)}
        log(store, run, [("손실", 1.0, 1)])
        assert follower.hear_of_points(run)["손실"] == (3, 3)
        log(store, run, tags={"누구": "나"})
        tagged = follower.hear_of(run)
        assert (tagged.made, tagged.series) == (False, {"손실": (3, 3), "a/b": (1, 2**63 - 1)})
        assert tagged.digest != made.digest
        store.write(ops.DeleteTag(run_id=run, key="누구"))
        assert follower.hear_of(run).digest != tagged.digest
        log(store, run, params={"lr": "0.1"})
        assert follower.hear_of(run).digest != tagged.digest
        finish(store, run)
        assert follower.hear_of(run).status == "FINISHED"
        log(store, run, [("late", 1.0, 0)])
        late = follower.hear_of(run)
        assert (late.status, late.series["late"]) == ("FINISHED", (1, 0))
        store.write(ops.DeleteRun(run_id=run, time=T0))
        assert follower.hear_of(run).lifecycle_stage == "deleted"
        store.write(ops.RestoreRun(run_id=run))
        assert follower.hear_of(run).lifecycle_stage == "active"

    def test_what_follows_a_position_is_told_again_to_whoever_comes_back_to_it(self, store: Store) -> None:
        one = new_run(store)
        follower = Follower(store)
        log(store, one, tags={"a": "b"})
        before = follower.position
        two = new_run(store)
        assert {run.run_id for run in follower.hear().runs} == {one, two}
        log(store, two, [("m", 1.0)], tags={"a": "b"})
        told = store.read(ReadChanges(since=before))
        assert {(run.run_id, run.made) for run in told.runs} == {(one, False), (two, True)}

    def test_points_of_running_runs_are_told_of_or_counted(self, store: Store) -> None:
        here, there = new_experiment(store, "here"), new_experiment(store, "there")
        first, second, other, ended, gone = (new_run(store, one) for one in (here, here, there, here, here))
        for run in (first, other, ended, gone):
            log(store, run, [("m", math.nan, 0), ("손실", 2.0, 5)])
        finish(store, ended)
        store.write(ops.DeleteRun(run_id=gone, time=T0))
        if not store.read(CountPoints(experiment_ids=None)):
            return  # a store that tells of all points itself
        two = {first: PointCount(here, 2), other: PointCount(there, 2)}
        assert store.read(CountPoints(experiment_ids=None)) == two
        assert store.read(CountPoints()) == {}
        assert store.read(CountPoints(experiment_ids=frozenset([here, "7"]))) == {first: two[first]}
        assert store.read(CountPoints(run_ids=frozenset([first, other, ended, "x"]))) == two
        log(store, first, [("m", 1.0, 1)])
        log(store, second, [("m", 1.0, 1)])
        chosen = store.read(CountPoints(experiment_ids=frozenset([there]), run_ids=frozenset([second])))
        assert chosen == {second: PointCount(here, 1), other: PointCount(there, 2)}
        assert store.read(ReadSteps(run_ids=(first, "x", ended))) == {
            first: {"m": (2, 1), "손실": (1, 5)},
            ended: {"m": (1, 0), "손실": (1, 5)},
        }

    def test_what_happens_to_an_experiment_is_told(self, store: Store) -> None:
        experiment = new_experiment(store)
        new_run(store, experiment)
        follower = Follower(store)

        def concerns() -> bool:
            told = follower.hear()
            return not told.complete or experiment in told.experiments

        store.write(ops.RenameExperiment(experiment_id=experiment, name="다른 이름", time=T0))
        assert concerns()
        store.write(ops.DeleteExperiment(experiment_id=experiment, time=T0))
        assert concerns()
        store.write(ops.RestoreExperiment(experiment_id=experiment, time=T0))
        assert concerns()

    def test_runs_that_move_and_go_are_told_of(self, store: Store) -> None:
        here, there = new_experiment(store, "here"), new_experiment(store, "there")
        run, other = new_run(store, here), new_run(store, here)
        follower = Follower(store)
        store.write(ops.MoveRuns(run_ids=(run,), experiment_id=there))
        told = follower.hear()
        assert not told.complete or (here in told.experiments and told.runs[0].experiment_id == there)
        store.write(ops.DeleteRun(run_id=other, time=T0))
        assert follower.hear_of(other).lifecycle_stage == "deleted"
        store.write(ops.PurgeRun(run_id=other))
        gone = follower.hear()
        assert not gone.complete or here in gone.experiments
        assert not gone.runs

    @pytest.mark.parametrize("position", ["", "x", "-1", "9" * 400, "1.2.3.4.5", "\ud800", "٣", "9" * 18])
    def test_positions_of_nowhere_mean_all_anew(self, store: Store, position: str) -> None:
        run = new_run(store)
        told = store.read(ReadChanges(since=position))
        assert (told.complete, told.runs) == (False, ())
        again = store.read(ReadChanges(since=told.position))
        # A directory's young runs are read once more.
        assert (again.complete, again.experiments, {one.run_id for one in again.runs} - {run}) == (True, (), set())

    def test_too_many_runs_are_told_as_their_experiments(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in ("drivers.sql.changelog", "stores.change_feeds"):
            monkeypatch.setattr(f"millstream.{module}.MOST", 3)
        one, two = new_experiment(store, "one"), new_experiment(store, "two")
        follower = Follower(store)
        for experiment in (one, one, two, two):
            new_run(store, experiment)
        told = follower.hear()
        assert (set(told.experiments), told.runs, told.complete) == ({one, two}, (), True)
        new = new_run(store, one)
        told = follower.hear()
        # A directory's young runs are read once more, so that there may be too many again.
        assert one in told.experiments or new in {run.run_id for run in told.runs}
        assert changes.MOST == 500

    def test_the_bell_rings_for_each_write(self, store: Store) -> None:
        run = new_run(store)
        bell = store.bell()
        try:
            follower = Follower(store)
            for step in range(3):
                bell.heed()
                writer = threading.Thread(target=log, args=(store, run, [("a/b/c", 1.0, step)]))
                writer.start()
                bell.wait()
                writer.join()
                # A write may come in several pieces, each of which rings.
                assert follower.hear_of_points(run) == {"a/b/c": (step + 1, step)}
        finally:
            bell.close()

    def test_a_wait_for_the_bell_can_be_ended(self, store: Store) -> None:
        new_run(store)
        bell = store.bell()
        bell.heed()
        waiting = threading.Thread(target=bell.wait)
        waiting.start()
        bell.wake()
        waiting.join()
        bell.close()
