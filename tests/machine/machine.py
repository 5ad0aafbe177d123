"""The machine: each rule is one thing that users do to a store, or ask it."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, ClassVar, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import (
    ACTIVE,
    Dataset,
    DatasetInput,
    Metric,
    ModelInput,
    ModelOutput,
    Page,
    Param,
    RunTag,
    ViewType,
)
from millstream.values.errors import MillstreamError, NotFound
from tests.machine import asking, killing
from tests.machine.life import Life
from tests.machine.logged_models import LoggedModels
from tests.machine.model import Model, Point, as_text, said
from tests.machine.places import Opener, Place
from tests.machine.registry import Registry, RegistryRecords

T = TypeVar("T")

HANDS = 2
T0 = 1_700_000_000_000
NAMES = st.sampled_from(["하나", "two", "세 번째", "Default"])
NUMBERS = st.sampled_from([0.5, -1.0, 1e300, float("nan"), float("inf"), -float("inf"), 3.0, -0.0])
TIMES = st.integers(T0, T0 + 3)
TEXTS = st.sampled_from(["", "1", "값", "a\nb", "3.5"])
METRIC_KEYS = st.sampled_from(["m", "a/b", "손실 값"])
TAG_KEYS = st.sampled_from(["t", "폴더/k", names.RUN_NAME_TAG])
WHICH = st.integers(0, 7)
HAND = st.integers(0, HANDS - 1)
METRICS = st.lists(
    st.builds(Metric, METRIC_KEYS, NUMBERS, TIMES, st.integers(-1, 3)),
    max_size=4,
).map(tuple)
PARAMS = st.dictionaries(st.sampled_from(["p", "q/r"]), st.sampled_from(["1", "값"]), max_size=2)
TAGS = st.dictionaries(TAG_KEYS, st.sampled_from(["1", "값 둘", "x" * 60]), max_size=2)


class StoreMachine(Registry, LoggedModels, Life, RuleBasedStateMachine):
    """Works on the store of `place`, whose kind decides nothing of what is expected."""

    place: ClassVar[Place]
    steps_made: ClassVar[int] = 0
    ops_made: ClassVar[set[type]] = set()
    queries_asked: ClassVar[set[type]] = set()

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.registry = RegistryRecords()
        self.model.writers |= self.registry.writers
        self.steps = 0
        self.hands: list[Store] = []
        self.open: Opener = self.place.renew()
        # Never closed before the end: what their processes held would be let go of.
        self._gone: list[Store] = []
        self._tried: dict[str, ops.LogBatch] = {}

    @initialize()
    def begin(self) -> None:
        """Both hands open the store, and the first experiment brings the default one with it."""
        self.hands = [self.open() for _ in range(HANDS)]
        self._make_experiment(0, ops.CreateExperiment(name="처음", time=T0))
        self.model.put_experiment(self.read(0, queries.GetExperiment(experiment_id="0")))

    def teardown(self) -> None:
        """Everything is compared once more, by a hand that has seen nothing."""
        if self.hands:
            self.hands.append(self.open())
            for run_id in self.model.runs:
                self._compare_run(HANDS, run_id)
            asking.compare_experiments(self.hands[HANDS], self.model, ViewType.ALL)
        for hand in (*self.hands, *self._gone):
            hand.close()

    def read(self, hand: int, query: queries.Query[T]) -> T:
        """The hand's answer."""
        self.queries_asked.add(type(query))
        return self.hands[hand].read(query)

    def write(self, hand: int, op: ops.Op[Any]) -> Any:
        """Write to the store and the model: both do it, or both refuse it in the same way."""
        self.ops_made.add(type(op))
        expected: type[MillstreamError] | None = None
        try:
            self.model.apply(op)
        except MillstreamError as error:
            expected = type(error)
        return self.expect(hand, op, expected)

    def expect(self, hand: int, op: ops.Op[Any], expected: type[MillstreamError] | None) -> Any:
        """Carry out `op`, which must be refused with an error of the type `expected` unless that is None."""
        result, got = None, None
        try:
            result = self.hands[hand].write(op)
        except MillstreamError as error:
            got = type(error)
        assert got is expected, (op, got, expected)
        return result

    def step(self) -> None:
        """Count."""
        self.steps += 1
        type(self).steps_made += 1

    def experiment(self, which: int) -> str:
        """An id: of an experiment there is, or of none."""
        ids = [*dict.fromkeys([*self.model.experiments, names.DEFAULT_EXPERIMENT_ID]), "999"]
        return ids[which % len(ids)]

    def run(self, which: int) -> str:
        """An id: of a run there is, or of none."""
        ids = [*self.model.runs, "f" * 32]
        return ids[which % len(ids)]

    def _make_experiment(self, hand: int, op: ops.CreateExperiment) -> None:
        self.ops_made.add(type(op))
        expected: type[MillstreamError] | None = None
        try:
            self.model.check_create_experiment(op)
        except MillstreamError as error:
            expected = type(error)
        made = self.expect(hand, op, expected)
        if expected is None:
            found = self.read(hand, queries.GetExperiment(experiment_id=made))
            assert (found.name, found.tags, found.creation_time) == (op.name, op.tags, op.time)
            assert made == op.experiment_id or op.experiment_id is None
            self.model.put_experiment(found)

    # What is done.

    @rule(hand=HAND, name=NAMES, tags=TAGS, chosen=st.sampled_from([None, None, "77"]))
    def create_experiment(self, hand: int, name: str, tags: dict[str, str], chosen: str | None) -> None:
        self.step()
        op = ops.CreateExperiment(name=name, time=T0 + self.steps, tags=tags, experiment_id=chosen)
        self._make_experiment(hand, op)

    @rule(hand=HAND, which=WHICH, name=NAMES, time=TIMES)
    def rename_experiment(self, hand: int, which: int, name: str, time: int) -> None:
        self.step()
        self.write(hand, ops.RenameExperiment(experiment_id=self.experiment(which), name=name, time=time))

    @rule(hand=HAND, which=WHICH, time=TIMES, remove=st.booleans())
    def delete_or_restore_experiment(self, hand: int, which: int, time: int, remove: bool) -> None:
        self.step()
        kind = ops.DeleteExperiment if remove else ops.RestoreExperiment
        self.write(hand, kind(experiment_id=self.experiment(which), time=time))

    @rule(hand=HAND, which=WHICH, key=st.sampled_from(["t", "폴더/k"]), value=st.none() | TEXTS)
    def tag_experiment(self, hand: int, which: int, key: str, value: str | None) -> None:
        self.step()
        experiment_id = self.experiment(which)
        if value is None:
            self.write(hand, ops.DeleteExperimentTag(experiment_id=experiment_id, key=key))
        else:
            self.write(hand, ops.SetExperimentTag(experiment_id=experiment_id, key=key, value=value))

    @rule(hand=HAND, which=WHICH, again=st.none() | WHICH, time=TIMES, name=st.none() | TEXTS, tags=TAGS)
    def create_run(
        self, hand: int, which: int, again: int | None, time: int, name: str | None, tags: dict[str, str]
    ) -> None:
        self.step()
        if name and names.RUN_NAME_TAG in tags:
            name = tags[names.RUN_NAME_TAG]
        run_id = f"{len(self.model.runs):032x}" if again is None else self.run(again)
        op = ops.CreateRun(
            run_id=run_id,
            experiment_id=self.experiment(which),
            start_time=time,
            user_id="지민",
            run_name=name,
            tags=tags,
        )
        self.ops_made.add(type(op))
        expected, there = None, None
        try:
            there = self.model.check_create_run(op)
        except MillstreamError as error:
            expected = type(error)
        made = self.expect(hand, op, expected)
        if expected is None:
            if there is None:
                self.model.put_run(op, made)
            assert said(made.info) == self.model.info(run_id)

    @rule(
        hand=HAND, which=WHICH, status=st.sampled_from([None, "FINISHED", "FAILED", "RUNNING"]),
        end=st.none() | TIMES, name=st.none() | TEXTS,
    )  # fmt: skip
    def update_run(self, hand: int, which: int, status: str | None, end: int | None, name: str | None) -> None:
        self.step()
        run_id = self.run(which)
        info = self.write(hand, ops.UpdateRun(run_id=run_id, status=status, end_time=end, run_name=name))
        if info is not None:
            assert said(info) == self.model.info(run_id)

    @rule(hand=HAND, which=WHICH, remove=st.booleans())
    def delete_or_restore_run(self, hand: int, which: int, remove: bool) -> None:
        self.step()
        run_id = self.run(which)
        self.write(hand, ops.DeleteRun(run_id=run_id, time=T0) if remove else ops.RestoreRun(run_id=run_id))

    @rule(hand=HAND, which=WHICH, metrics=METRICS, params=PARAMS, tags=TAGS)
    def log_batch(
        self, hand: int, which: int, metrics: tuple[Metric, ...], params: dict[str, str], tags: dict[str, str]
    ) -> None:
        self.step()
        self.write(hand, _batch(self.run(which), metrics, params, tags))

    @rule(hand=HAND, which=WHICH, key=METRIC_KEYS, value=NUMBERS, steps=st.integers(1, 200))
    def log_many(self, hand: int, which: int, key: str, value: float, steps: int) -> None:
        self.step()
        metrics = tuple(Metric(key, value + step, T0 + step, step) for step in range(steps))
        self.write(hand, _batch(self.run(which), metrics, {}, {}))

    @rule(hand=HAND, which=WHICH, metrics=METRICS, number=st.integers(0, 3))
    def log_with_an_id(self, hand: int, which: int, metrics: tuple[Metric, ...], number: int) -> None:
        """The second of two ops with one id is a retry, and a retry is the same op."""
        self.step()
        op_id = f"writer/{number}" if self.place.remembers else ""
        if op_id in self.model.seen:
            op = self._tried[op_id]
        else:
            op = ops.LogBatch(run_id=self.run(which), metrics=metrics, op_id=op_id)
            self._tried[op_id] = op
        self.write(hand, op)

    @rule(hand=HAND, which=WHICH, key=TAG_KEYS)
    def delete_tag(self, hand: int, which: int, key: str) -> None:
        self.step()
        self.write(hand, ops.DeleteTag(run_id=self.run(which), key=key))

    @rule(hand=HAND, which=WHICH, number=st.integers(0, 2), step=st.integers(0, 2), out=st.booleans())
    def log_links(self, hand: int, which: int, number: int, step: int, out: bool) -> None:
        self.step()
        run_id = self.run(which)
        if out:
            self.write(hand, ops.LogOutputs(run_id=run_id, models=(ModelOutput(f"m-{number}", step),)))
            return
        data = DatasetInput(Dataset(f"자료 {number}", "d1", "local", "{}"), {"mlflow.data.context": "train"})
        self.write(hand, ops.LogInputs(run_id=run_id, datasets=(data,), models=(ModelInput(f"m-{number}"),)))

    # What becomes of the hands.

    @rule(hand=HAND, politely=st.booleans())
    def begin_again(self, hand: int, politely: bool) -> None:
        """A process ends, as it should or without a word, and another takes its place."""
        self.step()
        if politely:
            self.hands[hand].close()
        else:
            self._gone.append(self.hands[hand])
        self.hands[hand] = self.open()

    @precondition(lambda self: self.steps % 7 == 0)
    @rule(which=WHICH, metrics=METRICS, params=PARAMS, tags=TAGS)
    def killed(self, which: int, metrics: tuple[Metric, ...], params: dict[str, str], tags: dict[str, str]) -> None:
        """A process is killed the moment its write has returned."""
        self.step()
        op = _batch(self.run(which), metrics, params, tags)
        expected: type[MillstreamError] | None = None
        try:
            self.model.apply(op)
        except MillstreamError as error:
            expected = type(error)
        assert killing.write_and_die(self.open, op) == (expected.__name__ if expected else "")

    @rule()
    def clean(self) -> None:
        """What can be made again is removed while both hands are open."""
        self.step()
        self.place.clean()

    # What is asked.

    @rule(hand=HAND, which=WHICH)
    def look_at_a_run(self, hand: int, which: int) -> None:
        self.step()
        run_id = self.run(which)
        if run_id in self.model.runs:
            self._compare_run(hand, run_id)
        else:
            self._not_found(hand, queries.GetRun(run_id=run_id))

    def _compare_run(self, hand: int, run_id: str) -> None:
        assert said(self.read(hand, queries.GetRunInfo(run_id=run_id))) == self.model.info(run_id)
        found = self.read(hand, queries.GetRun(run_id=run_id))
        asking.compare_run(found, self.model, run_id)

    def _not_found(self, hand: int, query: queries.Query[Any]) -> None:
        with suppress(NotFound):
            raise AssertionError(f"{query} was answered with {self.read(hand, query)}")

    @rule(hand=HAND, which=WHICH, key=METRIC_KEYS, limit=st.integers(1, 150))
    def read_a_history(self, hand: int, which: int, key: str, limit: int) -> None:
        self.step()
        run_id = self.run(which)
        if run_id not in self.model.runs:
            self._not_found(hand, queries.MetricHistory(run_id=run_id, key=key))
            return
        expected = as_text(self.model.runs[run_id].points.get(key, []))
        assert as_text(list(self.read(hand, queries.MetricHistory(run_id=run_id, key=key)))) == expected
        found: list[Metric] = []
        token = None
        while True:
            query = queries.MetricHistory(run_id=run_id, key=key, max_results=limit, page_token=token)
            page = self.read(hand, query)
            assert isinstance(page, Page)
            found += page
            token = page.token
            if token is None:
                break
        assert as_text(found) == expected

    @rule(hand=HAND, key=METRIC_KEYS, low=st.none() | st.integers(-1, 9), limit=st.integers(5, 60))
    def read_several_histories(self, hand: int, key: str, low: int | None, limit: int) -> None:
        self.step()
        ids = tuple(self.model.runs)
        every = self.read(hand, queries.MetricHistories(run_ids=ids, key=key))
        thinned = self.read(
            hand, queries.SampledHistories(run_ids=ids, key=key, start_step=low, end_step=100, max_results=limit)
        )
        for run_id in ids:
            points = self.model.runs[run_id].points.get(key, [])
            assert sorted(as_text([p for p in every if p.run_id == run_id])) == sorted(as_text(points))
            within: list[Point] = [p for p in points if (low is None or p[2] >= low) and p[2] <= 100]
            asking.compare_sample([p for p in thinned if p.run_id == run_id], within, limit)

    @rule(hand=HAND, question=asking.QUESTIONS, view=st.sampled_from([1, 2, 3]), size=st.integers(1, 4))
    def search(self, hand: int, question: asking.Question, view: int, size: int) -> None:
        self.step()
        ids = tuple(self.model.experiments)
        expected = question.answer(self.model, view)
        found: list[str] = []
        token = None
        while True:
            query = queries.SearchRuns(
                experiment_ids=ids, filter=question.text, order_by=question.order_by,
                view=view, max_results=size, page_token=token,
            )  # fmt: skip
            page = self.read(hand, query)
            found += [run.info.run_id for run in page]
            token = page.token
            if token is None:
                break
        assert found == expected, question
        table = self.read(
            hand,
            queries.TabulateRuns(
                experiment_ids=ids, filter=question.text, order_by=question.order_by, view=view, offset=1, limit=size
            ),
        )
        assert (table.total, table.run_id) == (len(expected), expected[1 : 1 + size])
        counted = self.read(hand, queries.CountRuns(experiment_ids=ids, filter=question.text, view=view))
        assert counted == len(expected)

    @rule(hand=HAND, view=st.sampled_from([1, 2, 3]), key=st.sampled_from(["params.p", "tags.t", "attributes.status"]))
    def see_what_there_is(self, hand: int, view: int, key: str) -> None:
        self.step()
        ids = tuple(self.model.experiments)
        (facet,) = self.read(hand, queries.FacetRuns(experiment_ids=ids, keys=(key,), view=view))
        assert dict(facet.values) == asking.facet(self.model, key, view)
        datasets = self.read(hand, queries.SearchDatasets(experiment_ids=ids))
        assert {(item.experiment_id, item.name, item.digest) for item in datasets} == {
            (run.experiment_id, *place)
            for run in self.model.runs.values()
            for place in run.datasets
            if run.stage == ACTIVE
        }

    @rule(hand=HAND, view=st.sampled_from([1, 2, 3]), name=NAMES)
    def look_at_experiments(self, hand: int, view: int, name: str) -> None:
        self.step()
        self.queries_asked.update((queries.SearchExperiments, queries.GetExperimentByName, queries.DescribeStore))
        asking.compare_experiments(self.hands[hand], self.model, view)
        asking.compare_named(self.hands[hand], self.model, name)


def _batch(run_id: str, metrics: tuple[Metric, ...], params: dict[str, str], tags: dict[str, str]) -> ops.LogBatch:
    return ops.LogBatch(
        run_id=run_id,
        metrics=metrics,
        params=tuple(Param(*item) for item in params.items()),
        tags=tuple(RunTag(*item) for item in tags.items()),
    )
