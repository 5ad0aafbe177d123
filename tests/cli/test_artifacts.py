"""`millstream artifacts`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Cli, Filled


def test_store_list_and_download(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    source = tmp_path / "파일 하나.txt"
    source.write_text("내용", encoding="utf-8")
    said = cli("artifacts", "log-artifact", "-l", str(source), "-r", filled.ended, "-a", "a b").stdout
    assert said == f"Logged artifact from local file {source} to artifact_path=a b\n"
    listed = json.loads(cli("artifacts", "list", "-r", filled.ended).stdout)
    assert listed == [{"path": "a b", "is_dir": True}]
    below = json.loads(cli("artifacts", "list", "-r", filled.ended, "-a", "a b").stdout)
    assert below == [{"path": "a b/파일 하나.txt", "is_dir": False, "file_size": 6}]

    target = tmp_path / "target"
    target.mkdir()
    path = cli("artifacts", "download", "-r", filled.ended, "-a", "a b", "-d", str(target)).stdout.rstrip("\n")
    assert Path(path).is_relative_to(target)
    assert next(Path(path).rglob("*.txt")).read_text(encoding="utf-8") == "내용"
    in_place = cli("artifacts", "download", "-u", f"runs:/{filled.ended}/a b/파일 하나.txt").stdout.rstrip("\n")
    assert Path(in_place).read_text(encoding="utf-8") == "내용"


def test_a_directory_is_stored_with_all_below(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    (folder / "below" / "x.bin").write_bytes(b"\0\1")
    said = cli("artifacts", "log-artifacts", "--local-dir", str(folder), "--run-id", filled.ended).stdout
    assert said == f"Logged artifact from local dir {folder} to artifact_path=None\n"
    listed = json.loads(cli("artifacts", "list", "--run-id", filled.ended, "--artifact-path", "below").stdout)
    assert listed == [{"path": "below/x.bin", "is_dir": False, "file_size": 2}]


def test_refusals(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    assert "either" in cli("artifacts", "download", code=2).stderr
    assert "--run-id" in cli("artifacts", "download", "-u", "runs:/x", "-a", "y", code=2).stderr
    assert "nothing" in cli("artifacts", "log-artifact", "-l", "nothing", "-r", filled.ended, code=1).stderr
    assert "Invalid path" in cli("artifacts", "list", "-r", filled.ended, "-a", "../..", code=1).stderr
    assert "No run" in cli("artifacts", "list", "-r", "c" * 32, code=1).stderr
    cli("artifacts", "download", "-r", filled.ended, "-a", "missing", code=1)
    assert json.loads(cli("artifacts", "list", "-r", filled.ended).stdout) == []
