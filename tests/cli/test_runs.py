"""`millstream runs`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.values.entities import Metric
from millstream.values.ops import LogBatch, UpdateRun
from tests.cli.conftest import START, Cli, Filled


def ids(cli: Cli, *arguments: str) -> list[str]:
    return [run["info"]["run_id"] for run in json.loads(cli("runs", "search", "--json", *arguments).stdout)]


def test_both_spellings_list_newest_first(cli: Cli, filled: Filled) -> None:
    listed = cli("runs", "list", "--experiment-id", filled.experiment_id).stdout
    assert listed == cli("runs", "search", "-n", "실험 하나").stdout == cli("runs", "list").stdout
    header, _, newest, first = listed.splitlines()
    assert re.split("  +", header) == ["Date", "Name", "ID", "Status", "Duration"]
    assert re.split("  +", newest)[1:] == ["run 1", filled.running, "RUNNING"]
    assert re.split("  +", first)[1:] == ["run 0", filled.ended, "FINISHED", "1m 1s"]


def test_filter_order_view_and_limit(cli: Cli, filled: Filled) -> None:
    assert ids(cli, "--filter", "params.lr = '0,1'") == [filled.ended]
    assert ids(cli, "--order-by", "start_time ASC") == [filled.ended, filled.running]
    assert ids(cli, "--max-results", "1") == [filled.running]
    limited = cli("runs", "list", "--max-results", "1")
    assert "1 of 2 runs" in limited.stderr
    assert "1 of 2" not in limited.stdout
    cli("runs", "delete", "--run-id", filled.ended)
    assert ids(cli, "-v", "deleted_only") == [filled.ended]
    assert ids(cli, "--view", "ALL") == [filled.running, filled.ended]
    assert "character 1" in cli("runs", "search", "--filter", "loss < 1", code=2).stderr


def test_the_experiment_comes_from_option_then_setting_then_all(
    cli: Cli, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ids(cli, "-x", "0") == []
    assert len(ids(cli)) == 2
    monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "0")
    assert ids(cli) == []
    assert len(ids(cli, "-x", "0", "-x", filled.experiment_id)) == 2
    monkeypatch.delenv("MLFLOW_EXPERIMENT_ID")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "실험 하나")
    assert len(ids(cli)) == 2
    assert "nobody" in cli("runs", "list", "-n", "nobody", code=1).stderr


def test_columns(cli: Cli, filled: Filled) -> None:
    listed = cli("runs", "list", "-c", "metrics.loss", "-c", "params.lr", "-c", "tags.nope").stdout
    header, _, newest, first = listed.splitlines()
    assert header.split()[-3:] == ["metrics.loss", "params.lr", "tags.nope"]
    assert first.split()[-2:] == ["NaN", "0,1"]
    assert newest.endswith("RUNNING")
    assert "Other keys need a prefix" in cli("runs", "list", "-c", "loss", code=2).stderr
    wide = cli("runs", "list", "-c", "params.*", "-c", "metrics.한글.count", "-c", "user_id").stdout.splitlines()
    assert wide[0].split()[5:] == ["params.lr", "metrics.한글.count", "user_id"]
    assert "0,1" in wide[3]
    (_, ended) = json.loads(cli("runs", "list", "--json", "-c", "params.lr").stdout)
    assert (ended["data"]["params"], ended["data"]["metrics"]) == ({"lr": "0,1"}, {})


def test_counting_and_values(cli: Cli, filled: Filled) -> None:
    assert cli("runs", "count").stdout == "2\n"
    assert json.loads(cli("runs", "count", "--json", "--filter", "params.lr = '0,1'").stdout) == {"count": 1}
    assert cli("runs", "count", "-x", "0").stdout == "0\n"
    lines = cli("runs", "facets", "status", "metrics.한글", "params.none").stdout.splitlines()
    assert [re.split("  +", line) for line in lines[2:]] == [
        ["status", "FINISHED", "1"],
        ["status", "RUNNING", "1"],
        ["metrics.한글", "(numbers from 2.0 to 2.0)", "1"],
        ["params.none", "(none)", "0"],
    ]
    (facet,) = json.loads(cli("runs", "facets", "--json", "params.lr").stdout)
    assert (facet["values"], facet["undefined"]) == ([["0,1", 1]], 1)
    assert "Did you mean" in cli("runs", "facets", "statsu", code=2).stderr


def test_describe_prints_the_run_as_json(cli: Cli, filled: Filled) -> None:
    text = cli("runs", "describe", "--run-id", filled.ended).stdout
    assert text.startswith('{\n    "info": {\n        "')
    run = json.loads(text)
    assert list(run) == ["info", "data", "inputs", "outputs"]
    assert run["info"]["run_id"] == run["info"]["run_uuid"] == filled.ended
    assert (run["info"]["status"], run["info"]["start_time"]) == ("FINISHED", START)
    assert run["data"]["metrics"] == {"loss": "NaN", "한글": 2.0}
    assert run["data"]["params"] == {"lr": "0,1"}
    assert run["data"]["tags"]["note"] == 'says "hi"'
    assert run["outputs"] == {"model_outputs": []}


def test_delete_and_restore_print_what_tools_parse(cli: Cli, filled: Filled) -> None:
    assert cli("runs", "delete", "--run-id", filled.ended).stdout == f"Run with ID {filled.ended} has been deleted.\n"
    assert filled.ended not in ids(cli)
    restored = cli("runs", "restore", "--run-id", filled.ended).stdout
    assert restored == f"Run with id {filled.ended} has been restored.\n"
    assert filled.ended in ids(cli)
    assert "No run" in cli("runs", "delete", "--run-id", "c" * 32, code=1).stderr


def test_tail_of_an_ended_run_prints_its_points(cli: Cli, filled: Filled) -> None:
    done = cli("runs", "tail", filled.ended)
    shown = [line.split("  ", 1)[1] for line in done.stdout.splitlines()]
    assert sorted(shown) == ["loss  step 0  0.5", "loss  step 1  NaN", "한글  step 0  2.0"]
    assert done.stderr == "Run 'run 0' ended: FINISHED.\n"
    assert cli("runs", "tail", filled.ended, "--lines", "0").stdout == ""
    points = [json.loads(line) for line in cli("runs", "tail", filled.ended, "--json").stdout.splitlines()]
    assert {"key": "loss", "value": 0.5, "step": 0, "timestamp": START} in points
    cli("runs", "tail", "c" * 32, code=1)


def test_tail_without_following_ends_at_once(cli: Cli, filled: Filled) -> None:
    done = cli("runs", "tail", filled.running, "--no-follow")
    assert (done.stdout, done.stderr) == ("", "")


def test_tail_follows_until_the_run_ends(filled: Filled, tmp_path: Path) -> None:
    def log(value: float, step: int) -> None:
        filled.store.write(LogBatch(run_id=filled.running, metrics=(Metric("m", value, START, step),)))

    log(1.0, 5)
    command = [sys.executable, "-m", "millstream", "runs", "tail", filled.running, "--interval", "0.05", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert json.loads(process.stdout.readline())["value"] == 1.0
            log(2.0, 6)
            assert json.loads(process.stdout.readline())["value"] == 2.0
            log(3.0, 4)
            filled.store.write(UpdateRun(run_id=filled.running, status="FAILED", end_time=START + 1))
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert [json.loads(line)["value"] for line in out.splitlines()] == [3.0]
    assert err == "Run 'run 1' ended: FAILED.\n"
    assert process.returncode == 0


def test_ctrl_c_is_the_usual_way_out_of_tail(filled: Filled, tmp_path: Path) -> None:
    filled.store.write(LogBatch(run_id=filled.running, metrics=(Metric("m", 1.0, START, 0),)))
    command = [sys.executable, "-m", "millstream", "runs", "tail", filled.running]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert "m  step 0  1.0" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "", "")
