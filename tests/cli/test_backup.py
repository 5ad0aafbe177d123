"""`backup`, `restore`, and `doctor --check | --fix`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from millstream.values.paths import RelPath
from tests.cli.conftest import Cli, Filled


def test_a_backup_is_made_checked_and_restored(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    said = cli("backup", "mlruns", "내 backup", "--verify").stdout
    assert "2 experiments, 2 runs, 3 points" in said
    assert (tmp_path / "내 backup" / "manifest.json").is_file()
    checked = json.loads(cli("restore", "내 backup", "--verify", "--json").stdout)
    assert (checked["verified"], checked["problems"], checked["counts"]["runs"]) == (True, [], 2)
    cli("restore", "내 backup", "--into", "restored/mlruns", "--verify")
    found = json.loads(cli("runs", "search", "--json").stdout)
    os.environ["MLFLOW_TRACKING_URI"] = str(tmp_path / "restored" / "mlruns")
    try:
        again = json.loads(cli("runs", "search", "--json").stdout)
    finally:
        del os.environ["MLFLOW_TRACKING_URI"]
    assert [run["data"] for run in again] == [run["data"] for run in found]
    assert "not empty" in cli("restore", "내 backup", "--into", "restored/mlruns", code=1).stderr


def test_gc_in_a_database_removes_nothing_of_the_one_beside_it(
    cli: Cli, filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = filled.ended
    filled.store.artifacts(run).put_bytes(b"x", RelPath.parse("한글 파일.txt"))

    def purge(uri: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        cli("runs", "delete", run)
        cli("gc", "--run-ids", run)

    def listed(uri: str) -> list[str]:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        return [item["path"] for item in json.loads(cli("artifacts", "list", "-r", run, "--json").stdout)]

    for name in ("a", "b"):
        cli("import", "mlruns", "--into", f"sqlite:///{name}.db")
    cli("backup", "sqlite:///a.db", "bk")
    error = cli("restore", "bk", "--into", "sqlite:///refused.db", code=1).stderr
    assert "--artifact-root" in error
    assert not (tmp_path / "refused.db").exists()
    cli("restore", "bk", "--into", "sqlite:///c.db", "--artifact-root", "dort drüben")
    for name in ("b", "c"):
        purge(f"sqlite:///{name}.db")
        assert listed("sqlite:///a.db") == ["한글 파일.txt"]
    assert not list((tmp_path / "dort drüben").rglob("*.txt"))


def test_damage_ends_with_1_and_restores_nothing(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    cli("backup", "mlruns", "b", "--no-artifacts", "--json")
    meta = tmp_path / "b" / "tree" / filled.experiment_id / filled.ended / "meta.yaml"
    meta.write_bytes(meta.read_bytes() + b"x")
    result = cli("restore", "b", "--verify", "--into", "restored", code=1)
    assert f"{filled.ended}/meta.yaml has" in result.stderr
    assert not (tmp_path / "restored").exists()
    assert json.loads(cli("restore", "b", "--verify", "--json", code=1).stdout)["verified"] is False
    assert "no backup" in cli("restore", "mlruns", "--verify", code=1).stderr
    cli("restore", "b", code=2)
    assert "there already" in cli("backup", "mlruns", "b", code=1).stderr
    assert "no store" in cli("backup", "nowhere", "c", code=1).stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no /dev/full")
def test_a_disk_that_is_full_leaves_nothing(
    cli: Cli, filled: Filled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import builtins

    opened = builtins.open

    def full(file: object, mode: str = "r", *rest: object, **more: object) -> object:
        target = "/dev/full" if mode == "wb" and "partial" in str(file) else file
        return opened(target, mode, *rest, **more)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", full)
        assert "No space left" in cli("backup", "mlruns", "b", code=1).stderr
    assert [path.name for path in tmp_path.iterdir() if "partial" in path.name or path.name == "b"] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_that_may_not_be_written_is_an_error(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert "Permission denied" in cli("backup", "mlruns", "locked/b", code=1).stderr


def test_doctor_checks_and_fixes(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    assert cli("doctor", "--check").stdout == "0 found, 0 fixed.\n"
    tag = tmp_path / "mlruns" / filled.experiment_id / filled.ended / "tags" / "note"
    tag.write_bytes(b"caf\xe9")
    assert "is not UTF-8 text [--fix: original" in cli("doctor", "--check", code=1).stdout
    assert tag.read_bytes() == b"caf\xe9"
    fixed = json.loads(cli("doctor", "--fix", "--json").stdout)
    assert [finding["fixed"] for finding in fixed["findings"]] == [True]
    assert fixed["left"] == 0
    kept = Path(fixed["quarantine"]) / filled.experiment_id / filled.ended / "tags" / "note"
    assert kept.read_bytes() == b"caf\xe9"
    assert cli("doctor", "--check").stdout == "0 found, 0 fixed.\n"
