"""What the server says of itself without looking into the store: health, version, capabilities, description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from millstream.formats.wire import answers
from millstream.server.description import Description
from millstream.server.errors import json_reply
from millstream.server.routes import Exact
from millstream.stores.base import Store
from millstream.values.databases import DatabaseUri

_PREFIXES = ("/api", "/ajax-api")


def routes(store: Store, description: Description, version: str) -> list[Exact]:
    """The routes; the description's `OTHERS` tells what they answer."""
    return [
        *signs_of_life(version),
        Exact("/openapi.json", description.get_json),
        Exact("/api-docs", description.get_page),
        *(Exact(f"{prefix}/3.0/mlflow/server-info", _answer_info(store)) for prefix in _PREFIXES),
    ]


def signs_of_life(version: str) -> list[Exact]:
    """What every server answers, also one without a store."""
    return [Exact("/health", _answer_text("OK")), Exact("/version", _answer_text(version))]


def _answer_text(text: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return PlainTextResponse(text)

    return answer


def _answer_info(store: Store) -> Callable[[Request], Awaitable[Response]]:
    directory = DatabaseUri.parse(store.uri, Path.cwd()) is None
    capabilities = answers.Capabilities(
        store_type="FileStore" if directory else "SqlStore",
        workspaces_enabled=False,
        trace_archival_enabled=False,
        multipart_uploads_enabled=False,
        multipart_downloads_enabled=False,
        presigned_upload_run_id_supported=False,
        presigned_upload_model_id_supported=False,
        features_enabled=answers.Features(gateway=False),
    )

    async def answer(_request: Request) -> Response:
        return json_reply(capabilities)

    return answer
