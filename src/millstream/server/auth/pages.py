"""Logging in and out in the browser, and following a share link: plain forms, no script.

Forms are the one kind of change that is not JSON. What keeps other sites from sending them is what keeps them from
everything else: the browser says where a page is from (`server/guards`), and our cookies stay with our pages.
"""

from __future__ import annotations

import html
from functools import partial
from urllib.parse import parse_qsl, quote

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from millstream.drivers.sql.accounts.tokens import FIRST, SESSION, SHARE
from millstream.formats.wire.needs import ANYONE
from millstream.server.auth.addresses import Proxies
from millstream.server.auth.forms import FIRST_FORM, LOGIN_FORM, Words, words_for
from millstream.server.auth.identities import Identities, Wait
from millstream.server.auth.keeper import SESSION_COOKIE, SHARE_COOKIE, PasswordDesk, read_cookies
from millstream.server.doors import Door
from millstream.stores.accounts import now
from millstream.values.accounts import CreateUser, GetUser, RevokeToken
from millstream.values.errors import InvalidValue, MillstreamError, NotFound
from millstream.values.rights import RUN
from millstream.values.secrets import Secret

SESSION_LIFE = 7 * 24 * 60 * 60 * 1000
"""Life of a login in the browser, in ms."""

MAX_FORM = 16 * 2**10
# Without it the browser would not say where a form comes from: `no-referrer` makes its Origin "null".
_HEADERS = {"referrer-policy": "same-origin", "cache-control": "no-store"}


