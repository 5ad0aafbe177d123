"""Artifacts behind a running server: listed and fetched through it, never written."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from millstream.drivers.artifacts.base import Draft, Progress, Told
from millstream.drivers.rest.client import RestClient
from millstream.formats.wire import replies
from millstream.values.entities import FileInfo
from millstream.values.errors import NotSupported
from millstream.values.paths import Location, RelPath


class Routes(Struct, frozen=True):
    """How a server is asked for the artifacts of one run or logged model: with `listing` and `file`, and what they say.

    `folder_field` and `file_field` name the path in a listing and of a file.
    """

    listing: str
    folder_field: str
    file: str
    file_field: str
    owner: dict[str, str] = {}


def of_run(run_id: str) -> Routes:
    """Those of a run; servers of 1.x call its id otherwise."""
    owner = {"run_id": run_id, "run_uuid": run_id}
    return Routes("artifacts/list", "path", "/get-artifact", "path", owner)


def of_model(model_id: str) -> Routes:
    """Those of a logged model."""
    base = f"logged-models/{model_id}/artifacts"
    return Routes(
        f"{base}/directories", "artifact_directory_path", f"/ajax-api/2.0/mlflow/{base}/files", "artifact_file_path"
    )


class ServerArtifacts:
    """Artifacts of one run or logged model, read through the server."""

    def __init__(self, client: RestClient, owner: str, routes: Routes) -> None:
        """Those of `owner`, a run's or model's id, which are at `routes`."""
        self._client = client
        self._routes = routes
        self.location = Location("mlflow-artifacts", "", f"/{owner}")

    def list(self, path: RelPath) -> list[FileInfo]:
        """Entries of the directory `path`; names in it are the server's and not checked here."""
        found: list[FileInfo] = []
        parameters = {**self._routes.owner, self._routes.folder_field: str(path) or None}
        while True:
            reply = self._client.get(self._routes.listing, parameters)
            found += [replies.file_info(item) for item in reply.get("files", ())]
            token = reply.get("next_page_token")
            if not token or parameters.get("page_token") == token:
                return found
            parameters["page_token"] = token

    def open(self, path: RelPath) -> BinaryIO:
        """A file as a stream."""
        return self._client.open(self._routes.file, {**self._routes.owner, self._routes.file_field: str(path)})

    def local_path(self, path: RelPath) -> Path | None:
        """None: nothing is on this machine."""
        return None

    def put_file(self, source: Path, path: RelPath, told: Told | None = None) -> None:
        """Never: a source is not changed."""
        raise self._only_read()

    def put_bytes(self, data: bytes, path: RelPath) -> None:
        """Never: a source is not changed."""
        raise self._only_read()

    def draft(self, path: RelPath) -> Draft:
        """Never: a source is not changed."""
        raise self._only_read()

    def delete(self, path: RelPath) -> None:
        """Never: a source is not changed."""
        raise self._only_read()

    def download(self, path: RelPath, target: Path, progress: Progress | None = None) -> Path:
        """Never: files are opened one by one."""
        raise self._only_read()

    def _only_read(self) -> NotSupported:
        return NotSupported("The artifacts of a server that runs are imported from are only read.")
