"""The registry over REST: a model's life, what may be registered, and files of versions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from millstream.stores.base import Store
from millstream.values import ops, queries
from millstream.values.paths import RelPath
from tests.server.conftest import Client

API = "/api/2.0/mlflow"
NAME = "예측기 v1.0"


def told_uri(client: Client, run: str) -> str:
    """Where the artifacts of a run are, as clients are told."""
    return str(client.get(f"{API}/runs/get?run_id={run}").json()["run"]["info"]["artifact_uri"])


def test_a_registered_models_life(client: Client, store: Store) -> None:
    run = client.new_run()
    store.artifacts(run).put_bytes(b"weights", RelPath.parse("model/w.bin"))
    client.api("registered-models/create", name=NAME, tags=[{"key": "t", "value": "1"}])
    source = told_uri(client, run) + "/model"
    assert source.startswith("mlflow-artifacts:/0/")
    made = client.api("model-versions/create", name=NAME, source=source, run_id=run)["model_version"]
    assert (made["version"], made["status"], made["current_stage"]) == ("1", "READY", "None")
    client.api("model-versions/create", name=NAME, source=f"runs:/{run}/model", run_id=run)
    client.api("model-versions/create", name=NAME, source=f"models:/{NAME}/1")
    client.api("registered-models/alias", name=NAME, alias="champ", version="1")
    client.api("model-versions/transition-stage", name=NAME, version="1", stage="staging")
    client.api("model-versions/set-tag", name=NAME, version="1", key="k", value="v")
    asked = f"name={quote(NAME)}"
    found = client.get(f"{API}/registered-models/get?{asked}").json()["registered_model"]
    assert [version["version"] for version in found["latest_versions"]] == ["1", "3"]
    assert found["aliases"] == [{"alias": "champ", "version": "1"}]
    by_alias = client.get(f"{API}/registered-models/alias?{asked}&alias=champ").json()["model_version"]
    assert (by_alias["aliases"], by_alias["tags"]) == (["champ"], [{"key": "k", "value": "v"}])
    place = client.get(f"{API}/model-versions/get-download-uri?{asked}&version=3").json()
    assert place == {"artifact_uri": source}
    # The store keeps true places: it can be used without a server.
    for number in (1, 3):
        kept = store.read(queries.GetModelVersion(name=NAME, version=number))
        assert kept.location == str(store.artifacts(run).location / "model")
    for number in (1, 2, 3):
        reply = client.get(f"/model-versions/get-artifact?{asked}&version={number}&path=w.bin")
        assert (reply.status, reply.body) == (200, b"weights")
    for number in (1, 2):
        listed = client.get(f"/api/ui/version-files?{asked}&version={number}").json()["files"]
        assert [file["path"] for file in listed] == ["w.bin"], listed
    assert client.get(f"/api/ui/version-files?{asked}&version=1&path=..").status == 400
    assert client.get(f"/api/ui/version-files?{asked}&version=9").status == 404
    assert client.get(f"/model-versions/get-artifact?{asked}&version=1&path=no").status == 404
    assert client.get(f"/model-versions/get-artifact?{asked}&version=9&path=w.bin").status == 404
    assert client.get(f"/model-versions/get-artifact?{asked}&version=1&path=../w.bin").status == 400
    searched = client.get(f"{API}/model-versions/search?filter={quote('version_number > 1')}").json()
    assert [version["version"] for version in searched["model_versions"]] == ["3", "2"]
    changed = client.change("PATCH", f"{API}/registered-models/update", {"name": NAME, "description": "d"})
    assert changed.json()["registered_model"]["description"] == "d"
    client.api("registered-models/rename", name=NAME, new_name="새")
    assert client.change("DELETE", f"{API}/model-versions/delete", {"name": "새", "version": "1"}).status == 200
    gone = client.get(f"{API}/registered-models/alias?name=%EC%83%88&alias=champ")
    assert (gone.status, gone.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert client.change("DELETE", f"{API}/registered-models/delete", {"name": "새"}).json() == {}
    again = client.change("DELETE", f"{API}/registered-models/delete", {"name": "새"})
    assert (again.status, again.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_the_routes_are_where_clients_look(client: Client) -> None:
    client.api("registered-models/create", name="m")
    for prefix in ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow", "/api/2.0/preview/mlflow"):
        assert client.get(f"{prefix}/registered-models/get?name=m").status == 200
        assert client.get(f"{prefix}/registered-models/list").json()["registered_models"]
    taken = client.post(f"{API}/registered-models/create", {"name": "m"})
    assert (taken.status, taken.json()["error_code"]) == (400, "RESOURCE_ALREADY_EXISTS")
    unknown = client.post(f"{API}/model-versions/create", {"name": "none", "source": "s3://bucket/m"})
    assert (unknown.status, unknown.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


@pytest.mark.parametrize("passed_on", [True, False])
def test_only_what_belongs_to_a_run_or_model_is_registered(
    serve: Callable[..., Client], store: Store, tmp_path: Path, passed_on: bool
) -> None:
    client = serve(serve_artifacts=passed_on)
    run, other = client.new_run(), client.new_run()
    logged = client.api("logged-models", experiment_id="0")["model"]["info"]
    client.api("registered-models/create", name="m")
    (tmp_path / "secret").write_text("s")
    inside = told_uri(client, run)
    local = store.artifacts(run).location.path
    Path(local).mkdir(parents=True, exist_ok=True)
    Path(local, "link").symlink_to(tmp_path)
    for fields in (
        {"source": "/etc"},
        {"source": "file:///etc/passwd"},
        {"source": str(tmp_path / "secret"), "run_id": run},
        {"source": f"{inside}/../x", "run_id": run},
        {"source": f"{inside}x", "run_id": run},
        {"source": f"{inside}/link/secret", "run_id": run},
        {"source": inside},
        {"source": inside, "run_id": other},
        {"source": inside, "model_id": logged["model_id"]},
        {"source": f"runs:/{run}/model"},
        {"source": f"runs:/{run}/model", "run_id": other},
        {"source": "s3://bucket/../x"},
        {"source": "mlflow-artifacts:/0/x"},
        {"source": f"mlflow-artifacts:/0/{run}/artifacts"},
        {"source": f"mlflow-artifacts://other:5000/0/{run}/artifacts", "run_id": run},
        {"source": "models:/m"},
    ):
        reply = client.post(f"{API}/model-versions/create", {"name": "m", **fields})
        assert (reply.status, reply.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE"), fields
    for fields in (
        {"source": inside, "run_id": run},
        {"source": f"{local}/a b", "run_id": run},
        {"source": f"{inside}/a/b", "run_id": run},
        {"source": logged["artifact_uri"], "model_id": logged["model_id"]},
        {"source": f"models:/{logged['model_id']}"},
        {"source": "s3://bucket/m"},
        {"source": f"runs:/{run}/model", "run_id": run},
    ):
        shown = fields["source"]
        if passed_on and shown.startswith("/"):
            shown = f"{inside}/a b"
        assert client.api("model-versions/create", name="m", **fields)["model_version"]["source"] == shown
    missing = client.post(f"{API}/model-versions/create", {"name": "m", "source": "models:/m/99"})
    assert missing.status == 404


@pytest.mark.parametrize("source", ["s3://bucket/m", "https://example.org/m"])
def test_files_elsewhere_are_not_served(client: Client, store: Store, source: str) -> None:
    store.write(ops.CreateRegisteredModel(name="m", time=1))
    store.write(ops.CreateModelVersion(name="m", source=source, time=1))
    reply = client.get("/model-versions/get-artifact?name=m&version=1&path=w")
    assert (reply.status, reply.json()["error_code"]) == (501, "NOT_IMPLEMENTED")


def test_places_are_told_as_they_are_reached(serve: Callable[..., Client], store: Store, tmp_path: Path) -> None:
    """What the server passes on has an address there, wherever an answer names it; the rest is told as it is."""
    run = serve().new_run()
    true = str(store.artifacts(run).location / "m")
    store.write(ops.CreateRegisteredModel(name="m", time=1))
    for source in (true, "models:/m/1", "s3://bucket/m", str(tmp_path / "elsewhere")):
        run_id = run if source == true else None
        store.write(ops.CreateModelVersion(name="m", source=source, run_id=run_id, time=1))
    address = f"mlflow-artifacts:/0/{run}/artifacts/m"
    for passed_on, place in ((True, address), (False, true)):
        client = serve(serve_artifacts=passed_on)
        sources = [place, "models:/m/1", "s3://bucket/m", str(tmp_path / "elsewhere")]
        found = client.get(f"{API}/model-versions/search?order_by=version_number").json()["model_versions"]
        assert [version["source"] for version in found] == sources
        for number in (1, 2):
            asked = f"{API}/model-versions/get-download-uri?name=m&version={number}"
            assert client.get(asked).json() == {"artifact_uri": place}
        client.api("registered-models/alias", name="m", alias="a", version="1")
        client.api("model-versions/transition-stage", name="m", version="1", stage="Staging")
        latest = client.api("registered-models/get-latest-versions", name="m", stages=["Staging"])["model_versions"]
        model = client.get(f"{API}/registered-models/get?name=m").json()["registered_model"]
        models = client.get(f"{API}/registered-models/search").json()["registered_models"]
        named = client.get(f"{API}/registered-models/alias?name=m&alias=a").json()["model_version"]
        one = [item["latest_versions"][0] for item in (model, *models)]
        assert [version["source"] for version in (*latest, *one, named)] == [place] * 4


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ("source_path = '{one}/model'", ["1"]),
        ("NOT source_path = '{one}/model'", ["2"]),
        ("source_path != '{one}/model' AND name = '{name}'", ["2"]),
        ("source_path = '{one}' OR source_path = '{two}/말 뭉치'", ["2"]),
        ("source_path = '{one}/model' AND tags.a = 'mlflow-artifacts:/'", []),
        ("source_path LIKE '%/model'", ["1"]),
        ("source_path = 'mlflow-artifacts:/0/00000000000000000000000000000000/artifacts/model'", []),
        ("source_path = 'mlflow-artifacts:/../../etc'", []),
    ],
)
def test_versions_are_found_by_the_address_that_clients_were_told(
    client: Client, text: str, versions: list[str]
) -> None:
    client.api("registered-models/create", name=NAME)
    places = {}
    for name, below in (("one", "model"), ("two", "말 뭉치")):
        run = client.new_run()
        places[name] = told_uri(client, run)
        client.api("model-versions/create", name=NAME, source=f"{places[name]}/{below}", run_id=run)
    asked = text.format(name=NAME, **places)
    found = client.get(f"{API}/model-versions/search?filter={quote(asked)}&order_by={quote('version_number DESC')}")
    assert [version["version"] for version in found.json().get("model_versions", [])] == versions


def test_files_of_a_model_that_was_registered_on_the_servers_machine_are_served(
    client: Client, store: Store, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "w").write_text("w")
    store.write(ops.CreateRegisteredModel(name="m", time=1))
    store.write(ops.CreateModelVersion(name="m", source=str(tmp_path / "elsewhere"), time=1))
    assert client.get("/model-versions/get-artifact?name=m&version=1&path=w").body == b"w"
