"""The table of routes as an OpenAPI 3.1 description (spec.openapis.org/oas/v3.1.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, field

from millstream.formats.wire.answers import Error
from millstream.formats.wire.decode import MAX_DEPTH
from millstream.formats.wire.route import Request, Route
from millstream.values.ops import Op

JSON = "application/json"
_REFS = "#/components/schemas/"
_REQUEST_ID = {"$ref": "#/components/headers/RequestId"}
_WHOLE = r"^-?[0-9]{1,18}$"
_NUMBER = r"^(NaN|-?Infinity|-?[0-9]{1,15}(\.[0-9]{1,15})?([eE][+\-]?[0-9]{1,2})?)$"

ABOUT = f"""
MLflow's REST interface, and what Millstream's own pages ask.

Every path below `/api/` is found below `/ajax-api/` too, and every `/api/2.0/mlflow/…` that MLflow 1.x had also below
`/api/2.0/preview/mlflow/…`. A body may name fields in snake_case or camelCase; `run_uuid` stands for `run_id`; unknown
fields are ignored, nested at most {MAX_DEPTH} deep; null means left out. A whole number or double may be a string of
digits, a double also "NaN", "Infinity" or "-Infinity". What cannot be kept as it was sent is refused with 400.

A request that changes something may carry an `Idempotency-Key` of its own; sent again under it, it has one effect, and
gets its answer again. Every reply has an `X-Request-ID`: that of the request, if it brought one.

