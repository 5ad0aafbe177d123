"""The keeper at the door: every request has a caller, or comes in by a door that is open to anyone."""

from __future__ import annotations

import asyncio
import html
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote

from anyio import to_thread
from msgspec import structs
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from millstream.drivers.sql.accounts.tokens import API, FIRST, SESSION, SHARE
from millstream.formats.passwords import TOKEN_PREFIX
from millstream.server.auth.addresses import Proxies
from millstream.server.auth.identities import Identities, Known, Wait
from millstream.server.doors import CALLER, CALLER_NOW
from millstream.server.errors import json_reply
from millstream.server.visits import visit_of
from millstream.values.rights import Caller, fold
from millstream.values.secrets import Secret

SESSION_COOKIE, SHARE_COOKIE = "millstream_session", "millstream_share"
WAITING = 64
"""So many passwords may wait to be looked at; who comes later is told to come back."""

_API = ("/api/", "/ajax-api/", "/get-artifact", "/model-versions/")
_HOP = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Millstream</title>
<meta http-equiv="refresh" content="0;url={url}"><p><a href="{url}">Log in</a></p></html>
"""


class Keeper:
    """Puts the caller into the scope of each request; refuses those that bring nothing, or what is worth nothing."""

    def __init__(
        self,
        app: ASGIApp,
        identities: Identities,
        is_open: Callable[[str, str], bool],
        prefix: str = "",
        proxies: Proxies | None = None,
    ) -> None:
        """Guard `app`; `is_open(method, path)` says whether a door is open to anyone; `prefix` is before every URL;
        `proxies` may say whom they were asked by."""
        self._app = app
        self._identities = identities
        self._is_open = is_open
        self._prefix = prefix
        self._proxies = proxies or Proxies()
        self._desk = PasswordDesk(identities)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its caller, or answer 401 or 429."""
        if scope["type"] != "http" or self._is_open(scope["method"], scope["path"]):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            caller = await self._caller(headers, self._proxies.address(scope))
        except Wait as wait:
            await _later(wait.seconds)(scope, receive, send)
            return
        if caller is None:
            await self._refuse(scope, headers)(scope, receive, send)
            return
        visit_of(scope).user = caller.name
        now = partial(self._caller_now, headers, self._proxies.address(scope))
        await self._app({**scope, CALLER: caller, CALLER_NOW: now}, receive, send)

    async def _caller_now(self, headers: Headers, address: str) -> Caller | None:
        try:
            return await self._caller(headers, address)
        except Wait:
            return None

    async def _caller(self, headers: Headers, address: str) -> Caller | None:
        if not self._identities.is_fresh():
            await to_thread.run_sync(self._identities.refresh)
        given = headers.getlist("authorization")
        if given:
            return await self._from_header(given[0], address) if len(given) == 1 else None
        cookies = read_cookies(headers)
        user = await self._cookie(cookies, SESSION_COOKIE, SESSION)
        link = await self._cookie(cookies, SHARE_COOKIE, SHARE)
        if user is None or link is None:
            return user or link
        shared = {key: fold([level, user.grants.get(key, level)]) for key, level in link.grants.items()}
        return structs.replace(user, grants={**user.grants, **shared})

    async def _from_header(self, text: str, address: str) -> Caller | None:
        scheme, _, value = text.partition(" ")
        if scheme.lower() == "bearer":
            return await self._program(Secret(value.strip()))
        if scheme.lower() != "basic":
            return None
        name, password = _basic(value)
        if password.reveal().startswith(TOKEN_PREFIX):
            return await self._program(password)
        return await self._desk.check(name, password, address)

    async def _program(self, token: Secret) -> Caller | None:
        known = await self._token(token)
        return known.caller if known is not None and known.kind in (API, FIRST) else None

    async def _cookie(self, cookies: dict[str, str], name: str, kind: str) -> Caller | None:
        if name not in cookies:
            return None
        known = await self._token(Secret(cookies[name]))
        return known.caller if known is not None and known.kind == kind else None

    async def _token(self, token: Secret) -> Known | None:
        known = self._identities.remembered_token(token)
        return known if known is not None else await to_thread.run_sync(self._identities.token, token)

    def _refuse(self, scope: Scope, headers: Headers) -> Response:
        # A browser that is told of Basic asks for a password in a window of its own, instead of our page.
        browser = headers.get("user-agent", "").startswith("Mozilla/")
        challenge = 'Bearer realm="Millstream"' + ("" if browser else ', Basic realm="Millstream", charset="UTF-8"')
        asked = {"www-authenticate": challenge, "cache-control": "no-store"}
        page = scope["method"] == "GET" and "text/html" in headers.get("accept", "")
        if page and not scope["path"].startswith(_API):
            query = scope["query_string"].decode("latin-1")
            target = self._prefix + quote(scope["path"]) + (f"?{query}" if query else "")
            url = f"{self._prefix}/login?next={quote(target, safe='')}"
            # Not a redirect: coming from another site, only a page of ours brings the cookie along.
            return HTMLResponse(_HOP.format(url=html.escape(url)), 401, asked)
        message = "The user name or the password, or the token, is wrong, or holds no longer."
        if "authorization" not in headers:
            message = (
                "Log in: with a user name and password (MLFLOW_TRACKING_USERNAME, MLFLOW_TRACKING_PASSWORD), "
                f"with a token (MLFLOW_TRACKING_TOKEN), or in the browser at {self._prefix}/login."
            )
        return json_reply({"error_code": "UNAUTHENTICATED", "message": message}, 401, asked)


class PasswordDesk:
    """Checks passwords off the event loop, two at a time; those that were right before at once."""

    def __init__(self, identities: Identities) -> None:
        """Ask `identities`."""
        self._identities = identities
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._waiting = 0

    async def check(self, name: str, password: Secret, address: str) -> Caller | None:
        """The user `name` when this is his password, else None; Wait when it cannot be looked at now."""
        known = self._identities.remembered_password(name, password)
        if known is None and self._identities.knows(name, password):
            await to_thread.run_sync(self._identities.reload, name)
            known = self._identities.remembered_password(name, password)
        if known is not None:
            return known
        if self._waiting >= WAITING:
            raise Wait(1000)
        self._waiting += 1
        try:
            ask = partial(self._identities.password, name, password, address)
            return await asyncio.wrap_future(self._threads.submit(ask))
        finally:
            self._waiting -= 1


def read_cookies(headers: Headers) -> dict[str, str]:
    """The cookies of a request; none where they cannot be read."""
    try:
        found = SimpleCookie("; ".join(headers.getlist("cookie")))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in found.items()}


def _basic(value: str) -> tuple[str, Secret]:
    try:
        data = b64decode(value.strip(), validate=True)
    except (Base64Error, ValueError):
        return "", Secret("")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    name, _, password = text.partition(":")
    return name, Secret(password)


def _later(seconds: int) -> Response:
    message = f"Too many wrong passwords. Try again in {seconds} s; tokens and whoever is logged in are not held up."
    value = {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": message}
    return json_reply(value, 429, {"retry-after": str(seconds), "cache-control": "no-store"})
