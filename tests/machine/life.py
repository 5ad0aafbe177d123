"""Rules on what becomes of runs later: moved, removed for good, brought from elsewhere; and how they are drawn."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import rule

from millstream.values import names, ops, queries
from millstream.values.entities import ACTIVE, DELETED, Experiment, Metric, RunInfo
from millstream.values.errors import MillstreamError, NotFound
from tests.machine.model import Model
from tests.stores.suites import envelopes

T0 = 1_700_000_000_000
WHICH = st.integers(0, 7)
HAND = st.integers(0, 1)
KEYS = st.sampled_from(["m", "a/b", "손실 값"])


class Machine(Protocol):
    """What the rules need of the machine that they belong to."""

    model: Model
    steps: int
    ops_made: set[type]

    def step(self) -> None: ...
    def experiment(self, which: int) -> str: ...
    def run(self, which: int) -> str: ...
    def read(self, hand: int, query: queries.Query[Any]) -> Any: ...
    def write(self, hand: int, op: ops.Op[Any]) -> Any: ...
    def expect(self, hand: int, op: ops.Op[Any], expected: type[MillstreamError] | None) -> Any: ...


class Life:
    """Rules to be mixed into a machine."""

    @rule(hand=HAND, runs=st.lists(WHICH, min_size=1, max_size=3), which=WHICH)
    def move_runs(self: Machine, hand: int, runs: list[int], which: int) -> None:
        self.step()
        ids = tuple(dict.fromkeys(map(self.run, runs)))
        self.write(hand, ops.MoveRuns(run_ids=ids, experiment_id=self.experiment(which)))

    @rule(hand=HAND, which=WHICH)
    def purge_run(self: Machine, hand: int, which: int) -> None:
        self.step()
        self.write(hand, ops.PurgeRun(run_id=self.run(which)))

    @rule(hand=HAND, which=WHICH)
    def purge_experiment(self: Machine, hand: int, which: int) -> None:
        self.step()
        experiment_id = self.experiment(which)
        self.write(hand, ops.PurgeExperiment(experiment_id=experiment_id))

    @rule(hand=HAND)
    def tidy(self: Machine, hand: int) -> None:
        self.step()
        self.write(hand, ops.FinishPurges(time=T0))
        self.write(hand, ops.Compact())

    @rule(hand=HAND)
    def see_what_it_takes_up(self: Machine, hand: int) -> None:
        self.step()
        space = self.read(hand, queries.MeasureSpace())
        assert {run.run_id: run.points for run in space.runs} == {
            run_id: sum(map(len, run.points.values())) for run_id, run in self.model.runs.items()
        }
        assert {item.experiment_id for item in space.experiments} == set(self.model.experiments)
        assert {(item.model_id, item.lifecycle_stage) for item in space.models} == {
            (model_id, record.stage) for model_id, record in self.model.models.items()
        }
        deleted = self.read(hand, queries.FindDeleted())
        assert {item.model_id for item in deleted.models} == {
            model_id
            for model_id, record in self.model.models.items()
            if DELETED in (record.stage, self.model.experiments[record.experiment_id].stage)
        }
        assert {run.run_id for run in deleted.runs} == {
            run_id for run_id, run in self.model.runs.items() if run.stage == DELETED
        }

    @rule(
        hand=HAND,
        name=st.sampled_from(["하나", "가져온 것"]),
        chosen=st.sampled_from(["", "88"]),
        deleted=st.booleans(),
    )
    def import_experiment(self: Machine, hand: int, name: str, chosen: str, deleted: bool) -> None:
        self.step()
        stage = DELETED if deleted else ACTIVE
        given = Experiment(chosen, name, "", stage, {"t": "1"}, T0, T0 + self.steps)
        op = ops.ImportExperiment(experiment=given)
        self.ops_made.add(type(op))
        expected = None
        try:
            self.model.check_create_experiment(ops.CreateExperiment(name=name, time=T0, experiment_id=chosen or None))
        except MillstreamError as error:
            expected = type(error)
        made = self.expect(hand, op, expected)
        if expected is None:
            self.model.put_experiment(self.read(hand, queries.GetExperiment(experiment_id=made)))
            self.model.experiments[made].stage = stage

    @rule(
        hand=HAND, which=WHICH, again=st.none() | WHICH, deleted=st.booleans(), lag=st.integers(0, 1),
        points=st.lists(st.sampled_from([0.5, float("nan"), 2.0]), max_size=3),
    )  # fmt: skip
    def import_run(
        self: Machine, hand: int, which: int, again: int | None, deleted: bool, lag: int, points: list[float]
    ) -> None:
        """A run from elsewhere, or more of one that came before; with `lag` somebody else has logged meanwhile."""
        self.step()
        run_id = f"{0xABC000 + self.steps:032x}" if again is None else self.run(again)
        there = self.model.runs.get(run_id)
        experiment_id = self.experiment(which) if there is None else there.experiment_id
        record = self.model.experiments.get(experiment_id)
        stage = DELETED if deleted or (record is not None and record.stage == DELETED) else ACTIVE
        info = RunInfo(run_id, experiment_id, "지민", "FINISHED", T0, T0 + 9, stage, "", f"이름 {self.steps}")
        known = None
        if there is not None and again is not None and again % 2:
            known = {key: len(some) - lag for key, some in there.points.items()}
            info = self.read(hand, queries.GetRunInfo(run_id=run_id))
            info = RunInfo(*(getattr(info, name) for name in RunInfo.__struct_fields__))
        metrics = tuple(Metric("m", value, T0 + step, step) for step, value in enumerate(points))
        tags = {names.RUN_NAME_TAG: info.run_name}
        op = ops.ImportRun(info=info, deleted_time=T0, params={"p": "1"}, tags=tags, metrics=metrics, known=known)
        self.write(hand, op)

    @rule(hand=HAND, which=WHICH, key=KEYS, x=st.sampled_from(["step", "time", "relative"]), width=st.integers(1, 9))
    def draw(self: Machine, hand: int, which: int, key: str, x: str, width: int) -> None:
        self.step()
        run_id = self.run(which)
        query = queries.MetricEnvelope(run_id=run_id, key=key, x=x, width=width)
        if run_id not in self.model.runs:
            with pytest.raises(NotFound):
                self.read(hand, query)
            return
        run = self.model.runs[run_id]
        points = [(step, value, time) for time, value, step in run.points.get(key, [])]
        shown = envelopes.found(self.read(hand, query))
        for name, value in envelopes.expected(points, query, run.start).items():
            assert shown[name] == value, (name, query)
