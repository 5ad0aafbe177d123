"""Every route of logged models: request → op or query, and the rules on what is in it."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from msgspec import structs

from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.logged_models import ROUTES, encode_model
from millstream.formats.wire.route import Given
from millstream.values import ops, queries
from millstream.values.entities import FileInfo, LoggedModel, LoggedModelStatus, Metric, Page
from millstream.values.errors import InvalidValue

BY_PATH = {f"{route.methods[0]} {route.path}": route for route in ROUTES}
RUN = "a" * 32
GIVEN = Given(now=123, new_run_id=lambda: "f" * 32)


def call(path: str, **fields: Any) -> Any:
    """What the request `fields` to `path` asks of the store."""
    route = BY_PATH[path]
    return route.call(read_body(msgspec.json.encode(fields), route.request), GIVEN)


CALLS = [
    (
        "POST logged-models/search",
        {
            "experiment_ids": ["0"],
            "filter": "name = 'm'",
            "order_by": [
                {"field_name": "metrics.a b", "ascending": False, "dataset_name": "d"},
                {"field_name": "name"},
            ],
            "datasets": [{"dataset_name": "d", "dataset_digest": "1"}, {"dataset_name": "e"}],
        },
        queries.SearchLoggedModels(
            experiment_ids=("0",),
            filter="name = 'm'",
            order_by=(queries.ModelOrder("metrics.a b", False, "d"), queries.ModelOrder("name")),
            datasets=(queries.ModelDataset("d", "1"), queries.ModelDataset("e")),
            max_results=50,
        ),
    ),
    (
        "POST logged-models",
        {
            "experiment_id": "0",
            "name": "m",
            "model_type": "agent",
            "source_run_id": RUN,
            "params": [{"key": "p", "value": "1"}],
            "tags": [{"key": "t", "value": "2"}],
        },
        ops.CreateLoggedModel(
            model_id="m-" + "f" * 32,
            experiment_id="0",
            time=123,
            name="m",
            model_type="agent",
            source_run_id=RUN,
            params={"p": "1"},
            tags={"t": "2"},
        ),
    ),
    (
        "PATCH logged-models/{model_id}",
        {"model_id": "m-1", "status": "LOGGED_MODEL_UPLOAD_FAILED"},
        ops.FinalizeLoggedModel(model_id="m-1", status="FAILED", time=123),
    ),
    (
        "PATCH logged-models/{model_id}",
        {"model_id": "m-1", "status": 2},
        ops.FinalizeLoggedModel(model_id="m-1", status="READY", time=123),
    ),
    (
        "DELETE logged-models/{model_id}",
        {"model_id": "m-1"},
        ops.DeleteLoggedModel(model_id="m-1", time=123),
    ),
    (
        "POST logged-models/{model_id}/params",
        {"model_id": "m-1", "params": [{"key": "a"}]},
        ops.LogLoggedModelParams(model_id="m-1", params={"a": ""}),
    ),
    (
        "PATCH logged-models/{model_id}/tags",
        {"model_id": "m-1", "tags": [{"key": "a", "value": "b"}]},
        ops.SetLoggedModelTags(model_id="m-1", tags={"a": "b"}),
    ),
    (
        "DELETE logged-models/{model_id}/tags/{tag_key}",
        {"model_id": "m-1", "tag_key": "a/b"},
        ops.DeleteLoggedModelTag(model_id="m-1", key="a/b"),
    ),
]
ASKED = [
    ("GET logged-models/{model_id}", b"model_id=m-1", queries.GetLoggedModel(model_id="m-1")),
    (
        "GET logged-models/{model_id}",
        b"model_id=m-1&allow_deleted=true",
        queries.GetLoggedModel(model_id="m-1", deleted=True),
    ),
    (
        "GET logged-models/{model_id}/artifacts/directories",
        b"model_id=m-1&artifact_directory_path=a%20b/c",
        queries.ListModelArtifacts(model_id="m-1", path="a b/c"),
    ),
]


@pytest.mark.parametrize(("path", "fields", "expected"), CALLS)
def test_bodies_become_calls(path: str, fields: dict[str, Any], expected: object) -> None:
    assert call(path, **fields) == expected
    assert isinstance(expected, BY_PATH[path].speaks)


@pytest.mark.parametrize(("path", "query", "expected"), ASKED)
def test_query_strings_become_calls(path: str, query: bytes, expected: object) -> None:
    route = BY_PATH[path]
    assert route.call(read_query(query, route.request), GIVEN) == expected
    assert isinstance(expected, route.speaks)


def test_every_route_was_called_here() -> None:
    assert {path for path, *_ in CALLS} | {path for path, *_ in ASKED} == set(BY_PATH)


@pytest.mark.parametrize(
    ("path", "fields", "named"),
    [
        ("POST logged-models", {}, "experiment_id"),
        ("POST logged-models", {"experiment_id": "0", "name": "a/b"}, "name"),
        ("POST logged-models", {"experiment_id": "../0"}, "experiment_id"),
        ("POST logged-models", {"experiment_id": "0", "source_run_id": "a b"}, "source_run_id"),
        ("POST logged-models", {"experiment_id": "0", "tags": [{"key": "../a"}]}, r"tags\[0\].key"),
        ("POST logged-models", {"experiment_id": "0", "params": [{"value": "1"}]}, r"params\[0\].key"),
        (
            "POST logged-models/{model_id}/params",
            {"model_id": "m-1", "params": [{"key": "a", "value": "1"}, {"key": "a", "value": "2"}]},
            r"params\[1\].value",
        ),
        ("PATCH logged-models/{model_id}", {"model_id": "m-1"}, "status"),
        ("PATCH logged-models/{model_id}", {"model_id": "m-1", "status": "LOGGED_MODEL_PENDING"}, "status"),
        ("PATCH logged-models/{model_id}", {"model_id": "../m", "status": 2}, "model_id"),
        ("POST logged-models/search", {"experiment_ids": []}, "experiment_ids"),
        ("POST logged-models/search", {"experiment_ids": ["0"], "max_results": 0}, "max_results"),
        ("POST logged-models/search", {"experiment_ids": ["0"], "order_by": [{}]}, r"order_by\[0\].field_name"),
        ("POST logged-models/search", {"experiment_ids": ["0"], "datasets": [{}]}, r"datasets\[0\].dataset_name"),
        (
            "GET logged-models/{model_id}/artifacts/directories",
            {"model_id": "m", "artifact_directory_path": ".."},
            "..",
        ),
    ],
)
def test_what_breaks_a_rule_is_named(path: str, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        call(path, **fields)


def test_replies() -> None:
    model = LoggedModel("m-1", "0", "n", "file:///a", 1, 2)
    files = [FileInfo("a", True), FileInfo("b", False, 0)]
    listing = {"files": [{"path": "a", "is_dir": True}, {"path": "b", "is_dir": False, "file_size": 0}]}
    for path, result, expected in (
        ("POST logged-models", model, {"model": encode_model(model)}),
        ("POST logged-models/search", Page([model], "t"), {"models": [encode_model(model)], "next_page_token": "t"}),
        ("POST logged-models/search", Page(), {}),
        ("DELETE logged-models/{model_id}", None, {}),
        ("GET logged-models/{model_id}/artifacts/directories", files, {"root_uri": "file:///a", **listing}),
        ("GET logged-models/{model_id}/artifacts/directories", [], {"root_uri": "file:///a"}),
    ):
        assert BY_PATH[path].reply(result, structs.replace(GIVEN, first=model)) == expected, path


def test_a_model_in_json() -> None:
    point = Metric("acc", math.nan, 5, 1, RUN, "m-1", "d", "1")
    model = LoggedModel(
        "m-1", "0", "n", "file:///a", 1, 2, status=LoggedModelStatus.FAILED, params={"p": ""}, metrics=(point,)
    )
    assert encode_model(model) == {
        "info": {
            "model_id": "m-1",
            "experiment_id": "0",
            "name": "n",
            "creation_timestamp_ms": 1,
            "last_updated_timestamp_ms": 2,
            "artifact_uri": "file:///a",
            "status": "LOGGED_MODEL_UPLOAD_FAILED",
        },
        "data": {
            "params": [{"key": "p", "value": ""}],
            "metrics": [
                {
                    "key": "acc",
                    "value": "NaN",
                    "timestamp": 5,
                    "step": 1,
                    "run_id": RUN,
                    "model_id": "m-1",
                    "dataset_name": "d",
                    "dataset_digest": "1",
                }
            ],
        },
    }
