"""Whatever is asked, no reply is a server error and none shows what is inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from millstream.server.app import all_routes, make_app
from millstream.server.interface import Server
from millstream.stores.open import close_stores, open_store
from tests.server.conftest import Client

ALL = all_routes(Server("0", 0))
NASTY = [
    "",
    ".",
    "..",
    "../..",
    "a/../b",
    "\0",
    "\ud800",
    "%2e%2e",
    "é" * 200,
    "'; DROP TABLE runs; --",
    "NaN",
    "1e400",
]
FILTERS = ["metrics.a > 1", "params.a = '", "tags.`a b` LIKE '%'", "x IN ()", "(" * 300, "NOT " * 300, "a = 'b' AND"]
texts = st.sampled_from([*NASTY, *FILTERS, "loss", "0", "FINISHED", "ALL", "metrics.a DESC"]) | st.text(max_size=8)
numbers = st.integers(-(2**70), 2**70) | st.floats() | st.sampled_from([0, 1, 2, -1, 2**63 - 1, -(2**63)])
pairs = st.fixed_dictionaries({}, optional=dict.fromkeys(("key", "value", "timestamp", "step"), texts | numbers))
values = texts | numbers | st.none() | st.booleans() | st.lists(texts | numbers | pairs, max_size=4) | pairs


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One server for all examples, with a run whose id is "known"."""
    folder: Path = tmp_path_factory.mktemp("fuzz")
    store = open_store((folder / "mlruns").as_uri())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("millstream.server.routes.new_run_id", lambda: "known")
        client = Client(make_app(store))
        client.new_run()
    yield client
    close_stores()


@pytest.mark.parametrize("route", ALL, ids=lambda route: route.path)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_no_request_breaks_the_server(client: Client, route: Any, data: st.DataObject) -> None:
    usual = {"run_id": "known", "run_ids": ["known"], "experiment_id": "0", "experiment_ids": ["0"], "max_results": 5}
    fields = {name: usual[name] for name in route.request.__struct_fields__ if name in usual}
    fields |= {
        name: data.draw(values, name)
        for name in route.request.__struct_fields__
        if data.draw(st.booleans()) or name not in usual
    }
    named = {name: st.sampled_from(["m-1", "a", *NASTY[1:]]) for name in ("model_id", "tag_key")}
    parts = {name: quote(data.draw(part, name), safe="", errors="replace") for name, part in named.items()}
    path = route.prefixes[0] + route.path.format(**parts)
    for method in route.methods:
        if method == "GET":
            reply = client.get(f"{path}?{urlencode(fields, doseq=True, errors='replace', quote_via=quote)}")
        elif method == "POST":
            reply = client.post(path, json.dumps(fields).encode())
        else:
            reply = client.change(method, path, fields)
        assert reply.status in (200, 400, 403, 404, 405, 501), reply.body
        answer = msgspec.json.decode(reply.body)
        if reply.status != 200:
            assert "Traceback" not in reply.message
            assert "sqlite" not in reply.message.lower()
            assert set(answer) == {"error_code", "message"}
