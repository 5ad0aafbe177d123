"""The description of this server's interface: `/openapi.json` for programs, `/api-docs` for people."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from html import escape
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from millstream.formats.wire import answers, transfers
from millstream.formats.wire.artifacts import Fetch, ListProxied
from millstream.formats.wire.logged_models import Fetch as ModelFetch
from millstream.formats.wire.model_versions import Fetch as VersionFetch
from millstream.formats.wire.openapi import Other, describe
from millstream.formats.wire.route import Route
from millstream.server import change_stream

_FILE = {200: "The file.", 206: "A part of the file, as asked for with Range.", 304: "The caller has it already."}
_PROXIED = "/api/2.0/mlflow-artifacts"
_PROXY = f"{_PROXIED}/artifacts"
_INFO = "What this server can do, for MLflow's client."

OTHERS = (
    Other(method="GET", path="/health", about="Whether the server answers.", gives="text/plain"),
    Other(method="GET", path="/version", about="The version of the server.", gives="text/plain"),
    Other(method="GET", path="/api/3.0/mlflow/server-info", about=_INFO, answer=answers.Capabilities),
    Other(
        method="GET",
        path=change_stream.PATH,
        about="New and changed runs and new points as they come: a stream of server-sent events.",
        request=change_stream.Follow,
        gives="text/event-stream",
        statuses={200: "Events until the caller goes."},
    ),
    Other(
        method="GET",
        path="/get-artifact",
        about="A file of a run, or a part of it.",
        request=Fetch,
        gives="*/*",
        statuses=_FILE,
    ),
    Other(
        method="POST",
        path="/ajax-api/2.0/mlflow/upload-artifact",
        about="Store the body as a file of a run: whole or not at all.",
        request=Fetch,
        takes="application/octet-stream",
        answer=answers.Nothing,
        statuses={200: "Stored."},
    ),
    Other(
        method="GET",
        path="/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files",
        about="A file of a logged model, or a part of it.",
        request=ModelFetch,
        gives="*/*",
        statuses=_FILE,
    ),
    Other(
        method="GET",
        path=_PROXY,
        about="Entries of a directory in the proxied artifact store.",
        request=ListProxied,
        answer=answers.ProxiedFiles,
    ),
    Other(
        method="GET",
        path=f"{_PROXY}/{{path}}",
        about="A file of the proxied artifact store, or a part of it.",
        statuses=_FILE,
    ),
    Other(
        method="PUT",
        path=f"{_PROXY}/{{path}}",
        about="Store the body as a file in the artifacts of a run or logged model: whole or not at all.",
        takes="application/octet-stream",
        answer=answers.Nothing,
        statuses={200: "Stored."},
    ),
    Other(
        method="DELETE",
        path=f"{_PROXY}/{{path}}",
        about="Remove a file or directory from the artifacts of a run or logged model.",
        answer=answers.Nothing,
        statuses={200: "Removed."},
    ),
    Other(
        method="GET",
        path="/model-versions/get-artifact",
        about="A file of a version of a registered model, or a part of it.",
        request=VersionFetch,
        statuses=_FILE,
    ),
    *(
        Other(method="POST", path=f"{_PROXIED}/mpu/{verb}/{{path}}", about=about, body=body, answer=answer)
        for verb, about, body, answer in (
            ("create", "Begin to put a file in parts, or go on with it.", transfers.BeginParts, transfers.Begun),
            ("complete", "Put a file together of its parts.", transfers.CompleteParts, answers.Nothing),
            ("abort", "Forget an upload in parts.", transfers.AbortParts, answers.Nothing),
        )
    ),
    Other(
        method="PUT",
        path=f"{_PROXIED}/mpu/part/{{path}}",
        about="Store the body as a part of an upload that was begun with a token; Content-Digest is its checksum.",
        request=transfers.PutPart,
        takes="application/octet-stream",
        answer=transfers.PutTag,
        statuses={200: "Stored."},
    ),
    Other(
        method="GET",
        path=f"{_PROXIED}/presigned/{{path}}",
        about="A signed address of a file; one without a size is to be fetched through the server.",
        answer=transfers.Address,
    ),
    Other(method="GET", path="/openapi.json", about="This description.", gives="application/json"),
    Other(method="GET", path="/api-docs", about="This description as a page.", gives="text/html"),
)
"""What is answered outside of the table."""


class Description:
    """Serves the description; it is made when it is first asked for."""

    def __init__(self, routes: Iterable[Route], version: str, prefix: str = "") -> None:
        """Describe `routes` and `OTHERS`; `prefix` stands before every path on this server."""
        self._routes, self._version, self._prefix = tuple(routes), version, prefix
        self._made: dict[str, Any] | None = None
        self._bodies: dict[str, bytes] = {}

    @property
    def document(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if self._made is None:
            self._made = describe(self._routes, OTHERS, self._version)
            if self._prefix:
                self._made["servers"] = [{"url": self._prefix}]
        return self._made

    async def get_json(self, request: Request) -> Response:
        """The document."""
        return self._send(request, "application/json", lambda: msgspec.json.encode(self.document))

    async def get_page(self, request: Request) -> Response:
        """The document as a page without scripts."""
        return self._send(request, "text/html; charset=utf-8", lambda: write_page(self.document).encode())

    def _send(self, request: Request, media: str, make: Callable[[], bytes]) -> Response:
        body = self._bodies.get(media)
        if body is None:
            body = self._bodies[media] = make()
        headers = {
            "content-type": media,
            "cache-control": "no-cache",
            "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        }
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(None, 304, headers)
        return Response(body, 200, headers)


_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
nav { columns: 14rem; margin-bottom: 2rem; }
section { border-top: 1px solid #8886; padding: .5rem 0; }
h3 { font: 600 1rem ui-monospace, monospace; overflow-wrap: anywhere; margin: .5rem 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: .15rem .8rem .15rem 0; }
code { overflow-wrap: anywhere; }
:target { background: #fc03; }
"""


