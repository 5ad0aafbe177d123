"""What frameworks log to MLflow by themselves arrives whole: Lightning, transformers and Optuna, with the real client.

What a training knows itself (its losses, its checkpoints, its trials) is compared with what a client then reads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import Peer, Server

# Which calls the stores take is proved by test_clients; what frameworks make of the calls does not depend on the store.
on_sqlite = pytest.mark.parametrize("served", ["sqlite"], indirect=True)
on_files_too = pytest.mark.parametrize("served", ["directory", "sqlite"], indirect=True)


def steps(points: list[list[Any]]) -> list[int]:
    """Steps of a history."""
    return [step for step, _value in points]


def values(points: list[list[Any]]) -> list[float]:
    """Values of a history."""
    return [value for _step, value in points]


def own(tags: dict[str, str]) -> dict[str, str]:
    """Tags that the client does not set by itself."""
    return {key: value for key, value in tags.items() if not key.startswith("mlflow.")}


@on_files_too
def test_lightning_trains(frameworks: Peer, served: Server) -> None:
    seen = frameworks("lightning", store=served.address, mark="번개 가")
    run, losses = seen["run"], seen["losses"]
    assert (run["experiment"], run["name"], run["status"], run["ended"]) == ("번개 가", "번개", "FINISHED", True)
    assert run["params"] == {"lr": "0.1", "layers/in": "3", "말": "한국어"}
    assert own(run["tags"]) == {"팀": "가"}
    assert len(losses) == 12
    assert run["points"]["train/loss"] == [[step, loss] for step, loss in enumerate(losses)]
    assert run["points"]["epochs done"] == [[3, 1], [7, 2], [11, 3]]
    assert steps(run["points"]["epoch"]) == [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 11]
    assert len(seen["kept"]) == 2
    assert seen["best"] in seen["kept"]
    assert set(run["files"]) == {
        f"{name}/{file}" for name in seen["kept"] for file in (f"{name}.ckpt", "aliases.txt", "metadata.yaml")
    }
    assert all(run["files"].values())
    assert seen["alike"]
    assert seen["weights"] == ["line.bias", "line.weight"]


@on_sqlite
def test_a_training_that_breaks_is_a_failed_run(frameworks: Peer, served: Server) -> None:
    seen = frameworks("lightning", store=served.address, mark="번개 나", breaks=True)
    assert (seen["run"]["status"], seen["run"]["ended"]) == ("FAILED", True)
    assert values(seen["run"]["points"]["train/loss"]) == seen["losses"]
    assert len(seen["losses"]) == 4


@on_sqlite
def test_transformers_train(frameworks: Peer, served: Server, tmp_path: Path) -> None:
    folder = str(tmp_path / "나가는 곳")
    seen = frameworks("transformers", store=served.address, mark="변신 가", folder=folder)
    run = seen["run"]
    assert (run["experiment"], run["name"], run["status"], run["ended"]) == ("변신 가", "변신", "FINISHED", True)
    expected = {"model_type": "bert", "hidden_size": "8", "id2label.1": "LABEL_1", "output_dir": folder}
    assert {key: run["params"].get(key) for key in expected} == expected
    assert len(run["params"]) > 100  # more than one batch
    assert own(run["tags"]) == {"나라": "한국"}
    # The trainer's own log is what must have arrived, number by number.
    logged: dict[str, list[list[float]]] = {}
    for entry in seen["logs"]:
        for key, value in entry.items():
            if key != "step":
                logged.setdefault(key, []).append([entry["step"], value])
    assert run["points"] == logged
    assert steps(logged["loss"]) == [1, 2, 3, 4, 5, 6]
    assert steps(logged["eval_loss"]) == [3, 6]
    assert seen["weights"]
    assert seen["models"] == ["checkpoint-6"]


@on_files_too
def test_optuna_studies(frameworks: Peer, served: Server) -> None:
    seen = frameworks("optuna", store=served.address, mark="연구 가")
    assert list(seen["runs"]) == ["0", "1", "2", "3", "4"]
    assert [trial["state"] for trial in seen["trials"]] == ["COMPLETE", "PRUNED", "COMPLETE", "FAIL", "COMPLETE"]
    for number, trial in enumerate(seen["trials"]):
        run, x = seen["runs"][str(number)], trial["params"]["x"]
        assert (run["experiment"], run["status"], run["ended"]) == ("연구 가", "FINISHED", True)
        assert run["params"] == {"x": str(x), "kind": trial["params"]["kind"]}
        points = {"way": [[step, x / (step + 1)] for step in range(3)]}
        if trial["value"] is not None:
            points["점수/score"] = [[0, trial["value"]]]
        assert run["points"] == points
        tags = own(run["tags"])
        expected = {"number": str(number), "state": trial["state"], "note": f"메모 {number}", "direction": "MINIMIZE"}
        assert {key: tags.get(key) for key in expected} == expected
        assert "한글 값" in tags["kind_distribution"]
        assert run["files"] == {"곁에/x.txt": len(f"{x}\n")}
    assert seen["best"][0] == str(seen["best"][1])
