"""MLflow's REST interface over a real store: a whole experiment's life, and errors in their shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from millstream.formats.wire.table import ROUTES
from millstream.stores.base import Store
from millstream.values.errors import DataDamaged, StorageFailed
from millstream.values.paths import RelPath
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


def test_a_logged_models_life(client: Client) -> None:
    run_id = client.new_run()
    made = client.api("logged-models", experiment_id="0", name="m", source_run_id=run_id)["model"]
    path = f"logged-models/{made['info']['model_id']}"
    assert made["data"] == {}
    assert made["info"]["status"] == "LOGGED_MODEL_PENDING"
    assert made["info"]["artifact_uri"].endswith(f"/0/models/{made['info']['model_id']}/artifacts")
    client.api(f"{path}/params", params=[{"key": "lr", "value": "1"}])
    point = {"key": "acc", "value": "NaN", "timestamp": 7, "model_id": made["info"]["model_id"]}
    client.api("runs/log-metric", run_id=run_id, **point)
    assert client.change("PATCH", f"{API}{path}", {"status": "LOGGED_MODEL_READY"}).status == 200
    tagged = client.change("PATCH", f"{API}{path}/tags", {"tags": [{"key": "a/b", "value": "c"}]}).json()["model"]
    info = made["info"] | {"status": "LOGGED_MODEL_READY", "tags": [{"key": "a/b", "value": "c"}]}
    info["last_updated_timestamp_ms"] = tagged["info"]["last_updated_timestamp_ms"]
    data = {"params": [{"key": "lr", "value": "1"}], "metrics": [point | {"step": 0, "run_id": run_id}]}
    assert tagged == {"info": info, "data": data}
    assert client.get(f"{API}{path}").json()["model"] == tagged
    found = client.api("logged-models/search", experiment_ids=["0", "77"], filter="tags.`a/b` = 'c'", max_results=50)
    assert found == {"models": [tagged]}
    assert client.change("DELETE", f"{API}{path}/tags/a/b").status == 200
    assert client.change("DELETE", f"{API}{path}/tags/a/b").status == 404
    assert client.change("DELETE", f"{API}{path}").status == 200
    assert client.get(f"{API}{path}").status == 404
    assert client.get(f"{API}{path}?allow_deleted=true").status == 200
    assert client.api("logged-models/search", experiment_ids=["0"]) == {}


def test_a_logged_models_files(client: Client, store: Store) -> None:
    client.new_run()
    model_id = client.api("logged-models", experiment_id="0")["model"]["info"]["model_id"]
    store.model_artifacts(model_id).put_bytes("안녕".encode(), RelPath.parse("깊은 곳/a.txt"))
    path = f"{API}logged-models/{model_id}/artifacts/directories"
    listed = client.get(path).json()
    assert listed["files"] == [{"path": "깊은 곳", "is_dir": True}]
    below = client.get(f"{path}?artifact_directory_path={quote('깊은 곳')}").json()["files"]
    assert below == [{"path": "깊은 곳/a.txt", "is_dir": False, "file_size": 6}]
    files = f"/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files?artifact_file_path="
    assert client.get(f"{files}{quote('깊은 곳/a.txt')}").body == "안녕".encode()
    for wrong, status in ((quote("깊은 곳"), 400), ("none", 404), ("../meta.yaml", 400), ("", 400)):
        assert client.get(files + wrong).status == status
    assert client.get(path.replace(model_id, "m-none")).status == 404


def test_what_a_path_names_counts(client: Client) -> None:
    client.new_run()
    one, two = (client.api("logged-models", experiment_id="0")["model"]["info"]["model_id"] for _ in "12")
    client.api(f"logged-models/{one}/params", model_id=two, params=[{"key": "a", "value": "b"}])
    assert client.get(f"{API}logged-models/{one}?model_id={two}").json()["model"]["data"]["params"]
    assert "params" not in client.get(f"{API}logged-models/{two}").json()["model"]["data"]
    wrong = client.post(f"{API}logged-models/{one}", {})
    assert (wrong.status, wrong.headers["allow"]) == (405, "DELETE, GET, PATCH")


def test_datasets_of_experiments(client: Client) -> None:
    run_id = client.new_run()
    assert client.post("/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": ["0"]}).json() == {}
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    client.api("runs/log-inputs", run_id=run_id, datasets=[{"dataset": dataset, "tags": tags}])
    found = client.post("/ajax-api/2.0/mlflow/experiments/search-datasets", {"experiment_ids": ["0"]}).json()
    summary = {"experiment_id": "0", "name": "d", "digest": "1", "context": "train"}
    assert found == {"dataset_summaries": [summary]}


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
        path = route.prefixes[0] + route.path.format(model_id="m-1", tag_key="k")
        if method in ("GET", "POST"):
            reply = client.get(path) if method == "GET" else client.post(path, {})
        else:
            reply = client.change(method, path)
        assert reply.status in (200, 404 if "{" in route.path else 400, 400), reply.body
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
def test_internal_errors_go_to_the_log_and_only_the_request_id_to_the_caller(
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
        told = reply.headers["x-request-id"]
        assert reply.message.endswith(f"under the request id {told}")
        assert f"Request {told} (" in caplog.text
    assert "SELECT secret" in caplog.text


def test_health_and_version(client: Client) -> None:
    from importlib.metadata import version

    assert client.get("/health").body == b"OK"
    assert client.get("/version").body.decode() == version("millstream")
