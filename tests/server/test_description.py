"""The description of the interface is true: it has every route, and what the server answers is what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import msgspec
import pytest

from millstream.formats.wire.answers import Error, Nothing
from millstream.formats.wire.route import Route, reply_nothing
from millstream.server.app import all_routes
from millstream.server.description import OTHERS, write_page
from millstream.server.interface import Server
from millstream.values import queries
from millstream.values.ops import Op
from tests.server.conftest import Client

ALL = all_routes(Server("0", 0))


@pytest.fixture
def document(client: Client) -> dict[str, Any]:
    """What the server says of itself."""
    found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def test_every_route_is_described_and_nothing_else(document: dict[str, Any]) -> None:
    wanted = {(route.prefixes[0] + route.path, method.lower()) for route in ALL for method in route.methods}
    wanted |= {(other.path, other.method.lower()) for other in OTHERS}
    assert {(path, method) for path, methods in document["paths"].items() for method in methods} == wanted


def test_only_what_answers_nothing_has_no_type() -> None:
    for route in ALL:
        assert (route.answer is Nothing) == (route.reply is reply_nothing), route.path


def test_it_is_whole(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    text = json.dumps(document)
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in document["components"]["schemas"]
    for name, schema in document["components"]["schemas"].items():
        assert re.fullmatch(r"[A-Z][A-Za-z]+", name)
        jsonschema_rs.meta.validate(schema)
    said = [operation for methods in document["paths"].values() for operation in methods.values()]
    assert len({operation["operationId"] for operation in said}) == len(said)
    assert all(operation["summary"] and operation["tags"] for operation in said)
    assert "millstream." not in text  # no names of modules


def test_what_changes_something_takes_a_key_and_every_reply_has_an_id(document: dict[str, Any]) -> None:
    key = {"$ref": "#/components/parameters/IdempotencyKey"}
    assert document["components"]["parameters"]["IdempotencyKey"]["name"] == "Idempotency-Key"
    for route in ALL:
        for method in route.methods:
            said = document["paths"][route.prefixes[0] + route.path][method.lower()]
            assert (key in said["parameters"]) == issubclass(route.speaks, Op), route.path
    replies = [
        reply
        for methods in document["paths"].values()
        for said in methods.values()
        for reply in said["responses"].values()
    ]
    assert all(reply["headers"]["X-Request-ID"]["$ref"] == "#/components/headers/RequestId" for reply in replies)
    assert "RequestId" in document["components"]["headers"]
    jsonschema_rs.validate(document["components"]["headers"]["RequestId"]["schema"], "0af7651916cd43dd")


def test_the_page_has_no_script_and_every_operation(client: Client, document: dict[str, Any]) -> None:
    reply = client.get("/api-docs")
    page = reply.body.decode()
    assert reply.headers["content-type"].startswith("text/html")
    assert "script" not in page.lower().replace("description", "")
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    targets = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= targets
    for path, methods in document["paths"].items():
        assert path in page
        assert all(operation["operationId"] in targets for operation in methods.values())
    assert client.get("/api-docs", {"if-none-match": reply.headers["etag"]}).status == 304


def test_texts_in_the_page_are_texts() -> None:
    operation = {
        "operationId": '"><script>x',
        "tags": ["<b>"],
        "summary": "<i>",
        "description": "<script>",
        "parameters": [
            {"name": "<p>", "in": "query", "required": True, "schema": {"type": "string", "default": "<u>"}}
        ],
        "responses": {"200": {"description": ""}},
    }
    document = {
        "info": {"title": "<t>", "version": "1", "description": "<d>"},
        "paths": {"/<x>": {"get": operation}},
        "components": {"schemas": {}},
    }
    page = write_page(document)
    assert not [tag for tag in ("<script", "<i>", "<p>x", "<t>", "<d>", "<x>", "<u>", "<b>") if tag in page]


def test_below_a_prefix_it_names_the_prefix(serve: Callable[..., Client]) -> None:
    found = serve(static_prefix="/ml").get("/ml/openapi.json").json()
    assert found["servers"] == [{"url": "/ml"}]


class Life:
    """A life with every route in it, its replies checked against the description."""

    def __init__(self, client: Client, document: dict[str, Any]) -> None:
        self.client, self.document = client, document
        self.seen: set[tuple[str, str]] = set()

    def ask(self, method: str, path: str, fields: dict[str, Any] | None = None, **named: str) -> Any:
        """The reply object of a route, after it was compared with its type and its schema."""
        (route,) = [item for item in ALL if item.path == path and method in item.methods]
        full = route.prefixes[0] + path.format(**named)
        self.seen.add((route.path, method))
        if method == "GET":
            query = "&".join(f"{k}={v}" for k, vs in (fields or {}).items() for v in (vs if type(vs) is list else [vs]))
            reply = self.client.get(f"{full}?{query}")
        elif method == "POST":
            reply = self.client.post(full, fields or {})
        else:
            reply = self.client.change(method, full, fields)
        assert reply.status == 200, (path, reply.body)
        self.check(route, method, reply.json())
        return reply.json()

    def check(self, route: Route, method: str, answer: Any) -> None:
        msgspec.convert(answer, route.answer)  # forbids fields that are not in the type
        described = self.document["paths"][route.prefixes[0] + route.path][method.lower()]
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        jsonschema_rs.validate({**schema, "components": self.document["components"]}, answer)


def live_experiments(life: Life) -> None:
    made = life.ask("POST", "experiments/create", {"name": "실험", "tags": [{"key": "a", "value": "b"}]})
    named = {"experiment_id": made["experiment_id"]}
    life.ask("GET", "experiments/get", named)
    life.ask("GET", "experiments/get-by-name", {"experiment_name": "Default"})
    for method in ("GET", "POST"):
        assert len(life.ask(method, "experiments/search", {"max_results": 1})["experiments"]) == 1
        life.ask(method, "experiments/list")
    life.ask("POST", "experiments/set-experiment-tag", {**named, "key": "k", "value": ""})
    life.ask("POST", "experiments/delete-experiment-tag", {**named, "key": "k"})
    life.ask("POST", "experiments/update", {**named, "new_name": "다른 이름"})
    life.ask("POST", "experiments/delete", named)
    life.ask("POST", "experiments/restore", named)


def live_runs(life: Life) -> str:
    run = life.ask("POST", "runs/create", {"experiment_id": "0", "start_time": 5, "user_id": "나"})["run"]
    named = {"run_id": run["info"]["run_id"]}
    points = [{"key": "m", "value": value, "timestamp": 1, "step": 1} for value in (1.5, "NaN", "-Infinity")]
    life.ask("POST", "runs/log-batch", {**named, "metrics": points, "params": [{"key": "p"}], "tags": [{"key": "t"}]})
    life.ask("POST", "runs/log-metric", {**named, "key": "m", "value": "Infinity", "timestamp": "7", "step": -3})
    life.ask("POST", "runs/log-parameter", {**named, "key": "q", "value": "1"})
    life.ask("POST", "runs/set-tag", {**named, "key": "t", "value": "x"})
    life.ask("POST", "runs/delete-tag", {**named, "key": "t"})
    dataset = {"name": "d", "digest": "1", "source_type": "s", "source": "{}", "schema": "{}"}
    tags = [{"key": "mlflow.data.context", "value": "train"}]
    life.ask("POST", "runs/log-inputs", {**named, "datasets": [{"dataset": dataset, "tags": tags}]})
    model = {"artifact_path": "m", "flavors": {}, "utc_time_created": "2020", **named}
    life.ask("POST", "runs/log-model", {**named, "model_json": json.dumps(model)})
    life.ask("POST", "runs/update", {**named, "status": "FINISHED", "end_time": 9})
    life.ask("GET", "artifacts/list", named)
    life.ask("GET", "metrics/get-history", {**named, "metric_key": "m", "max_results": 2})
    life.ask("GET", "metrics/get-history-bulk", {**named, "metric_key": "m"})
    life.ask("GET", "metrics/get-history-bulk-interval", {"run_ids": [named["run_id"]], "metric_key": "m"})
    life.ask("POST", "experiments/search-datasets", {"experiment_ids": ["0"]})
    return str(named["run_id"])


def live_models(life: Life, run_id: str) -> None:
    pair = [{"key": "k", "value": "v"}]
    fields = {"experiment_id": "0", "name": "m", "model_type": "t", "source_run_id": run_id}
    made = life.ask("POST", "logged-models", {**fields, "tags": pair, "params": pair})
    model_id = made["model"]["info"]["model_id"]
    life.ask("POST", "runs/log-inputs", {"run_id": run_id, "models": [{"model_id": model_id}]})
    life.ask("POST", "runs/outputs", {"run_id": run_id, "models": [{"model_id": model_id, "step": 1}]})
    point = {"key": "m", "value": 1, "timestamp": 1, "model_id": model_id, "dataset_name": "d", "dataset_digest": "1"}
    life.ask("POST", "runs/log-batch", {"run_id": run_id, "metrics": [point]})
    life.ask("PATCH", "logged-models/{model_id}/tags", {"tags": [{"key": "x", "value": "y"}]}, model_id=model_id)
    life.ask("POST", "logged-models/{model_id}/params", {"params": [{"key": "x"}]}, model_id=model_id)
    life.ask("PATCH", "logged-models/{model_id}", {"status": "LOGGED_MODEL_READY"}, model_id=model_id)
    life.ask("GET", "logged-models/{model_id}", model_id=model_id)
    life.ask("GET", "logged-models/{model_id}/artifacts/directories", model_id=model_id)
    life.ask("POST", "logged-models/search", {"experiment_ids": ["0"]})
    life.ask("DELETE", "logged-models/{model_id}/tags/{tag_key}", model_id=model_id, tag_key="x")
    life.ask("DELETE", "logged-models/{model_id}", model_id=model_id)


def live_registry(life: Life, run_id: str) -> None:
    """Everything twice: what is empty, and what is full."""
    tags = [{"key": "k", "value": "v"}]
    for name, more in (("a", {}), ("분류", {"tags": tags, "description": "d"})):
        life.ask("POST", "registered-models/create", {"name": name, **more})
    named = {"name": "분류"}
    fields = {"tags": tags, "description": "d", "run_link": "http://x"}
    for more in ({}, fields):
        life.ask("POST", "model-versions/create", {**named, "source": "s3://b/m", "run_id": run_id, **more})
    life.ask("POST", "registered-models/set-tag", {**named, "key": "x", "value": "y"})
    life.ask("DELETE", "registered-models/delete-tag", {**named, "key": "x"})
    one = {**named, "version": "2"}
    life.ask("POST", "registered-models/alias", {**one, "alias": "champ"})
    life.ask("POST", "model-versions/transition-stage", {**one, "stage": "Production"})
    life.ask("PATCH", "model-versions/update", {**one, "description": "e"})
    life.ask("POST", "model-versions/set-tag", {**one, "key": "x", "value": "y"})
    life.ask("DELETE", "model-versions/delete-tag", {**one, "key": "x"})
    life.ask("GET", "registered-models/alias", {"name": quote("분류"), "alias": "champ"})
    for path in ("get", "get-download-uri"):
        life.ask("GET", f"model-versions/{path}", {"name": quote("분류"), "version": 2})
    life.ask("GET", "model-versions/search", {"max_results": 1})
    life.ask("GET", "registered-models/get", {"name": quote("분류")})
    life.ask("GET", "registered-models/get-latest-versions", {"name": quote("분류")})
    life.ask("POST", "registered-models/get-latest-versions", named)
    for path in ("search", "list"):
        assert life.ask("GET", f"registered-models/{path}", {"max_results": 1})["next_page_token"]
        assert len(life.ask("GET", f"registered-models/{path}")["registered_models"]) == 2
    life.ask("DELETE", "registered-models/alias", {**named, "alias": "champ"})
    life.ask("DELETE", "model-versions/delete", one)
    life.ask("PATCH", "registered-models/update", {**named, "description": "e"})
    life.ask("POST", "registered-models/rename", {**named, "new_name": "b"})
    life.ask("DELETE", "registered-models/delete", {"name": "b"})


def live_pages(life: Life, run_id: str) -> None:
    life.ask("GET", "about")
    life.ask("POST", "runs", {"experiment_ids": ["0"]})
    life.ask("POST", "facets", {"experiment_ids": ["0"], "keys": ["metrics.m", "params.p", "attributes.status"]})
    life.ask("POST", "outline", {"experiment_ids": ["0"], "nested": True, "group_by": ["params.p"], "open": ["*"]})
    home = life.ask("POST", "experiments/create", {"name": "moved to"})["experiment_id"]
    for target in (home, "0"):
        life.ask("POST", "move", {"run_ids": [run_id], "experiment_id": target})
    life.ask("POST", "keys", {"experiment_ids": ["0"]})
    for group_by in ([], ["params.p"]):
        life.ask("POST", "opening", {"experiment_id": "0", "group_by": group_by})
    life.ask("POST", "experiments", {})
    life.ask("POST", "find-runs", {"status": "RUNNING"})
    life.ask("POST", "series", {"run_ids": [run_id], "key": "m"})
    life.ask("POST", "curves", {"run_ids": [run_id], "keys": ["m", "none"], "since": [None]})
    for key in ("m", "none"):
        life.ask("POST", "envelope", {"run_id": run_id, "key": key})


def test_what_every_route_answers_is_what_is_described(client: Client, document: dict[str, Any]) -> None:
    life = Life(client, document)
    live_experiments(life)
    run_id = live_runs(life)
    live_models(life, run_id)
    live_registry(life, run_id)
    live_pages(life, run_id)
    life.ask("GET", "runs/get", {"run_id": run_id})
    found = life.ask("POST", "runs/search", {"experiment_ids": ["0"]})["runs"]
    assert found[0]["outputs"]
    assert found[0]["inputs"]["model_inputs"]
    life.ask("POST", "runs/delete", {"run_id": run_id})
    life.ask("POST", "runs/restore", {"run_id": run_id})
    # Nothing is signed of a directory; tests/server/test_transfers.py asks where something is.
    wanted = [route for route in ALL if route.speaks is not queries.SignArtifact]
    assert life.seen == {(route.path, method) for route in wanted for method in route.methods}


def test_errors_and_facts_are_as_described(client: Client, document: dict[str, Any]) -> None:
    for target in ("/api/2.0/mlflow/runs/get", "/api/2.0/mlflow/runs/get?run_id=x", "/api/2.0/mlflow/traces", "/api/x"):
        msgspec.convert(client.get(target).json(), Error)
    (kind,) = [other.answer for other in OTHERS if other.path.endswith("server-info")]
    assert kind is not None
    for prefix in ("api", "ajax-api"):
        facts = client.get(f"/{prefix}/3.0/mlflow/server-info").json()
        assert msgspec.convert(facts, kind).store_type == "FileStore"  # type: ignore[attr-defined]
