"""The proxied artifact store: what clients of ``mlflow-artifacts:`` URIs list, get, put and delete."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import Receive, Scope, Send

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.formats.wire import encode
from millstream.formats.wire.artifacts import ListProxied
from millstream.formats.wire.decode import read_query
from millstream.formats.wire.families import missing_route
from millstream.server.artifacts import named_file
from millstream.server.downloads import send_file
from millstream.server.errors import json_reply
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

    def __init__(self, depot: Depot | None) -> None:
        """Serve `depot`."""
        self._depot = depot

    def routes(self) -> Sequence[BaseRoute]:
        """All routes, under both prefixes."""
        artifacts = [
            Route("/artifacts", self.list),
            # One route, so that a refusal of other methods names all three.
            Route("/artifacts/{path:path}", self.answer, methods=["GET", "PUT", "DELETE"]),
        ]
        return [Mount(prefix, Router(artifacts, default=_refuse)) for prefix in PREFIXES]

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
        artifacts, path = await to_thread.run_sync(self._find_file, _path(request))
        await receive_file(request, artifacts, path)
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


async def _refuse(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise missing_route(scope["path"])


def _path(request: Request) -> RelPath:
    # Clients put a slash behind a directory.
    return RelPath.parse(request.path_params["path"].removesuffix("/"))
