"""What every store does with logged models, their points and the datasets of runs."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.values import names, ops, queries
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    DatasetSummary,
    LoggedModel,
    Metric,
    ModelOutput,
)
from millstream.values.errors import InvalidState, InvalidValue, NotFound
from millstream.values.paths import RelPath
from millstream.values.queries import ModelDataset, ModelOrder
from tests.stores.calls import T0, covers, get, history, new_experiment, new_run


def new_model(store: Store, experiment_id: str = "0", **fields: Any) -> str:
    fields.setdefault("model_id", names.new_model_id())
    fields.setdefault("time", T0)
    return store.write(ops.CreateLoggedModel(experiment_id=experiment_id, **fields)).model_id


def model_of(store: Store, model_id: str) -> LoggedModel:
    return store.read(queries.GetLoggedModel(model_id=model_id))


def find(store: Store, filter: str = "", ids: tuple[str, ...] = ("0",), **more: Any) -> list[str]:
    """Names of the models that match, in order."""
    return [item.name for item in store.read(queries.SearchLoggedModels(experiment_ids=ids, filter=filter, **more))]


def measure(store: Store, run: str, model: str, *points: tuple[Any, ...]) -> None:
    """Log points for a model; each is (key, value[, step[, time[, dataset name, digest]]])."""
    metrics = []
    for key, value, *rest in points:
        step, time, name, digest = (*rest, *(0, T0, None, None)[len(rest) :])
        metrics.append(Metric(key, value, time, step, None, model, name, digest))
    store.write(ops.LogBatch(run_id=run, metrics=tuple(metrics)))


class ModelSuite:
    @covers(ops.CreateLoggedModel, queries.GetLoggedModel)
    def test_a_new_model_is_there_whole(self, store: Store) -> None:
        made = new_experiment(store)
        run = new_run(store, made)
        op = ops.CreateLoggedModel(
            model_id=names.new_model_id(),
            experiment_id=made,
            time=T0,
            name="꽃 모델",
            model_type="sklearn",
            source_run_id=run,
            params={"lr": "0.1", "폴더/안": ""},
            tags={"k": "값"},
        )
        returned = store.write(op)
        found = model_of(store, op.model_id)
        assert returned == found
        assert (found.name, found.model_type, found.source_run_id) == ("꽃 모델", "sklearn", run)
        assert (found.status, found.creation_timestamp, found.last_updated_timestamp) == ("PENDING", T0, T0)
        assert (found.params, found.tags, found.metrics) == ({"lr": "0.1", "폴더/안": ""}, {"k": "값"}, ())
        location = store.read(queries.GetExperiment(experiment_id=made)).artifact_location
        assert found.artifact_location == f"{location}/models/{op.model_id}/artifacts"
        assert found.model_uri == f"models:/{op.model_id}"
        assert store.write(op) == found
        assert model_of(store, new_model(store)).name

    def test_what_cannot_be_a_model_is_refused(self, store: Store) -> None:
        for bad in ({"name": "a/b"}, {"name": ""}, {"name": "x" * 501}, {"model_id": "../m"}, {"params": {"": "1"}}):
            with pytest.raises(InvalidValue):
                new_model(store, **bad)
        with pytest.raises(NotFound):
            new_model(store, "98765")
        made = new_experiment(store)
        store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
        with pytest.raises(InvalidState):
            new_model(store, made)
        for missing in ("m-none", "m-" + "0" * 32):
            with pytest.raises(NotFound, match=missing):
                model_of(store, missing)

    @covers(ops.FinalizeLoggedModel)
    def test_a_model_is_finished(self, store: Store) -> None:
        for status in ("READY", "FAILED"):
            model = new_model(store)
            done = store.write(ops.FinalizeLoggedModel(model_id=model, status=status, time=T0 + 5))
            assert done == model_of(store, model)
            assert (done.status, done.creation_timestamp, done.last_updated_timestamp) == (status, T0, T0 + 5)
        for bad in ("PENDING", "DONE"):
            with pytest.raises(InvalidValue, match=bad):
                store.write(ops.FinalizeLoggedModel(model_id=model, status=bad, time=T0))
        with pytest.raises(NotFound):
            store.write(ops.FinalizeLoggedModel(model_id="m-none", status="READY", time=T0))

    @covers(ops.SetLoggedModelTags, ops.DeleteLoggedModelTag)
    def test_tags_come_and_go(self, store: Store) -> None:
        model = new_model(store, tags={"a": "1"})
        changed = store.write(ops.SetLoggedModelTags(model_id=model, tags={"a": "2", "나/다": "3"}))
        assert changed.tags == model_of(store, model).tags == {"a": "2", "나/다": "3"}
        for key in ("a", "나/다"):
            store.write(ops.DeleteLoggedModelTag(model_id=model, key=key))
        assert model_of(store, model).tags == {}
        with pytest.raises(NotFound, match="never"):
            store.write(ops.DeleteLoggedModelTag(model_id=model, key="never"))
        with pytest.raises(InvalidValue):
            store.write(ops.SetLoggedModelTags(model_id=model, tags={"../x": "1"}))

    @covers(ops.LogLoggedModelParams)
    def test_a_param_of_a_model_is_written_once(self, store: Store) -> None:
        model = new_model(store, params={"a": "1"})
        store.write(ops.LogLoggedModelParams(model_id=model, params={"a": "1", "b": "2"}))
        with pytest.raises(InvalidValue, match="'a'"):
            store.write(ops.LogLoggedModelParams(model_id=model, params={"c": "3", "a": "9"}))
        assert model_of(store, model).params == {"a": "1", "b": "2"}

    @covers(ops.DeleteLoggedModel)
    def test_a_deleted_model_is_gone_but_kept(self, store: Store) -> None:
        model = new_model(store, name="away")
        assert find(store) == ["away"]
        for _ in range(2):
            store.write(ops.DeleteLoggedModel(model_id=model, time=T0 + 9))
        assert find(store) == []
        kept = store.read(queries.GetLoggedModel(model_id=model, deleted=True))
        assert (kept.name, kept.lifecycle_stage, kept.last_updated_timestamp) == ("away", "deleted", T0 + 9)
        run = new_run(store)
        for call in (
            lambda: model_of(store, model),
            lambda: store.model_artifacts(model),
            lambda: measure(store, run, model, ("m", 1.0)),
            lambda: store.write(ops.SetLoggedModelTags(model_id=model, tags={"a": "1"})),
            lambda: store.write(ops.LogLoggedModelParams(model_id=model, params={"a": "1"})),
            lambda: store.write(ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0)),
            lambda: store.write(ops.DeleteLoggedModel(model_id="m-none", time=T0)),
        ):
            with pytest.raises(NotFound, match="m-"):
                call()
        assert get(store, run).data.metrics == {}

    def test_points_reach_the_model_and_the_run(self, store: Store) -> None:
        run, other, model = new_run(store), new_run(store), new_model(store)
        measure(store, run, model, ("정확도", 0.5, 1), ("정확도", 0.9, 3, T0, "꽃", "d1"), ("정확도", 0.7, 2))
        measure(store, run, model, ("정확도", 0.1, 0), ("loss/val", math.nan), ("big", math.inf, 2**62))
        measure(store, other, model, ("정확도", 0.8, 3, T0, "꽃", "d2"), ("loss/val", 1.0, 0, T0 + 1))
        store.write(ops.LogBatch(run_id=run, metrics=(Metric("정확도", 5.0, T0, 9),)))
        found = {(m.key, m.dataset_name, m.dataset_digest): m for m in model_of(store, model).metrics}
        assert set(found) == {
            ("정확도", None, None),
            ("정확도", "꽃", "d1"),
            ("정확도", "꽃", "d2"),
            ("loss/val", None, None),
            ("big", None, None),
        }
        plain = found["정확도", None, None]
        assert (plain.value, plain.step, plain.timestamp, plain.run_id, plain.model_id) == (0.7, 2, T0, run, model)
        assert found["정확도", "꽃", "d2"].run_id == found["loss/val", None, None].run_id == other
        assert found["loss/val", None, None].value == 1.0
        assert (found["big", None, None].value, found["big", None, None].step) == (math.inf, 2**62)
        assert [value for _, value, _ in history(store, run, "정확도")] == [0.5, 0.9, 0.7, 0.1, 5.0]
        assert get(store, run).data.metrics["정확도"] == 5.0

    def test_many_hands_measure_many_models(self, store: Store) -> None:
        models = [new_model(store) for _ in range(3)]
        runs = [new_run(store) for _ in range(4)]

        def work(number: int) -> None:
            for step in range(number, 60, 4):
                order = models[:: 1 - 2 * (step % 2)]
                points = tuple(Metric("m", float(step), T0, step, model_id=model) for model in order)
                store.write(ops.LogBatch(run_id=runs[number], metrics=points))

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        for model in models:
            (latest,) = model_of(store, model).metrics
            assert (latest.value, latest.step, latest.run_id) == (59.0, 59, runs[3])
        # Each point was logged for three models, and is one point of its run.
        assert sum(len(history(store, run, "m")) for run in runs) == 60

    def test_a_points_dataset_is_two_words_of_limited_length(self, store: Store) -> None:
        run, model = new_run(store), new_model(store)
        for name, digest in (("a b", "1"), ("a", ""), ("a", "1 2"), ("a" * 501, "1"), ("a", "1" * 37), ("a", None)):
            with pytest.raises(InvalidValue, match="'m'"):
                measure(store, run, model, ("m", 1.0, 0, T0, name, digest))
        measure(store, run, model, ("m", 1.0, 0, T0, "가" * 500, "1" * 36), ("m", 2.0, 0, T0, "", "x"))
        found = {(m.dataset_name, m.dataset_digest): m.value for m in model_of(store, model).metrics}
        assert found == {("가" * 500, "1" * 36): 1.0, (None, None): 2.0}

    def test_points_for_an_unknown_model_are_refused_whole(self, store: Store) -> None:
        run, model = new_run(store), new_model(store)
        point = Metric("m", 1.0, T0, model_id="m-none")
        with pytest.raises(NotFound, match="m-none"):
            store.write(ops.LogBatch(run_id=run, metrics=(Metric("m", 1.0, T0, model_id=model), point)))
        assert get(store, run).data.metrics == {}
        assert model_of(store, model).metrics == ()

    @covers(queries.SearchLoggedModels)
    def test_models_are_searched(self, store: Store) -> None:
        run = new_run(store)
        first = new_model(store, name="one", time=T0 + 1, model_type="sklearn", params={"lr": "0.1"}, tags={"t": "가"})
        new_model(store, name="two", time=T0 + 2, source_run_id=run, tags={"t": "나"})
        store.write(ops.FinalizeLoggedModel(model_id=first, status="READY", time=T0 + 7))
        for filter, expected in {
            "": ["two", "one"],
            "name = 'one'": ["one"],
            "attributes.name IN ('one', 'x')": ["one"],
            "name ILIKE 'T%'": ["two"],
            "model_type = 'sklearn'": ["one"],
            "model_type != 'x'": ["one"],
            f"model_id = '{first}'": ["one"],
            f"source_run_id = '{run}' AND name = 'two'": ["two"],
            "status = 'READY'": ["one"],
            "status = '2'": ["one"],
            "status != 'LOGGED_MODEL_READY'": ["two"],
            "status IN ('1', 'x')": ["two"],
            f"creation_timestamp > {T0 + 1}": ["two"],
            f"last_updated_timestamp >= {T0 + 7}": ["one"],
            "params.lr = '0.1'": ["one"],
            "params.lr IS NULL": ["two"],
            "tags.t LIKE '%나'": ["two"],
            "tags.t = '가' OR params.`lr` = '9'": ["one"],
            "NOT name = 'one'": ["two"],
        }.items():
            assert find(store, filter) == expected, filter
        for bad in ("nothing = 'x'", "metrics.a = 'x'", "name"):
            with pytest.raises(InvalidValue):
                find(store, bad)

    def test_models_are_searched_in_the_experiments_asked_for(self, store: Store) -> None:
        made = new_experiment(store)
        new_model(store, made, name="far")
        new_model(store, name="near", time=T0 + 1)
        assert find(store, ids=(made,)) == ["far"]
        assert find(store, ids=(made, "0", "98765")) == ["near", "far"]
        assert find(store, ids=()) == []

    def test_models_are_sorted_by_metrics_and_attributes(self, store: Store) -> None:
        run = new_run(store)
        for index, (name, value) in enumerate({"b": 0.2, "a": 0.9, "n": math.nan, "i": math.inf}.items()):
            model = new_model(store, name=name, time=T0 + index)
            measure(store, run, model, ("my acc", value, 1), ("my acc", -value, 5, T0, "d", "1"))
        new_model(store, name="none", time=T0)
        by_name = (ModelOrder("name"),)
        assert find(store, order_by=by_name) == ["a", "b", "i", "n", "none"]
        plain = (ModelOrder("metrics.my acc"),)
        assert find(store, order_by=plain) == ["i", "a", "b", "n", "none"]
        down = (ModelOrder("metrics.my acc", ascending=False), *by_name)
        assert find(store, order_by=down) == ["b", "a", "i", "n", "none"]
        of_dataset = (ModelOrder("metrics.my acc", dataset_name="d", dataset_digest="1"),)
        assert find(store, order_by=of_dataset) == ["i", "a", "b", "n", "none"]
        other = (ModelOrder("metrics.my acc", dataset_name="d", dataset_digest="2"), *by_name)
        assert find(store, order_by=other) == ["a", "b", "i", "n", "none"]
        assert find(store, "metrics.`my acc` > 0.5") == ["i", "a"]
        assert find(store, "metrics.`my acc` = nan") == ["n"]
        for bad in ("nothing", "params.x", "metrics.", ""):
            with pytest.raises(InvalidValue):
                find(store, order_by=(ModelOrder(bad),))

    def test_conditions_on_metrics_can_be_of_datasets(self, store: Store) -> None:
        run = new_run(store)
        for name, digest in (("one", "1"), ("two", "2")):
            measure(store, run, new_model(store, name=name), ("acc", 0.9, 0, T0, "d", digest), ("acc", 0.1))
        sort = {"order_by": (ModelOrder("name"),)}
        assert find(store, "metrics.acc > 0.5", **sort) == ["one", "two"]
        assert find(store, "metrics.acc > 0.5", datasets=(ModelDataset("d", "2"),)) == ["two"]
        assert find(store, "metrics.acc > 0.5", datasets=(ModelDataset("d"),), **sort) == ["one", "two"]
        assert find(store, "metrics.acc < 0.5", datasets=(ModelDataset("d"),)) == []
        both = (ModelDataset("d", "1"), ModelDataset("x", "2"))
        assert find(store, "metrics.acc > 0.5", datasets=both) == ["one"]
        assert find(store, datasets=both, **sort) == ["one", "two"]

    def test_pages_of_models_follow_each_other(self, store: Store) -> None:
        for number in range(5):
            new_model(store, name=str(number), time=T0 + number)
        found, token = [], None
        while True:
            query = queries.SearchLoggedModels(experiment_ids=("0",), max_results=2, page_token=token)
            page = store.read(query)
            assert len(page) <= 2
            found += [model.name for model in page]
            token = page.token
            if token is None:
                break
        assert found == ["4", "3", "2", "1", "0"]
        with pytest.raises(InvalidValue):
            find(store, max_results=0)

    def test_a_search_sees_every_change(self, store: Store) -> None:
        run, model = new_run(store), new_model(store, name="m")
        assert find(store, "tags.k = '1'") == []
        store.write(ops.SetLoggedModelTags(model_id=model, tags={"k": "1"}))
        assert find(store, "tags.k = '1'") == ["m"]
        for value in (0.1, 0.2, 0.3):
            measure(store, run, model, ("acc", value, int(value * 10)))
            assert find(store, f"metrics.acc = {value}") == ["m"]
        store.write(ops.DeleteLoggedModelTag(model_id=model, key="k"))
        assert find(store, "tags.k = '1'") == []
        store.write(ops.FinalizeLoggedModel(model_id=model, status="FAILED", time=T0))
        assert find(store, "status = 'FAILED'") == ["m"]

    @covers(queries.SignArtifact)
    def test_addresses_of_files_on_this_machine_are_not_signed(self, store: Store) -> None:
        run = new_run(store)
        store.artifacts(run).put_bytes(b"1", RelPath.parse("f"))
        for asked in ({"run_id": run}, {"model_id": new_model(store)}):
            for method in ("GET", "PUT"):
                with pytest.raises(InvalidValue, match="buckets of S3 only"):
                    store.read(queries.SignArtifact(path="f", method=method, seconds=60, **asked))
        for nobody in ({"run_id": "0" * 32}, {"model_id": "m-" + "0" * 32}):
            with pytest.raises(NotFound):
                store.read(queries.SignArtifact(path="f", method="GET", seconds=60, **nobody))

    @covers(queries.ListModelArtifacts)
    def test_a_models_files_are_its_own(self, store: Store) -> None:
        run, model = new_run(store), new_model(store, name="분류기")
        artifacts = store.model_artifacts(model)
        artifacts.put_bytes(b"{}", RelPath.parse("MLmodel"))
        artifacts.put_bytes("안녕".encode(), RelPath.parse("데이터/a b.txt"))
        listed = store.read(queries.ListModelArtifacts(model_id=model))
        assert [(item.path, item.is_dir) for item in listed] == [("MLmodel", False), ("데이터", True)]
        (below,) = store.read(queries.ListModelArtifacts(model_id=model, path="데이터"))
        assert (below.path, below.file_size) == ("데이터/a b.txt", 6)
        assert str(artifacts.location) == model_of(store, model).artifact_location
        assert store.logged_model(run, "분류기") is None
        store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(model, 1),)))
        found = store.logged_model(run, "분류기")
        assert found is not None
        assert found.location == artifacts.location
        newer = new_model(store, name="분류기", time=T0 + 1)
        store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(newer, 2),)))
        found = store.logged_model(run, "분류기")
        assert found is not None
        assert str(found.location) == model_of(store, newer).artifact_location
        store.write(ops.DeleteLoggedModel(model_id=newer, time=T0))
        found = store.logged_model(run, "분류기")
        assert found is not None
        assert found.location == artifacts.location
        assert store.logged_model(run, "other") is None

    @covers(queries.SearchDatasets)
    def test_datasets_of_experiments_are_told(self, store: Store) -> None:
        made = new_experiment(store)
        one, two, gone = new_run(store, made), new_run(store, made), new_run(store, made)
        data = Dataset("꽃", "d1", "local", "{}")
        for run, dataset, tags in (
            (one, data, {"mlflow.data.context": "training"}),
            (two, data, {"mlflow.data.context": "training"}),
            (two, Dataset("꽃", "d0", "local", "{}"), {}),
            (gone, Dataset("never", "d1", "local", "{}"), {}),
        ):
            store.write(ops.LogInputs(run_id=run, datasets=(DatasetInput(dataset, tags),)))  # type: ignore[arg-type]
        store.write(ops.DeleteRun(run_id=gone, time=T0))
        assert store.read(queries.SearchDatasets(experiment_ids=(made, "0"))) == [
            DatasetSummary(made, "꽃", "d0", None),
            DatasetSummary(made, "꽃", "d1", "training"),
        ]
        assert store.read(queries.SearchDatasets(experiment_ids=())) == []
