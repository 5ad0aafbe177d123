"""Rules on logged models."""

from __future__ import annotations

from typing import Any, Protocol

from hypothesis import strategies as st
from hypothesis.stateful import rule

from millstream.values import ops, queries
from millstream.values.entities import ACTIVE, DELETED, LoggedModel, LoggedModelStatus, Metric
from millstream.values.errors import MillstreamError, NotFound
from tests.machine.model import LoggedModelRecord, Model

T0 = 1_700_000_000_000
WHICH = st.integers(0, 5)
HAND = st.integers(0, 1)
TEXTS = st.sampled_from(["1", "값"])
KEYS = st.sampled_from(["k", "열쇠"])
TIMES = st.integers(T0, T0 + 5)


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


class LoggedModels:
    """Rules to be mixed into a machine."""

    @rule(hand=HAND, which=WHICH, again=st.none() | WHICH, time=TIMES, name=st.sampled_from([None, "모형"]), text=TEXTS)
    def create_model(
        self: Machine, hand: int, which: int, again: int | None, time: int, name: str | None, text: str
    ) -> None:
        self.step()
        made = self.model.models
        model_id = f"m-{len(made):032x}" if again is None or not made else _model_id(self.model, again)
        experiment_id = made[model_id].experiment_id if model_id in made else self.experiment(which)
        op = ops.CreateLoggedModel(
            model_id=model_id, experiment_id=experiment_id, time=time, name=name, params={"p": text}, tags={"k": text}
        )
        self.ops_made.add(type(op))
        expected = None
        try:
            self.model.check_goal(experiment_id)
        except MillstreamError as error:
            expected = type(error)
        result = self.expect(hand, op, expected)
        if expected is None:
            self.model.put_model(op, result)

    @rule(hand=HAND, which=WHICH, time=TIMES, ready=st.booleans())
    def finish_model(self: Machine, hand: int, which: int, time: int, ready: bool) -> None:
        self.step()
        status = "READY" if ready else "FAILED"
        self.write(hand, ops.FinalizeLoggedModel(model_id=_model_id(self.model, which), status=status, time=time))

    @rule(hand=HAND, which=WHICH, key=KEYS, text=TEXTS | st.none(), param=st.booleans())
    def note_model(self: Machine, hand: int, which: int, key: str, text: str | None, param: bool) -> None:
        self.step()
        model_id = _model_id(self.model, which)
        if text is None:
            self.write(hand, ops.DeleteLoggedModelTag(model_id=model_id, key=key))
        elif param:
            self.write(hand, ops.LogLoggedModelParams(model_id=model_id, params={key: text}))
        else:
            self.write(hand, ops.SetLoggedModelTags(model_id=model_id, tags={key: text}))

    @rule(hand=HAND, which=WHICH, time=TIMES)
    def delete_model(self: Machine, hand: int, which: int, time: int) -> None:
        self.step()
        self.write(hand, ops.DeleteLoggedModel(model_id=_model_id(self.model, which), time=time))

    @rule(hand=HAND, which=WHICH)
    def purge_model(self: Machine, hand: int, which: int) -> None:
        self.step()
        self.write(hand, ops.PurgeLoggedModel(model_id=_model_id(self.model, which)))

    @rule(
        hand=HAND, which=WHICH, model=WHICH, step=st.integers(0, 3),
        value=st.sampled_from([0.5, float("nan"), float("inf")]), data=st.booleans(),
    )  # fmt: skip
    def measure_model(self: Machine, hand: int, which: int, model: int, step: int, value: float, data: bool) -> None:
        self.step()
        names = ("자료", "d1") if data else (None, None)
        point = Metric("m", value, T0 + step, step, None, _model_id(self.model, model), *names)
        self.write(hand, ops.LogBatch(run_id=self.run(which), metrics=(point,)))

    @rule(
        hand=HAND, which=WHICH, again=st.none() | WHICH, known=st.booleans(), deleted=st.booleans(), text=TEXTS,
        step=st.integers(0, 3), data=st.booleans(), time=TIMES,
    )  # fmt: skip
    def import_model(
        self: Machine, hand: int, which: int, again: int | None, known: bool, deleted: bool, text: str, step: int,
        data: bool, time: int,
    ) -> None:  # fmt: skip
        """A logged model from elsewhere, or more of one that is there."""
        self.step()
        model_id = f"m-{0xABC000 + self.steps:032x}" if again is None else _model_id(self.model, again)
        dataset = ("자료", "d1") if data else (None, None)
        model = LoggedModel(
            model_id, self.experiment(which), f"이름 {self.steps}", "", time, time + 1,
            status=LoggedModelStatus.READY, lifecycle_stage=DELETED if deleted else ACTIVE,
            params={"p": text}, tags={"k": text},
            metrics=(Metric("m", float("nan") if data else 0.5, T0 + step, step, "f" * 32, model_id, *dataset),),
        )  # fmt: skip
        self.write(hand, ops.ImportLoggedModel(model=model, known=known))

    @rule(hand=HAND, which=WHICH)
    def look_at_a_model(self: Machine, hand: int, which: int) -> None:
        self.step()
        model_id = _model_id(self.model, which)
        record = self.model.models.get(model_id)
        for deleted in (False, True):
            query = queries.GetLoggedModel(model_id=model_id, deleted=deleted)
            if record is None or (record.stage != ACTIVE and not deleted):
                _not_found(self, hand, query)
            else:
                assert _said(self.read(hand, query)) == _known(model_id, record)

    @rule(hand=HAND, text=TEXTS, size=st.integers(1, 3))
    def search_models(self: Machine, hand: int, text: str, size: int) -> None:
        self.step()
        found: list[Any] = []
        token = None
        while True:
            query = queries.SearchLoggedModels(
                experiment_ids=tuple(self.model.experiments), filter=f"tags.k = '{text}'", max_results=size,
                page_token=token,
            )  # fmt: skip
            page = self.read(hand, query)
            found += map(_said, page)
            token = page.token
            if token is None:
                break
        expected = [
            _known(model_id, record)
            for model_id, record in self.model.models.items()
            if record.stage == ACTIVE and record.tags.get("k") == text
        ]
        assert sorted(found, key=repr) == sorted(expected, key=repr)
        made = [T0 + item["made"] for item in found]
        assert made == sorted(made, reverse=True)


def _model_id(model: Model, which: int) -> str:
    ids = [*model.models, "m-none"]
    return ids[which % len(ids)]


def _not_found(machine: Machine, hand: int, query: queries.Query[Any]) -> None:
    try:
        found = machine.read(hand, query)
    except NotFound:
        return
    raise AssertionError(f"{query} was answered with {found}")


def _said(model: Any) -> dict[str, Any]:
    points = {(point.key, point.dataset_name): _point(point) for point in model.metrics}
    return {
        "model_id": model.model_id, "experiment_id": model.experiment_id, "name": model.name,
        "made": model.creation_timestamp, "changed": model.last_updated_timestamp, "params": model.params,
        "tags": model.tags, "status": str(model.status), "stage": model.lifecycle_stage, "points": points,
    }  # fmt: skip


def _known(model_id: str, record: LoggedModelRecord) -> dict[str, Any]:
    points = {place: _point(point) for place, point in record.points.items()}
    return {"model_id": model_id, **vars(record), "points": points}


def _point(point: Metric) -> str:
    return repr((point.run_id, point.timestamp, point.value, point.step))
