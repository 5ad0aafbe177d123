"""What the server says of itself without looking into the store: health, version, capabilities, description."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from millstream.formats.wire import answers
from millstream.formats.wire.needs import ANYONE, CALLER
from millstream.server.description import Description
from millstream.server.doors import Door
from millstream.server.errors import json_reply
from millstream.server.places import Places
from millstream.stores.base import Store
from millstream.values.databases import DatabaseUri

_PREFIXES = ("/api", "/ajax-api")


def doors(store: Store, places: Places, description: Description, version: str) -> tuple[Door, ...]:
    """The doors; the description's `OTHERS` tells what they answer. MLflow's clients ask for some without a login."""
    info = _answer_info(store, places)
    return (
        *signs_of_life(version),
        Door(path="/openapi.json", answer=description.get_json, needs=CALLER),
        Door(path="/api-docs", answer=description.get_page, needs=CALLER),
        *(Door(path=f"{prefix}/3.0/mlflow/server-info", answer=info, needs=ANYONE) for prefix in _PREFIXES),
    )


def signs_of_life(version: str) -> tuple[Door, ...]:
    """What every server answers, also one without a store."""
    return (
        Door(path="/health", answer=_answer_text("OK"), needs=ANYONE),
        Door(path="/version", answer=_answer_text(version), needs=ANYONE),
    )


def _answer_text(text: str) -> Callable[[Request], Awaitable[Response]]:
    async def answer(_request: Request) -> Response:
        return PlainTextResponse(text)

    return answer


def _answer_info(store: Store, places: Places) -> Callable[[Request], Awaitable[Response]]:
    directory = DatabaseUri.parse(store.uri, Path.cwd()) is None

    async def answer(_request: Request) -> Response:
        signs = places.signs()
        return json_reply(
            answers.Capabilities(
                store_type="FileStore" if directory else "SqlStore",
                workspaces_enabled=False,
                trace_archival_enabled=False,
                multipart_uploads_enabled=signs,
                multipart_downloads_enabled=signs,
                presigned_upload_run_id_supported=True,
                presigned_upload_model_id_supported=True,
                features_enabled=answers.Features(gateway=False),
            )
        )

    return answer
