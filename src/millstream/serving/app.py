"""The scoring server: ``/ping``, ``/health``, ``/version`` and ``/invocations`` as one plain ASGI callable."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from typing import Any

import msgspec

from millstream.models.pyfunc import PyFuncModel
from millstream.serving.codec import JSON, Kind, decode, encode, parse_content_type
from millstream.serving.plan import Plan
from millstream.serving.worker import Worker
from millstream.values.errors import BadRequest, EndpointNotFound, MillstreamError, NotPermitted
from millstream.values.version import VERSION

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_BODY = 64_000_000
_RETRY_SECONDS = "1"
_log = logging.getLogger("millstream.serving")


class TooLarge(MillstreamError):
    """The body is longer than the server takes."""

    error_code = "REQUEST_TOO_LARGE"
    http_status = 413


class WrongMethod(MillstreamError):
    """The route exists, with another method."""

    error_code = "METHOD_NOT_ALLOWED"
    http_status = 405


class TimedOut(MillstreamError):
    """The prediction took longer than the server's limit."""

    error_code = "DEADLINE_EXCEEDED"
    http_status = 504


class ClientGone(Exception):
    """The caller closed the connection; nobody reads an answer."""


class ScoringApp:
    """Answers for one model. Health answers while the model predicts; too many requests get 503 at once."""

    def __init__(
        self,
        model: PyFuncModel,
        *,
        timeout: float = 60.0,
        max_body: int = MAX_BODY,
        worker: Worker | None = None,
        hosts: Iterable[str] | None = None,
    ) -> None:
        """Serve `model`. `hosts` are the Host names answered to, beside IP addresses and localhost; None: any."""
        self._plan = Plan(model)
        self._timeout, self._max_body = timeout, max_body
        self._worker = worker or Worker(size=max_body)
        self._hosts = None if hosts is None else {"localhost", *(host.lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One ASGI connection."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            try:
                status, body, extra = await self._respond(scope, receive)
            except ClientGone:
                return
            except MillstreamError as error:
                status, body, extra = error.http_status, error_body(error), _error_headers(error)
            except Exception as error:  # noqa: BLE001  the border to the network: nothing of ours leaks out
                status, body, extra = 500, error_body(_unexpected(error)), []
            headers = [(b"content-type", JSON.encode()), (b"content-length", str(len(body)).encode()), *extra]
            headers.append((b"x-content-type-options", b"nosniff"))
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[int, bytes, list[tuple[bytes, bytes]]]:
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._check_host(headers.get(b"host", ""))
        path, method = scope["path"], scope["method"]
        if path == "/invocations":
            if method != "POST":
                raise WrongMethod(f"/invocations takes POST, not {method}.")
            return 200, await self._invoke(headers, receive), []
        if path not in ("/ping", "/health", "/version"):
            raise EndpointNotFound("There are GET /ping, /health, /version and POST /invocations here, nothing else.")
        if method not in ("GET", "HEAD"):
            raise WrongMethod(f"{path} takes GET, not {method}.")
        return 200, VERSION.encode() if path == "/version" else b"\n", []

    def _check_host(self, header: str) -> None:
        """Refuse names that are not this server's: a web page can point its own name at this address."""
        if self._hosts is None:
            return
        host = header[1:].partition("]")[0] if header.startswith("[") else header.partition(":")[0]
        try:
            ipaddress.ip_address(host)
        except ValueError:
            if host.lower() not in self._hosts and "*" not in self._hosts:
                raise NotPermitted(
                    f"The Host name {host[:100]!r} is not one of this server's. To allow it, start the server with "
                    "MILLSTREAM_ALLOWED_HOSTS set to a comma-separated list that has it."
                ) from None

    async def _invoke(self, headers: dict[bytes, str], receive: Receive) -> bytes:
        kind = parse_content_type(headers.get(b"content-type"))
        deadline = time.monotonic() + self._timeout
        try:
            async with asyncio.timeout(self._timeout):
                body = await self._read(headers.get(b"content-length"), receive)
        except TimeoutError:
            raise TimedOut(f"The request body did not arrive within {self._timeout:g} s.") from None
        call = self._worker.submit(partial(self._score, body, kind, deadline), len(body))
        future: asyncio.Future[bytes] = asyncio.wrap_future(call)
        gone: asyncio.Future[None] = asyncio.ensure_future(_wait_for_disconnect(receive))
        try:
            left = max(0.0, deadline - time.monotonic())
            waited: set[asyncio.Future[Any]] = {future, gone}
            await asyncio.wait(waited, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            if future.done():
                return future.result()
            if gone.done():
                raise ClientGone
            raise self._late()
        finally:
            call.cancel()
            future.cancel()
            gone.cancel()

    async def _read(self, length: str | None, receive: Receive) -> bytes:
        if length is not None and length.isdigit() and int(length) > self._max_body:
            raise TooLarge(f"The body has {length} bytes; at most {self._max_body} are taken.")
        chunks: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_body:
                raise TooLarge(f"The body has more than {self._max_body} bytes.")
            chunks.append(chunk)
            more = message.get("more_body", False)
        return b"".join(chunks)

    def _score(self, body: bytes, kind: Kind, deadline: float) -> bytes:
        if time.monotonic() > deadline:
            raise self._late()
        request = decode(body, kind)
        try:
            predictions = self._plan.predict(request)
        except MillstreamError:
            raise
        except Exception as error:
            reason = f" ({_first_line(error)})" if isinstance(error, ValueError | TypeError) else ""
            raise BadRequest(f"The model could not predict from this input{reason}: {_reference(error)}.") from error
        try:
            return encode(predictions, bare=request.bare)
        except (TypeError, ValueError, RecursionError) as error:
            raise BadRequest(f"The model's answer cannot be sent: {error}.") from error

    def _late(self) -> TimedOut:
        return TimedOut(f"Request processing time exceeded limit ({self._timeout:g} s).")


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def error_body(error: MillstreamError) -> bytes:
    """The JSON of an error: its code and one line."""
    return msgspec.json.encode({"error_code": error.error_code, "message": " ".join(error.message.split())})


def _error_headers(error: MillstreamError) -> list[tuple[bytes, bytes]]:
    return [(b"retry-after", _RETRY_SECONDS.encode())] if error.http_status == 503 else []


def _reference(error: Exception) -> str:
    """Name of the error and a number; the log has the rest, which may hold what callers must not see."""
    number = uuid.uuid4().hex[:8]
    _log.error("Error %s: %s: %s", number, type(error).__name__, error, exc_info=error)
    return f"{type(error).__name__}, number {number} in the server's log"


def _first_line(error: Exception) -> str:
    """How the model's library words what is wrong with a value, e.g. ``Input X contains NaN.``"""
    lines = str(error).splitlines() or [""]
    return lines[0][:200]


def _unexpected(error: Exception) -> MillstreamError:
    return MillstreamError(f"Something went wrong: {_reference(error)}.")
