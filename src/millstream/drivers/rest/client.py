"""Requests to a tracking server: sent again while it is busy or away; JSON in and out, and files as streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from io import BufferedReader, RawIOBase
from typing import Any, BinaryIO, TypeVar, cast

import msgspec

from millstream.drivers.rest.connection import Connection, Content, Response
from millstream.drivers.rest.credentials import login_of
from millstream.drivers.rest.pool import Pool
from millstream.drivers.rest.retries import Retries, Transient, asked_pause
from millstream.formats.wire.calls.call import Message, write_message, write_query
from millstream.formats.wire.calls.errors import KIND, error_of, may_work_later, reason_of
from millstream.values.errors import BadRequest, InvalidValue, Unavailable
from millstream.values.servers import ServerUri
from millstream.values.version import VERSION

T = TypeVar("T")
Use = Callable[[Response], T]

API = "/api/2.0/mlflow/"
_JSON = {"Content-Type": "application/json"}
_GOOD = (200,)


class RestClient:
    """One server. For any number of threads; connections stay open between requests."""

    def __init__(
        self,
        address: str | ServerUri,
        sleep: Callable[[float], None] = time.sleep,
        *,
        login: bool = True,
        connect_seconds: float | None = None,
    ) -> None:
        """`address` is ``http://host:port/path`` or https, with a user name and password or not.

        Without one in the address, MLFLOW_TRACKING_USERNAME and _PASSWORD, or MLFLOW_TRACKING_TOKEN, are used; without
        `login` none. `connect_seconds` is how long a connection may take, if less than an answer.
        """
        self.server = address if isinstance(address, ServerUri) else ServerUri.parse(address)
        self.public = self.server.public
        self.login = login_of(self.server) if login else None
        """The header Authorization, None for none."""
        self.pool = Pool(self.server, connect_seconds)
        self._sleep = sleep
        headers = {"Host": _host(self.server), "User-Agent": f"millstream/{VERSION}", "Accept-Encoding": "identity"}
        if self.login is not None:
            headers["Authorization"] = self.login
        self._head = _lines(headers)

    def get(self, name: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``GET /api/2.0/mlflow/<name>``; parameters that are None are left out."""
        return self.ask(write_message("GET", API + name, parameters))

    def post(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to ``POST /api/2.0/mlflow/<name>``; fields that are None are left out."""
        return self.ask(write_message("POST", API + name, body))

    def ask(self, message: Message, key: str | None = None, *, good: tuple[int, ...] = _GOOD) -> dict[str, Any]:
        """The JSON object that answers `message`, sent until there is an answer; `key` is its idempotency key.

        An empty one where a status of `good` is not 200. Unavailable when there is no answer after some tries; else
        the error that the server's answer stands for.
        """
        headers = {} if message.body is None else _JSON
        if key is not None:
            headers = {"Idempotency-Key": key, **headers}
        data = self.request(message.method, message.target, _read_good, headers=headers, body=message.body, good=good)
        try:
            found = msgspec.json.decode(data) if data.strip() else {}
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BadRequest(
                f"{self._place(message.target)} answered something that is not JSON. Is this its address?"
            ) from error
        if not isinstance(found, dict):
            raise BadRequest(f"{self._place(message.target)} answered a {type(found).__name__} and not an object.")
        return found

    def open(self, path: str, parameters: Mapping[str, Any]) -> BinaryIO:
        """The body of ``GET <path>`` as a stream, whose connection is its own until it is closed."""
        target = path + write_query(parameters)
        return self._until_answered("GET", target, lambda: self._stream(target))

    def request(
        self,
        method: str,
        target: str,
        use: Use[T],
        *,
        headers: Mapping[str, str] = {},
        body: bytes | None = None,
        good: tuple[int, ...] = _GOOD,
    ) -> T:
        """What `use` makes of a good response; Unavailable when there is none after some tries."""
        return self._until_answered(
            method, target, lambda: self.once(method, target, use, headers=headers, body=body, good=good)
        )

    def once(
        self,
        method: str,
        target: str,
        use: Use[T],
        *,
        headers: Mapping[str, str] = {},
        body: bytes | Content | None = None,
        good: tuple[int, ...] = _GOOD,
    ) -> T:
        """As `request`, but tried once: `Transient` when another try may help."""
        with self.pool.connection() as connection:
            return use(self._send(connection, method, target, headers, body, good))

    def retries(self) -> Retries:
        """Those of something that takes several requests."""
        return Retries(self.public, self._sleep)

    def close(self) -> None:
        """Close the connections that nobody uses; they open again when used."""
        self.pool.close()

    def _until_answered(self, method: str, target: str, send: Callable[[], T]) -> T:
        retries: Retries | None = None
        while True:
            try:
                return send()
            except Transient as error:
                retries = retries or self.retries()
                retries.wait(error, f"{method} {target.partition('?')[0]}")

    def _send(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | Content | None,
        good: tuple[int, ...],
    ) -> Response:
        """A good response; what any other stands for is raised."""
        head = f"{method} {self.server.path}{target} HTTP/1.1\r\n{self._head}{_lines(headers)}"
        if body is not None:
            head += f"Content-Length: {body.length if isinstance(body, Content) else len(body)}\r\n"
        response = connection.ask(f"{head}\r\n".encode("ascii"), body or b"")
        if response.status in good:
            return response
        text = response.read()
        if may_work_later(response.status, text):
            reason = f"{response.status} {reason_of(text) or response.reason}".rstrip()
            raise Transient(reason, pause=asked_pause(response.headers.get("retry-after")))
        raise error_of(response.status, {KIND: response.headers.get(KIND.lower())}, text, self._place(target))

    def _stream(self, target: str) -> BinaryIO:
        with ExitStack() as stack:
            response = self._send(stack.enter_context(self.pool.connection()), "GET", target, {}, None, _GOOD)
            return cast(BinaryIO, BufferedReader(_Stream(response, stack.pop_all(), self._place(target))))

    def _place(self, target: str) -> str:
        return f"{self.public}{target.partition('?')[0]}"


class _Stream(RawIOBase):
    """The body of a response, as a file."""

    def __init__(self, response: Response, used: ExitStack, place: str) -> None:
        self._pieces: Iterator[bytes] = response.pieces()
        self._used, self._place = used, place
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            self._rest = self._rest or memoryview(next(self._pieces, b""))
        except Transient as error:
            raise Unavailable(f"{self._place} broke off: {error}. Try again.") from error
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        self._used.close()
        super().close()


def read_all(response: Response) -> bytes:
    """The body of a response."""
    return response.read()


def _read_good(response: Response) -> bytes:
    data = response.read()
    return data if response.status == 200 else b""


def _lines(headers: Mapping[str, str]) -> str:
    for name, value in headers.items():
        if not (value.isascii() and value.isprintable() and name.isascii() and name.isprintable()):
            raise InvalidValue(f"The header {name[:100]!r} has a value that cannot be sent.")
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _host(server: ServerUri) -> str:
    """Host and port, as requests name them."""
    host = f"[{server.host}]" if ":" in server.host else server.host
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise InvalidValue(f"{host!r} is no name of a machine: {error}.") from error
    return host if server.port is None else f"{host}:{server.port}"
