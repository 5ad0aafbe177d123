"""Every route of the registry: request → op or query, the rules on what is in it, and the replies."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.formats.wire import model_versions, registered_models
from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.model_versions import encode_version
from millstream.formats.wire.registered_models import encode_model
from millstream.formats.wire.route import Given
from millstream.values import ops, queries
from millstream.values.entities import ModelVersion, Page, RegisteredModel
from millstream.values.errors import InvalidValue

ROUTES = registered_models.ROUTES + model_versions.ROUTES
BY_PATH = {f"{method} {route.path}": route for route in ROUTES for method in route.methods}
ID = "f" * 32
GIVEN = Given(now=123, new_run_id=lambda: ID)
RUN = "a" * 32
RM, MV = "registered-models", "model-versions"


def call(path: str, **fields: Any) -> Any:
    route = BY_PATH[path]
    return route.call(read_body(msgspec.json.encode(fields), route.request), GIVEN)


_TAGS = {"tags": [{"key": "t", "value": "1"}, {"key": "u"}]}
_CREATE = ops.CreateRegisteredModel(op_id=ID, name="m", time=123, description="", tags={"t": "1", "u": ""})
_VERSION = ops.CreateModelVersion(op_id=ID, name="m", source="s3://b", time=123)
CALLS = [
    (f"POST {RM}/create", {"name": "m", "description": "", **_TAGS}, _CREATE),
    (
        f"POST {RM}/rename",
        {"name": "m", "new_name": "새"},
        ops.RenameRegisteredModel(op_id=ID, name="m", new_name="새", time=123),
    ),
    (
        f"PATCH {RM}/update",
        {"name": "m", "description": "d"},
        ops.UpdateRegisteredModel(name="m", description="d", time=123),
    ),
    (f"PATCH {RM}/update", {"name": "m"}, ops.UpdateRegisteredModel(name="m", description=None, time=123)),
    (f"DELETE {RM}/delete", {"name": "m"}, ops.DeleteRegisteredModel(name="m")),
    (
        f"POST {RM}/get-latest-versions",
        {"name": "m", "stages": ["staging", "None"]},
        queries.GetLatestVersions(name="m", stages=("Staging", "None")),
    ),
    (f"POST {RM}/set-tag", {"name": "m", "key": "k"}, ops.SetRegisteredModelTag(name="m", key="k", value="")),
    (f"DELETE {RM}/delete-tag", {"name": "m", "key": "k"}, ops.DeleteRegisteredModelTag(name="m", key="k")),
    (
        f"POST {RM}/alias",
        {"name": "m", "alias": "champ", "version": "3"},
        ops.SetModelAlias(name="m", alias="champ", version=3),
    ),
    (f"DELETE {RM}/alias", {"name": "m", "alias": "champ"}, ops.DeleteModelAlias(name="m", alias="champ")),
    (f"POST {MV}/create", {"name": "m", "source": "s3://b"}, _VERSION),
    (
        f"POST {MV}/create",
        {
            "name": "m",
            "source": "s3://b",
            "run_id": RUN,
            "run_link": "l",
            "description": "d",
            "model_id": "m-1",
            **_TAGS,
        },
        msgspec.structs.replace(
            _VERSION, run_id=RUN, run_link="l", description="d", model_id="m-1", tags={"t": "1", "u": ""}
        ),
    ),
    (
        f"PATCH {MV}/update",
        {"name": "m", "version": "1", "description": "d"},
        ops.UpdateModelVersion(name="m", version=1, description="d", time=123),
    ),
    (
        f"POST {MV}/transition-stage",
        {"name": "m", "version": 2, "stage": "PRODUCTION", "archive_existing_versions": True},
        ops.TransitionModelVersion(name="m", version=2, stage="Production", time=123, archive=True),
    ),
    (
        f"DELETE {MV}/delete",
        {"name": "m", "version": "1"},
        ops.DeleteModelVersion(name="m", version=1, time=123),
    ),
    (
        f"POST {MV}/set-tag",
        {"name": "m", "version": "1", "key": "k", "value": "v"},
        ops.SetModelVersionTag(name="m", version=1, key="k", value="v"),
    ),
    (
        f"DELETE {MV}/delete-tag",
        {"name": "m", "version": "1", "key": "k"},
        ops.DeleteModelVersionTag(name="m", version=1, key="k"),
    ),
]
ASKED = [
    (f"GET {RM}/get", b"name=a%20b", queries.GetRegisteredModel(name="a b")),
    (f"GET {RM}/search", b"", queries.SearchRegisteredModels()),
    (
        f"GET {RM}/search",
        b"filter=name%3D'a'&max_results=5&order_by=name&order_by=timestamp%20DESC&page_token=t",
        queries.SearchRegisteredModels(
            filter="name='a'", max_results=5, order_by=("name", "timestamp DESC"), page_token="t"
        ),
    ),
    (f"GET {RM}/list", b"max_results=7", queries.SearchRegisteredModels(max_results=7)),
    (f"GET {RM}/get-latest-versions", b"name=m&stages=none", queries.GetLatestVersions(name="m", stages=("None",))),
    (f"GET {RM}/alias", b"name=m&alias=latest", queries.GetModelVersionByAlias(name="m", alias="latest")),
    (f"GET {MV}/get", b"name=m&version=12", queries.GetModelVersion(name="m", version=12)),
    (f"GET {MV}/get-download-uri", b"name=m&version=1", queries.GetModelVersion(name="m", version=1)),
    (f"GET {MV}/search", b"", queries.SearchModelVersions(max_results=200_000)),
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
        (f"POST {RM}/create", {}, "Missing value for required parameter 'name'"),
        (f"POST {RM}/create", {"name": ""}, "Missing value for required parameter 'name'"),
        (f"POST {RM}/create", {"name": "a/b"}, "Invalid model name"),
        (f"POST {RM}/create", {"name": "a:b"}, "Invalid model name"),
        (f"POST {RM}/create", {"name": "m", "tags": [{"key": "../a"}]}, r"tags\[0\].key"),
        (f"POST {RM}/rename", {"name": "m"}, "'new_name'"),
        (f"POST {RM}/rename", {"name": "m", "new_name": "a/b"}, "'new_name'"),
        (f"POST {RM}/get-latest-versions", {"name": "m", "stages": ["foo"]}, r"stages\[0\].*Staging"),
        (f"POST {RM}/alias", {"name": "m", "alias": "latest", "version": 1}, "reserved"),
        (f"POST {RM}/alias", {"name": "m", "alias": "v1", "version": 1}, "reserved"),
        (f"POST {RM}/alias", {"name": "m", "alias": "a b", "version": 1}, "'alias'"),
        (f"POST {RM}/alias", {"name": "m", "alias": "a", "version": "x"}, "'version'.*must be a whole number"),
        (f"POST {RM}/set-tag", {"name": "m", "key": "k", "value": "x" * 100_001}, "'value'"),
        (f"POST {MV}/create", {"name": "m"}, "'source'"),
        (f"POST {MV}/create", {"name": "m", "source": "x" * 2049}, "'source'"),
        (f"POST {MV}/create", {"name": "m", "source": "s", "run_id": "../x"}, "'run_id'"),
        (f"POST {MV}/transition-stage", {"name": "m", "version": 1, "stage": "foo"}, "Invalid Model Version stage"),
        (f"DELETE {MV}/delete", {"name": "m", "version": -1}, "'version'.*must be a whole number"),
        (f"DELETE {MV}/delete", {"name": "m"}, "'version'"),
    ],
)
def test_what_breaks_a_rule_is_named(path: str, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(InvalidValue, match=named):
        call(path, **fields)


@pytest.mark.parametrize("query", [b"max_results=0", b"max_results=1001"])
def test_pages_have_limits(query: bytes) -> None:
    route = BY_PATH[f"GET {RM}/search"]
    with pytest.raises(InvalidValue, match="max_results"):
        route.call(read_query(query, route.request), GIVEN)


def test_replies() -> None:
    version = ModelVersion(
        "m", 3, 1, 2, "runs:/x", user_id="u", model_id="m-1", storage_location="s3://b", tags={"a": ""}, aliases=["c"]
    )
    assert encode_version(version) == {
        "name": "m",
        "version": "3",
        "creation_timestamp": 1,
        "last_updated_timestamp": 2,
        "user_id": "u",
        "current_stage": "None",
        "description": "",
        "source": "runs:/x",
        "run_id": "",
        "status": "READY",
        "tags": [{"key": "a", "value": ""}],
        "run_link": "",
        "aliases": ["c"],
        "model_id": "m-1",
    }
    model = RegisteredModel("m", 1, 2, "d", {"t": "1"}, {"c": 3}, [version])
    assert encode_model(model) == {
        "name": "m",
        "creation_timestamp": 1,
        "last_updated_timestamp": 2,
        "description": "d",
        "latest_versions": [encode_version(version)],
        "tags": [{"key": "t", "value": "1"}],
        "aliases": [{"alias": "c", "version": "3"}],
    }
    assert encode_model(RegisteredModel("m", 1, 2)) == {
        "name": "m",
        "creation_timestamp": 1,
        "last_updated_timestamp": 2,
    }
    for path, result, expected in (
        (f"GET {RM}/get", model, {"registered_model": encode_model(model)}),
        (f"GET {RM}/search", Page([model], "t"), {"registered_models": [encode_model(model)], "next_page_token": "t"}),
        (f"GET {RM}/search", Page(), {}),
        (f"POST {RM}/get-latest-versions", [version], {"model_versions": [encode_version(version)]}),
        (f"GET {RM}/alias", version, {"model_version": encode_version(version)}),
        (f"DELETE {RM}/delete", None, {}),
        (f"GET {MV}/get-download-uri", version, {"artifact_uri": "s3://b"}),
        (f"GET {MV}/search", Page(), {}),
    ):
        assert BY_PATH[path].reply(result, GIVEN) == expected, path
