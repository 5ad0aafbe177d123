"""`gc`, `du`, `runs move`, and several runs at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from millstream.cli.output import size_text
from millstream.values.errors import InvalidValue
from millstream.values.names import new_model_id
from millstream.values.ops import CreateLoggedModel, DeleteLoggedModel
from millstream.values.paths import RelPath
from millstream.values.space import parse_age
from tests.cli.conftest import Cli, Filled


def test_gc_removes_what_its_dry_run_said(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    filled.store.artifacts(filled.ended).put_bytes(b"x" * 5000, RelPath.parse("모델/a.bin"))
    cli("runs", "delete", "--run-id", filled.ended)
    folder = tmp_path / "mlruns" / filled.experiment_id / filled.ended
    said = json.loads(cli("gc", "--dry-run", "--json").stdout)
    assert (said["dry_run"], [run["run_id"] for run in said["runs"]]) == (True, [filled.ended])
    assert said["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    text = cli("gc", "--dry-run").stdout
    assert filled.ended in text
    assert "Nothing was removed" in text
    assert folder.is_dir()
    cli("gc", "--run-ids", filled.running, code=1)
    assert "Removed 0 runs" in cli("gc", "--older-than", "1d").stdout
    assert folder.is_dir()
    done = json.loads(cli("gc", "--older-than", "0s", "--json").stdout)
    assert (done["bytes"], done["removed"]["runs"], done["errors"], done["kept"]) == (said["bytes"], 1, [], [])
    assert not folder.exists()
    assert [run["info"]["run_id"] for run in json.loads(cli("runs", "search", "--json").stdout)] == [filled.running]


def test_gc_of_an_experiment_takes_its_runs(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    uri = str(tmp_path / "mlruns")
    assert "not deleted" in cli("gc", "--experiment-ids", filled.experiment_id, code=1).stderr
    cli("experiments", "delete", "-x", filled.experiment_id)
    done = json.loads(cli("gc", "--experiment-ids", filled.experiment_id, "--tracking-uri", uri, "--json").stdout)
    assert (done["removed"]["experiments"], done["removed"]["runs"]) == (1, 2)
    assert not (tmp_path / "mlruns" / ".trash" / filled.experiment_id).exists()
    cli("experiments", "create", "-n", "실험 하나")


def test_gc_removes_logged_models(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    made = []
    for name in ("하나", "둘"):
        op = CreateLoggedModel(model_id=new_model_id(), experiment_id=filled.experiment_id, time=1, name=name)
        made.append(filled.store.write(op).model_id)
        filled.store.model_artifacts(made[-1]).put_bytes(b"x" * 5000, RelPath.parse("a.bin"))
    gone, kept = made
    (model, other) = json.loads(cli("du", "--json").stdout)["models"]
    assert {model["model_id"], other["model_id"]} == set(made)
    assert "in 2 runs and 2 logged models." in cli("du").stdout
    lines = cli("du", "--models", "--max-results", "1").stdout.splitlines()
    assert model["model_id"] in lines[2]
    assert other["model_id"] not in "".join(lines)
    assert "not deleted" in cli("gc", "--logged-model-ids", gone, code=1).stderr
    filled.store.write(DeleteLoggedModel(model_id=gone, time=1))
    folder = tmp_path / "mlruns" / filled.experiment_id / "models" / gone
    said = json.loads(cli("gc", "--dry-run", "--logged-model-ids", gone, "--json").stdout)
    assert [item["model_id"] for item in said["models"]] == [gone]
    assert said["bytes"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert f"Logged model {gone} (하나)" in cli("gc", "--dry-run").stdout
    assert folder.is_dir()
    done = json.loads(cli("gc", "--older-than", "1h", "--json").stdout)
    assert (done["bytes"], done["removed"]["models"], done["errors"], done["kept"]) == (said["bytes"], 1, [], [])
    assert not folder.exists()
    assert (folder.parent / kept / "artifacts" / "a.bin").exists()
    assert "Removed 0 runs and 0 experiments" in cli("gc").stdout


def test_gc_makes_a_database_file_smaller(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/my runs.db")
    cli("experiments", "create", "-n", "a")
    cli("experiments", "delete", "-n", "a")
    done = json.loads(cli("gc", "--json").stdout)
    assert done["database"]["after"] <= done["database"]["before"]
    assert "The database took" in cli("gc").stdout
    assert "database" not in cli("gc", "--no-compact").stdout


def test_gc_says_when_there_is_nothing_or_a_wrong_age(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    assert "no store" in cli("gc", "--tracking-uri", str(tmp_path / "nowhere"), code=1).stderr
    assert "not an age" in cli("gc", "--older-than", "soon", code=2).stderr
    assert list((tmp_path).glob("nowhere")) == []


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("30d12h", 2_635_200_000), ("90m", 5_400_000), ("1d1h1m1s", 90_061_000), ("0s", 0), ("10s", 10_000)],
)
def test_an_age_is_read(text: str, milliseconds: int) -> None:
    assert parse_age(text) == milliseconds


@pytest.mark.parametrize("text", ["", "5", "1h1d", "1.5d", "-1d", "1w", "d", " 1d"])
def test_a_wrong_age_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        parse_age(text)


def test_du_shows_experiments_and_runs(cli: Cli, filled: Filled) -> None:
    filled.store.artifacts(filled.running).put_bytes(b"x" * 5000, RelPath.parse("a.bin"))
    found = json.loads(cli("du", "--json").stdout)
    (group, default) = found["experiments"]
    assert (group["experiment_id"], group["runs"], group["points"]) == (filled.experiment_id, 2, 3)
    assert default["experiment_id"] == "0"
    assert [run["run_id"] for run in found["runs"]] == [filled.running, filled.ended]
    assert found["runs"][0]["artifact_bytes"] == 5000
    assert found["bytes"] == group["bytes"] + default["bytes"]
    assert "실험 하나" in cli("du").stdout
    lines = cli("du", "--runs", "--max-results", "1").stdout.splitlines()
    assert filled.running in lines[2]
    assert filled.ended not in "".join(lines)
    assert json.loads(cli("du", "-x", "0", "--json").stdout)["runs"] == []


def test_runs_are_moved_deleted_and_restored_together(cli: Cli, filled: Filled) -> None:
    both = [filled.ended, filled.running]
    moved = json.loads(cli("runs", "move", *both, "-n", "Default", "--json").stdout)
    assert moved == [{"run_id": run, "experiment_id": "0"} for run in both]
    assert cli("runs", "move", filled.ended, "-x", filled.experiment_id).stdout == (
        f"Run with id {filled.ended} has been moved to experiment {filled.experiment_id} ('실험 하나').\n"
    )
    cli("runs", "move", "-x", "0", code=2)
    cli("runs", "move", filled.ended, code=2)
    cli("runs", "move", filled.ended, "-n", "없음", code=1)
    deleted = json.loads(cli("runs", "delete", *both, "--json").stdout)
    assert deleted == [{"run_id": run, "lifecycle_stage": "deleted"} for run in both]
    cli("runs", "move", filled.ended, "-x", "0", code=1)
    said = cli("runs", "restore", "-r", filled.ended, filled.running).stdout.splitlines()
    assert said == [f"Run with id {run} has been restored." for run in both]
    assert json.loads(cli("runs", "restore", filled.ended, "--json").stdout)[0]["lifecycle_stage"] == "active"
    cli("runs", "delete", code=2)


def test_changes_of_experiments_answer_in_json(cli: Cli, filled: Filled) -> None:
    chosen = ("-x", filled.experiment_id, "--json")
    renamed = json.loads(cli("experiments", "rename", *chosen, "--new-name", "새 이름").stdout)
    assert renamed == {"experiment_id": filled.experiment_id, "name": "새 이름"}
    assert json.loads(cli("experiments", "delete", *chosen).stdout)["lifecycle_stage"] == "deleted"
    assert json.loads(cli("experiments", "restore", *chosen).stdout)["lifecycle_stage"] == "active"


@pytest.mark.parametrize(("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (2**50, "1024.0 TiB")])
def test_sizes_are_readable(size: int, text: str) -> None:
    assert size_text(size) == text
    assert size_text(None) == "unknown"


def test_the_client_moves_runs(cli: Cli, filled: Filled) -> None:
    from millstream.tracking.client import MlflowClient

    client = MlflowClient(filled.store.uri)
    client.move_runs([filled.ended], 0)
    assert client.get_run(filled.ended).info.experiment_id == "0"
