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


@pytest.mark.parametrize(("logger", "opener"), PAIRS)
def test_a_logged_model_opens_in_the_other_by_its_run(
    logger: str, opener: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    peers: dict[str, Peer] = {name: request.getfixturevalue(name) for name in (logger, opener)}
    root = str(tmp_path / "mlruns")
    run_id, expected = peers[logger]("log_classifier", store=root)
    found = peers[opener]("predict", store=root, uri=f"runs:/{run_id}/model")
    assert (found["native"], found["general"]) == (expected, expected)
    assert found == peers[logger]("predict", store=root, uri=f"runs:/{run_id}/model")
