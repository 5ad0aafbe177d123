"""Artifacts of runs and logged models over HTTP, as MLflow's pages and clients ask for single files."""

from __future__ import annotations

from functools import partial
from typing import Any

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from millstream.drivers.artifacts.base import Artifacts
from millstream.formats.wire import encode
from millstream.formats.wire.artifacts import Fetch
from millstream.formats.wire.decode import read_query
from millstream.formats.wire.logged_models import Fetch as ModelFetch
from millstream.formats.wire.logged_models import checked_model
from millstream.formats.wire.model_versions import Fetch as VersionFetch
from millstream.formats.wire.model_versions import List as VersionList
from millstream.formats.wire.model_versions import checked_name, checked_version
from millstream.formats.wire.runs import checked_run
from millstream.server.downloads import send_file
from millstream.server.errors import json_reply
from millstream.server.guards import check_raw
from millstream.server.served import ServedStore
from millstream.server.uploads import receive_file
from millstream.values.errors import InvalidValue
from millstream.values.paths import RelPath
from millstream.values.queries import GetModelVersion


class Files:
    """Handlers for get-artifact, upload-artifact and the files of logged models and versions of models of one store."""

    def __init__(self, store: ServedStore) -> None:
        """Serve the artifacts of `store`."""
        self.store = store

    async def get(self, request: Request) -> Response:
        """A run's file, a part of it, or 304 when the caller has it already."""
        run_id, path = _place(request)
        return await send_file(request, partial(self._of_run, run_id, path), f"Run {run_id!r}")

    async def get_of_model(self, request: Request) -> Response:
        """A logged model's file, as `get`."""
        fields = read_query(request.scope["query_string"], ModelFetch, request.path_params)
        model_id, path = checked_model(fields.model_id), named_file(RelPath.parse(fields.artifact_file_path))
        return await send_file(request, partial(self._of_model, model_id, path), f"The logged model {model_id!r}")

    async def get_of_version(self, request: Request) -> Response:
        """A file of a version of a registered model, as `get`."""
        fields = read_query(request.scope["query_string"], VersionFetch)
        asked = GetModelVersion(name=checked_name(fields.name), version=checked_version(fields.version))
        path = named_file(RelPath.parse(fields.path))

        def find() -> tuple[Artifacts, RelPath]:
            artifacts, below = self.store.version_files(asked)
            return artifacts, below / path

        return await send_file(request, find, f"Version {asked.version} of the model {asked.name!r}")

    async def list_of_version(self, request: Request) -> Response:
        """What lies in a directory of a version's model; the root of one that is a single file is that file."""
        fields = read_query(request.scope["query_string"], VersionList)
        asked = GetModelVersion(name=checked_name(fields.name), version=checked_version(fields.version))
        path = RelPath.parse(fields.path)

        def find() -> list[dict[str, Any]]:
            artifacts, below = self.store.version_files(asked)
            root = f"{below}/" if below.segments else ""
            found = artifacts.list(below / path)
            return [{**encode.file(item), "path": item.path.removeprefix(root)} for item in found]

        return json_reply({"files": await to_thread.run_sync(find)})

    async def put(self, request: Request) -> Response:
        """Store the body as a file: whole or not at all."""
        check_raw(request)
        run_id, path = _place(request)
        await receive_file(request, partial(self._of_run, run_id, path))
        return json_reply({})

    def _of_run(self, run_id: str, path: RelPath) -> tuple[Artifacts, RelPath]:
        return self.store.artifacts(run_id), path

    def _of_model(self, model_id: str, path: RelPath) -> tuple[Artifacts, RelPath]:
        return self.store.model_artifacts(model_id), path


def _place(request: Request) -> tuple[str, RelPath]:
    fields = read_query(request.scope["query_string"], Fetch)
    return checked_run(fields.run_id), named_file(RelPath.parse(fields.path))


def named_file(path: RelPath) -> RelPath:
    """`path` when it can name a file: not the artifact root itself."""
    if not path.segments:
        raise InvalidValue("Invalid path: name a file, not the artifact root.")
    return path
