"""What MLflow's client asks for and this server has not: refused in words that the client lives with."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.interop.conftest import SETTINGS, Server

SCRIPT = """
import json, sys, mlflow

def refused(call):
    try:
        call()
    except mlflow.exceptions.RestException as error:
        return error.error_code
    return "done"

mlflow.set_experiment("추적")
with mlflow.start_run() as run:
    @mlflow.trace
    def traced(x):
        with mlflow.start_span("inside"):
            return x + 1

    answers = [traced(1), traced(2)]
    mlflow.log_metric("after", 1.0)
mlflow.flush_trace_async_logging(terminate=True)
client = mlflow.MlflowClient()
print(json.dumps({
    "answers": answers,
    "run": run.info.run_id,
    "trace": mlflow.get_trace("tr-1"),
    "search_traces": refused(lambda: mlflow.search_traces(locations=[run.info.experiment_id])),
    "webhooks": refused(client.list_webhooks),
    "scorers": refused(lambda: mlflow.genai.scorers.list_scorers(experiment_id=run.info.experiment_id)),
    "datasets": refused(lambda: mlflow.genai.datasets.search_datasets()),
}))
"""


@pytest.fixture
def said(mlflow_python: Path, server: Server, tmp_path: Path) -> tuple[dict[str, Any], str]:
    """What the script found, and what it wrote to stderr."""
    outside = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "MILLSTREAM_"))}
    environment = {**outside, **SETTINGS, "MLFLOW_TRACKING_URI": server.address, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
    done = subprocess.run(
        [str(mlflow_python), "-c", SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=170
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(lines[-1])
    return found, done.stderr


def test_traced_code_runs_and_everything_else_is_logged(said: tuple[dict[str, Any], str]) -> None:
    found, errors = said
    assert found["answers"] == [2, 3]
    assert found["trace"] is None
    # One line a trace, nothing about single spans, no stack.
    assert errors.count("Traces are not kept here") <= 3
    assert "Traceback" not in errors
    assert "span" not in errors


def test_calls_that_ask_for_more_hear_that_it_is_not_there(said: tuple[dict[str, Any], str]) -> None:
    found, _errors = said
    for family in ("search_traces", "webhooks", "scorers", "datasets"):
        assert found[family] == "NOT_IMPLEMENTED", family
