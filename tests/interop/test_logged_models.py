"""Logged models and datasets: one tree for both libraries, and the real client against our server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Peer, Server


@pytest.fixture(params=["mlflow", "millstream"])
def writer(request: pytest.FixtureRequest) -> Peer:
    """Either library."""
    return request.getfixturevalue(request.param)


def alike(seen: dict[str, Any]) -> dict[str, Any]:
    """What both libraries must say alike; the tags that name the program differ."""
    for model in seen["models"].values():
        model["tags"].pop("mlflow.source.name", None)
    return seen


def test_a_day_with_logged_models_looks_the_same(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    theirs = alike(mlflow("models_day", store=str(tmp_path / "theirs")))
    ours = alike(millstream("models_day", store=str(tmp_path / "ours")))
    assert ours == theirs
    assert set(ours["models"]) == {"하나", "둘"}


def test_both_read_the_models_that_either_wrote(mlflow: Peer, millstream: Peer, writer: Peer, tmp_path: Path) -> None:
    root = str(tmp_path / "두 집" / "mlruns")
    writer("models_day", store=root)
    ours = millstream("describe_models", store=root, experiment="모델")
    assert ours == mlflow("describe_models", store=root, experiment="모델")
    assert ours["하나"]["metrics"] == [["acc", 0.5, 1, None, None], ["acc", 0.75, 1, "eval", "d1"]]


def test_the_real_client_keeps_models_on_our_server(
    mlflow: Peer, millstream: Peer, server: Server, tmp_path: Path
) -> None:
    over_http = alike(mlflow("models_day", store=server.address))
    assert over_http == alike(mlflow("models_day", store=str(tmp_path / "theirs")))
    served = mlflow("describe_models", store=server.address, experiment="모델")
    kept = millstream("describe_models", store=server.root, experiment="모델")
    for model in kept.values():
        experiment_id, place = model["location"].split("/mlruns/")[1].split("/", 1)
        assert place == f"models/{model['id']}/artifacts"
        model["location"] = f"mlflow-artifacts:/{experiment_id}/{place}"
    assert served == kept


def test_the_real_client_logs_a_model_on_our_server(mlflow: Peer, millstream: Peer, server: Server) -> None:
    run_id, model_id, uri, expected = mlflow("log_named_classifier", store=server.address)
    assert uri == f"models:/{model_id}"
    for name in (uri, f"runs:/{run_id}/model"):
        for peer, store in ((mlflow, server.address), (millstream, server.root)):
            found = peer("predict", store=store, uri=name)
            assert (found["native"], found["general"]) == (expected, expected), (peer.library, name)
    (model,) = millstream("describe_models", store=server.root, experiment="분류").values()
    assert (model["id"], model["source"], model["status"]) == (model_id, run_id, "READY")
    assert model["metrics"] == [["acc", 0.5, 0, None, None]]


def test_points_that_the_real_client_logs_for_a_model_are_the_runs_once(
    mlflow: Peer, served: Server, tmp_path: Path
) -> None:
    over_http = mlflow("measure_and_log", store=served.address)
    theirs = mlflow("measure_and_log", store=f"sqlite:///{tmp_path}/theirs.db")
    for key in ("nan", "깊은/loss"):
        assert over_http[key] == theirs[key]
        assert [point[0] for point in over_http[key]] == [0, 1, 2, 3]
    assert over_http["first"] == over_http["again"] == [["nan", 0, "nan"], ["깊은/loss", 0, "1.0"]]
    assert over_http["last"] == [["nan", 3, "nan"], ["깊은/loss", 3, "0.25"]]  # of a NaN MLflow's database makes 0.0