def write_page(document: dict[str, Any]) -> str:
    """An HTML page of an OpenAPI `document`: every operation with its fields, and every object."""
    groups: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            groups.setdefault(operation["tags"][0], []).append((method.upper(), path, operation))
    about = "".join(f"<p>{escape(text)}</p>" for text in document["info"]["description"].split("\n\n"))
    links = "".join(f'<a href="#tag-{escape(tag)}">{escape(tag)}</a><br>' for tag in groups)
    body = "".join(
        f'<h2 id="tag-{escape(tag)}">{escape(tag)}</h2>' + "".join(_operation(*item) for item in items)
        for tag, items in groups.items()
    )
    objects = "".join(_object(name, schema) for name, schema in document["components"]["schemas"].items())
    title = f"{document['info']['title']} {document['info']['version']}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head><body>'
        f'<h1>{escape(title)}</h1>{about}<p><a href="openapi.json">openapi.json</a></p>'
        f'<nav>{links}<a href="#objects">objects</a></nav>{body}<h2 id="objects">Objects</h2>{objects}</body></html>'
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    rows = [
        (item["name"], f"{item['in']}, {_kind(item['schema'])}", "yes" if item["required"] else "")
        for item in operation["parameters"]
        if "$ref" not in item  # what many have is told once, at the top
    ]
    taken = operation.get("requestBody", {}).get("content", {})
    body = "".join(f"<p>Body: {escape(media)} {_kind(of.get('schema', {}))}</p>" for media, of in taken.items())
    given = next(iter(operation["responses"].values())).get("content", {})
    reply = "".join(f"<p>Reply: {escape(media)} {_kind(of.get('schema', {}))}</p>" for media, of in given.items())
    return (
        f'<section id="{escape(operation["operationId"])}"><h3>{method} {escape(path)}</h3>'
        f"<p>{escape(operation['description'])}</p>{_table(rows)}{body}{reply}</section>"
    )


def _object(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = [(key, _kind(field), "yes" if key in required else "") for key, field in schema["properties"].items()]
    about = escape(schema.get("description", ""))
    return f'<section id="{escape(name)}"><h3>{escape(name)}</h3><p>{about}</p>{_table(rows)}</section>'


def _table(rows: list[tuple[str, str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{kind}</td><td>{needed}</td></tr>" for name, kind, needed in rows
    )
    return f"<table><tr><th>name</th><th>what</th><th>required</th></tr>{cells}</table>"


def _kind(schema: dict[str, Any]) -> str:
    """What a schema takes, in a few words of HTML."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "enum" in schema:
        return escape(" | ".join("null" if value is None else str(value) for value in schema["enum"]))
    if "anyOf" in schema:
        return " or ".join(_kind(inner) for inner in schema["anyOf"])
    kinds = schema.get("type", ())
    words = [kinds] if isinstance(kinds, str) else list(kinds)
    text = escape(" or ".join(words))
    if "items" in schema and schema["items"] is not False:
        text += f" of {_kind(schema['items'])}"
    if schema.get("default") not in (None, "", []):
        text += f", else {escape(str(schema['default']))}"
    if "description" in schema:
        text += f" ({escape(schema['description'])})"
    return text
