"""The tracking server as an ASGI app: guards, routes, pages, put together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from millstream.drivers.artifacts.signing import can_sign
from millstream.formats.wire import families
from millstream.formats.wire.artifacts import Fetch
from millstream.formats.wire.logged_models import Fetch as ModelFetch
from millstream.formats.wire.model_versions import Fetch as VersionFetch
from millstream.formats.wire.model_versions import List as VersionList
from millstream.formats.wire.needs import ANYONE, CALLER, edit, read
from millstream.formats.wire.route import Route as Row
from millstream.formats.wire.table import ROUTES
from millstream.server import facts, interface, openings, overviews
from millstream.server.artifacts import Files
from millstream.server.change_stream import PATH as CHANGES
from millstream.server.change_stream import ChangeStream, Follow
from millstream.server.description import Description
from millstream.server.doors import Door, Gate, http_route, http_routes
from millstream.server.errors import Errors, error_reply
from millstream.server.exports import PATH as EXPORT
from millstream.server.exports import Export, Exports
from millstream.server.guards import OPEN_TO_ALL, Callers, SecurityHeaders
from millstream.server.inflating import Inflating
from millstream.server.limits import Admission, Limits, Room
from millstream.server.places import Places
from millstream.server.proxy import Destination, Proxy
from millstream.server.routes import Api, Known
from millstream.server.scoring import Scoring
from millstream.server.served import ServedStore
from millstream.server.static import Pages, check_prefix
from millstream.server.subscribers import Subscribers
from millstream.server.watch import Visits, Watch
from millstream.stores.base import Shared, Store
from millstream.values.errors import MillstreamError, Unavailable
from millstream.values.paths import Location

NOBODY = Watch()


def all_routes(server: interface.Server) -> tuple[Row, ...]:
    """Every row that is served to whoever may, MLflow's and those of the pages; users have some more."""
    return ROUTES + interface.routes(server) + openings.ROUTES + overviews.ROUTES


def make_app(
    store: Store,
    *,
    static_prefix: str = "",
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    frames: str = "SAMEORIGIN",
    scoring_servers: Iterable[str] = (),
    started: int | None = None,
    artifact_root: str | None = None,
    artifacts_destination: str | None = None,
    serve_artifacts: bool = True,
    gate: Gate | None = None,
    limits: Limits | None = None,
    watch: Watch = NOBODY,
) -> ASGIApp:
    """A server of `store`: MLflow's REST interface, the pages and what they ask.

    `static_prefix` is the path that stands before every URL when a proxy passes it on; `allowed_hosts` are names
    it answers to beside localhost and IP addresses; `allowed_origins` are other sites whose pages may call it, and
    `frames` says whose may show its pages (SAMEORIGIN, DENY, NONE); `scoring_servers` may be called from
    the pages, beside those that run on this machine; `started` is the start time to show (ms, default
    now); `artifact_root` is where new experiments keep artifacts (default: `artifacts_destination`, else the store
    decides). With `serve_artifacts` clients reach artifacts on this machine and below `artifacts_destination` through
    the server. `gate` asks for a login. `limits` say how much is taken on at a time. `watch` is told of every request.
    """
    limits = limits or Limits()
    now = time.time_ns() // 1_000_000
    server = interface.Server(version("millstream"), now if started is None else started, login=gate is not None)
    places = Places.of(store.uri, artifact_root, artifacts_destination, proxied=serve_artifacts)
    served = ServedStore(store, places)
    pages = Pages(static_prefix)
    table = all_routes(server) + (gate.routes if gate else ())
    doors = (
        *facts.doors(store, places, Description(table, server.version, pages.prefix), server.version),
        _changes(served, gate),
        Door(path=EXPORT, answer=Exports(served).get, needs=read(experiment="experiment_id"), request=Export),
        *_files(Files(served)),
        *Scoring(scoring_servers).doors(),
        *Proxy(served if serve_artifacts else None, places.signs).doors(),
        *(gate.doors if gate else ()),
        *watch.doors,
    )
    shared = store if isinstance(store, Shared) else None
    api = Api(gate.desk(served) if gate else served, table, gate, limits, watch.counts, shared)
    page = Door(path="/{path:path}", answer=pages.get, needs=CALLER)
    guards = _guards(frames, allowed_hosts, allowed_origins, limits, api.knows)
    return _assembled(doors, api, page, guards, pages.prefix, gate, watch, pages.refuse)


