"""Artifacts whose root is a bucket: through the server, and past it at addresses that it signs."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from millstream.server.app import make_app, make_depot
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values.paths import Location
from millstream.values.queries import GetRunInfo
from tests.server.conftest import Client, Reply

PROXY = "/api/2.0/mlflow-artifacts"
SCHEME = "mlflow-artifacts:/"
NAME = "모델 a/#1+2?[z] 100%.bin"
NO_PARTS = "Multipart upload is not supported for the current artifact repository"


def send(client: Client, target: str, /, **fields: Any) -> Reply:
    return client.send("POST", target, msgspec.json.encode(fields), {"content-type": "application/json"})


def said(reply: Reply) -> Any:
    assert reply.status == 200, reply.body
    return reply.json()


def put(url: str, data: bytes) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, data, method="PUT")) as reply:
        return str(reply.headers["ETag"])


def get(url: str) -> bytes:
    with urllib.request.urlopen(url) as reply:
        return bytes(reply.read())


def root_of(client: Client, run_id: str) -> str:
    uri: str = said(client.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}"))["run"]["info"]["artifact_uri"]
    assert uri.startswith(SCHEME)
    return quote(uri.removeprefix(SCHEME))


@pytest.fixture(params=["tree", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path, s3: str) -> Iterator[Store]:
    uri = (tmp_path / "mlruns").as_uri() if request.param == "tree" else f"sqlite:///{tmp_path}/r.db"
    yield open_store(uri, s3)
    close_stores()


@pytest.fixture
def client(store: Store, s3: str) -> Client:
    return Client(make_app(store, artifacts_destination=s3))


def test_files_go_through_the_server(store: Store, client: Client, s3: str) -> None:
    experiment_id = said(send(client, "/api/2.0/mlflow/experiments/create", name="e"))["experiment_id"]
    run_id = said(send(client, "/api/2.0/mlflow/runs/create", experiment_id=experiment_id))["run"]["info"]["run_id"]
    root = root_of(client, run_id)
    assert store.read(GetRunInfo(run_id=run_id)).artifact_uri.startswith(f"{s3}/{experiment_id}/{run_id}")
    data = os.urandom(2**20) * 9
    at = f"{PROXY}/artifacts/{root}/{quote(NAME)}"
    assert client.get(at).status == 404
    assert client.send("PUT", at, data, chunk=70_000).status == 200
    assert client.send("PUT", f"{PROXY}/artifacts/{root}/empty", b"").status == 200
    whole = client.get(at)
    assert (whole.body, whole.headers["content-length"]) == (data, str(len(data)))
    part = client.get(at, {"range": "bytes=9000000-9000009"})
    assert (part.status, part.body) == (206, data[9000000:9000010])
    assert client.get(at, {"if-none-match": whole.headers["etag"]}).status == 304
    assert client.get(f"{PROXY}/artifacts/{root}/empty").body == b""
    assert client.get(f"{PROXY}/artifacts/{root}/{quote('모델 a')}").status == 400
    listed = said(client.get(f"{PROXY}/artifacts?path={root}"))["files"]
    assert [(item["path"], item["is_dir"]) for item in listed] == [("empty", False), ("모델 a", True)]
    assert client.get(f"/get-artifact?run_id={run_id}&path={quote(NAME)}").body == data
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path=up.txt"
    assert client.send("POST", upload, b"up", {"content-type": "application/octet-stream"}).status == 200
    assert client.get(f"/get-artifact?run_id={run_id}&path=up.txt").body == b"up"
    assert client.send("DELETE", at).status == 200
    assert client.get(at).status == 404
    assert client.send("DELETE", f"{PROXY}/artifacts/{root}").status == 400


def test_files_go_past_the_server(client: Client) -> None:
    info = said(client.get("/api/3.0/mlflow/server-info"))
    assert info["multipart_uploads_enabled"] is info["multipart_downloads_enabled"] is True
    root = root_of(client, _new_run(client))
    first = os.urandom(5 * 2**20)
    at = f"{root}/{quote('모델 a')}"
    file = "/home/누구/" + NAME
    begun = said(send(client, f"{PROXY}/mpu/create/{at}", path=file, num_parts=2))
    assert [part["part_number"] for part in begun["credentials"]] == [1, 2]
    etags = [put(part["url"], data) for part, data in zip(begun["credentials"], (first, b"end"), strict=True)]
    parts = [{"part_number": number, "etag": etag, "url": "x"} for number, etag in enumerate(etags, 1)]
    fields = {"path": "C:\\x\\" + NAME.split("/")[1], "upload_id": begun["upload_id"]}
    assert said(send(client, f"{PROXY}/mpu/complete/{at}", **fields, parts=parts)) == {}
    assert client.get(f"{PROXY}/artifacts/{root}/{quote(NAME)}").body == first + b"end"
    found = said(client.get(f"{PROXY}/presigned/{root}/{quote(NAME)}"))
    assert found["file_size"] == len(first) + 3
    assert get(found["url"]) == first + b"end"
    assert client.get(f"{PROXY}/presigned/{root}/nothing").status == 404
    begun = said(send(client, f"{PROXY}/mpu/create/{root}", path="f", num_parts="1"))
    assert said(send(client, f"{PROXY}/mpu/abort/{root}", path="f", upload_id=begun["upload_id"])) == {}
    again = send(client, f"{PROXY}/mpu/complete/{root}", path="f", upload_id=begun["upload_id"], parts=parts[:1])
    assert 400 <= again.status < 500
    for wrong in ({"path": "", "num_parts": 1}, {"path": "f", "num_parts": 0}, {"path": "../..", "num_parts": 1}):
        assert send(client, f"{PROXY}/mpu/create/{root}", **wrong).status == 400
    assert send(client, f"{PROXY}/mpu/create/0/x", path="f", num_parts=1).status == 404


def test_addresses_of_runs_and_models(client: Client) -> None:
    run_id = _new_run(client)
    model = said(send(client, "/api/2.0/mlflow/logged-models", experiment_id=_experiment(client), name="m"))
    model = model["model"]["info"]
    for owner in ({"run_id": run_id}, {"model_id": model["model_id"]}):
        found = said(send(client, "/api/2.0/mlflow/artifacts/presigned-upload-url", **owner, path=NAME))
        put(found["presigned_url"], b"by itself")
    found = said(send(client, "/ajax-api/2.0/mlflow/artifacts/presigned-download-url", run_id=run_id, path=NAME))
    assert found["file_size"] == 9
    assert get(found["presigned_url"]) == b"by itself"
    both = {"run_id": run_id, "model_id": model["model_id"], "path": "f"}
    for wrong in (both, {"path": "f"}, {"run_id": run_id, "path": ""}, {"run_id": run_id, "path": "../f"}):
        assert send(client, "/api/2.0/mlflow/artifacts/presigned-upload-url", **wrong).status == 400
    for seconds in (0, -1, 604_801):
        asked = {"run_id": run_id, "path": "f", "expiration": seconds}
        assert send(client, "/api/2.0/mlflow/artifacts/presigned-upload-url", **asked).status == 400
    asked = {"run_id": "0" * 32, "path": "f"}
    assert send(client, "/api/2.0/mlflow/artifacts/presigned-upload-url", **asked).status == 404


def test_addresses_that_clients_could_not_reach_are_not_signed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = _new_run(client)
    root = root_of(client, run_id)
    assert client.send("PUT", f"{PROXY}/artifacts/{root}/f", b"x").status == 200
    monkeypatch.setenv("MILLSTREAM_SIGN_ADDRESSES", "false")
    info = said(client.get("/api/3.0/mlflow/server-info"))
    assert info["multipart_uploads_enabled"] is info["multipart_downloads_enabled"] is False
    refused = send(client, f"{PROXY}/mpu/create/{root}", path="f", num_parts=1)
    assert (refused.status, refused.json()["message"]) == (501, NO_PARTS + ".")
    assert client.get(f"{PROXY}/presigned/{root}/f").status == 501
    for what in ("upload", "download"):
        reply = send(client, f"/api/2.0/mlflow/artifacts/presigned-{what}-url", run_id=run_id, path="f")
        assert reply.status == 400
    assert client.get(f"{PROXY}/artifacts/{root}/f").body == b"x"


def test_older_runs_on_this_disk_are_fetched_through_the_server(tmp_path: Path, s3: str) -> None:
    store = open_store((tmp_path / "mlruns").as_uri())
    run_id = _new_run(Client(make_app(store)))
    client = Client(make_app(store, artifacts_destination=s3))
    root = root_of(client, run_id)
    assert client.send("PUT", f"{PROXY}/artifacts/{root}/f", b"x").status == 200
    found = said(client.get(f"{PROXY}/presigned/{root}/f"))
    assert "file_size" not in found
    assert client.get(found["url"]).body == b"x"
    refused = send(client, f"{PROXY}/mpu/create/{root}", path="f", num_parts=1)
    assert refused.status == 501
    assert refused.json()["message"].startswith(NO_PARTS)
    close_stores()


def test_a_server_of_a_directory_signs_nothing(tmp_path: Path) -> None:
    client = Client(make_app(open_store((tmp_path / "mlruns").as_uri())))
    info = said(client.get("/api/3.0/mlflow/server-info"))
    assert info["multipart_uploads_enabled"] is info["multipart_downloads_enabled"] is False
    run_id = _new_run(client)
    root = root_of(client, run_id)
    for verb in ("create", "complete", "abort"):
        reply = send(client, f"{PROXY}/mpu/{verb}/{root}", path="f", num_parts=1, upload_id="x", parts=[])
        assert (reply.status, reply.json()["message"]) == (501, NO_PARTS + ".")
    assert client.get(f"{PROXY}/presigned/{root}/f").status == 501
    for what in ("upload", "download"):
        reply = send(client, f"/api/2.0/mlflow/artifacts/presigned-{what}-url", run_id=run_id, path="f")
        assert reply.status == 400
    off = Client(make_app(open_store((tmp_path / "mlruns").as_uri()), serve_artifacts=False))
    assert send(off, f"{PROXY}/mpu/create/{root}", path="f", num_parts=1).status == 503
    close_stores()


def test_a_server_of_artifacts_alone(s3: str) -> None:
    client = Client(make_depot(s3))
    at = f"{PROXY}/artifacts/any/{quote(NAME)}"
    assert client.send("PUT", at, b"x" * 10).status == 200
    assert client.get(at).body == b"x" * 10
    found = said(client.get(f"{PROXY}/presigned/any/{quote(NAME)}"))
    assert get(found["url"]) == b"x" * 10
    assert Location.parse(s3).authority in found["url"]


def _new_run(client: Client) -> str:
    run_id: str = said(send(client, "/api/2.0/mlflow/runs/create", experiment_id=_experiment(client)))["run"]["info"][
        "run_id"
    ]
    return run_id


def _experiment(client: Client) -> str:
    reply = send(client, "/api/2.0/mlflow/experiments/create", name="mine")
    if reply.status == 200:
        return str(reply.json()["experiment_id"])
    found = said(client.get("/api/2.0/mlflow/experiments/get-by-name?experiment_name=mine"))
    return str(found["experiment"]["experiment_id"])


def test_the_server_goes_to_no_bucket_that_the_operator_did_not_name(store: Store, s3: str, tmp_path: Path) -> None:
    client = Client(make_app(store, artifacts_destination=f"{s3}/mine"))
    for place in (s3, f"{s3}/mine2", f"{s3}/min", s3.replace("artifacts", "other", 1), "https://169.254.169.254/x"):
        fields = {"name": place, "artifact_location": place}
        made = said(send(client, "/api/2.0/mlflow/experiments/create", **fields))["experiment_id"]
        run = said(send(client, "/api/2.0/mlflow/runs/create", experiment_id=made))["run"]["info"]
        assert run["artifact_uri"].startswith(place), "clients go there by themselves"
        assert client.get(f"/get-artifact?run_id={run['run_id']}&path=f").status == 501
        assert client.get(f"/api/2.0/mlflow/artifacts/list?run_id={run['run_id']}").status == 501
        at = f"{PROXY}/artifacts/{made}/{run['run_id']}/artifacts/f"
        assert client.send("PUT", at, b"x").status == client.send("DELETE", at).status == 501
        asked = {"run_id": run["run_id"], "path": "f"}
        assert send(client, "/api/2.0/mlflow/artifacts/presigned-upload-url", **asked).status == 501
        assert client.get(f"{PROXY}/presigned/{made}/{run['run_id']}/artifacts/f").status in (200, 501)
    named = {"name": "named", "artifact_location": f"{s3}/mine/below"}
    made = said(send(client, "/api/2.0/mlflow/experiments/create", **named))["experiment_id"]
    run_id = said(send(client, "/api/2.0/mlflow/runs/create", experiment_id=made))["run"]["info"]["run_id"]
    assert client.send("PUT", f"{PROXY}/artifacts/{root_of(client, run_id)}/f", b"x").status == 200
