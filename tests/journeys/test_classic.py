"""The classic introduction to MLflow (version 1.6), followed word for word through the drop-in.

Commands are cut from their text and run as they stand there, with ``<…>`` filled in; code is run as it stands.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DROPIN = Path(__file__).resolve().parents[2] / "dropin" / "src"

MLPROJECT = r"""
name: my_project

conda_env: conda.yaml

entry_points:
  main:
    parameters:
      batch-size: {type: int, default: 64}
      test-batch-size: {type: int, default: 1000}
      epochs: {type: int, default: 1}
      lr: {type: float, default: 0.01}
      momentum: {type: float, default: 0.5}
      enable-cuda: {type: string, default: 'True'}
      seed: {type: int, default: 5}
      log-interval: {type: int, default: 100}
    command: |
          python mnist_torch.py \
            --batch-size {batch-size} \
            --test-batch-size {test-batch-size} \
            --epochs {epochs} \
            --lr {lr} \
            --momentum {momentum} \
            --enable-cuda {enable-cuda} \
            --seed {seed} \
            --log-interval {log-interval}
"""
TWO_ENTRY_POINTS = """
entry_points:
  main:
    parameters:
      data_file: path
      regularization: {type: float, default: 0.1}
    command: "python train.py -r {regularization} {data_file}"

  validate:
    parameters:
      data_file: path
    command: "python validate.py {data_file}"
"""
SHOW = "import json, sys, mlflow\nwith mlflow.start_run(): mlflow.set_tag('argv', json.dumps(sys.argv))\n"
MODEL = """
import mlflow
import mlflow.pytorch
import torch
model = torch.nn.Linear(3, 1)
torch.nn.init.ones_(model.weight)
torch.nn.init.zeros_(model.bias)
with mlflow.start_run():

    mlflow.pytorch.log_model(model, "my_model")
