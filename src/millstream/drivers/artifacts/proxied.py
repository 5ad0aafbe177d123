"""Which server keeps the artifacts at an ``mlflow-artifacts:`` or ``http:`` location, and what is known of it."""

from __future__ import annotations

import atexit
import time
from contextlib import suppress
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import msgspec
from msgspec import Struct

from millstream.drivers.rest.client import RestClient
from millstream.drivers.rest.retries import Transient
from millstream.formats.wire.calls.call import Message
from millstream.values.errors import BadRequest, InvalidValue, MillstreamError, NotSupported
from millstream.values.paths import Location, RelPath
from millstream.values.settings import setting, text_setting

SCHEME = "mlflow-artifacts"
WEB = ("http", "https")
_HTTP = ("http:", "https:")
PREFIX = "/api/2.0/mlflow-artifacts"
_PREFIXES = (f"{PREFIX}/artifacts", f"{PREFIX.replace('/api/', '/ajax-api/')}/artifacts")
_APART_SECONDS = 300
_CONNECT_SECONDS = 10
_INFO = "/api/3.0/mlflow/server-info"


class Server:
    """A server that passes on artifacts; one for all who talk to it in this process."""

    def __init__(self, client: RestClient) -> None:
        """Ask by `client`; nothing is asked yet."""
        self.client = client
        self.public = client.public
        self.takes_parts = True
        """Whether large files go in parts: until it says that it takes none."""
        self._signs: bool | None = None
        self._apart = float("-inf")

    @property
    def direct(self) -> bool:
        """Whether this process may reach the store behind it: unless it could not, some minutes ago."""
        return time.monotonic() >= self._apart

    def part(self) -> None:
        """The store behind it could not be reached."""
        self._apart = time.monotonic() + _APART_SECONDS

    def at(self, verb: str, path: RelPath) -> str:
        """The path of a request about a file or directory."""
        return f"{PREFIX}/{verb}/{quote(str(path), safe='/')}"

    def signs(self) -> bool:
        """Whether it hands out addresses at which files are fetched past it."""
        if self._signs is None:
            info: dict[str, Any] = {}
            with suppress(BadRequest):  # a page for people, say, where an older server knows no such address
                info = self.ask("GET", _INFO, good=(200, 400, 401, 403, 404, 405, 501))
            self._signs = bool(info.get("multipart_downloads_enabled"))
        return self._signs

    def ask(self, method: str, target: str, fields: object = None, *, good: tuple[int, ...] = (200,)) -> dict[str, Any]:
        """The object that a request is answered with; an empty one where a status of `good` is not 200."""
        body = None if fields is None else msgspec.json.encode(fields)
        return self.client.ask(Message(method, target, body), good=good)


_servers: dict[tuple[str, str | None, float | None], Server] = {}


class Place(Struct, frozen=True):
    """Where a location is: the address of a server, whether it gets the login, and the path in its proxied store."""

    address: str
    login: bool
    root: RelPath

    def server(self) -> Server:
        """The server; nothing is asked yet."""
        return _server(self.address, login=self.login)


def find_place(location: Location, tracking_uri: str | None) -> Place:
    """Which server keeps what is at `location`. NotSupported where no server can be told.

    `tracking_uri` is that of the store that told the location (default: the setting). A login goes to the host of the
    tracking URI only: whoever can write a location into a store must not collect the passwords of its readers.
    """
    tracking = tracking_uri or text_setting("TRACKING_URI") or ""
    address, path = _resolve(location, tracking)
    home = urlsplit(tracking) if tracking.startswith(_HTTP) else None
    there = urlsplit(address)
    known = home is not None and home.hostname == there.hostname and (home.scheme, there.scheme) != ("https", "http")
    return Place(address, known, RelPath.parse(unquote(path).strip("/")))


def _resolve(location: Location, tracking: str) -> tuple[str, str]:
    """The address of the server, and the path below the root of its store."""
    if location.scheme in WEB:
        whole = f"{location.scheme}://{location.authority}{location.path}/"
        base, path = next(
            ((base, path) for mark in _PREFIXES for base, found, path in [whole.partition(f"{mark}/")] if found),
            ("", ""),
        )
        if not base:
            raise NotSupported(
                f"Artifacts at {location} cannot be reached: it is no address of a server that passes on artifacts, "
                f"such as {location.scheme}://{location.authority}{_PREFIXES[0]}."
            )
        return base, path
    if not tracking.startswith(_HTTP):
        raise NotSupported(
            f"The artifacts at {location} are with a server. Set MLFLOW_TRACKING_URI to its address, such as "
            "http://localhost:5000."
        )
    if not location.authority:
        return tracking.rstrip("/"), location.path
    if location.authority.startswith(":"):
        raise InvalidValue(f"The location {str(location)!r} has a port and no host.")
    return f"{tracking.partition(':')[0]}://{location.authority}", location.path


def _server(address: str, *, login: bool, connect_seconds: float | None = None) -> Server:
    client = RestClient(address, login=login, connect_seconds=connect_seconds)
    # Of several threads that come first one makes it: `setdefault` is one step.
    return _servers.setdefault((client.public, client.login, connect_seconds), Server(client))


def straight(url: str) -> tuple[RestClient, str]:
    """Connections to the host of a signed address, without any login, and what to ask there."""
    parts = urlsplit(url)
    known = parts.scheme in WEB and parts.hostname and parts.username is None
    if not known or not (url.isascii() and url.isprintable()) or " " in url:
        raise InvalidValue(f"The server names {url[:100]!r}, which is no address to fetch from or send to.")
    client = _server(f"{parts.scheme}://{parts.netloc}", login=False, connect_seconds=_CONNECT_SECONDS).client
    return client, parts.path + (f"?{parts.query}" if parts.query else "")


def may_go(name: str) -> bool:
    """Whether the setting `name` lets this process go past the server."""
    return bool(setting(name))


def close_servers() -> None:
    """Close the connections to all servers; they open again when used."""
    for server in list(_servers.values()):
        server.client.close()


atexit.register(close_servers)

NOT_REACHED = (MillstreamError, Transient)
"""What a transfer past the server may fail with, after which it goes through the server."""
