"""Logged models from training code: the fluent functions and the client."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

import millstream as mlflow
from millstream.entities import LoggedModelInput, LoggedModelOutput, LoggedModelStatus
from millstream.values.entities import Metric
from millstream.values.errors import InvalidValue, NotFound


@pytest.fixture(autouse=True)
def tracked(tmp_path: Path) -> None:
    mlflow.set_tracking_uri(tmp_path / "내 실험" / "mlruns")
    mlflow.clear_active_model()


def test_a_model_outside_of_a_run_is_tracked() -> None:
    model = mlflow.create_external_model(
        name="agent", params={"temperature": 0.5}, tags={"team": "a"}, model_type="llm"
    )
    assert (model.status, model.source_run_id, model.experiment_id) == (LoggedModelStatus.READY, None, "0")
    assert (model.params, model.tags["team"]) == ({"temperature": "0.5"}, "a")
    assert model.tags["mlflow.model.isExternal"] == "true"
    assert model.tags["mlflow.user"]
    assert mlflow.get_logged_model(model.model_id) == model == mlflow.last_logged_model()
    listed = mlflow.MlflowClient().list_logged_model_artifacts(model.model_id)
    assert [item.path for item in listed] == ["MLmodel"]


def test_a_model_made_in_a_run_belongs_to_it() -> None:
    mlflow.set_experiment("e")
    with mlflow.start_run() as run:
        model = mlflow.initialize_logged_model(name="m")
        assert (model.source_run_id, model.experiment_id) == (run.info.run_id, run.info.experiment_id)
        assert model.status == "PENDING"
        mlflow.log_outputs([LoggedModelOutput(model.model_id, step=3)])
        mlflow.log_input(model=LoggedModelInput(model.model_id))
    assert mlflow.finalize_logged_model(model.model_id, "FAILED").status == LoggedModelStatus.FAILED
    stored = mlflow.get_run(run.info.run_id)
    assert [item.step for item in stored.outputs.model_outputs] == [3]
    assert [item.model_id for item in stored.inputs.model_inputs] == [model.model_id]
    assert stored.to_dictionary()["outputs"] == {"model_outputs": [{"model_id": model.model_id, "step": 3}]}


def test_points_are_of_a_model_and_a_dataset() -> None:
    data = mlflow.data.from_pandas(pd.DataFrame({"a": [1]}), name="eval")
    model, other = (mlflow.create_external_model(name=name) for name in ("one", "two"))
    with mlflow.start_run() as run:
        mlflow.log_metric("acc", 0.5, step=1, model_id=model.model_id)
        mlflow.log_metrics({"acc": 0.9, "loss": math.inf}, step=1, model_id=model.model_id, dataset=data)
        with mlflow.set_active_model(model_id=other.model_id) as active:
            assert active.model_id == mlflow.get_active_model_id() == other.model_id
            mlflow.log_metric("acc", 0.1)
            mlflow.log_model_params({"p": 1})
        assert mlflow.get_active_model_id() is None
        mlflow.log_metric("acc", 0.7, step=2)
        mlflow.MlflowClient().log_metric(run.info.run_id, "late", 1.0, model_id=model.model_id)
        mlflow.MlflowClient().log_batch(run.info.run_id, [Metric("late", 2.0, 1, 5, model_id=model.model_id)])
    found = {(m.key, m.dataset_name): m for m in mlflow.get_logged_model(model.model_id).metrics}
    assert {place: point.value for place, point in found.items()} == {
        ("acc", None): 0.5,
        ("acc", "eval"): 0.9,
        ("loss", "eval"): math.inf,
        ("late", None): 2.0,
    }
    assert found["acc", "eval"].dataset_digest == data.digest
    second = mlflow.get_logged_model(other.model_id)
    assert ([point.value for point in second.metrics], second.params) == ([0.1], {"p": "1"})
    stored = mlflow.get_run(run.info.run_id)
    assert stored.data.metrics["acc"] == 0.7
    assert {item.model_id for item in stored.inputs.model_inputs} == {model.model_id, other.model_id}
    assert [item.dataset.name for item in stored.inputs.dataset_inputs] == ["eval"]


def test_the_active_model_is_found_or_made_by_name() -> None:
    with mlflow.set_active_model(name="assistant") as made:
        assert mlflow.get_active_model_id() == made.model_id
        again = mlflow.set_active_model(name="assistant")
        assert again.model_id == made.model_id
    mlflow.clear_active_model()
    assert mlflow.get_active_model_id() is None
    for wrong in ({}, {"name": "a", "model_id": "m-1"}, {"name": "a/b"}):
        with pytest.raises(InvalidValue):
            mlflow.set_active_model(**wrong)
    with pytest.raises(InvalidValue, match="set_active_model"):
        mlflow.log_model_params({"a": 1})
    with mlflow.start_run() as run, pytest.raises(NotFound, match="m-none"):
        mlflow.log_metric("a", 1, model_id="m-none")
    assert mlflow.get_run(run.info.run_id).data.metrics == {}


def test_models_are_searched_as_frame_and_list() -> None:
    one = mlflow.create_external_model(name="one", params={"k": "1"})
    two = mlflow.create_external_model(name="two")
    with mlflow.start_run():
        for model, value in ((one, 0.9), (two, 0.2)):
            mlflow.log_metric("acc", value, model_id=model.model_id)
    frame = mlflow.search_logged_models(order_by=[{"field_name": "metrics.acc", "ascending": False}])
    assert list(frame["name"]) == ["one", "two"]
    assert list(frame.columns) == [
        "artifact_location",
        "creation_timestamp",
        "experiment_id",
        "last_updated_timestamp",
        "metrics",
        "model_id",
        "model_type",
        "name",
        "params",
        "source_run_id",
        "status",
        "status_message",
        "tags",
    ]
    assert frame["status"].tolist() == ["READY", "READY"]
    assert frame["metrics"][0][0].value == 0.9
    named = mlflow.search_logged_models(["0"], "metrics.acc < 0.5", output_format="list")
    assert [model.name for model in named] == ["two"]
    assert len(mlflow.search_logged_models(max_results=1, output_format="list")) == 1
    assert mlflow.search_logged_models(datasets=[{"dataset_name": "x"}], filter_string="metrics.acc > 0").empty
    page = mlflow.MlflowClient().search_logged_models(["0"], max_results=1)
    rest = mlflow.MlflowClient().search_logged_models(["0"], max_results=1, page_token=page.token)
    assert {model.name for model in page} | {model.name for model in rest} == {"one", "two"}
    for wrong in ({"output_format": "x"}, {"order_by": ["name"]}, {"datasets": [{}]}):
        with pytest.raises(InvalidValue):
            mlflow.search_logged_models(**wrong)


def test_the_client_says_it_all(tmp_path: Path) -> None:
    client = mlflow.MlflowClient()
    model = client.create_logged_model("0", name="m", params={"a": 1}, tags={"t": 2})
    client.set_logged_model_tags(model.model_id, {"t": 3, "u": "v"})
    client.delete_logged_model_tag(model.model_id, "u")
    client.log_model_params(model.model_id, {"b": 2})
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    found = client.get_logged_model(model.model_id)
    assert (found.params, found.tags, found.status) == ({"a": "1", "b": "2"}, {"t": "3"}, "READY")
    (tmp_path / "dir" / "deep").mkdir(parents=True)
    (tmp_path / "dir" / "deep" / "a.txt").write_text("안녕")
    client.log_model_artifacts(model.model_id, tmp_path / "dir", "들")
    client.log_model_artifact(model.model_id, tmp_path / "dir" / "deep" / "a.txt")
    assert [item.path for item in client.list_logged_model_artifacts(model.model_id)] == ["a.txt", "들"]
    assert mlflow.artifacts.load_text(f"{model.model_uri}/들/deep/a.txt") == "안녕"
    assert [item.path for item in mlflow.artifacts.list_artifacts(model.model_uri)] == ["a.txt", "들"]
    with pytest.raises(NotFound, match="name=name"):
        mlflow.artifacts.load_text("models:/name/1")
    run = client.create_run("0")
    client.log_outputs(run.info.run_id, [LoggedModelOutput(model.model_id, 0)])
    assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/m/a.txt") == "안녕"
    mlflow.set_logged_model_tags(model.model_id, {"x": "y"})
    mlflow.delete_logged_model_tag(model.model_id, "x")
    client.delete_logged_model(model.model_id)
    with pytest.raises(NotFound, match="deleted"):
        mlflow.get_logged_model(model.model_id)
