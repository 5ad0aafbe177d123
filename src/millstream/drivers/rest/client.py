"""Calls to a tracking server: JSON in and out, files as streams, tried again while the server is busy."""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO, TypeVar, cast
from urllib.parse import quote, unquote, urlencode, urlsplit

import msgspec

from millstream.values.databases import hidden
from millstream.values.errors import (
    BadRequest,
    EndpointNotFound,
    InvalidValue,
    MillstreamError,
    NotFound,
    NotPermitted,
    NotSupported,
    StorageFailed,
    Unavailable,
)
from millstream.values.settings import text_setting
from millstream.values.version import VERSION

T = TypeVar("T")

TRIES = 6
TIMEOUT_SECONDS = 120
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_TRY_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
API = "/api/2.0/mlflow/"


class RestClient:
    """One server. Safe for threads: each has a connection of its own, which stays open between calls."""

    def __init__(self, address: str, sleep: Callable[[float], None] = time.sleep) -> None:
        """`address` is ``http://host:port/path`` or https, with a user name and password or not.

        Without one in the address, MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, are used.
        """
        self.public = hidden(address).rstrip("/")
        try:
            parts = urlsplit(address)
            self._port = parts.port
        except ValueError as error:
            raise InvalidValue(f"{self.public!r} is not a valid address: {error}.") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise InvalidValue(f"{self.public!r} is no server's address; write http://host:5000 or https://host.")
        self._host = parts.hostname
        self._secure = parts.scheme == "https"
        self._path = parts.path.rstrip("/")
        self._headers = {"User-Agent": f"millstream/{VERSION}", "Accept-Encoding": "identity"}
        login = _login(parts.username, parts.password)
        if login:
            self._headers["Authorization"] = login
        self._sleep = sleep
        self._connections = threading.local()
        self._open: list[http.client.HTTPConnection] = []

    def get(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``GET /api/2.0/mlflow/<name>``; parameters that are None are left out."""
        return self._json("GET", API + name + _query(parameters), None)

    def post(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``POST /api/2.0/mlflow/<name>``; fields that are None are left out."""
        fields = {key: value for key, value in body.items() if value is not None}
        return self._json("POST", API + name, msgspec.json.encode(fields))

    def open(self, path: str, parameters: Mapping[str, Any]) -> BinaryIO:
        """The body of ``GET <path>`` as a stream, on a connection of its own that ends with it."""
        connection, once = self._connect(), {"Connection": "close"}
        return cast(BinaryIO, self._answer("GET", path + _query(parameters), None, connection, _itself, once))

    @property
    def path(self) -> str:
        """The path of the server's address, which stands before every other."""
        return self._path

    @property
    def host(self) -> str:
        """Host and port, as requests name them."""
        name = f"[{self._host}]" if ":" in self._host else self._host
        return name if self._port is None else f"{name}:{self._port}"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries, the login among them."""
        return dict(self._headers)

    def connect(self, seconds: float | None = None) -> socket.socket:
        """An open connection to the server, of the caller's own; made within `seconds`, if that is said."""
        connection = self._connect()
        patience = connection.timeout
        connection.timeout = seconds or patience
        connection.connect()
        connection.sock.settimeout(patience)
        return connection.sock

    def refusal(self, status: int, text: bytes, path: str) -> MillstreamError:
        """What an answer of this status says."""
        kind = {501: NotSupported, 507: StorageFailed}.get(status)
        message = _message(text)
        return kind(message) if kind and message else self._refusal(status, text, path)

    def close(self) -> None:
        """Close the connections of all threads; they open again when used."""
        for connection in self._open:
            connection.close()

    def _json(self, method: str, path: str, body: bytes | None) -> dict[str, Any]:
        connection = getattr(self._connections, "own", None)
        if connection is None:
            connection = self._connections.own = self._connect()
            self._open.append(connection)
        data = self._answer(method, path, body, connection, http.client.HTTPResponse.read)
        try:
            found = msgspec.json.decode(data) if data.strip() else {}
        except msgspec.DecodeError as error:
            raise BadRequest(f"{self.public}{path} answered something that is not JSON: {error}.") from error
        if not isinstance(found, dict):
            raise BadRequest(f"{self.public}{path} answered a {type(found).__name__} and not an object.")
        return found

    def _connect(self) -> http.client.HTTPConnection:
        if self._secure:
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_SECONDS, context=context)
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_SECONDS)

    def _answer(
        self,
        method: str,
        path: str,
        body: bytes | None,
        connection: http.client.HTTPConnection,
        use: Callable[[http.client.HTTPResponse], T],
        more_headers: Mapping[str, str] | None = None,
    ) -> T:
        """What `use` makes of a good answer; Unavailable when there is none after some tries."""
        headers = {**self._headers, **(more_headers or {})}
        if body is not None:
            headers["Content-Type"] = "application/json"
        reason = ""
        for attempt in range(TRIES):
            pause = _FIRST_PAUSE_SECONDS * 2**attempt
            try:
                connection.request(method, self._path + path, body, headers)
                response = connection.getresponse()
                if response.status == 200:
                    return use(response)
                text = response.read()
                if response.status not in _TRY_AGAIN:
                    raise self._refusal(response.status, text, path)
                reason = f"{response.status} {_message(text) or response.reason}"
                pause = max(pause, _retry_after(response))
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                reason = str(error) or type(error).__name__
            if attempt < TRIES - 1:
                self._sleep(min(pause, _LONGEST_PAUSE_SECONDS))
        raise Unavailable(f"{self.public} did not answer {path.partition('?')[0]} after {TRIES} tries: {reason}.")

    def _refusal(self, status: int, text: bytes, path: str) -> MillstreamError:
        message = _message(text)
        place = f"{self.public}{path.partition('?')[0]}"
        if status in (401, 403):
            return NotPermitted(
                f"{place} wants a login ({status}). Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                "MLFLOW_TRACKING_TOKEN."
            )
        if status == 404:
            kind = NotFound if b"RESOURCE_DOES_NOT_EXIST" in text else EndpointNotFound
            return kind(message or f"{place} is not there; is it an MLflow server?")
        return BadRequest(f"{place} answered {status}: {message or 'without a reason'}")


def _itself(response: http.client.HTTPResponse) -> http.client.HTTPResponse:
    return response


def _login(user: str | None, password: str | None) -> str:
    if user is None:
        token = text_setting("TRACKING_TOKEN")
        user, password = text_setting("TRACKING_USERNAME"), text_setting("TRACKING_PASSWORD")
        if not user:
            return f"Bearer {token}" if token else ""
    else:
        user, password = unquote(user), unquote(password or "")
    return "Basic " + b64encode(f"{user}:{password or ''}".encode()).decode()


def _query(parameters: Mapping[str, Any]) -> str:
    given = {key: value for key, value in parameters.items() if value is not None}
    return "?" + urlencode(given, quote_via=quote) if given else ""


def _message(text: bytes) -> str:
    try:
        found = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return ""
    return str(found.get("message", ""))[:500] if isinstance(found, dict) else ""


def _retry_after(response: http.client.HTTPResponse) -> float:
    try:
        return float(response.getheader("Retry-After") or 0)
    except ValueError:
        return 0.0
