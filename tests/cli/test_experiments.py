"""`millstream experiments`."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Filled


def names(cli: Cli, *arguments: str) -> list[str]:
    return [item["name"] for item in json.loads(cli("experiments", "search", "--json", *arguments).stdout)]


def test_create_prints_what_tools_parse(cli: Cli) -> None:
    found = re.fullmatch(
        r"Created experiment '실험' with id (\d+)\n", cli("experiments", "create", "-n", "실험").stdout
    )
    assert found is not None
    shown = json.loads(cli("experiments", "get", "-x", found.group(1), "--json").stdout)
    assert shown["name"] == "실험"
    assert "already" in cli("experiments", "create", "-n", "실험", code=1).stderr


def test_create_prints_json_for_programs(cli: Cli) -> None:
    made = json.loads(cli("experiments", "create", "-n", "실험", "--json").stdout)
    shown = json.loads(cli("experiments", "get", "-x", made["experiment_id"], "--json").stdout)
    assert shown["name"] == made["name"] == "실험"


@pytest.mark.parametrize("command", ["experiments", "runs"])
def test_a_list_from_where_there_is_no_store_says_so(cli: Cli, command: str) -> None:
    listed = cli(command, "list", "--json")
    assert json.loads(listed.stdout) == []
    assert "There is no store at" in listed.stderr
    cli("experiments", "create", "-n", "e")
    assert cli(command, "list").stderr == ""


def test_create_with_an_artifact_location(cli: Cli, tmp_path: Path) -> None:
    cli("experiments", "create", "--experiment-name", "e", "-l", "my files")
    shown = json.loads(cli("experiments", "get", "-n", "e", "-o", "json").stdout)
    assert shown["artifact_location"] == (tmp_path / "my files").as_uri()


def test_both_spellings_list_the_same_table(cli: Cli, filled: Filled) -> None:
    listed = cli("experiments", "list").stdout
    assert listed == cli("experiments", "search").stdout
    header, rule, *rows = listed.splitlines()
    assert re.split("  +", header) == ["Experiment Id", "Name", "Artifact Location"]
    assert set(rule) == {"-", " "}
    assert [row.split("  ")[0].strip() for row in rows] == ["0", filled.experiment_id]


def test_views_filters_and_limits(cli: Cli, filled: Filled) -> None:
    for name in ("alpha", "beta"):
        cli("experiments", "create", "-n", name)
    cli("experiments", "delete", "-n", "beta")
    assert sorted(names(cli)) == ["Default", "alpha", "실험 하나"]
    assert names(cli, "-v", "deleted_only") == ["beta"]
    assert len(names(cli, "--view", "all")) == 4
    assert names(cli, "--filter", "name LIKE 'al%'") == ["alpha"]
    assert names(cli, "--order-by", "name DESC", "--max-results", "2") == ["실험 하나", "alpha"]
    assert "character 6" in cli("experiments", "search", "--filter", "name == 'x'", code=2).stderr
    cli("experiments", "search", "--max-results", "0", code=2)


def test_rename_delete_restore_print_what_tools_parse(cli: Cli, filled: Filled) -> None:
    experiment_id = filled.experiment_id
    renamed = cli("experiments", "rename", "-x", experiment_id, "--new-name", "새 이름").stdout
    assert renamed == f"Experiment with id {experiment_id} has been renamed to '새 이름'.\n"
    deleted = cli("experiments", "delete", "-x", experiment_id).stdout
    assert deleted == f"Experiment with ID {experiment_id} has been deleted.\n"
    assert "새 이름" not in names(cli)
    restored = cli("experiments", "restore", "-n", "새 이름").stdout
    assert restored == f"Experiment with id {experiment_id} has been restored.\n"
    assert "새 이름" in names(cli)


def test_an_experiment_is_named_in_one_way(cli: Cli) -> None:
    assert "either" in cli("experiments", "get", code=2).stderr
    assert "either" in cli("experiments", "delete", "-x", "0", "-n", "Default", code=2).stderr
    assert "nobody" in cli("experiments", "get", "-n", "nobody", code=1).stderr


def test_get_shows_a_table(cli: Cli, filled: Filled) -> None:
    shown = cli("experiments", "get", "-x", filled.experiment_id).stdout
    assert re.search("^Name +실험 하나$", shown, re.MULTILINE)


def test_csv_holds_every_value(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    said = cli("experiments", "csv", "-x", filled.experiment_id, "-o", "내보낸 것.csv").stdout
    assert said.startswith(f"Experiment with ID {filled.experiment_id} has been exported as a CSV to file: ")
    text = (tmp_path / "내보낸 것.csv").read_text(encoding="utf-8")
    assert text == cli("experiments", "csv", "-x", filled.experiment_id).stdout
    newest, first = csv.DictReader(io.StringIO(text))
    assert list(first)[:6] == ["run_id", "experiment_id", "status", "artifact_uri", "start_time", "end_time"]
    assert first["run_id"] == filled.ended
    assert first["start_time"] == "2023-11-14 22:13:20.000+00:00"
    assert first["end_time"] == "2023-11-14 22:14:21.000+00:00"
    assert (first["metrics.loss"], first["metrics.한글"]) == ("NaN", "2.0")
    assert (first["params.lr"], first["tags.note"]) == ("0,1", 'says "hi"')
    assert (newest["end_time"], newest["metrics.loss"], newest["params.lr"]) == ("", "", "")


def test_csv_of_nothing(cli: Cli, filled: Filled, tmp_path: Path) -> None:
    assert cli("experiments", "csv", "-x", "0").stdout.count("\n") == 1
    cli("experiments", "csv", "-x", "99", "-o", "x.csv", code=1)
    assert not (tmp_path / "x.csv").exists()