"""


class Desk:
    """A directory with a terminal in it, where `mlflow` is Millstream's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / ".bin"
        programs.mkdir()
        # Not a `#!` line with the Python: its path may have a space.
        code = "import sys; from millstream_mlflow import main; sys.argv[0] = 'mlflow'; sys.exit(main())"
        script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c {shlex.quote(code)} "$@"\n'
        (programs / "mlflow").write_text(script, encoding="utf-8")
        (programs / "mlflow").chmod(0o755)
        self.environ = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "PYTHONPATH": str(DROPIN)}

    def type(self, line: str, code: int = 0, **fill: str) -> str:
        """Run a command line of the text, ``<name>`` replaced; returns standard output, for a failure all output."""
        filled = re.sub(r"<(\w+)[^>]*>", lambda found: shlex.quote(fill[found[1]]), line.removeprefix("$ "))
        done = subprocess.run(
            shlex.split(filled), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stdout + done.stderr

    def python(self, code: str, exit_code: int = 0) -> str:
        """Run code of the text; returns standard output, for a failure all output."""
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == exit_code, done.stdout + done.stderr
        return done.stdout if exit_code == 0 else done.stdout + done.stderr

    def write(self, files: dict[str, str]) -> None:
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")

    def runs(self, experiment_id: str = "0") -> list[Path]:
        """Run directories, oldest first."""
        found = [path.parent for path in (self.folder / "mlruns" / experiment_id).glob("*/meta.yaml")]
        return sorted(found, key=lambda path: path.stat().st_ctime_ns)

    @contextmanager
    def server(self, line: str, answers: str) -> Iterator[str]:
        """A server started by a line of the text plus a free port; gives its address once `answers` is there."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            port = listener.getsockname()[1]
        command = [*shlex.split(line.removeprefix("$ ")), "-p", str(port)]
        with (self.folder / "server.log").open("wb") as log:
            process = subprocess.Popen(command, cwd=self.folder, env=self.environ, stdout=log, stderr=log)
        address = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 120
            while True:
                try:
                    with urllib.request.urlopen(address + answers, timeout=10):
                        break
                except OSError:
                    said = (self.folder / "server.log").read_text(encoding="utf-8")
                    assert process.poll() is None, said
                    assert time.monotonic() < deadline, said
                    time.sleep(0.05)
            yield address
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_chapter_1_tracking(desk: Desk) -> None:
    desk.type("$ mlflow experiments create -n <experiment_name>", experiment_name="내 실험")
    assert "내 실험" in desk.type("$ mlflow experiments list")
    desk.python(
        "import mlflow\nloss, step = 0.25, 3\n"
        "# run 열기\nmlflow.start_run()\n\n# 학습 과정에서 데이터 저장하기\n"
        'mlflow.log_param("batch_size", 64)\nmlflow.log_metric("train_loss", loss, step)\n\n'
        "# run 닫기\nmlflow.end_run()\n"
    )
    (run,) = desk.runs()
    assert sorted(path.name for path in run.iterdir()) == ["artifacts", "meta.yaml", "metrics", "params", "tags"]
    assert (run / "params" / "batch_size").read_text(encoding="utf-8") == "64"
    assert re.fullmatch(r"\d+ 0\.25 3\n", (run / "metrics" / "train_loss").read_text(encoding="utf-8"))
    assert (desk.folder / "mlruns" / ".trash").is_dir()
    assert run.name in desk.type("$ mlflow runs list --experiment-id <experiment_id:required>", experiment_id="0")
    described = json.loads(desk.type("$ mlflow runs describe --run-id <run_id:required>", run_id=run.name))
    assert described["info"]["status"] in ("FINISHED", 3)
    assert described["data"]["params"]["batch_size"] == "64"


def test_chapter_1_experiments_in_code(desk: Desk) -> None:
    said = desk.python("import mlflow\nmlflow.start_run(experiment_id = 1)", exit_code=1)
    assert "1" in said.splitlines()[-1]
    assert not list((desk.folder / "mlruns").glob("*/*/meta.yaml"))
    desk.python(
        "import mlflow\nexperiment_name = 'named'\nmlflow.set_experiment(experiment_name)\n"
        "with mlflow.start_run() as f:\n    mlflow.log_param('a', 1)\n"
        "found = mlflow.get_experiment_by_name('named')\n"
        "assert f.info.experiment_id == found.experiment_id\n"
        "with mlflow.start_run(experiment_id = int(found.experiment_id)):\n    pass\n"
    )
    (experiment,) = (path.parent for path in (desk.folder / "mlruns").glob("[1-9]*/meta.yaml"))
    assert len(desk.runs(experiment.name)) == 2


@pytest.mark.parametrize("line", ["$ mlflow ui", "$ mlflow server"])
def test_chapter_1_servers(desk: Desk, line: str) -> None:
    desk.python("import mlflow\nwith mlflow.start_run():\n    mlflow.log_param('batch_size', 64)")
    (run,) = desk.runs()
    with desk.server(line, "/health") as address:
        with urllib.request.urlopen(f"{address}/api/2.0/mlflow/runs/get?run_id={run.name}") as response:
            answer = json.load(response)
        assert answer["run"]["data"]["params"] == [{"key": "batch_size", "value": "64"}]


def test_chapter_2_projects(desk: Desk) -> None:
    desk.write({"myproject/MLproject": MLPROJECT, "myproject/conda.yaml": "name: x", "myproject/mnist_torch.py": SHOW})
    said = desk.type("$ mlflow run ./myproject", code=1)
    assert "--no-conda" in said
    assert "conda.yaml" in said
    assert desk.runs() == []
    desk.type("$ mlflow run ./myproject --no-conda")
    (run,) = desk.runs()
    expected = {
        "batch-size": "64", "test-batch-size": "1000", "epochs": "1", "lr": "0.01", "momentum": "0.5",
        "enable-cuda": "True", "seed": "5", "log-interval": "100",
    }  # fmt: skip
    argv = ["mnist_torch.py", *(word for name, value in expected.items() for word in (f"--{name}", value))]
    assert json.loads((run / "tags" / "argv").read_text(encoding="utf-8")) == argv
    assert {path.name: path.read_text(encoding="utf-8") for path in (run / "params").iterdir()} == expected
    desk.type("$ mlflow run ./myproject --no-conda -P lr=0.5 --param-list epochs=3")
    changed = desk.runs()[-1] / "params"
    assert [(changed / name).read_text(encoding="utf-8") for name in ("lr", "epochs")] == ["0.5", "3"]


def test_chapter_2_options(desk: Desk) -> None:
    files = {"MLproject": TWO_ENTRY_POINTS, "train.py": SHOW, "validate.py": SHOW, "data.csv": "1"}
    desk.write({f"myproject/{name}": text for name, text in files.items()})
    data = "-P data_file=myproject/data.csv"
    assert "data_file" in desk.type("$ mlflow run ./myproject --no-conda", code=1)
    desk.type(f"$ mlflow run ./myproject {data}")
    argv = json.loads((desk.runs()[-1] / "tags" / "argv").read_text(encoding="utf-8"))
    assert argv == ["train.py", "-r", "0.1", str(desk.folder / "myproject" / "data.csv")]
    desk.type(f"$ mlflow run ./myproject {data} -e validate --no-conda --experiment-name 이름")
    desk.type(f"$ mlflow run ./myproject {data} --entry-point validate --experiment-name 이름")
    (experiment,) = (path.parent for path in (desk.folder / "mlruns").glob("[1-9]*/meta.yaml"))
    runs = desk.runs(experiment.name)
    assert [json.loads((run / "tags" / "argv").read_text(encoding="utf-8"))[0] for run in runs] == ["validate.py"] * 2
    desk.type(f"$ mlflow run ./myproject {data} -e validate --experiment-id {experiment.name}")
    assert len(desk.runs(experiment.name)) == 3
    assert "12345" in desk.type(f"$ mlflow run ./myproject {data} --experiment-id 12345", code=1)
    desk.type(f"$ mlflow run ./myproject {data} -e validate --run-id {runs[0].name}")
    assert len(desk.runs(experiment.name)) == 3
    said = desk.type("$ mlflow run git@github.com:<git address>.git", code=1, git="someone/project")
    assert "clone it" in said
    shown = desk.type("$ mlflow run --help")
    options = "-P, --param-list -e, --entry-point --experiment-name --experiment-id --run-id --no-conda"
    assert [option for option in options.replace(",", "").split() if option not in shown] == []


DOCKER = """docker_env:
    image: mlflow-docker-example-environment
"""
DOCKER_WITH_MORE = """docker_env:
    image: mlflow-docker-example-environment
    volumes: ["/local/path:/container/mount/path"]
    environment: [["NEW_ENV_VAR", "new_var_value"], "VAR_TO_COPY_FROM_HOST_ENVIRONMENT"]
"""
DOCKER_REMOTE = """docker_env:
    image: 012345678910.dkr.ecr.us-west-2.amazonaws.com/mlflow-docker-example-environment:7.0
"""
CONDA = "conda_env: files/config/conda_environment.yaml\n"


@pytest.mark.parametrize("environment", [DOCKER, DOCKER_WITH_MORE, DOCKER_REMOTE, CONDA])
def test_chapter_2_environments_are_read_and_pointed_around(desk: Desk, environment: str) -> None:
    desk.write(
        {
            "p/MLproject": f"name: p\n{environment}entry_points: {{main: {{command: python a.py}}}}\n",
            "p/a.py": SHOW,
            "p/files/config/conda_environment.yaml": "name: x",
        }
    )
    said = desk.type("$ mlflow run p", code=1)
    assert environment.partition(":")[0] in said
    assert "--no-conda" in said
    desk.type("$ mlflow run p --no-conda")
    assert len(desk.runs()) == 1


def test_chapter_2_in_python(desk: Desk) -> None:
    files = {"MLproject": MLPROJECT, "conda.yaml": "name: x", "mnist_torch.py": SHOW}
    desk.write({f"myproject/{name}": text for name, text in files.items()})
    desk.python(
        "import mlflow\nuri = './myproject'\n"
        "submitted = mlflow.projects.run(\n    uri, \n    entry_point='main', \n    parameters={'lr': 0.5}, \n"
        "    experiment_name='python', \n    experiment_id=None, \n    use_conda=False, \n    run_id=None\n    )\n"
        "run = mlflow.get_run(submitted.run_id)\n"
        "assert (run.info.status, run.data.params['lr']) == ('FINISHED', '0.5'), run\n"
    )
    said = desk.python("import mlflow\nmlflow.projects.run('./myproject', use_conda=True)", exit_code=1)
    assert "--no-conda" in said.splitlines()[-1]


def test_chapter_3_models(desk: Desk) -> None:
    pytest.importorskip("torch")
    desk.python(MODEL)
    (run,) = desk.runs()
    model = run / "artifacts" / "my_model"
    names = {path.relative_to(model).as_posix() for path in model.rglob("*")}
    assert {"data", "data/model.pth", "data/pickle_module_info.txt", "conda.yaml", "MLmodel"} <= names
    description = (model / "MLmodel").read_text(encoding="utf-8")
    lines = """artifact_path: my_model
flavors:
  python_function:
    data: data
    loader_module: mlflow.pytorch
    pickle_module_name: mlflow.pytorch.pickle_module
  pytorch:
    model_data: data"""
    for line in [*lines.splitlines(), f"run_id: {run.name}"]:
        assert line in description.splitlines()
    with desk.server(f"$ mlflow models serve -m {model} --no-conda", "/ping") as address:
        request = urllib.request.Request(
            f"{address}/invocations",
            data=b'{ "columns": ["a", "b", "c"], "data": [[1, 2, 3], [4, 5, 6]] }',
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    assert [next(iter(row.values())) for row in answer] == [6.0, 15.0]
