"""The one place where an exception becomes a reply: ``{"error_code", "message"}``, never a stack, path or SQL text."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.formats.wire.calls.errors import KIND, kind_of
from millstream.server.inflating import ENCODINGS
from millstream.server.limits import pause
from millstream.server.targets import shown_target
from millstream.server.visits import visit_of
from millstream.values.errors import MillstreamError, Unavailable

log = logging.getLogger("millstream.server")

MOST = 2000
"""Longest message of a reply, in characters."""

_CODES = {404: "ENDPOINT_NOT_FOUND", 405: "BAD_REQUEST"}


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply of a value without NaN and infinities."""
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def error_reply(error: Exception, scope: Scope) -> Response:
    """The reply that stands for `error` in the answer to the request of `scope`.

    What the caller can mend is told to him. Everything else is told to the server's log, under the id of the request,
    which the reply tells.
    """
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "BAD_REQUEST")
        return json_reply({"error_code": code, "message": error.detail}, error.status_code, error.headers)
    if isinstance(error, MillstreamError) and (error.http_status < 500 or error.http_status in (501, 503, 504, 507)):
        if error.http_status >= 500 and error.told != error.message:
            log.warning("%s", error.message)
        headers = {"Retry-After": pause()} if error.http_status in (429, 503) else {}
        if error.http_status == 415:
            headers["Accept-Encoding"] = ENCODINGS
        if kind := kind_of(error):
            headers[KIND] = kind
        value = {"error_code": error.error_code, "message": _cut(error.told)}
        return json_reply(value, error.http_status, headers)
    visit, known = visit_of(scope), isinstance(error, MillstreamError)
    asked = f"{scope['method']} {shown_target(scope)}"
    log.error("Request %s (%s): %s", visit.id, asked, error, exc_info=None if known else error)
    code = error.error_code if isinstance(error, MillstreamError) else "INTERNAL_ERROR"
    # Only what was written for callers is told to them.
    told = error.told if isinstance(error, MillstreamError) and error.told != error.message else ""
    message = f"{told or 'The server could not do this.'} Its log says why, under the request id {visit.id}"
    return json_reply({"error_code": code, "message": message}, 500)


def _cut(message: str) -> str:
    """A message repeats what was sent, which may be megabytes."""
    return message if len(message) <= MOST else f"{message[: MOST - 1]}…"


class Errors:
    """Turns every exception of the app into a reply, as long as none has begun."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; answer for what is raised."""
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watch)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            # The server ends, and waits no longer. What the request would have changed may have been changed.
            if begun:
                raise
            await error_reply(Unavailable("The server is about to end. Try again."), scope)(scope, receive, send)
        except Exception as error:
            if begun:
                # Too late for a reply: the caller must see a broken connection, not a short file.
                asked = f"{scope['method']} {shown_target(scope)}"
                log.error("Request %s (%s): the reply broke off.", visit_of(scope).id, asked, exc_info=error)
                raise
            await error_reply(error, scope)(scope, receive, send)
