"""The server over a database; what it answers is tested with every other store in test_api."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.server.app import make_app
from millstream.server.places import Places
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values.queries import GetExperiment
from tests.server.conftest import Client

API = "/api/2.0/mlflow"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    yield open_store(f"sqlite:///{tmp_path}/실험 db/runs.db")
    close_stores()


def test_a_run_lives_over_the_wire(client: Client, tmp_path: Path) -> None:
    made = client.post(f"{API}/experiments/create", {"name": "하나"}).json()["experiment_id"]
    assert made == "1"
    run = client.post(f"{API}/runs/create", {"experiment_id": made, "start_time": 5}).json()["run"]["info"]
    assert run["artifact_uri"] == f"mlflow-artifacts:/1/{run['run_id']}/artifacts"
    metrics = [{"key": "m", "value": step / 2, "timestamp": step, "step": step} for step in range(200)]
    for start in (0, 100):
        body = {"run_id": run["run_id"], "metrics": metrics[start : start + 100]}
        assert client.post(f"{API}/runs/log-batch", body).status == 200
    seen: list[int] = []
    token = ""
    while True:
        target = f"{API}/metrics/get-history?run_id={run['run_id']}&metric_key=m&max_results=60&page_token={token}"
        page = client.get(target).json()
        seen += [point["step"] for point in page["metrics"]]
        token = page.get("next_page_token", "")
        if not token:
            break
    assert seen == list(range(200))
    found = client.post(f"{API}/runs/search", {"experiment_ids": ["1"], "filter": "metrics.m > 99"}).json()["runs"]
    assert [item["info"]["run_id"] for item in found] == [run["run_id"]]
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run['run_id']}&path=a.txt"
    assert client.send("POST", upload, b"hello", {"content-type": "application/octet-stream"}).status == 200
    kept = tmp_path / "실험 db" / "mlartifacts" / "1" / run["run_id"] / "artifacts" / "a.txt"
    assert kept.read_bytes() == b"hello"


def test_only_the_root_of_the_artifacts_may_be_named(client: Client, tmp_path: Path) -> None:
    inside = tmp_path / "실험 db" / "mlartifacts" / "mine"
    places = {inside: 200, tmp_path / "elsewhere": 403, inside.parent.parent: 403}
    for number, (place, status) in enumerate(places.items()):
        body = {"name": f"e{number}", "artifact_location": str(place)}
        assert client.post(f"{API}/experiments/create", body).status == status


def test_the_root_of_a_database_is_the_one_it_was_opened_with(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/second.db"
    root = str(tmp_path / "root")
    store = open_store(uri, root)
    client = Client(make_app(store, artifact_root=root))
    made = client.post(f"{API}/experiments/create", {"name": "e"}).json()["experiment_id"]
    assert made == "1"
    assert store.read(GetExperiment(experiment_id=made)).artifact_location == Path(root, "1").as_uri()
    close_stores()


def test_a_server_with_a_password_has_places_too() -> None:
    assert Places.of("postgresql://anna:geheim@h/db").roots == (Path.cwd().resolve() / "mlartifacts",)


def test_the_pages_are_told_of_no_password(client: Client) -> None:
    about = client.get("/ajax-api/ui/about")
    about = about if about.status == 200 else client.get("/api/ui/about")
    assert about.json()["store"]["kind"] == "SQLite database"
