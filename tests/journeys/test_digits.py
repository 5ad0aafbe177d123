"""The example with real images, as its README tells it: three settings, the best one served."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from millstream.tracking.client import MlflowClient
from millstream.values.entities import Run

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(
    find_spec("torch") is None or find_spec("sklearn") is None, reason="torch or scikit-learn is not installed"
)


def python(folder: Path, *arguments: str) -> str:
    """Standard output of a program of the example."""
    environ = os.environ | {"PYTHONPATH": str(ROOT / "dropin" / "src")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def as_a_project(folder: Path, client: MlflowClient, same: Run) -> None:
    """Run the project with the settings of `same`: the numbers repeat, and its second entry point confirms them."""
    python(folder, "-m", "mlflow", "run", ".", "--no-conda")
    (run,) = client.search_runs(["0"])
    assert run.data.params == same.data.params
    assert run.data.metrics == same.data.metrics
    python(folder, "-m", "mlflow", "run", ".", "--no-conda", "-e", "validate", "-P", f"run-id={run.info.run_id}")
    (again,) = client.search_runs(["0"], f"tags.validates = '{run.info.run_id}'")
    assert again.data.metrics == {"valid_accuracy": pytest.approx(run.data.metrics["valid_accuracy"])}


# Five times PyTorch has to start, which takes its time on a busy machine.
@pytest.mark.timeout(900)
def test_sweep_then_serve_the_best(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    shutil.copytree(ROOT / "examples" / "digits", folder, ignore=shutil.ignore_patterns("mlruns", "__pycache__"))
    assert python(folder, "sweep.py").count("validation accuracy 0.9") == 3
    client = MlflowClient(str(folder / "mlruns"))
    experiment = client.get_experiment_by_name("digits")
    assert experiment is not None
    runs = client.search_runs(
        [experiment.experiment_id], "metrics.valid_accuracy > 0.9", order_by=["metrics.valid_accuracy DESC"]
    )
    (parent,) = client.search_runs([experiment.experiment_id], "metrics.best_accuracy > 0.9")
    assert {run.data.tags["mlflow.parentRunId"] for run in runs} == {parent.info.run_id}
    assert {run.data.params["lr"] for run in runs} == {"0.005", "0.05", "0.1"}
    for run in runs:
        losses = client.get_metric_history(run.info.run_id, "train_loss")
        assert [point.step for point in losses] == list(range(12))
        assert losses[-1].value < losses[0].value
        assert {"confusion.png", "model"} <= {entry.path for entry in client.list_artifacts(run.info.run_id)}
    as_a_project(folder, client, next(run for run in runs if run.data.params["lr"] == "0.05"))
    served = python(folder, "serve_best.py")
    assert f"best run {runs[0].info.run_id}" in served
    assert served.splitlines()[-1] in ("8 of 10 right", "9 of 10 right", "10 of 10 right")
