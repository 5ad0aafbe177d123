"""Calls to a tracking server: sent again while it is busy or away, JSON in and out, files as streams."""

from __future__ import annotations

import http.client
import logging
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar, cast

import msgspec

from millstream.drivers.rest.connections import Connections, login_of
from millstream.drivers.rest.line import Answer, Line
from millstream.formats.wire.calls.call import Message, write_message, write_query
from millstream.formats.wire.calls.errors import KIND, error_of, may_work_later, reason_of
from millstream.values.errors import BadRequest, InvalidValue, MillstreamError, Unavailable
from millstream.values.servers import ServerUri
from millstream.values.settings import setting
from millstream.values.version import VERSION

T = TypeVar("T")

TRIES = 8
"""How often a call is sent when the settings do not say otherwise."""
API = "/api/2.0/mlflow/"
_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LONGEST_ASKED_SECONDS = 300.0
_log = logging.getLogger("millstream")
_PLAIN = {"User-Agent": f"millstream/{VERSION}", "Accept-Encoding": "identity"}


class _Busy(Exception):
    """What may be gone at the next try, after `pause` seconds."""

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class RestClient:
    """One server. Safe for threads: each has a connection of its own, which stays open between calls."""

    def __init__(self, address: str | ServerUri, sleep: Callable[[float], None] = time.sleep) -> None:
        """`address` is ``http://host:port/path`` or https, with a user name and password or not.

        Without one in the address, MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, are used.
        """
        self.server = address if isinstance(address, ServerUri) else ServerUri.parse(address)
        self.public = self.server.public
        self.connections = Connections(self.server)
        self._sleep = sleep
        self._headers = dict(_PLAIN)
        login = login_of(self.server)
        if login:
            self._headers["Authorization"] = login
        self._head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": self.host, **self._headers}.items())

    @property
    def path(self) -> str:
        """The path of the server's address, which stands before every other."""
        return self.server.path

    @property
    def host(self) -> str:
        """Host and port, as requests name them."""
        name = f"[{self.server.host}]" if ":" in self.server.host else _ascii(self.server.host)
        return name if self.server.port is None else f"{name}:{self.server.port}"

    @property
    def headers(self) -> dict[str, str]:
        """What every request carries, the login among them."""
        return dict(self._headers)

    def connect(self, seconds: float | None = None) -> socket.socket:
        """An open connection to the server, of the caller's own; made within `seconds`, if that is said."""
        connection = self.connections.new()
        patience = connection.timeout
        connection.timeout = seconds or patience
        try:
            connection.connect()
        except (OSError, ValueError) as error:
            if advice := _advice(error):
                raise Unavailable(f"{self.public} cannot be reached: {error}. {advice}") from error
            raise
        opened: socket.socket = connection.sock
        opened.settimeout(patience)
        return opened

    def refusal(self, status: int, text: bytes, path: str) -> MillstreamError:
        """What an answer of this status says."""
        return error_of(status, {}, text, f"{self.public}{path.partition('?')[0]}")

    def get(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``GET /api/2.0/mlflow/<name>``; parameters that are None are left out."""
        return self.ask(write_message("GET", API + name, parameters))

    def post(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``POST /api/2.0/mlflow/<name>``; fields that are None are left out."""
        return self.ask(write_message("POST", API + name, body))

    def open(self, path: str, parameters: Mapping[str, Any]) -> BinaryIO:
        """The body of ``GET <path>`` as a stream, on a connection of its own that ends with it."""
        message = Message("GET", path + write_query(parameters))
        return cast(BinaryIO, self._until_answered(message, lambda: self._stream(message)))

    def ask(self, message: Message, key: str | None = None) -> dict[str, Any]:
        """The JSON object that answers `message`, sent until there is an answer; `key` is its idempotency key.

        Unavailable when there is none after some tries; else the error that the server's answer stands for.
        """
        request = self._written(message, key)
        data = self._until_answered(message, lambda: self._send(message, request))
        try:
            found = msgspec.json.decode(data) if data.strip() else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(
                f"{self._place(message)} answered something that is not JSON. Is this its address?"
            ) from error
        if not isinstance(found, dict):
            raise BadRequest(f"{self._place(message)} answered a {type(found).__name__} and not an object.")
        return found

    def close(self) -> None:
        """Close the connections of all threads; they open again when used."""
        self.connections.close()

    def after_fork(self) -> None:
        """Start anew in a child process."""
        self.connections.forget()

    def _written(self, message: Message, key: str | None) -> bytes:
        """The bytes of a request."""
        head = f"{message.method} {self.server.path}{message.target} HTTP/1.1\r\n{self._head}"
        if key is not None:
            head += f"Idempotency-Key: {key}\r\n"
        body = message.body
        if body is None:
            return f"{head}\r\n".encode("ascii")
        return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode("ascii") + body

    def _until_answered(self, message: Message, send: Callable[[], T]) -> T:
        """What `send` gives; Unavailable when it gives nothing after some tries."""
        pauses, tries = _pauses(), _tries()
        for attempt in range(1, tries):
            try:
                return send()
            except _Busy as error:
                if attempt == 1:
                    _log.warning("%s does not answer (%s); trying again.", self.public, error)
                self._sleep(max(next(pauses), min(error.pause, _LONGEST_ASKED_SECONDS)))
        try:
            return send()
        except _Busy as error:
            raise self._gave_up(message, tries, str(error)) from error

    def _send(self, message: Message, request: bytes) -> bytes:
        """The body of a good answer to one try.

        That the server had closed a connection that waited is nobody's fault and no try.
        """
        with self.connections.own() as line:
            answer = self._answer(line, request)
        if answer.status == 200:
            return answer.body
        raise self._refused(message, answer)

    def _answer(self, line: Line, request: bytes) -> Answer:
        used = line.sock is not None
        try:
            return line.ask(request)
        except (OSError, http.client.HTTPException) as error:
            if not used or isinstance(error, TimeoutError):
                raise self._failure(error) from error
            try:
                return line.ask(request)
            except (OSError, http.client.HTTPException) as again:
                raise self._failure(again) from again

    def _stream(self, message: Message) -> http.client.HTTPResponse:
        connection = self.connections.new()
        try:
            path = self.server.path + message.target
            connection.request(message.method, path, headers={**self._headers, "Connection": "close"})
            response = connection.getresponse()
            if response.status == 200:
                return response
            headers = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, response.reason, headers, response.read())
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._failure(error) from error
        raise self._refused(message, answer)

    def _failure(self, error: Exception) -> Exception:
        reason = str(error) or type(error).__name__
        advice = _advice(error)
        return Unavailable(f"{self.public} cannot be reached: {reason}. {advice}") if advice else _Busy(reason)

    def _refused(self, message: Message, answer: Answer) -> Exception:
        if may_work_later(answer.status, answer.body):
            return _Busy(f"{answer.status} {reason_of(answer.body) or answer.reason}", _retry_after(answer.headers))
        return error_of(answer.status, {KIND: answer.headers.get(KIND.lower())}, answer.body, self._place(message))

    def _gave_up(self, message: Message, tries: int, reason: str) -> Unavailable:
        path = message.target.partition("?")[0]
        return Unavailable(
            f"{self.public} did not answer {message.method} {path} after {tries} tries: {reason}. Is the server "
            "running, and is this its address? MLFLOW_HTTP_REQUEST_MAX_RETRIES says how often it is asked again."
        )

    def _place(self, message: Message) -> str:
        return f"{self.public}{message.target.partition('?')[0]}"


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise InvalidValue(f"{host!r} is no name of a machine: {error}.") from error


def _tries() -> int:
    retries = setting("HTTP_REQUEST_MAX_RETRIES")
    assert isinstance(retries, int)
    return max(0, retries) + 1


def _pauses() -> Iterator[float]:
    """Seconds to wait, each about twice the one before: many clients of a server that is back do not come at once."""
    pause = _FIRST_PAUSE_SECONDS
    while True:
        yield pause * random.uniform(0.75, 1.25)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)


def _advice(error: Exception) -> str:
    """What to do about an error that asking again does not mend; "" for all others."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "MLFLOW_TRACKING_SERVER_CERT_PATH names the certificates that the server's must be signed by."
    if isinstance(error, ssl.SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return "It speaks http and not https."
    if isinstance(error, socket.gaierror) and error.errno == getattr(socket, "EAI_NONAME", None):
        return "No machine has this name."
    if isinstance(error, ValueError | UnicodeError):
        return "Check the address."
    return ""


def _retry_after(headers: Mapping[str, str]) -> float:
    try:
        return max(0.0, float(headers.get("retry-after") or 0))
    except ValueError:
        return 0.0
