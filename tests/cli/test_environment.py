"""`--env-file`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.cli.conftest import Cli


def test_variables_of_the_file_are_set_for_the_command(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ) | {"MLFLOW_HOST": "kept"})
    text = "# note\n\nexport MLFLOW_EXPERIMENT_NAME='실험 $HOME'\nMLFLOW_PORT = 5001 # here\nMLFLOW_HOST=lost\n"
    (tmp_path / "x.env").write_text(text, encoding="utf-8")
    report = json.loads(cli("--env-file", "x.env", "doctor", "--json").stdout)
    values = {item["name"]: item["value"] for item in report["settings"]}
    assert values["MILLSTREAM_EXPERIMENT_NAME"] == "실험 $HOME"
    assert values["MILLSTREAM_PORT"] == 5001
    assert values["MILLSTREAM_HOST"] == "kept"


def test_a_bad_line_is_named(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "x.env").write_text("A=1\nnonsense\n", encoding="utf-8")
    assert "Line 2" in cli("--env-file", "x.env", "doctor", code=1).stderr
    cli("--env-file", "missing.env", "doctor", code=2)
