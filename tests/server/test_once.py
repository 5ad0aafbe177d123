"""Every route that changes something, each with every fault of a network: the store is as if nothing had happened.

The requests are made from the wire table, so a new route is tried as soon as it is there.
"""

from __future__ import annotations

import http.client
import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from msgspec import structs

from millstream.formats.wire.route import Route
from millstream.formats.wire.table import ROUTES
from millstream.values.ops import Op
from tests import servers
from tests.server.faulty import GONE, LATE, LOST_ANSWER, MODES, TWICE, Proxy, ask, proxy_before
from tests.server.started import Started, started

API = "/api/2.0/mlflow/"
CHANGES = [(method, route) for route in ROUTES if issubclass(route.speaks, Op) for method in route.methods]
DATASET = {"name": "자료", "digest": "d", "source_type": "local", "source": "{}"}
MODEL = {"artifact_path": "m", "flavors": {}, "utc_time_created": "t", "run_id": "r"}


@pytest.fixture(scope="module", params=["embedded", "sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("once 한번")
    if request.param == "postgresql":
        return servers.new_schema(request.getfixturevalue("postgresql"))
    return (folder / "mlruns").as_uri() if request.param == "embedded" else f"sqlite:///{folder}/runs.db"


@pytest.fixture(scope="module", params=[1, 2], ids=["1 worker", "2 workers"])
def server(request: pytest.FixtureRequest, uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(uri, Path(tmp_path_factory.mktemp("server")), "--workers", str(request.param)) as found:
        found.api("experiments/create", name=f"first {uuid.uuid4()}")
        yield found


class World:
    """Things of each kind for one request, and what has become of them."""

    def __init__(self, server: Started) -> None:
        self.name = f"w{uuid.uuid4().hex[:12]}"
        self.names = {self.name}
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        api, tags = self._post, [{"key": "k", "value": "1"}]
        self.experiment = api("experiments/create", name=self.name, tags=tags)["experiment_id"]
        run = api("runs/create", experiment_id=self.experiment, run_name="r", start_time=1, tags=tags)
        self.run = run["run"]["info"]["run_id"]
        model = api("logged-models", experiment_id=self.experiment, name="m", source_run_id=self.run, tags=tags)
        self.model = model["model"]["info"]["model_id"]
        api("registered-models/create", name=self.name, tags=tags)
        api("model-versions/create", name=self.name, source="s3://bucket/model", tags=tags)
        api("registered-models/alias", name=self.name, alias="champion", version="1")

    def fields(self, route: Route) -> dict[str, Any]:
        """A request of a route: what is known of the names of its fields."""
        pair = {"key": "p", "value": "값"}
        known: dict[str, Any] = {
            "experiment_id": self.experiment,
            "run_id": self.run,
            "model_id": self.model,
            "name": f"{self.name} new"
            if route.path.endswith("s/create") and "version" not in route.path
            else self.name,
            "new_name": f"{self.name} renamed",
            "key": "k",
            "tag_key": "k",
            "value": 0.5 if route.path == "runs/log-metric" else "2",
            "timestamp": 5,
            "step": 3,
            "version": "1",
            "alias": "champion",
            "stage": "Production",
            "status": "FINISHED" if route.path == "runs/update" else "LOGGED_MODEL_READY",
            "source": "s3://bucket/model",
            "model_json": json.dumps(MODEL),
            "run_name": "given",
            "start_time": 7,
            "description": "설명",
            "metrics": [{"key": "m", "value": number / 3, "timestamp": 5, "step": number} for number in (1, 2, 2)],
            "params": [pair],
            "tags": [pair],
            "datasets": [{"dataset": DATASET}],
            "models": [{"model_id": self.model}],
        }
        request = structs.fields(route.request)
        unknown = [field.name for field in request if field.required and field.name not in known]
        assert not unknown, f"{route.path} has fields that this test knows no value of: {unknown}"
        if route.path == "runs/create":
            del known["run_id"]  # the client may choose it; here the server does, as for MLflow's clients
        return {field.name: known[field.name] for field in request if field.name in known}

    def request(self, method: str, route: Route) -> tuple[str, str, bytes]:
        """Method, path and body."""
        fields = self.fields(route)
        self.names |= {fields[name] for name in ("name", "new_name") if str(fields.get(name)).startswith(self.name)}
        path = API + re.sub(r"\{(\w+)\}", lambda name: str(fields.pop(name[1])), route.path)
        if route.path.endswith("/restore"):
            self._post(route.path.replace("/restore", "/delete"), **fields)
        return method, path, json.dumps(fields).encode()

    def state(self) -> str:
        """All that can be seen of these things, without the ids and times that differ from world to world."""
        seen: list[Any] = []
        ids = [self.experiment]
        for name in sorted(self.names):
            status, found = self._get(f"experiments/get-by-name?experiment_name={quote(name)}")
            seen.append(found if status == 200 else status)
            ids += [found["experiment"]["experiment_id"]] if status == 200 else []
            seen += [self._get(f"registered-models/get?name={quote(name)}")]
            seen += [self._get(f"model-versions/search?filter={quote(f'name={name!r}')}")]
        for run in self._post("runs/search", experiment_ids=ids, run_view_type="ALL").get("runs", []):
            seen.append(run)
            for key in ("m", "k"):
                seen.append(self._get(f"metrics/get-history?run_id={run['info']['run_id']}&metric_key={key}"))
        models = self._post("logged-models/search", experiment_ids=ids).get("models", [])
        seen += [models, self._get(f"logged-models/{self.model}?allow_deleted=true")]
        text = json.dumps(seen, ensure_ascii=False).replace(self.name, "NAME")
        text = re.sub(rf"[0-9a-f]{{32}}|(?<=[\"/])({'|'.join(ids)})(?=[\"/])", "#", text)
        return json.dumps(_ordered(json.loads(text)), ensure_ascii=False, indent=1)

    def _get(self, path: str) -> tuple[int, Any]:
        return self._ask("GET", path, None)

    def _post(self, path: str, **fields: Any) -> Any:
        status, answer = self._ask("POST", path, json.dumps(fields))
        assert status == 200, answer
        return answer

    def _ask(self, method: str, path: str, body: str | None) -> tuple[int, Any]:
        self._connection.request(method, API + path, body, {"Content-Type": "application/json"})
        reply = self._connection.getresponse()
        return reply.status, json.loads(reply.read())

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(inner) for key, inner in value.items() if not re.search("(creation|update).*time", key)}
    if isinstance(value, (list, tuple)):
        return sorted((_ordered(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


_undisturbed: dict[tuple[str, str, str], str] = {}


def undisturbed(server: Started, uri: str, method: str, route: Route) -> str:
    """The state of a world in which the request came once."""
    name = (uri, method, route.path)
    if name not in _undisturbed:
        with World(server) as world:
            status, answer = ask(server.port, *world.request(method, route), {})
            assert status == 200, answer
            _undisturbed[name] = world.state()
    return _undisturbed[name]


@pytest.fixture(scope="module")
def proxy(server: Started) -> Iterator[Proxy]:
    with proxy_before(server.port) as found:
        yield found


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", [LOST_ANSWER, TWICE, LATE])
def test_a_request_with_a_key_has_one_effect(server: Started, uri: str, proxy: Proxy, mode: str) -> None:
    for method, route in CHANGES:
        expected = undisturbed(server, uri, method, route)
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        with World(server) as world:
            request = world.request(method, route)
            proxy.fault = mode
            status, answer = ask(proxy.port, *request, key)
            assert status == 200, (route.path, answer)
            assert set(proxy.deliver_late()) <= {200}, route.path
            status, again = ask(proxy.port, *request, key)
            assert (status, _ordered(json.loads(again))) == (200, _ordered(json.loads(answer))), route.path
            assert world.state() == expected, route.path


@pytest.mark.timeout(600)
def test_a_request_without_a_key_whose_sender_is_gone_has_one_effect(server: Started, uri: str, proxy: Proxy) -> None:
    for method, route in CHANGES:
        expected = undisturbed(server, uri, method, route)
        with World(server) as world:
            proxy.fault = GONE
            status, answer = ask(proxy.port, *world.request(method, route), {})
            assert status == 200, (route.path, answer)
            assert world.state() == expected, route.path


def test_every_fault_is_tried() -> None:
    assert {LOST_ANSWER, TWICE, LATE, GONE} == set(MODES)
    assert len(CHANGES) > 30