class LoginPages:
    """The doors /login, /logout and /share/TOKEN."""

    def __init__(self, identities: Identities, prefix: str, proxies: Proxies) -> None:
        """Log in users of `identities`; `prefix` is what stands before every URL; see `Proxies`."""
        self._proxies = proxies
        self._identities = identities
        self._accounts = identities.accounts
        self._prefix = prefix
        self._desk = PasswordDesk(identities)

    @property
    def doors(self) -> tuple[Door, ...]:
        """Open to anyone: who comes is not known yet."""
        return (
            Door(path="/login", answer=self.ask, needs=ANYONE),
            Door(path="/login", answer=self.log_in, needs=ANYONE, methods=("POST",)),
            Door(path="/logout", answer=self.log_out, needs=ANYONE, methods=("POST",)),
            Door(path="/share/{token}", answer=self.share, needs=ANYONE),
        )

    async def ask(self, request: Request) -> Response:
        """The form; whoever is logged in goes where he wanted."""
        target = self._target(request.query_params.get("next", ""))
        cookie = read_cookies(request.headers).get(SESSION_COOKIE)
        if cookie is not None:
            found = await to_thread.run_sync(self._accounts.credential, Secret(cookie))
            if found is not None and found.kind == SESSION:
                return RedirectResponse(target, 303, _HEADERS)
        return await self._form(request, target)

    async def log_in(self, request: Request) -> Response:
        """A session for whoever knows the password; for the first user, who has the first token, he is made before."""
        form = await _read_form(request)
        name, password = form.get("name", ""), Secret(form.get("password", ""))
        target, words = self._target(form.get("next", "")), words_for(request)
        try:
            if "token" in form:
                await to_thread.run_sync(self._make_first, name, password, Secret(form["token"].strip()))
            caller = await self._desk.check(name, password, self._proxies.address(request.scope))
        except Wait as wait:
            problem = words.wait.format(seconds=wait.seconds)
            return await self._form(request, target, name, problem, 429, {"retry-after": str(wait.seconds)})
        except MillstreamError as error:
            return await self._form(request, target, name, error.message, error.http_status)
        if caller is None:
            return await self._form(request, target, name, words.wrong, 401)
        secret = await to_thread.run_sync(self._open_session, name)
        reply = RedirectResponse(target, 303, _HEADERS)
        self._set_cookie(reply, request, SESSION_COOKIE, secret.reveal(), SESSION_LIFE)
        return reply

    async def log_out(self, request: Request) -> Response:
        """The end of the session, here and in the browser; of a share link's view too."""
        cookies = read_cookies(request.headers)
        if SESSION_COOKIE in cookies:
            await to_thread.run_sync(self._close_session, Secret(cookies[SESSION_COOKIE]))
        reply = RedirectResponse(f"{self._prefix}/login", 303, _HEADERS)
        for name in (SESSION_COOKIE, SHARE_COOKIE):
            if name in cookies:
                reply.delete_cookie(name, path=f"{self._prefix}/")
        return reply

    async def share(self, request: Request) -> Response:
        """The page of what a link shares, which from then on can be read in this browser."""
        token = Secret(request.path_params["token"])
        found = await to_thread.run_sync(self._accounts.credential, token)
        if found is None or found.kind != SHARE:
            raise NotFound("This link is over, or was never one. Ask whoever sent it for a new one.")
        ((kind, (thing,)),) = (found.token.things or {}).items()
        target = f"{self._prefix}/{'r' if kind == RUN else 'e'}/{quote(thing, safe='')}"
        # Not a redirect: see `keeper`.
        text = LINK.format(url=html.escape(target))
        reply = HTMLResponse(text, 200, {"cache-control": "no-store"})
        self._set_cookie(reply, request, SHARE_COOKIE, token.reveal(), found.token.expires - now())
        return reply

    def _make_first(self, name: str, password: Secret, token: Secret) -> None:
        found = self._accounts.credential(token)
        if found is None or found.kind != FIRST or not self._accounts.is_empty():
            raise InvalidValue("This is not the one-time token that the server printed, or it is over.")
        self._accounts.write(CreateUser(name=name, password=password, time=now(), admin=True))
        self._identities.outdate()

    def _open_session(self, name: str) -> Secret:
        return self._accounts.open_session(self._accounts.read(GetUser(name=name)), SESSION_LIFE)

    def _close_session(self, token: Secret) -> None:
        found = self._accounts.credential(token)
        if found is not None and found.kind == SESSION:
            self._accounts.write(RevokeToken(token_id=found.token.token_id))
            self._identities.outdate()

    async def _form(
        self,
        request: Request,
        target: str,
        name: str = "",
        problem: str = "",
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        words = words_for(request)
        empty = await to_thread.run_sync(self._accounts.is_empty)
        text = (FIRST_FORM if empty else LOGIN_FORM).format(
            **_escaped(words), action=f"{self._prefix}/login", next=html.escape(target), name=html.escape(name),
            problem=f'<p role="alert">{html.escape(problem)}</p>' if problem else "",
        )  # fmt: skip
        return HTMLResponse(text, status, {**_HEADERS, **(headers or {})})

    def _target(self, wanted: str) -> str:
        """Where to go after logging in: a path of this server, nothing that a browser takes for another one."""
        plain = wanted.startswith("/") and wanted.isascii() and wanted.isprintable()
        if not plain or wanted.startswith("//") or "\\" in wanted:
            return f"{self._prefix}/"
        return wanted

    def _set_cookie(self, reply: Response, request: Request, name: str, value: str, life: int) -> None:
        # Behind a proxy that ends TLS the scheme is http; the page's own origin says what the browser used.
        secure = request.url.scheme == "https" or request.headers.get("origin", "").startswith("https:")
        set_cookie = partial(reply.set_cookie, path=f"{self._prefix}/", httponly=True, samesite="strict")
        set_cookie(name, value, max_age=max(life // 1000, 1), secure=secure)


LINK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Millstream</title>
<meta http-equiv="refresh" content="0;url={url}"><p><a href="{url}">Open</a></p></html>
"""


def _escaped(words: Words) -> dict[str, str]:
    return {field: html.escape(getattr(words, field)) for field in words.__struct_fields__}


async def _read_form(request: Request) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FORM:
            raise InvalidValue(f"The form is longer than {MAX_FORM} bytes.")
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=20))
    except ValueError as error:
        raise InvalidValue("The form cannot be read.") from error
