"""Models among a run's artifacts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from millstream.models import get_model_info, pyfunc
from millstream.models.flavors import sklearn as flavor
from millstream.tracking import fluent, state
from millstream.tracking.client import MlflowClient
from millstream.values.errors import InvalidValue, NotFound, NotSupported
from millstream.values.names import MAX_TAG_VALUE, MODEL_HISTORY_TAG


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "mlruns"))
    monkeypatch.setattr(state, "_tracking_uri", None)
    return tmp_path


@pytest.fixture
def fitted() -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])


def test_a_model_is_an_artifact_of_the_active_run(project: Path, fitted: LinearRegression) -> None:
    with fluent.start_run() as run:
        info = flavor.log_model(fitted, "내 모델", input_example=np.array([[2.0]]))
    run_id = run.info.run_id
    assert info.model_uri == f"runs:/{run_id}/내 모델"
    assert (info.run_id, info.artifact_path, info.name) == (run_id, "내 모델", "내 모델")
    assert (project / "mlruns" / "0" / run_id / "artifacts" / "내 모델" / "MLmodel").is_file()
    assert pyfunc.load_model(info.model_uri).predict(np.array([[3.0]])).tolist() == pytest.approx([3.0])
    assert flavor.load_model(info.model_uri).coef_.tolist() == pytest.approx([1.0])
    assert get_model_info(info.model_uri).model_uuid == info.model_uuid
    assert get_model_info(info.model_uri).signature == info.signature is not None


def test_the_run_notes_its_models(fitted: LinearRegression) -> None:
    with fluent.start_run() as run:
        flavor.log_model(fitted, "one")
        flavor.log_model(fitted, name="deep/two")
    noted = json.loads(fluent.get_run(run.info.run_id).data.tags[MODEL_HISTORY_TAG])
    assert [entry["artifact_path"] for entry in noted] == ["one", "deep/two"]
    assert noted[0]["run_id"] == run.info.run_id
    assert noted[0]["flavors"]["python_function"]["loader_module"] == "mlflow.sklearn"
    with fluent.start_run(run_id=run.info.run_id):
        flavor.log_model(fitted, "three")
    flavor.log_model(fitted, "four", run_id=run.info.run_id)
    noted = json.loads(fluent.get_run(run.info.run_id).data.tags[MODEL_HISTORY_TAG])
    assert [entry["artifact_path"] for entry in noted] == ["one", "deep/two", "three", "four"]


def test_the_note_never_gets_too_long(fitted: LinearRegression) -> None:
    with fluent.start_run() as run:
        for step in range(25):
            flavor.log_model(fitted, f"checkpoint-{step}")
    text = fluent.get_run(run.info.run_id).data.tags[MODEL_HISTORY_TAG]
    assert len(text) <= MAX_TAG_VALUE
    assert json.loads(text)[-1]["artifact_path"] == "checkpoint-24"


def test_logging_a_name_again_replaces_the_model(project: Path, fitted: LinearRegression) -> None:
    with fluent.start_run() as run:
        first = flavor.log_model(fitted, "m")
        second = flavor.log_model(fitted, "m", serialization_format="pickle")
    assert get_model_info(second.model_uri).model_uuid == second.model_uuid != first.model_uuid
    artifacts = project / "mlruns" / "0" / run.info.run_id / "artifacts"
    assert [entry.name for entry in artifacts.iterdir()] == ["m"]


def test_a_run_is_started_when_none_is(fitted: LinearRegression) -> None:
    info = flavor.log_model(fitted, "m")
    try:
        active = fluent.active_run()
        assert active is not None
        assert active.info.run_id == info.run_id
    finally:
        fluent.end_run()


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({"registered_model_name": "prod/1"}, InvalidValue, "'prod/1'"),
        ({"model_type": "agent"}, NotSupported, "model_type"),
        ({"name": "other"}, InvalidValue, "two words"),
        ({"artifact_path": "../up"}, InvalidValue, "model name"),
        ({"artifact_path": "."}, InvalidValue, "needs a name"),
    ],
)
def test_a_refusal_comes_before_anything_is_saved(
    project: Path, fitted: LinearRegression, arguments: dict[str, str], error: type[Exception], complaint: str
) -> None:
    with fluent.start_run() as run, pytest.raises(error, match=complaint):
        flavor.log_model(fitted, **{"artifact_path": "m", **arguments})
    artifacts = project / "mlruns" / "0" / run.info.run_id / "artifacts"
    assert not artifacts.exists() or list(artifacts.iterdir()) == []
    assert MODEL_HISTORY_TAG not in fluent.get_run(run.info.run_id).data.tags


def test_places_without_a_model_are_named(project: Path) -> None:
    with pytest.raises(NotFound, match="nothing-here"):
        pyfunc.load_model("nothing-here")
    with pytest.raises(NotFound, match="prod"):
        pyfunc.load_model("models:/prod/1")
    with fluent.start_run() as run:
        pass
    with pytest.raises(NotFound, match="gone"):
        pyfunc.load_model(f"runs:/{run.info.run_id}/gone")


def test_a_model_is_registered_as_it_is_logged(project: Path, fitted: LinearRegression) -> None:
    with fluent.start_run() as run:
        first = flavor.log_model(fitted, name="m", registered_model_name="예측 v1.0")
        second = flavor.log_model(fitted, name="m", registered_model_name="예측 v1.0")
    assert (first.registered_model_version, second.registered_model_version) == (1, 2)
    client = MlflowClient()
    client.set_registered_model_alias("예측 v1.0", "champ", 1)
    client.transition_model_version_stage("예측 v1.0", 2, "production")
    assert client.get_model_version("예측 v1.0", 2).run_id == run.info.run_id
    for place in ("예측 v1.0/1", "예측 v1.0/latest", "예측 v1.0/Production", "예측 v1.0@champ"):
        assert flavor.load_model(f"models:/{place}").coef_ == pytest.approx(fitted.coef_)
        assert get_model_info(f"models:/{place}").run_id == run.info.run_id
    with pytest.raises(NotFound, match="Staging"):
        flavor.load_model("models:/예측 v1.0/Staging")


def test_a_path_may_climb_and_a_copy_can_be_asked_for(
    project: Path, fitted: LinearRegression, monkeypatch: pytest.MonkeyPatch
) -> None:
    flavor.save_model(fitted, project / "m")
    (project / "work").mkdir()
    monkeypatch.chdir(project / "work")
    assert pyfunc.load_model("../m").metadata.pyfunc["model_path"] == "model.pkl"
    pyfunc.load_model(str(project / "m"), dst_path=str(project / "copy"))
    assert (project / "copy" / "m" / "MLmodel").is_file()