Errors are JSON: `error_code`, `message`.
""".strip()

_KEY = "IdempotencyKey"
PARAMETERS = {
    _KEY: {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "Printable ASCII, with or without quotes; a fresh UUID for each request is a good one. Another "
        "request under the same key is 422. Keys are kept for a week.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
    }
}
"""What every request that changes something may carry."""
HEADERS = {
    "RequestId": {
        "description": "Names the request in the server's log. One that the request brings is kept, if it is 1 to 128 "
        "visible ASCII characters.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128},
    }
}
"""What every reply has."""


class Other(Struct, frozen=True, kw_only=True):
    """An endpoint that is not in the table, because what it takes or gives is not JSON or not of the store."""

    method: str
    path: str
    about: str
    request: type[Request] | None = None
    body: type[Request] | None = None
    takes: str | None = None
    gives: str = "application/octet-stream"
    answer: type[Struct] | None = None
    statuses: Mapping[int, str] = field(default_factory=lambda: {200: "The answer."})


def describe(routes: Iterable[Route], others: Iterable[Other], version: str) -> dict[str, Any]:
    """The description of `routes`, each under its first prefix, and of `others`."""
    routes, others = tuple(routes), tuple(others)
    used = [kind for route in routes for kind in (route.request, route.answer)]
    used += [kind for other in others for kind in (other.request, other.body, other.answer) if kind]
    schemas = _schemas([*used, Error])
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in route.methods:
            paths.setdefault(route.prefixes[0] + route.path, {})[method.lower()] = _of_route(route, method, schemas)
    for other in others:
        paths.setdefault(other.path, {})[other.method.lower()] = _of_other(other)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Millstream", "version": version, "description": ABOUT},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "parameters": PARAMETERS, "headers": HEADERS},
    }


def name_of(kind: type[Struct]) -> str:
    """Name of the schema of `kind`: unique, because requests of several families share class names."""
    module = kind.__module__.rpartition(".")[2]
    if module in ("answers", "replies"):
        return kind.__name__
    return "".join(part.capitalize() for part in module.split("_")) + kind.__name__


def _schemas(kinds: list[type[Struct]]) -> dict[str, dict[str, Any]]:
    """JSON schemas of `kinds` and of all they hold, by name."""
    known: dict[str, type[Struct]] = {}
    for kind in kinds:
        _collect(kind, known)
    _, found = msgspec.json.schema_components(list(known.values()), ref_template=f"{_REFS}{{name}}")
    # msgspec writes a name in full only where two classes share it.
    names = {name: name_of(_named(name, known)) for name in found}
    return {names[name]: _plain(schema, names, _named(name, known)) for name, schema in found.items()}


def _collect(kind: type[Struct], known: dict[str, type[Struct]]) -> None:
    full = f"{kind.__module__}.{kind.__qualname__}"
    if full in known:
        return
    known[full] = kind
    for item in msgspec.structs.fields(kind):
        for inner in _structs(item.type):
            _collect(inner, known)


def _structs(hint: Any) -> Iterable[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        yield hint
    for inner in getattr(hint, "__args__", ()):
        yield from _structs(inner)


def _named(name: str, known: Mapping[str, type[Struct]]) -> type[Struct]:
    return known.get(name) or next(kind for full, kind in known.items() if full.endswith(f".{name}"))


def _plain(schema: dict[str, Any], names: Mapping[str, str], kind: type[Struct]) -> dict[str, Any]:
    """`schema` with our names; that of a request with all that the decoder takes."""
    answered = kind.__module__.endswith(("answers", "replies"))
    whole: dict[str, Any] = _renamed(schema, names)
    whole.pop("title", None)
    # Replies may gain fields with a new version; the tests know them exactly.
    whole.pop("additionalProperties", None)
    if not answered:
        required = whole.get("required", ())
        for name, shape in whole["properties"].items():
            _accept(shape)
            if name not in required:
                whole["properties"][name] = _nullable(shape)
    return whole


def _renamed(schema: Any, names: Mapping[str, str]) -> Any:
    if isinstance(schema, list):
        return [_renamed(item, names) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: f"{_REFS}{names[value.removeprefix(_REFS)]}" if key == "$ref" else _renamed(value, names)
        for key, value in schema.items()
    }


def _accept(shape: dict[str, Any]) -> None:
    """Widen a field to the texts that stand for its numbers."""
    if shape.get("type") == "integer":
        shape |= {"type": ["integer", "string"], "pattern": _WHOLE}
    elif shape.get("type") == "number":
        shape |= {"type": ["number", "string"], "pattern": _NUMBER}


def _nullable(shape: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in shape:
        return {"anyOf": [shape, {"type": "null"}]}
    if "enum" in shape:
        shape["enum"] = [*shape["enum"], None]
    if "anyOf" in shape:
        shape["anyOf"] = [*shape["anyOf"], {"type": "null"}]
    else:
        kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
        shape["type"] = [*kinds, "null"]
    return shape


def _of_route(route: Route, method: str, schemas: Mapping[str, Any]) -> dict[str, Any]:
    about = (route.call.__doc__ or route.speaks.__doc__ or "").strip()
    full = route.prefixes[0] + route.path
    said = _operation(method, full, about, _replies({200: "Done." if _writes(route) else "The answer."}, route.answer))
    said["parameters"] = _path_parameters(full)
    named = {parameter["name"] for parameter in said["parameters"]}
    if _writes(route):
        said["parameters"].append({"$ref": f"#/components/parameters/{_KEY}"})
    if method == "GET":
        said["parameters"] += _parameters(route.request, named)
    elif set(route.request.__struct_fields__) - named:
        schema = _without(schemas, route.request, named)
        said["requestBody"] = {"required": bool(schema.get("required")), "content": {JSON: {"schema": schema}}}
    return said


def _writes(route: Route) -> bool:
    return issubclass(route.speaks, Op)


def _without(schemas: Mapping[str, Any], kind: type[Struct], named: set[str]) -> dict[str, Any]:
    """The schema of a body whose fields in `named` are in the path."""
    name = name_of(kind)
    if not named:
        return {"$ref": _REFS + name}
    schema = schemas[name]
    fields = {key: value for key, value in schema["properties"].items() if key not in named}
    required = [key for key in schema.get("required", ()) if key not in named]
    return {**schema, "properties": fields, "required": required}


def _of_other(other: Other) -> dict[str, Any]:
    said = _operation(other.method, other.path, other.about, _replies(other.statuses, other.answer, other.gives))
    said["parameters"] = _path_parameters(other.path)
    if other.request is not None:
        named = {parameter["name"] for parameter in said["parameters"]}
        said["parameters"] += _parameters(other.request, named)
    if other.body is not None:
        content = {JSON: {"schema": {"$ref": _REFS + name_of(other.body)}}}
        said["requestBody"] = {"required": True, "content": content}
    if other.takes is not None:
        said["requestBody"] = {"required": True, "content": {other.takes: {"schema": {}}}}
    return said


def _operation(method: str, path: str, about: str, replies: dict[str, Any]) -> dict[str, Any]:
    family = re.match(r"(?:/ajax-api|/api)/(?:[23]\.0/mlflow/)?([\w\-]+)", path)
    first, _, rest = about.partition("\n\n")
    summary = re.split(r"(?<=\w)[.;](?:\s|$)", " ".join(first.split()), maxsplit=1)[0]
    return {
        "operationId": "_".join([method.lower(), *filter(None, re.split(r"\W+", path))]),
        "tags": [family[1] if family else "server"],
        "summary": summary,
        "description": " ".join(f"{first} {rest}".split()),
        "responses": replies,
    }


def _replies(statuses: Mapping[int, str], answer: type[Struct] | None, gives: str = JSON) -> dict[str, Any]:
    error = {JSON: {"schema": {"$ref": _REFS + name_of(Error)}}}
    found: dict[str, Any] = {}
    for status, text in statuses.items():
        found[str(status)] = {"description": text}
        if status < 300 and answer is not None:
            found[str(status)]["content"] = {JSON: {"schema": {"$ref": _REFS + name_of(answer)}}}
        elif status < 300:
            found[str(status)]["content"] = {gives: {"schema": {}}}
    found["4XX"] = {"description": "The request cannot be carried out as it is.", "content": error}
    found["5XX"] = {"description": "The server could not; 503 means try again.", "content": error}
    return {status: {**reply, "headers": {"X-Request-ID": _REQUEST_ID}} for status, reply in found.items()}


def _path_parameters(path: str) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]


def _parameters(request: type[Struct], but: set[str]) -> list[dict[str, Any]]:
    """Query parameters: names as they are, a list is its name repeated."""
    schema = msgspec.json.schema_components([request], ref_template="{name}")[1][request.__name__]
    required = schema.get("required", ())
    return [
        {"name": name, "in": "query", "required": name in required, "schema": shape}
        for name, shape in schema["properties"].items()
        if name not in but
    ]
