"""What stands before every route: who may call (Host, Origin), how much may be sent, which headers each reply has."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable

from msgspec import Struct
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.values.errors import BadRequest, InvalidValue, NotPermitted, TooLarge

MAX_JSON = 16 * 2**20
"""Longest JSON body in bytes."""

PAGE_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; frame-src 'self' blob:; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": PAGE_POLICY,
    "vary": "Origin",
}
# Content types that a page of another site can send without asking first.
_SIMPLE_TYPES = {"", "text/plain", "multipart/form-data", "application/x-www-form-urlencoded"}
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._\-]+))(?::(?P<port>\d{1,5}))?")
_READS = {"GET", "HEAD", "OPTIONS"}
_OPEN_TO_ALL = {"/health", "/version"}


class SecurityHeaders:
    """Puts the security headers on every reply that does not set them itself."""

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its reply's headers."""

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, complete)


class Host(Struct, frozen=True):
    """A host as a header or an operator names it; `port` is "" when not given."""

    name: str
    port: str

    @classmethod
    def parse(cls, text: str) -> Host | None:
        """The host, in small letters; None when `text` is not one."""
        found = _HOST.fullmatch(text)
        return cls((found["six"] or found["name"]).lower(), found["port"] or "") if found else None

    @property
    def literal(self) -> bool:
        """Whether it is an IP address: no name service can point it elsewhere, so no page can rebind it."""
        try:
            ipaddress.ip_address(self.name)
        except ValueError:
            return False
        return True


class Callers:
    """Lets in only requests for a host that is ours, and changes only from pages that are ours.

    Ours are localhost, IP addresses, and the names the operator gave (exact, no patterns; ``*`` alone means any).
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str] = ()) -> None:
        """Guard `app`; `allowed_hosts` are ``name`` or ``name:port``."""
        self.app = app
        names = {name.strip() for name in allowed_hosts if name.strip()}
        self.any_host = "*" in names
        self.hosts = {parse_allowed(name) for name in names - {"*"}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise NotPermitted."""
        if scope["type"] == "http" and not (scope["method"] == "GET" and scope["path"] in _OPEN_TO_ALL):
            headers = Headers(scope=scope)
            host = self._check_host(headers)
            if scope["method"] not in _READS:
                self._check_origin(headers, host)
        await self.app(scope, receive, send)

    def _check_host(self, headers: Headers) -> Host:
        given = headers.getlist("host")
        host = Host.parse(given[0]) if len(given) == 1 else None
        if host is None:
            raise BadRequest("The request needs one Host header: a name or an IP address, and maybe a port.")
        known = host.name == "localhost" or host.literal or self.any_host
        if not known and not self.hosts & {host, Host(host.name, "")}:
            raise NotPermitted(
                f"This server does not answer to the name {host.name!r}. If it is this server's name, start it with "
                f"--allowed-hosts {host.name}"
            )
        return host

    def _check_origin(self, headers: Headers, host: Host) -> None:
        """A browser says where a page came from; only pages of this server may change anything."""
        for origin in headers.getlist("origin"):
            if not self._is_ours(origin, host):
                raise NotPermitted(
                    f"A page of {origin[:100]!r} may not change anything here. If that is a proxy before this server, "
                    "start it with --allowed-hosts and the proxy's host name."
                )
        if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            raise NotPermitted("A page of another site may not change anything here.")

    def _is_ours(self, origin: str, host: Host) -> bool:
        scheme, _, netloc = origin.partition("://")
        given = Host.parse(netloc)
        usual = {"http": "80", "https": "443"}.get(scheme)
        if given is None or usual is None:
            return False
        same = given.name == host.name and (given.port or usual) == (host.port or usual)
        # Behind a proxy that rewrites Host, the page's origin is the name that the operator gave.
        named = Host(given.name, "") if given.port == usual else given
        return same or named in self.hosts


def parse_allowed(name: str) -> Host:
    """The host that an operator allows; InvalidValue for anything but an exact name."""
    host = Host.parse(name)
    if host is None:
        raise InvalidValue(
            f"{name!r} is not a host name: give exact names, as in --allowed-hosts ml.example.org,ml.example.org:8443"
        )
    return host


async def read_json(request: Request, *, typed: bool = True) -> bytes:
    """The body of a request that must be JSON (`typed`: and say so) and at most `MAX_JSON` long."""
    if typed and "content-type" not in request.headers:
        raise BadRequest("Bad Request. Content-Type header is missing.")
    if typed and media_type(request) != "application/json":
        raise BadRequest("Bad Request. Content-Type must be one of ['application/json'].")
    length = request.headers.get("content-length", "0")
    if not (length.isascii() and length.isdigit()) or int(length) > MAX_JSON:
        raise _too_large()
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_JSON:
            raise _too_large()
    return bytes(body)


def _too_large() -> TooLarge:
    return TooLarge(f"The request body is longer than {MAX_JSON} bytes. Send it in several requests.")


def media_type(request: Request) -> str:
    """Content type of a request in small letters, without parameters; "" when it has none."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def check_raw(request: Request) -> None:
    """Refuse a raw body that a page of another site could have sent without the browser asking first."""
    if media_type(request) in _SIMPLE_TYPES and "x-requested-with" not in request.headers:
        raise BadRequest(
            "Bad Request. Send the file with the header 'Content-Type: application/octet-stream', "
            "or with its own type and the header 'X-Requested-With'."
        )