def make_depot(
    destination: str,
    *,
    static_prefix: str = "",
    allowed_hosts: Iterable[str] = (),
    allowed_origins: Iterable[str] = (),
    frames: str = "SAMEORIGIN",
    limits: Limits | None = None,
    watch: Watch = NOBODY,
) -> ASGIApp:
    """A server of the proxied artifact store alone, over the directory or URI `destination`.

    All paths lead below it; everything that needs runs is answered with 503, as MLflow's ``--artifacts-only`` does.
    """
    location = Location.parse(destination, base=Path.cwd())
    proxy = Proxy(Destination(location), partial(can_sign, location))
    doors = (*facts.signs_of_life(version("millstream")), *proxy.doors(), *watch.doors)
    methods = ("GET", "POST", "PUT", "PATCH", "DELETE")
    rest = Door(path="/{path:path}", answer=_answer_nothing, needs=ANYONE, methods=methods)
    guards = _guards(frames, allowed_hosts, allowed_origins, limits or Limits())
    return _assembled(doors, None, rest, guards, check_prefix(static_prefix), None, watch)


def _changes(store: ServedStore, gate: Gate | None) -> Door:
    """The stream of changes. Any caller may follow it, and is told only of what he may read."""
    stream = ChangeStream(Subscribers(store), gated=gate is not None)
    return Door(path=CHANGES, answer=stream.get, needs=CALLER, request=Follow)


def _files(files: Files) -> tuple[Door, ...]:
    upload, models = "/ajax-api/2.0/mlflow/upload-artifact", "/ajax-api/2.0/mlflow/logged-models/{model_id}"
    of_model = read(logged_model="model_id")
    return (
        Door(path="/get-artifact", answer=files.get, needs=read(run="run_id"), request=Fetch),
        Door(
            path="/model-versions/get-artifact",
            answer=files.get_of_version,
            needs=read(registered_model="name"),
            request=VersionFetch,
        ),
        Door(
            path="/api/ui/version-files",
            answer=files.list_of_version,
            needs=read(registered_model="name"),
            request=VersionList,
        ),
        Door(path=upload, answer=files.put, needs=edit(run="run_id"), request=Fetch, methods=("POST",)),
        Door(path=f"{models}/artifacts/files", answer=files.get_of_model, needs=of_model, request=ModelFetch),
    )


def _guards(
    frames: str,
    allowed_hosts: Iterable[str],
    allowed_origins: Iterable[str],
    limits: Limits,
    counted: Callable[[str], bool] = lambda _path: False,
) -> list[Middleware]:
    """What stands before all routes; paths that are `counted` elsewhere take no room here."""
    room = Room(limits.requests, "files and pages under way")
    return [
        Middleware(SecurityHeaders, frames=frames),
        Middleware(Errors),
        Middleware(Callers, allowed_hosts=allowed_hosts, allowed_origins=allowed_origins),
        # Streams of changes have a limit of their own: one lasts for hours, and takes next to nothing.
        Middleware(Admission, room=room, apart=lambda path: path in OPEN_TO_ALL or path == CHANGES or counted(path)),
        Middleware(Inflating),
    ]


def _assembled(
    doors: tuple[Door, ...],
    api: Api | None,
    rest: Door,
    guards: list[Middleware],
    prefix: str,
    gate: Gate | None,
    watch: Watch,
    wrong: ASGIApp | None = None,
) -> ASGIApp:
    """The app of `doors` and `api`; all other paths go to the door `rest`, with methods that it has not to `wrong`."""
    if gate is not None:
        guards = [*guards, Middleware(gate.guard, doors=doors)]
    known = [] if api is None else [Known(api)]
    mounts = [] if api is None else [Mount("/api", api), Mount("/ajax-api", api)]
    if api is not None:
        mounts += [Mount(path, refuse) for path in families.OUTSIDE]
    others = [] if wrong is None else [Mount("/", wrong)]
    app = Starlette(
        routes=[*known, *http_routes(doors, gate), *mounts, http_route(rest, gate), *others],
        middleware=guards,
        exception_handlers={HTTPException: _answer, MillstreamError: _answer},
    )
    app.router.redirect_slashes = False
    app.state.doors = (*doors, rest)
    # Built now, so that a host name that is none is said at the start and not at the first request.
    app.middleware_stack = app.build_middleware_stack()
    return Visits(Prefix(app, prefix) if prefix else app, watch)


async def _answer_nothing(_request: Request) -> Response:
    raise Unavailable("This server only passes on artifacts: it was started with --artifacts-only.")


async def refuse(scope: Scope, _receive: Receive, _send: Send) -> None:
    """Answer 501 or 404: what is below here is not here."""
    raise families.missing_route(scope["path"])


async def _answer(request: Request, error: Exception) -> Response:
    return error_reply(error, request.scope)


class Prefix:
    """Takes `prefix` off the path of every request that has it, so that a proxy may pass it on or cut it off."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        """Serve `app` below `prefix` too."""
        self.app = app
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without the prefix."""
        path = scope.get("path", "")
        if path == self.prefix or path.startswith(self.prefix + "/"):
            scope = {**scope, "path": path[len(self.prefix) :] or "/"}
        await self.app(scope, receive, send)
