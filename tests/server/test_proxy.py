"""The proxied artifact store: clients without access to the disk list, get, put and delete what belongs to runs."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import anyio
import pytest
from msgspec import structs

from millstream.server.app import make_app, make_depot
from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.values.names import new_run_id
from millstream.values.ops import CreateExperiment, CreateRun, ImportExperiment
from millstream.values.paths import RelPath
from millstream.values.queries import GetExperiment, GetRunInfo
from tests.server.conftest import Client, Reply

PREFIX = "/api/2.0/mlflow-artifacts/artifacts"
API = "/api/2.0/mlflow"
SCHEME = "mlflow-artifacts:/"
DATA = bytes(range(256)) * 9000


class Remote:
    """What a client knows that was told a URI: it can only ask the server."""

    def __init__(self, client: Client, uri: str, prefix: str = PREFIX) -> None:
        assert uri.startswith(SCHEME), uri
        self.client = client
        self.root = uri.removeprefix(SCHEME)
        self.prefix = prefix

    def at(self, path: str) -> str:
        return f"{self.prefix}/{quote(f'{self.root}/{path}' if path else self.root)}"

    def put(self, path: str, data: bytes, **options: Any) -> Reply:
        return self.client.send("PUT", self.at(path), data, {"content-type": "text/plain"}, **options)

    def get(self, path: str, **headers: str) -> Reply:
        return self.client.get(self.at(path), {name.replace("_", "-"): value for name, value in headers.items()})

    def delete(self, path: str) -> Reply:
        return self.client.send("DELETE", self.at(path))

    def names(self, path: str = "") -> list[tuple[str, bool, int | None]]:
        reply = self.client.get(f"{self.prefix}?path={quote(f'{self.root}/{path}' if path else self.root)}")
        assert reply.status == 200, reply.body
        return [(item["path"], item["is_dir"], item.get("file_size")) for item in reply.json().get("files", [])]


def info_of(client: Client, run_id: str) -> dict[str, Any]:
    reply = client.get(f"{API}/runs/get?run_id={run_id}")
    assert reply.status == 200, reply.body
    found: dict[str, Any] = reply.json()["run"]["info"]
    return found


@pytest.fixture(params=["tree", "database"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    from millstream.stores.open import close_stores

    uri = (tmp_path / "내 runs" / "mlruns").as_uri() if request.param == "tree" else f"sqlite:///{tmp_path}/내 db/r.db"
    yield open_store(uri)
    close_stores()


@pytest.fixture
def remote(client: Client) -> Remote:
    """The artifacts of a new run."""
    return Remote(client, info_of(client, client.new_run())["artifact_uri"])


@pytest.mark.parametrize("prefix", [PREFIX, PREFIX.replace("/api/", "/ajax-api/")])
def test_files_go_up_and_come_back(remote: Remote, prefix: str) -> None:
    remote.prefix = prefix
    assert remote.names() == []
    for path, data in {"모델/a b/데이터 1.bin": DATA, "z.txt": b"", "100%.txt": b"%41"}.items():
        reply = remote.put(path, data, chunk=70_000)
        assert (reply.status, reply.json()) == (200, {})
        assert remote.get(path).body == data
    assert remote.names() == [("100%.txt", False, 3), ("z.txt", False, 0), ("모델", True, None)]
    assert remote.names("모델/a b") == [("데이터 1.bin", False, len(DATA))]
    assert remote.names("z.txt") == remote.names("nothing") == []
    part = remote.get("모델/a b/데이터 1.bin", range="bytes=100-299")
    assert (part.status, part.body) == (206, DATA[100:300])
    assert remote.get("z.txt").headers["content-security-policy"].startswith("sandbox")
    assert remote.put("z.txt", b"new").status == 200
    assert remote.get("z.txt").body == b"new"
    assert remote.delete("z.txt").status == 200
    assert remote.delete("모델/").status == 200
    assert remote.names() == [("100%.txt", False, 3)]
    for reply in (remote.get("z.txt"), remote.delete("z.txt")):
        assert (reply.status, reply.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert remote.get("").status == remote.put("", b"x").status == remote.delete("").status == 400


def test_what_went_up_lies_where_the_store_says(store: Store, client: Client) -> None:
    run_id = client.new_run()
    remote = Remote(client, info_of(client, run_id)["artifact_uri"])
    assert remote.root == f"0/{run_id}/artifacts"
    assert remote.put("a/b.txt", b"here").status == 200
    local = store.artifacts(run_id).local_path(RelPath.parse("a/b.txt"))
    assert local is not None
    assert local.read_bytes() == b"here"
    assert store.read(GetRunInfo(run_id=run_id)).artifact_uri.startswith("file:///")
    listed = client.get(f"{API}/artifacts/list?run_id={run_id}&path=a").json()
    assert listed == {
        "root_uri": f"mlflow-artifacts:/0/{run_id}/artifacts",
        "files": [{"path": "a/b.txt", "is_dir": False, "file_size": 4}],
    }
    assert client.get(f"/get-artifact?run_id={run_id}&path=a/b.txt").body == b"here"


def test_every_answer_tells_the_same_place(store: Store, client: Client) -> None:
    experiment_id = client.api("experiments/create", name="e")["experiment_id"]
    made = client.api("runs/create", experiment_id=experiment_id)["run"]["info"]
    found = client.api("runs/search", experiment_ids=[experiment_id])["runs"][0]["info"]
    updated = client.api("runs/update", run_id=made["run_id"], status="FINISHED")["run_info"]
    uris = {info["artifact_uri"] for info in (made, found, updated, info_of(client, made["run_id"]))}
    assert uris == {f"{SCHEME}{experiment_id}/{made['run_id']}/artifacts"}
    experiments = client.api("experiments/search", max_results=10)["experiments"]
    assert {item["artifact_location"] for item in experiments} == {f"{SCHEME}{experiment_id}", f"{SCHEME}0"}
    by_name = client.get(f"{API}/experiments/get-by-name?experiment_name=e").json()["experiment"]
    assert by_name["artifact_location"] == f"{SCHEME}{experiment_id}"


def test_a_logged_model_is_reached_as_a_run_is(store: Store, client: Client) -> None:
    model = client.api("logged-models", experiment_id="0", name="m")["model"]["info"]
    model_id = model["model_id"]
    remote = Remote(client, model["artifact_uri"])
    assert remote.root == f"0/models/{model_id}/artifacts"
    assert remote.put("MLmodel", b"flavors: {}").status == 200
    listed = client.get(f"{API}/logged-models/{model_id}/artifacts/directories").json()
    assert listed["root_uri"] == f"{SCHEME}{remote.root}"
    assert [item["path"] for item in listed["files"]] == ["MLmodel"]
    file = f"/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files?artifact_file_path=MLmodel"
    assert client.get(file).body == b"flavors: {}"
    ready = client.change("PATCH", f"{API}/logged-models/{model_id}", {"status": "LOGGED_MODEL_READY"}).json()
    assert ready["model"]["info"]["artifact_uri"] == model["artifact_uri"]
    found = client.api("logged-models/search", experiment_ids=["0"])["models"]
    assert [item["info"]["artifact_uri"] for item in found] == [model["artifact_uri"]]


@pytest.mark.parametrize(
    "path",
    [
        "", "0", "0/meta.yaml", "{run}", "0/{run}", "0/{run}/meta.yaml", "0/{run}/params/x", "x/0/{run}/artifacts/y",
        "0/models", "0/models/m-1", "../0/{run}/artifacts/a", "0/../0/{run}/artifacts/a",
        "0/{run}/artifacts/../meta.yaml",
        "0/{run}/artifacts/%2e%2e/meta.yaml", "0//{run}/artifacts/a", "/etc/passwd", "0/{run}/artifacts/a\\b",
        "0/{run}/artifacts/a\x00", "0/ffffffffffffffffffffffffffffffff/artifacts/a",
        "0/models/m-ffffffffffffffffffffffffffffffff/artifacts/a",
    ],
)  # fmt: skip
def test_no_path_leads_elsewhere(store: Store, client: Client, tmp_path: Path, path: str) -> None:
    run_id = client.new_run()
    before = contents(tmp_path)
    target = f"{PREFIX}/{quote(path.format(run=run_id))}"
    for reply in (client.get(target), client.send("PUT", target, b"x"), client.send("DELETE", target)):
        assert reply.status in (400, 404, 405), reply.body
    assert client.get(f"{PREFIX}?path={quote(path.format(run=run_id))}").status in (400, 404)
    assert contents(tmp_path) == before


def contents(folder: Path) -> dict[Path, bytes]:
    """All files but those that SQLite keeps while a database is open."""
    files = (file for file in folder.rglob("*") if file.is_file() and not file.name.endswith(("-wal", "-shm")))
    return {file: file.read_bytes() for file in files}


def test_names_that_are_no_text_are_refused_and_never_become_one(remote: Remote) -> None:
    for name in ("%ff", "%fe", "a%80b"):
        reply = remote.client.send("PUT", f"{remote.at('x')}{name}", b"one")
        assert (reply.status, reply.json()["error_code"]) == (400, "BAD_REQUEST")
        assert remote.client.get(f"{remote.prefix}?path={name}").status == 400
    assert remote.names() == []
    assert remote.put("x\ufffd é%ff", b"two").status == 200
    assert [name for name, _, _ in remote.names()] == ["x\ufffd é%ff"]


def test_what_is_not_there_is_told_without_its_place(remote: Remote) -> None:
    for reply in (remote.delete("no file"), remote.get("no file")):
        assert reply.status == 404
        assert "no file" in reply.json()["message"]
        assert not re.search(r"/(?!no)\w+/\w+", reply.json()["message"]), reply.body


def test_a_page_of_another_site_can_change_nothing(remote: Remote) -> None:
    for method in ("PUT", "DELETE"):
        headers = {"origin": "http://evil.example", "content-type": "text/plain"}
        assert remote.client.send(method, remote.at("a"), b"x", headers).status == 403
    assert remote.client.post(remote.at("a"), {}).status == 405
    for path, status in {"mpu/create/a": 405, "presigned/a": 404, "nothing": 404}.items():
        assert remote.client.get(f"/api/2.0/mlflow-artifacts/{path}").status == status


def test_an_upload_that_breaks_off_leaves_what_was_there(store: Store, client: Client) -> None:
    run_id = client.new_run()
    remote = Remote(client, info_of(client, run_id)["artifact_uri"])
    assert remote.put("f", b"old").status == 200

    async def cut(sent: int) -> None:
        messages = iter([{"type": "http.request", "body": DATA[:sent], "more_body": True}, {"type": "http.disconnect"}])

        async def receive() -> Any:
            return next(messages)

        async def send(message: Any) -> None:
            raise AssertionError(message)

        scope = {
            "type": "http", "method": "PUT", "path": remote.at("f"), "raw_path": b"", "query_string": b"",
            "headers": [(b"host", b"localhost")], "http_version": "1.1", "scheme": "http", "root_path": "",
        }  # fmt: skip
        await client.app(scope, receive, send)

    for sent in (0, 1, len(DATA)):
        anyio.run(cut, sent)
    assert remote.names() == [("f", False, 3)]
    assert remote.get("f").body == b"old"
    root = store.artifacts(run_id).local_path(RelPath())
    assert root is not None
    assert [file.name for file in root.iterdir()] == ["f"]


def test_a_destination_takes_new_experiments(tmp_path: Path) -> None:
    store = open_store((tmp_path / "mlruns").as_uri())
    place = tmp_path / "큰 disk"
    client = Client(make_app(store, artifacts_destination=str(place)))
    experiment_id = client.api("experiments/create", name="e")["experiment_id"]
    run = client.api("runs/create", experiment_id=experiment_id)["run"]["info"]
    assert Remote(client, run["artifact_uri"]).put("a", b"1").status == 200
    assert (place / experiment_id / run["run_id"] / "artifacts" / "a").read_bytes() == b"1"
    assert store.read(GetExperiment(experiment_id=experiment_id)).artifact_location == (place / experiment_id).as_uri()


@pytest.mark.parametrize("named", ["mlflow-artifacts:/내 실험", "mlflow-artifacts:/a/b"])
def test_a_client_may_name_a_place_in_the_proxied_store(store: Store, tmp_path: Path, named: str) -> None:
    client = Client(make_app(store, artifacts_destination=str(tmp_path / "d")))
    made = client.api("experiments/create", name="e", artifact_location=named)["experiment_id"]
    true = store.read(GetExperiment(experiment_id=made)).artifact_location
    assert true == (tmp_path / "d" / named.removeprefix(SCHEME)).as_uri()
    shown = client.get(f"{API}/experiments/get?experiment_id={made}").json()["experiment"]["artifact_location"]
    assert shown in (named, SCHEME + quote(named.removeprefix(SCHEME)))
    run = client.api("runs/create", experiment_id=made)["run"]["info"]
    assert Remote(client, run["artifact_uri"]).put("x", b"1").status == 200
    for bad in ("mlflow-artifacts:/../x", "mlflow-artifacts:/a/../../x", "mlflow-artifacts:/a//b"):
        assert client.post(f"{API}/experiments/create", {"name": "f", "artifact_location": bad}).status == 400


@pytest.mark.parametrize("destination", [True, False])
def test_runs_that_another_server_passed_on(store: Store, tmp_path: Path, destination: bool) -> None:
    """What an MLflow server wrote into the store: locations that only such a server can resolve."""
    store.write(
        ImportExperiment(experiment=structs.replace(_experiment(store), artifact_location="mlflow-artifacts:/7"))
    )
    place = tmp_path / "d"
    client = Client(make_app(store, artifacts_destination=str(place) if destination else None))
    run = client.api("runs/create", experiment_id="7")["run"]["info"]
    assert store.read(GetRunInfo(run_id=run["run_id"])).artifact_uri == f"mlflow-artifacts:/7/{run['run_id']}/artifacts"
    remote = Remote(client, run["artifact_uri"])
    assert remote.put("a b", b"1").status == 200
    if not destination and store.uri.startswith("file:"):
        place = Path(store.uri.removeprefix("file://"))
    elif not destination:
        place = tmp_path / "내 db" / "mlartifacts"
    assert Path(unquote(str(place)), "7", run["run_id"], "artifacts", "a b").read_bytes() == b"1"
    assert remote.names() == [("a b", False, 1)]
    assert client.get(f"/get-artifact?run_id={run['run_id']}&path=a%20b").body == b"1"


def _experiment(store: Store) -> Any:
    store.write(CreateExperiment(name="x", time=1))
    found = store.read(GetExperiment(experiment_id="0"))
    return structs.replace(found, experiment_id="7", name="theirs")


@pytest.mark.parametrize("uri", ["http://127.0.0.1:1/x", "mlflow-artifacts://127.0.0.1:1/x", "https://h/x"])
def test_this_server_asks_no_other(store: Store, client: Client, uri: str) -> None:
    made = client.api("experiments/create", name="e", artifact_location=uri)["experiment_id"]
    run = client.api("runs/create", experiment_id=made)["run"]["info"]
    assert run["artifact_uri"] == f"{uri}/{run['run_id']}/artifacts"
    for target in (f"{API}/artifacts/list?run_id={run['run_id']}", f"/get-artifact?run_id={run['run_id']}&path=a"):
        assert client.get(target).status == 501
    assert client.get(f"{PREFIX}/{made}/{run['run_id']}/artifacts/a").status == 501


def test_a_server_that_passes_nothing_on_tells_the_true_places(serve: Callable[..., Client], store: Store) -> None:
    client = serve(serve_artifacts=False)
    info = info_of(client, client.new_run())
    assert info["artifact_uri"].startswith("file:///")
    for method in ("GET", "PUT", "DELETE"):
        reply = client.send(method, f"{PREFIX}/0/{info['run_id']}/artifacts/a")
        assert (reply.status, reply.json()["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert "--no-serve-artifacts" in reply.message
    assert client.get(f"{PREFIX}?path=0").status == 503


def test_a_server_of_artifacts_only(tmp_path: Path) -> None:
    client = Client(make_depot(str(tmp_path / "곳간"), static_prefix="/ml"))
    remote = Remote(client, "mlflow-artifacts:/any/where", f"/ml{PREFIX}")
    assert remote.put("깊은/a.txt", b"1").status == 200
    assert (tmp_path / "곳간/any/where/깊은/a.txt").read_bytes() == b"1"
    assert remote.names() == [("깊은", True, None)]
    assert [item["path"] for item in client.get(PREFIX).json()["files"]] == ["any"]
    assert remote.delete("깊은").status == 200
    assert client.send("DELETE", PREFIX + "/").status == 400
    for method, target in (("GET", "/"), ("POST", f"{API}/runs/create"), ("GET", "/get-artifact")):
        reply = client.send(method, target)
        assert reply.status == 503
        assert "--artifacts-only" in reply.message
    assert client.get("/health").body == b"OK"


def test_runs_of_other_programs_are_passed_on_wherever_they_lie(store: Store, client: Client, tmp_path: Path) -> None:
    place = tmp_path / "elsewhere" / "밖"
    made = store.write(CreateExperiment(name="local", time=1, artifact_location=str(place)))
    run_id = new_run_id()
    store.write(CreateRun(run_id=run_id, experiment_id=made, start_time=1))
    remote = Remote(client, info_of(client, run_id)["artifact_uri"])
    assert remote.put("a", b"1").status == 200
    assert (place / run_id / "artifacts" / "a").read_bytes() == b"1"
    shown = client.get(f"{API}/experiments/get?experiment_id={made}").json()["experiment"]
    assert shown["artifact_location"] == f"{SCHEME}{made}"
