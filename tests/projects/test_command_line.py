"""`millstream run` as typed: one clear line for what is wrong, exit codes, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from millstream.cli import main
from millstream.tracking.client import MlflowClient
from tests.projects.test_launch import FAILS, MAIN, MLPROJECT
from tests.projects.test_process import PARENT, is_running, wait_for

COMMAND = [sys.executable, "-m", "millstream", "run"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "p").mkdir()
    texts = {"MLproject": MLPROJECT, "main.py": MAIN, "fails.py": FAILS, "sleeps.py": PARENT, "conda.yaml": "name: x"}
    for name, text in texts.items():
        (tmp_path / "p" / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def millstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)


def at_once(*arguments: str) -> Result:
    """The same in this process, for what is refused before anything starts."""
    return CliRunner().invoke(main.millstream, ["run", *arguments])


def statuses() -> list[str]:
    client = MlflowClient(str(Path("mlruns").absolute()))
    return [run.info.status for run in client.search_runs([e.experiment_id for e in client.search_experiments()])]


def test_a_run_says_that_it_succeeded_on_stderr(here: Path) -> None:
    done = millstream("p", "-P", "lr=0.5", "-P", "x=a=b", "--experiment-name", "실험", "--run-name", "one")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    client = MlflowClient(str(here / "mlruns"))
    experiment = client.get_experiment_by_name("실험")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    assert f"=== Run (ID '{run.info.run_id}') succeeded ===" in done.stderr.splitlines()
    assert run.data.params == {"lr": "0.5", "n": "3", "x": "a=b"}
    assert run.info.run_name == "one"


def test_a_failing_command(here: Path) -> None:
    done = millstream("p", "-e", "fails")
    assert done.returncode == 1
    assert "Run (ID '" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("') failed ===")
    assert statuses() == ["FAILED"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["p", "-P", "lr=abc"], 1, "The parameter 'lr' must be a float; got 'abc'."),
        (["p", "-e", "needs"], 1, "No value given for missing parameters: 'f', 'g'"),
        (["p", "-e", "other"], 1, "['main', 'needs', 'fails', 'gone', 'late', 'sleeps']"),
        (["p", "--experiment-id", "77"], 1, "'77'"),
        (["p", "--run-id", "0" * 32], 1, "0" * 32),
        (["nowhere"], 1, "'nowhere'"),
        (["git@github.com:someone/project.git"], 1, "clone it"),
        (["p", "-b", "kubernetes"], 1, "'kubernetes'"),
        (["p", "-A", "gpus=all"], 1, "no containers"),
        (["p", "--env-manager", "conda"], 1, "--env-manager local"),
        (["p", "-P", "lr"], 2, "Use -P name=value"),
        (["p", "-P", "=3"], 2, "Use -P name=value"),
        (["p", "-P", "lr=1", "-P", "lr=2"], 2, "Repeated parameter: 'lr'"),
        (["p", "--experiment-id", "1", "--experiment-name", "a"], 2, "not both"),
        (["p", "--no-conda", "--env-manager", "conda"], 2, "--no-conda"),
        ([], 2, "URI"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_run(here: Path, arguments: list[str], code: int, said: str) -> None:
    done = at_once(*arguments)
    assert done.exit_code == code
    lines = done.stderr.splitlines()
    assert said in lines[-1]
    assert lines[-1].startswith("Error: ")
    if code == 1:
        assert len(lines) == 1
    assert not list(here.rglob("mlruns/*/*/meta.yaml"))


def test_a_declared_environment_points_to_no_conda(here: Path) -> None:
    (here / "p" / "MLproject").write_text(f"conda_env: conda.yaml\n{MLPROJECT}", encoding="utf-8")
    refused = at_once("p")
    assert (refused.exit_code, len(refused.stderr.splitlines())) == (1, 1)
    assert "--no-conda (or --env-manager local)" in refused.stderr
    for option in ("--no-conda", "--env-manager=local"):
        assert millstream("p", option).returncode == 0
    assert statuses() == ["FINISHED"] * 2


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_interrupted_the_run_is_killed_with_all_its_processes(here: Path, number: int, code: int) -> None:
    child = subprocess.Popen([*COMMAND, "p", "-e", "sleeps"], stderr=subprocess.PIPE, text=True)
    wait_for((here / "p" / "pids").exists)
    os.kill(child.pid, number)
    _, said = child.communicate()
    assert child.returncode == code, said
    assert statuses() == ["KILLED"]
    assert "was stopped ===" in said
    assert not any(is_running(int(pid)) for pid in (here / "p" / "pids").read_text(encoding="utf-8").split())


def test_the_help_names_every_option() -> None:
    shown = at_once("--help").stdout
    options = (
        "--entry-point --version --param-list --docker-args --experiment-name --experiment-id --backend "
        "--backend-config --no-conda --env-manager --storage-dir --run-id --run-name --build-image"
    )
    assert [option for option in options.split() if option not in shown] == []
