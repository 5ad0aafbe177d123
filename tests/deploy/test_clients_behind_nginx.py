"""MLflow's client and ours log through nginx while servers behind it are killed and stopped: nothing is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.deploy.clients import API, FILES, Client
from tests.deploy.fleet import Fleet
from tests.interop.environment import ON_CI, Unavailable, interop_python

SCRIPT = Path(__file__).with_name("logging_client.py")
POINTS, THREADS, LARGE = 10, 3, 7 * 2**20


@pytest.fixture(scope="module")
def python() -> Path:
    try:
        return interop_python()
    except Unavailable as reason:
        if ON_CI:
            raise
        pytest.skip(str(reason))


@pytest.mark.timeout(600)
def test_mlflow_loses_nothing_and_sees_no_error(fleet_of: Fleet, python: Path, tmp_path: Path) -> None:
    experiment, told = log(fleet_of, [python, SCRIPT, "mlflow", "files"], tmp_path)
    with closing(Client(fleet_of.port, experiment, 0)) as reader:
        doubled = check(reader, experiment, told)
        check_files(reader, experiment, told)
    # Its requests have no keys: what a server did in the moment of its death may be done again, by each thread once.
    assert doubled <= THREADS


@pytest.mark.timeout(600)
def test_our_client_loses_nothing_and_doubles_nothing(fleet_of: Fleet, tmp_path: Path) -> None:
    experiment, told = log(fleet_of, [sys.executable, SCRIPT, "millstream"], tmp_path)
    with closing(Client(fleet_of.port, experiment, 0)) as reader:
        assert check(reader, experiment, told) == 0


def log(fleet: Fleet, command: list[str | Path], folder: Path) -> tuple[str, dict[str, str]]:
    """Experiment, and run by name, of what a client was told while servers came and went."""
    environ = {**os.environ, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{fleet.port}", "PYTHONUTF8": "1"}
    environ |= {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
    with (
        (folder / "stderr").open("w+") as log,
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=environ
        ) as process,
    ):
        try:
            assert process.stdin
            assert process.stdout
            lines = iter(process.stdout.readline, "")
            experiment = json.loads(next(lines))[1]
            told = [json.loads(next(lines)) for _ in range(6)]
            fleet.kill(0)
            told += [json.loads(next(lines)) for _ in range(9)]
            fleet.start(0)
            told += [json.loads(next(lines)) for _ in range(6)]
            assert fleet.stop(1) == 0
            told += [json.loads(next(lines)) for _ in range(9)]
            process.stdin.close()
            told += map(json.loads, lines)
            assert process.wait(120) == 0, (folder / "stderr").read_text()[-3000:]
        finally:
            process.kill()
    return experiment, dict(told)


def check(reader: Client, experiment: str, told: dict[str, str]) -> int:
    """All that was told is there; how many points and runs there are beyond that."""
    doubled = 0
    for name, run_id in told.items():
        run = get(reader, f"runs/get?run_id={run_id}")["run"]
        assert (run["info"]["run_name"], run["info"]["status"]) == (name, "FINISHED")
        assert run["data"]["params"] == [{"key": "이름", "value": name}]
        points = get(reader, f"metrics/get-history?run_id={run_id}&metric_key=m")["metrics"]
        assert {(point["step"], point["value"]) for point in points} == {(step, step / 3) for step in range(POINTS)}
        doubled += len(points) - POINTS
    found = get(reader, f"runs/search?experiment_ids={experiment}")["runs"]
    assert {run["info"]["run_id"] for run in found} >= set(told.values())
    return doubled + len(found) - len(told)


def check_files(reader: Client, experiment: str, told: dict[str, str]) -> None:
    for name, run_id in told.items():
        place = f"{FILES}/{experiment}/{run_id}/artifacts/"
        assert reader.ask("GET", f"{place}{quote('글.txt')}", None, {}) == name.encode()
        thread, number = map(int, name.split("-"))
        if number % 4 == 0:
            file = reader.ask("GET", f"{place}{quote('안')}/large.bin", None, {})
            assert file == bytes([thread]) * LARGE


def get(reader: Client, path: str) -> Any:
    if path.startswith("runs/search"):
        body = json.dumps({"experiment_ids": [path.partition("=")[2]], "max_results": 5000}).encode()
        return json.loads(reader.ask("POST", f"{API}/runs/search", body, {"Content-Type": "application/json"}))
    return json.loads(reader.ask("GET", f"{API}/{path}", None, {}))
