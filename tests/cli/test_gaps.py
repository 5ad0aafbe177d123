"""What commands say about runs and experiments that they leave out, and about stores that are none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Filled

LISTS = (
    ("runs", "count"),
    ("runs", "list"),
    ("runs", "search", "--json"),
    ("runs", "facets", "status"),
    ("experiments", "list"),
    ("experiments", "search", "--json"),
    ("du",),
)


@pytest.mark.parametrize("command", LISTS)
def test_lists_say_how_much_they_leave_out(cli: Cli, filled: Filled, tmp_path: Path, command: tuple[str, ...]) -> None:
    assert cli(*command).stderr == ""
    home = tmp_path / "mlruns" / filled.experiment_id
    (home / filled.ended / "meta.yaml").unlink()
    said = cli(*command).stderr
    assert said == (
        "warning: 1 run or experiment cannot be read and is left out; `millstream doctor --check` names it.\n"
    )
    (home / filled.running / "meta.yaml").write_text("{ not yaml", encoding="utf-8")
    said = cli(*command).stderr
    assert said == (
        "warning: 2 runs or experiments cannot be read and are left out; `millstream doctor --check` names them.\n"
    )
    named = cli("doctor", "--check", code=1).stdout
    assert filled.ended in named
    assert filled.running in named


def test_an_experiment_without_its_meta_yaml_is_not_forgotten(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    assert json.loads(cli("runs", "count", "--json").stdout) == {"count": 2}
    meta = tmp_path / "mlruns" / filled.experiment_id / "meta.yaml"
    aside = meta.rename(tmp_path / "aside")
    counted = cli("runs", "count", "--json")
    assert json.loads(counted.stdout) == {"count": 0}
    assert "1 run or experiment cannot be read" in counted.stderr
    assert str(meta) in cli("doctor", code=1).stdout
    aside.rename(meta)
    counted = cli("runs", "count", "--json")
    assert (json.loads(counted.stdout), counted.stderr) == ({"count": 2}, "")
    cli("doctor")


def test_directories_of_something_else_are_nothing_that_is_left_out(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    (tmp_path / "mlruns" / "models" / "mine" / "version-1").mkdir(parents=True)
    assert cli("runs", "count").stderr == ""
    cli("doctor")


def test_a_damaged_metric_file_leaves_no_run_out(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    metric = tmp_path / "mlruns" / filled.experiment_id / filled.ended / "metrics" / "loss"
    metric.write_text("no point\n", encoding="utf-8")
    assert cli("runs", "count").stderr == ""
    assert "1 line(s) are not points" in cli("doctor", code=1).stdout


def test_a_file_is_no_store(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", str(tmp_path / "file"))
    for command in LISTS:
        said = cli(*command, code=1).stderr
        assert "is no directory" in said
        assert "yet" not in said
    assert "is no directory" in cli("doctor", code=1).stdout
    assert "neither a directory of runs nor a SQLite database" in cli("import", "file", code=1).stderr


def test_what_is_not_there_cannot_be_backed_up(cli: Cli, tmp_path: Path) -> None:
    assert f"There is no store at {tmp_path / 'no'} to back up." in cli("backup", "no", "target", code=1).stderr
