"""`millstream doctor` and `millstream db`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from millstream.cli import doctor as doctor_module
from millstream.values import settings as settings_module
from millstream.values.settings import SETTINGS, Setting
from millstream.values.version import VERSION
from tests.cli.conftest import Cli, Filled


def report(cli: Cli, *arguments: str, code: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cli("doctor", "--json", *arguments, code=code).stdout)
    return found


def setting_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    return next(item for item in found["settings"] if item["name"] == f"MILLSTREAM_{name}")


def test_the_store_and_how_it_was_found(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    found = report(cli)
    assert (found["version"], found["executable"]) == (VERSION, sys.executable)
    assert found["store"]["location"] == str(tmp_path / "mlruns")
    assert found["store"]["how"] == "in the working directory"
    assert (found["store"]["runs"], found["store"]["problems"]) == (2, [])
    assert Path(found["store"]["index"]).is_file()
    text = cli("doctor").stdout
    assert f"directory {tmp_path / 'mlruns'}" in text
    assert all(setting.variable in text for setting in SETTINGS)


def test_problems_are_named(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    meta = tmp_path / "mlruns" / filled.experiment_id / filled.ended / "meta.yaml"
    meta.write_text("{ not yaml", encoding="utf-8")
    cli("db", "reindex")
    problems = report(cli, code=1)["store"]["problems"]
    assert [filled.ended in problem for problem in problems] == [True]
    assert f"  - {problems[0]}" in cli("doctor", code=1).stdout.splitlines()


def test_settings_say_where_their_value_comes_from(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_PORT", "5001")
    monkeypatch.setenv("MLFLOW_HOST", "10.0.0.1")
    monkeypatch.setenv("MILLSTREAM_HOST", "10.0.0.2")
    found = report(cli)
    assert setting_of(found, "PORT") | {"help": ""} == {
        "name": "MILLSTREAM_PORT", "value": 5001, "origin": "MLFLOW_PORT", "alias": "MLFLOW_PORT", "help": "",
        "error": None,
    }  # fmt: skip
    assert (setting_of(found, "HOST")["value"], setting_of(found, "HOST")["origin"]) == ("10.0.0.2", "MILLSTREAM_HOST")
    assert setting_of(found, "RUN_ID")["origin"] == "default"
    assert setting_of(report(cli, "--mask-envs"), "PORT")["value"] == "***"


def test_a_bad_setting_is_shown_not_raised(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_PORT", "many")
    port = setting_of(report(cli), "PORT")
    assert port["value"] == "many"
    assert "not a whole number" in port["error"]


def test_secrets_are_masked(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    password = Setting("SMTP_PASSWORD", int, None, None, "A secret.")
    monkeypatch.setattr(doctor_module, "SETTINGS", (*SETTINGS, password))
    monkeypatch.setitem(settings_module._BY_NAME, "SMTP_PASSWORD", password)
    monkeypatch.setenv("MILLSTREAM_SMTP_PASSWORD", "geheim")
    monkeypatch.setenv("MILLSTREAM_BACKEND_STORE_URI", "postgresql://me:geheim@host/db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:geheim@host/")
    for arguments in (("doctor",), ("doctor", "--json")):
        result = cli(*arguments, code=1)
        assert "geheim" not in result.output
        assert "***@host" in result.stdout
        assert "MILLSTREAM_SMTP_PASSWORD" in result.stdout


def test_a_store_that_cannot_be_opened_ends_with_1(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nope://x")
    assert "nope" in report(cli, code=1)["store"]["error"]
    assert "cannot be used" in cli("doctor", code=1).stdout


def test_reindex_reads_everything_again(cli: Cli, filled: Filled) -> None:
    before = cli("runs", "search", "--json").stdout
    said = cli("db", "reindex").stdout
    assert "and 2 runs of " in said
    assert json.loads(cli("db", "reindex", "--json").stdout)["runs"] == 2
    assert cli("runs", "search", "--json").stdout == before


def test_reindex_of_nothing_is_an_error(cli: Cli, tmp_path: Path) -> None:
    assert "no mlruns" in cli("db", "reindex", code=1).stderr
    assert list(tmp_path.iterdir()) == []
