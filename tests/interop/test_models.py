"""A scikit-learn model saved by one library is opened by the other and predicts the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop.conftest import Peer

COLUMNS = [
    {"type": "double", "name": "a", "required": True},
    {"type": "double", "name": "b c", "required": True},
    {"type": "double", "name": "길이", "required": True},
]
PAIRS = [("mlflow", "millstream"), ("millstream", "mlflow")]


@pytest.mark.parametrize(("saver", "opener"), PAIRS)
def test_a_saved_model_opens_in_the_other(
    saver: str, opener: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    peers: dict[str, Peer] = {name: request.getfixturevalue(name) for name in (saver, opener)}
    path = str(tmp_path / "내 모델")
    expected = peers[saver]("save_classifier", path=path)
    assert peers[opener]("predict", uri=path) == {
        "native": expected,
        "general": expected,
        "inputs": COLUMNS,
        "flavors": ["python_function", "sklearn"],
    }


def test_a_model_logged_by_us_opens_in_mlflow_by_its_run(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    root = str(tmp_path / "mlruns")
    run_id, expected = millstream("log_classifier", store=root)
    found = mlflow("predict", store=root, uri=f"runs:/{run_id}/model")
    assert (found["native"], found["general"]) == (expected, expected)
    assert millstream("predict", store=root, uri=f"runs:/{run_id}/model") == found
