"""MLflow's REST interface over a real store: a whole experiment's life, and errors in their shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest

from millstream.formats.wire.table import ROUTES
from millstream.stores.base import Store
from millstream.values.errors import DataDamaged, StorageFailed
from tests.server.conftest import Client

API = "/api/2.0/mlflow/"


def test_a_runs_life(client: Client) -> None:
    experiment_id = client.api("experiments/create", name="tides", tags=[{"key": "a", "value": "b"}])["experiment_id"]
    run = client.api("runs/create", experiment_id=experiment_id, run_name="first", start_time=5)["run"]
    run_id = run["info"]["run_id"]
    assert run["info"]["status"] == "RUNNING"
    client.api("runs/log-metric", run_id=run_id, key="loss", value=0.5, timestamp=1, step=1)
    client.api("runs/log-metric", run_uuid=run_id, key="loss", value="NaN", timestamp=2, step=2)
    client.api("runs/log-parameter", run_id=run_id, key="lr", value="0.1")
    client.api(
        "runs/log-batch",
        run_id=run_id,
        metrics=[{"key": "val/acc", "value": "Infinity", "timestamp": 3}],
        params=[{"key": "model", "value": "cnn"}],
        tags=[{"key": "note", "value": "한국어"}],
    )
    client.api("runs/update", run_id=run_id, status="FINISHED", end_time=9)

    got = client.get(f"{API}runs/get?run_id={run_id}").json()["run"]
    assert (got["info"]["status"], got["info"]["end_time"], got["info"]["run_uuid"]) == ("FINISHED", 9, run_id)
    metrics = {item["key"]: (item["value"], item["step"]) for item in got["data"]["metrics"]}
    assert metrics == {"loss": ("NaN", 2), "val/acc": ("Infinity", 0)}
    assert {item["key"]: item["value"] for item in got["data"]["params"]} == {"lr": "0.1", "model": "cnn"}
    assert {"key": "note", "value": "한국어"} in got["data"]["tags"]

    history = client.get(f"{API}metrics/get-history?run_id={run_id}&metric_key=loss").json()["metrics"]
    assert [(item["value"], item["timestamp"], item["step"]) for item in history] == [(0.5, 1, 1), ("NaN", 2, 2)]
    found = client.api("runs/search", experiment_ids=[experiment_id], filter="params.lr = '0.1'")
    assert [item["info"]["run_id"] for item in found["runs"]] == [run_id]
    assert client.api("runs/search", experiment_ids=[experiment_id], filter="metrics.loss < 0") == {}

    client.api("runs/delete", run_id=run_id)
    assert client.api("runs/search", experiment_ids=[experiment_id]) == {}
    client.api("runs/restore", run_id=run_id)
    client.api("experiments/update", experiment_id=experiment_id, new_name="ebbs")
    named = client.get(f"{API}experiments/get-by-name?experiment_name=ebbs").json()["experiment"]
    assert named["experiment_id"] == experiment_id
    client.api("experiments/delete", experiment_id=experiment_id)
    gone = client.get(f"{API}experiments/get?experiment_id={experiment_id}").json()["experiment"]
    assert gone["lifecycle_stage"] == "deleted"


def test_tags_come_and_go(client: Client) -> None:
    run_id = client.new_run()
    client.api("runs/set-tag", run_id=run_id, key="k", value="v")
    client.api("runs/delete-tag", run_id=run_id, key="k")
    again = client.post(f"{API}runs/delete-tag", {"run_id": run_id, "key": "k"})
    assert (again.status, again.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_a_param_is_written_once(client: Client) -> None:
    run_id = client.new_run()
    for _ in range(2):
        client.api("runs/log-parameter", run_id=run_id, key="lr", value="1")
    changed = client.post(f"{API}runs/log-parameter", {"run_id": run_id, "key": "lr", "value": "2"})
    assert (changed.status, changed.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_datasets_and_models(client: Client) -> None:
    run_id = client.new_run()
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    for _ in range(2):
        client.api("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": tags}])
    inputs = client.get(f"{API}runs/get?run_id={run_id}").json()["run"]["inputs"]
    assert inputs["dataset_inputs"] == [{"dataset": dataset, "tags": tags}]


def test_logged_models_are_searched_as_far_as_there_are_none(client: Client, store: Store) -> None:
    client.new_run()
    ask = {"experiment_ids": ["0", "77"], "filter": "name = 'm'", "max_results": 50}
    assert client.api("logged-models/search", **ask) == {}
    model = Path(url2pathname(urlsplit(store.uri).path), "0", "models", "m-1")
    model.mkdir(parents=True)
    (model / "meta.yaml").write_text("model_id: m-1")
    reply = client.post(f"{API}logged-models/search", ask)
    assert (reply.status, reply.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
    assert "m-1" in reply.message


def test_models_logged_at_once_are_all_in_the_history(client: Client) -> None:
    run_id = client.new_run()

    def log(number: int) -> None:
        model = {"artifact_path": f"m{number}", "flavors": {}, "utc_time_created": "t", "run_id": run_id}
        client.api("runs/log-model", run_id=run_id, model_json=json.dumps(model))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(log, range(8)))
    tags = client.get(f"{API}runs/get?run_id={run_id}").json()["run"]["data"]["tags"]
    history = next(json.loads(tag["value"]) for tag in tags if tag["key"] == "mlflow.log-model.history")
    assert sorted(model["artifact_path"] for model in history) == [f"m{number}" for number in range(8)]


def test_pages_follow_each_other(client: Client) -> None:
    for name in "abc":
        client.api("experiments/create", name=name)
    first = client.api("experiments/search", max_results=2, order_by=["name"])
    rest = client.api("experiments/search", max_results=2, order_by=["name"], page_token=first["next_page_token"])
    names = [item["name"] for item in first["experiments"] + rest["experiments"]]
    assert sorted(names) == ["Default", "a", "b", "c"]
    assert "next_page_token" not in rest
    bad = client.post(f"{API}experiments/search", {"max_results": 2, "page_token": "???"})
    assert bad.status == 400


def test_old_clients_find_their_routes(client: Client) -> None:
    client.api("experiments/create", name="old")
    for path in ("/api/2.0/preview/mlflow/experiments/list", "/ajax-api/2.0/preview/mlflow/experiments/list"):
        assert {item["name"] for item in client.get(path).json()["experiments"]} == {"Default", "old"}


def test_bulk_histories(client: Client) -> None:
    runs = [client.new_run() for _ in range(2)]
    for run_id in runs:
        for step in range(3):
            client.api("runs/log-metric", run_id=run_id, key="m", value=step, timestamp=step, step=step)
    query = "&".join(f"run_id={run_id}" for run_id in runs)
    bulk = client.get(f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?{query}&metric_key=m").json()["metrics"]
    assert sorted((item["run_id"], item["value"]) for item in bulk) == sorted((r, v) for r in runs for v in (0, 1, 2))
    query = query.replace("run_id", "run_ids")
    part = client.get(f"{API}metrics/get-history-bulk-interval?{query}&metric_key=m&start_step=1&end_step=2").json()
    assert sorted((item["run_id"], item["step"]) for item in part["metrics"]) == sorted(
        (r, s) for r in runs for s in (1, 2)
    )
    assert client.get(f"{API}metrics/get-history-bulk?run_id=a&metric_key=m").status == 404


@pytest.mark.parametrize(
    ("method", "target", "status", "code"),
    [
        ("GET", "/api/2.0/mlflow/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/api/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/ajax-api/2.0/mlflow/", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/api", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/api/2.0/mlflow/runs/create", 405, "BAD_REQUEST"),
        ("DELETE", "/api/2.0/mlflow/runs/get", 405, "BAD_REQUEST"),
        ("POST", "/get-artifact", 405, "BAD_REQUEST"),
        ("GET", "/api/2.0/mlflow/runs/get?run_id=" + "0" * 32, 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/api/2.0/mlflow/experiments/get?experiment_id=77", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/api/2.0/mlflow/experiments/get-by-name?experiment_name=x", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("GET", "/api/2.0/mlflow/runs/get", 400, "INVALID_PARAMETER_VALUE"),
    ],
)
def test_errors_are_json(client: Client, method: str, target: str, status: int, code: str) -> None:
    reply = client.send(method, target)
    assert (reply.status, reply.json()["error_code"]) == (status, code)
    assert reply.message


def test_a_name_is_taken_once(client: Client) -> None:
    client.api("experiments/create", name="e")
    again = client.post(f"{API}experiments/create", {"name": "e"})
    assert (again.status, again.json()["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_every_route_answers_an_empty_request_without_a_server_error(client: Client, route: Any) -> None:
    for method in route.methods:
        path = route.prefixes[0] + route.path
        reply = client.get(path) if method == "GET" else client.post(path, {})
        assert reply.status in (200, 400), reply.body
        if reply.status == 400:
            assert "Missing value" in reply.message or "max_results" in reply.message


class Failing:
    """A store in which everything fails."""

    uri = "file:///nowhere/mlruns"

    def __init__(self, error: Exception) -> None:
        self.error = error

    def read(self, _query: object) -> object:
        raise self.error

    write = artifacts = read


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ZeroDivisionError("SELECT secret FROM /etc/passwd"), "INTERNAL_ERROR"),
        (StorageFailed("Cannot write /etc/passwd: SELECT secret"), "IO_ERROR"),
        (DataDamaged("/etc/passwd is not SELECT secret"), "DATA_LOSS"),
    ],
)
def test_internal_errors_go_to_the_log_and_only_a_reference_to_the_caller(
    serve: Callable[..., Client], error: Exception, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    from millstream.server.app import make_app

    failing = Client(make_app(Failing(error)))  # type: ignore[arg-type]
    for reply in (
        failing.get(f"{API}runs/get?run_id=a"),
        failing.post(f"{API}runs/delete", {"run_id": "a"}),
        failing.get("/get-artifact?run_id=a&path=b"),
    ):
        assert (reply.status, reply.json()["error_code"]) == (500, code)
        assert "passwd" not in reply.message
        assert "SELECT" not in reply.message
        reference = reply.message.split()[-1].rstrip(".")
        assert f"Reference {reference}: " in caplog.text
    assert "SELECT secret" in caplog.text


def test_health_and_version(client: Client) -> None:
    from importlib.metadata import version

    assert client.get("/health").body == b"OK"
    assert client.get("/version").body.decode() == version("millstream")
