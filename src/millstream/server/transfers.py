"""Uploads in parts, and transfers past this server at addresses of S3 that are signed for a client.

Our own client's uploads go on where they broke off; it names them with a token. Where artifacts are elsewhere than in
S3, on this machine's disk above all, MLflow's client is told so in the words at which it sends the file whole.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from millstream.drivers.artifacts.base import Artifacts, Plan, Resuming, Signing, resuming_of, signing_of
from millstream.formats.wire import transfers as wire
from millstream.formats.wire.answers import Nothing
from millstream.formats.wire.artifacts import Proxied
from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.needs import edit, read
from millstream.formats.wire.route import Request as Fields
from millstream.server.artifacts import named_file
from millstream.server.doors import Door
from millstream.server.errors import json_reply
from millstream.server.guards import MAX_JSON, read_json
from millstream.server.limits import Room
from millstream.server.uploads import receive_part
from millstream.values.errors import NotSupported
from millstream.values.paths import RelPath

T = TypeVar("T")
R = TypeVar("R", bound=Fields)
Find = Callable[[RelPath], tuple[Artifacts, RelPath]]

_NO_PARTS = "Multipart upload is not supported for the current artifact repository"
_NO_ADDRESS = "These artifacts go through this server; it signs no addresses of them"
_PATH = "{path:path}"
_POST = ("POST",)
PART_SECONDS = 3600
"""How long the addresses of an upload's parts are good."""
DOWNLOAD_SECONDS = 300
"""How long the address of a download is good."""


class Transfers:
    """Handlers of the proxied store's routes ``mpu/…`` and ``presigned/…``."""

    def __init__(self, find: Find, *, signs: Callable[[], bool]) -> None:
        """`find` is whose artifacts a path names; `signs` whether clients are told to ask for addresses at all."""
        self._find = find
        self._signs = signs

    def doors(self, prefix: str) -> tuple[Door, ...]:
        """All doors, below a prefix of the proxied store."""
        parts = (("create", self.begin), ("complete", self.complete), ("abort", self.abort))
        change, look = edit(artifact="path"), read(artifact="path")
        return (
            *(
                Door(path=f"{prefix}/mpu/{verb}/{_PATH}", answer=answer, needs=change, request=Proxied, methods=_POST)
                for verb, answer in parts
            ),
            Door(
                path=f"{prefix}/mpu/part/{_PATH}", answer=self.put, needs=change, request=wire.PutPart, methods=("PUT",)
            ),
            Door(path=f"{prefix}/presigned/{_PATH}", answer=self.address, needs=look, request=Proxied),
        )

    async def begin(self, request: Request) -> Response:
        """Begin to put a file in parts, each at an address of its own; with a token, or go on with it."""
        asked, artifacts, path = await self._part(request, wire.BeginParts)
        if asked.token:
            return json_reply(await _run(partial(_resume, asked, artifacts, path)))
        signing = _signing_of(artifacts, _NO_PARTS)
        upload, parts = await _run(partial(signing.begin_parts, path, asked.num_parts, PART_SECONDS))
        return json_reply(wire.begun(upload, parts))

    async def put(self, request: Request) -> Response:
        """Store the body as a part; it counts when it has come as its checksum says."""
        asked = read_query(request.scope["query_string"], wire.PutPart, request.path_params)
        whole, below = await _run(partial(self._find, RelPath.parse(asked.path)))
        etag = await receive_part(request, _resuming_of(whole), named_file(below), asked.upload_id, asked.part_number)
        return json_reply(wire.PutTag(etag=etag))

    async def complete(self, request: Request) -> Response:
        """Put the file together of its parts: whole or not at all."""
        asked, artifacts, path = await self._part(request, wire.CompleteParts)
        etags = {part.part_number: part.etag for part in asked.parts}
        sha256 = wire.checked_digest(asked.sha256)
        store = _taking_parts(artifacts, own=bool(asked.token))
        await _run(partial(store.complete_parts, path, asked.upload_id, etags, token=asked.token, sha256=sha256))
        return json_reply(Nothing())

    async def abort(self, request: Request) -> Response:
        """Forget an upload in parts."""
        asked, artifacts, path = await self._part(request, wire.AbortParts)
        store = _taking_parts(artifacts, own=bool(asked.token))
        await _run(partial(store.abort_parts, path, asked.upload_id))
        return json_reply(Nothing())

    async def address(self, request: Request) -> Response:
        """Where a file can be fetched, and its size; without a size it is to be fetched here."""
        asked = RelPath.parse(request.path_params["path"])

        def find() -> wire.Address:
            artifacts, path = self._find(asked)
            try:
                found = _signing_of(artifacts, _NO_ADDRESS).sign("GET", named_file(path), DOWNLOAD_SECONDS)
            except NotSupported:
                # A client that was told to ask would take a refusal for a failure.
                if not self._signs():
                    raise
                return wire.Address(url=request.url.path.replace("/presigned/", "/artifacts/", 1), headers={})
            return wire.address(found)

        return json_reply(await _run(find))

    async def _part(self, request: Request, kind: type[R]) -> tuple[R, Artifacts, RelPath]:
        body = await read_json(request.scope, request.receive, Room(MAX_JSON, "bytes of requests"))
        fields: Any = read_body(body, kind)
        directory = RelPath.parse(request.path_params["path"].removesuffix("/"))
        artifacts, path = await _run(partial(self._find, directory / wire.file_name(fields.path)))
        return fields, artifacts, named_file(path)


def _resume(asked: wire.BeginParts, artifacts: Artifacts, path: RelPath) -> wire.Begun:
    plan = Plan(*wire.checked_plan(asked))
    upload, addresses, there = _resuming_of(artifacts).resume_parts(path, plan, PART_SECONDS)
    if signing_of(artifacts) is None:
        addresses = []
    stored = [wire.StoredPart(part_number=part.number, size=part.size, etag=part.etag) for part in there]
    return wire.begun(upload, addresses, stored)


def _signing_of(artifacts: Artifacts, otherwise: str) -> Signing:
    found = signing_of(artifacts)
    if found is None:
        raise NotSupported(f"{otherwise}.")
    return found


def _resuming_of(artifacts: Artifacts) -> Resuming:
    found = resuming_of(artifacts)
    if found is None:
        raise NotSupported(f"{_NO_PARTS}.")
    return found


def _taking_parts(artifacts: Artifacts, *, own: bool) -> Resuming | Signing:
    """Whose parts they are: an upload with a token began here, another one of MLflow's client past this server."""
    return _resuming_of(artifacts) if own else _signing_of(artifacts, _NO_PARTS)


async def _run(do: Callable[[], T]) -> T:
    return await to_thread.run_sync(do)
