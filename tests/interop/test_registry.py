"""The registry: one tree for both libraries, and the real client against our server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop.conftest import Peer, Server

NAME = "분류기 v1.0"


@pytest.fixture(params=["mlflow", "millstream"])
def writer(request: pytest.FixtureRequest) -> Peer:
    """Either library."""
    return request.getfixturevalue(request.param)


def test_a_day_with_the_registry_looks_the_same(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    theirs = mlflow("registry_day", store=str(tmp_path / "theirs"))
    assert millstream("registry_day", store=str(tmp_path / "ours")) == theirs
    assert millstream("registry_day", store=f"sqlite:///{tmp_path}/ours.db") == theirs
    assert set(theirs["models"]) == {NAME, "사본", "새 모델"}


def test_both_read_the_registry_that_either_wrote(mlflow: Peer, millstream: Peer, writer: Peer, tmp_path: Path) -> None:
    root = str(tmp_path / "두 집" / "mlruns")
    writer("registry_day", store=root)
    ours = millstream("describe_registry", store=root)
    assert ours == mlflow("describe_registry", store=root)
    assert ours[NAME]["aliases"] == {"champ": 2}


def test_both_write_one_registry(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    root = str(tmp_path / "mlruns")
    mlflow("register_classifier", store=root, name="m")
    millstream("rename_model", store=root, name="m", new_name="새 이름")
    millstream("register_classifier", store=root, name="새 이름")
    found = mlflow("describe_registry", store=root)
    assert found == millstream("describe_registry", store=root)
    assert [version["version"] for version in found["새 이름"]["versions"]] == [1, 2, 3, 4]
    assert found["새 이름"]["aliases"] == {"champ": 1}


def test_the_real_client_keeps_a_registry_on_our_server(
    mlflow: Peer, millstream: Peer, server: Server, tmp_path: Path
) -> None:
    over_http = mlflow("registry_day", store=server.address)
    assert over_http == mlflow("registry_day", store=str(tmp_path / "theirs"))
    renamed = mlflow("rename_model", store=server.address, name=NAME, new_name="다른 이름")
    assert renamed["다른 이름"] == over_http["models"][NAME]
    served = json.dumps(mlflow("describe_registry", store=server.address), ensure_ascii=False)
    kept = json.dumps(millstream("describe_registry", store=server.root), ensure_ascii=False)
    # Clients are told addresses at the server, the store keeps true places.
    assert "mlflow-artifacts:/" in served
    assert served.replace("mlflow-artifacts:/", f"{Path(server.root).as_uri()}/") == kept


def test_the_real_client_registers_and_loads_models_on_our_server(
    mlflow: Peer, millstream: Peer, server: Server
) -> None:
    expected = mlflow("register_classifier", store=server.address, name=NAME)
    for place in ("1", "2", "latest", "Production"):
        for peer, store in ((mlflow, server.address), (millstream, server.root)):
            found = peer("predict", store=store, uri=f"models:/{NAME}/{place}")
            assert (found["native"], found["general"]) == (expected, expected), (peer.library, place)
    assert mlflow("predict", store=server.address, uri=f"models:/{NAME}@champ")["native"] == expected
    assert millstream("predict", store=server.root, uri=f"models:/{NAME}@champ")["native"] == expected


def test_either_loads_models_that_either_registered(
    mlflow: Peer, millstream: Peer, writer: Peer, tmp_path: Path
) -> None:
    root = str(tmp_path / "mlruns")
    expected = writer("register_classifier", store=root, name="m")
    for place in ("models:/m/1", "models:/m/Production", "models:/m@champ"):
        for peer in (mlflow, millstream):
            assert peer("predict", store=root, uri=place)["native"] == expected, (peer.library, place)
