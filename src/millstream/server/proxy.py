"""The proxied artifact store: what clients of ``mlflow-artifacts:`` URIs list, get, put and delete."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.formats.wire import encode
from millstream.formats.wire.artifacts import ListProxied, Proxied
from millstream.formats.wire.decode import read_query
from millstream.formats.wire.needs import edit, manage, read
from millstream.server.artifacts import named_file
from millstream.server.doors import Door
from millstream.server.downloads import send_file
from millstream.server.errors import json_reply
from millstream.server.transfers import Transfers
from millstream.server.uploads import receive_file
from millstream.values.errors import Unavailable
from millstream.values.paths import Location, RelPath

PREFIXES = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")


Entries = list[dict[str, object]]


class Depot(Protocol):
    """What the paths of a proxied store lead to."""

    def find(self, path: RelPath) -> tuple[Artifacts, RelPath]:
        """The artifacts that `path` is in, and the path below their root; NotFound when it is in none."""
        ...


class Destination:
    """One place for all paths: a depot without runs."""

    def __init__(self, location: Location) -> None:
        """Pass on `location`."""
        self.location = location

    def find(self, path: RelPath) -> tuple[Artifacts, RelPath]:
        """The one place, and `path` as it is."""
        return open_artifacts(self.location), path


class Proxy:
    """Handlers of the proxied store over `depot`; without one every request is answered with 503, as MLflow does."""

    def __init__(self, depot: Depot | None, signs: Callable[[], bool]) -> None:
        """Serve `depot`; `signs` says whether clients are told to ask for signed addresses."""
        self._depot = depot
        self._transfers = Transfers(lambda path: self.depot.find(path), signs=signs)

    def doors(self) -> tuple[Door, ...]:
        """All doors, under both prefixes. What a path needs goes by the run or logged model that it is in."""
        return tuple(door for prefix in PREFIXES for door in (*self._below(prefix), *self._transfers.doors(prefix)))

    def _below(self, prefix: str) -> tuple[Door, ...]:
        one = f"{prefix}/artifacts/{{path:path}}"
        return (
            Door(path=f"{prefix}/artifacts", answer=self.list, needs=read(artifact="path"), request=ListProxied),
            Door(path=one, answer=self.get, needs=read(artifact="path"), request=Proxied),
            Door(path=one, answer=self.put, needs=edit(artifact="path"), request=Proxied, methods=("PUT",)),
            Door(path=one, answer=self.delete, needs=manage(artifact="path"), request=Proxied, methods=("DELETE",)),
        )

    @property
    def depot(self) -> Depot:
        """The depot; Unavailable when there is none."""
        if self._depot is None:
            raise Unavailable("This server passes on no artifacts: it was started with --no-serve-artifacts.")
        return self._depot

    async def list(self, request: Request) -> Response:
        """Entries directly below a directory, by their own names; none when there is no such directory."""
        fields = read_query(request.scope["query_string"], ListProxied)
        files = await to_thread.run_sync(self._entries, RelPath.parse(fields.path.strip("/")))
        return json_reply(encode.without_empty(files=files))

    def _entries(self, path: RelPath) -> Entries:
        artifacts, below = self.depot.find(path)
        return [encode.file(item) | {"path": item.path.rpartition("/")[2]} for item in artifacts.list(below)]

    async def answer(self, request: Request) -> Response:
        """What `get`, `put` or `delete` answers."""
        return await {"PUT": self.put, "DELETE": self.delete}.get(request.method, self.get)(request)

    async def get(self, request: Request) -> Response:
        """A file, a part of it, or 304 when the caller has it already."""
        find = partial(self._find_file, _path(request))
        return await send_file(request, find, "This artifact store")

    async def put(self, request: Request) -> Response:
        """Store the body as a file: whole or not at all. No form of another site can send a PUT."""
        await receive_file(request, partial(self._find_file, _path(request)))
        return json_reply({})

    async def delete(self, request: Request) -> Response:
        """Remove a file or a directory with all below it, but no run's or model's artifacts as a whole."""
        await to_thread.run_sync(self._delete, _path(request))
        return json_reply({})

    def _find_file(self, path: RelPath) -> tuple[Artifacts, RelPath]:
        artifacts, below = self.depot.find(path)
        return artifacts, named_file(below)

    def _delete(self, path: RelPath) -> None:
        artifacts, below = self.depot.find(path)
        artifacts.delete(below)


def _path(request: Request) -> RelPath:
    # Clients put a slash behind a directory.
    return RelPath.parse(request.path_params["path"].removesuffix("/"))
