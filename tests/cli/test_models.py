"""`millstream models`, as commands are run."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from click.testing import CliRunner, Result
from sklearn.linear_model import LinearRegression

from millstream.cli.main import millstream
from millstream.models.flavors import sklearn as flavor

SPLIT = {"columns": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6]]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    path: Path = tmp_path_factory.mktemp("models") / "내 모델"
    flavor.save_model(LinearRegression().fit(np.eye(3), [1.0, 2.0, 3.0]), path)
    return str(path)


def run(*arguments: str, given: str = "") -> Result:
    return CliRunner().invoke(millstream, ["models", *arguments], input=given)


def test_predict_reads_files_and_standard_input(model: str, tmp_path: Path) -> None:
    source, target = tmp_path / "입력.json", tmp_path / "out.json"
    source.write_text(json.dumps({"dataframe_split": SPLIT}), "utf-8")
    assert run("predict", "-m", model, "-i", str(source), "-o", str(target), "--env-manager", "local").exit_code == 0
    assert len(json.loads(target.read_text())["predictions"]) == 2
    bare = run("predict", "-m", model, "--no-conda", given=json.dumps(SPLIT))
    assert len(json.loads(bare.stdout)) == 2
    split = run("predict", "-m", model, "-j", "split", given=json.dumps(SPLIT))
    assert split.stdout == bare.stdout
    records = run("predict", "-m", model, "-j", "records", given='[{"a": 1, "b": 2, "c": 3}]')
    assert json.loads(records.stdout) == json.loads(bare.stdout)[:1]
    csv = run("predict", "-m", model, "-t", "csv", given="a,b,c\n1,2,3\n")
    assert json.loads(csv.stdout)["predictions"] == json.loads(bare.stdout)[:1]


@pytest.mark.parametrize(
    ("arguments", "given", "code", "words"),
    [
        (["-i", "gone.json"], "", 1, "gone.json"),
        ([], "{", 1, "not valid JSON"),
        ([], '{"inputs": [[1, 2]]}', 1, "rows of 3 values"),
        (["-t", "csv", "-j", "split"], "", 2, "--json-format"),
        (["-t", "xml"], "", 2, "xml"),
        (["--env-manager", "conda"], "", 1, "conda cannot be done yet"),
    ],
)
def test_predict_says_what_is_wrong(model: str, arguments: list[str], given: str, code: int, words: str) -> None:
    result = run("predict", "-m", model, *arguments, given=given)
    assert result.exit_code == code
    assert words in result.stderr
    assert "Traceback" not in result.stderr


def test_serve_refuses_what_it_cannot_do(model: str, tmp_path: Path) -> None:
    assert "not a model directory" in run("serve", "-p", "0", "-m", str(tmp_path)).stderr
    assert "There is no" in run("serve", "-p", "0", "-m", str(tmp_path / "gone")).stderr
    assert run("serve", "-m", model, "-w", "2").exit_code == 2
    assert run("serve", "-m", model, "--env-manager", "virtualenv").exit_code == 1
    assert "Cannot listen" in run("serve", "-m", model, "-h", "256.0.0.1").stderr


def test_a_busy_port_is_named_with_the_way_out(model: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run("serve", "-m", model, "-p", str(port))
    assert result.exit_code == 1
    assert f"Port {port} on 127.0.0.1 is in use" in result.stderr
    assert f"-p {port + 1}" in result.stderr


def test_other_versions_than_when_saved_are_noted(model: str, tmp_path: Path) -> None:
    flavor.save_model(LinearRegression().fit([[0]], [0]), tmp_path / "m", pip_requirements=["scikit-learn==0.1"])
    result = run("predict", "-m", str(tmp_path / "m"), given='{"inputs": [[1]]}')
    assert result.exit_code == 0
    assert "note: the model was saved with scikit-learn 0.1" in result.stderr
    assert json.loads(result.stdout) == {"predictions": [0.0]}


@pytest.fixture
def served(model: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "millstream", "models", "serve", "-m", model, "-p", "0", "--no-conda"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_served_model_answers_and_leaves_nothing_behind(
    served: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    process, url = served
    host, port = urlsplit(url).hostname, urlsplit(url).port
    assert host == "127.0.0.1"
    connection = http.client.HTTPConnection(host, port, timeout=30)
    connection.request("POST", "/invocations", json.dumps(SPLIT), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert len(json.loads(answer.read())) == 2
    connection.request("GET", "/ping")
    assert connection.getresponse().read() == b"\n"
    connection.close()
    process.send_signal(number)
    process.wait(30)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((host, port), timeout=5)
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
