"""What stands before every route: who may call (Host, Origin), how much may be sent, which headers each reply has."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache, partial
from urllib.parse import unquote_to_bytes

from msgspec import Struct
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millstream.server.limits import Room
from millstream.server.visits import HEADER, visit_of
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
_PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD, POST, PUT, PATCH, DELETE",
    "access-control-allow-headers": "authorization, content-type, idempotency-key, range, if-range, x-requested-with",
    "access-control-max-age": "600",
}
OPEN_TO_ALL = {"/health", "/version"}
"""Paths that say nothing of the store, and are answered whoever asks and however much there is to do."""


def framed(frames: str) -> dict[str, str]:
    """The headers, for what an operator says of frames; InvalidValue for a word that is none of theirs."""
    frames = frames.upper()
    ancestors = "; frame-ancestors 'self'"
    if frames == "SAMEORIGIN":
        return HEADERS
    if frames == "DENY":
        policy = PAGE_POLICY.replace(ancestors, "; frame-ancestors 'none'")
        return HEADERS | {"x-frame-options": "DENY", "content-security-policy": policy}
    if frames == "NONE":
        rest = {name: value for name, value in HEADERS.items() if name != "x-frame-options"}
        return rest | {"content-security-policy": PAGE_POLICY.replace(ancestors, "")}
    raise InvalidValue(f"{frames!r} says nothing of frames; say SAMEORIGIN, DENY or NONE.")


class SecurityHeaders:
    """Puts the security headers on every reply that does not set them itself, and the id of the request.

    It tells the visit what it sees of the reply: every reply comes by here.
    """

    def __init__(self, app: ASGIApp, *, frames: str = "SAMEORIGIN") -> None:
        """Guard `app`; `frames` says whose pages may show ours in a frame; see `framed`."""
        self.app = app
        self.headers = [(name.encode(), value.encode("latin-1")) for name, value in framed(frames).items()]
        self.names = {name for name, _ in self.headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and complete its reply's headers."""
        visit = visit_of(scope)

        async def complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                visit.status = message["status"]
                given = message["headers"] = list(message.get("headers", ()))
                names = {name for name, _ in given}
                own = self.headers
                given += own if self.names.isdisjoint(names) else [one for one in own if one[0] not in names]
                given.append((HEADER, visit.id.encode()))
            else:
                visit.sent += len(message.get("body", b""))
            await send(message)

        await self.app(scope, receive, complete)


class Host(Struct, frozen=True):
    """A host as a header or an operator names it; `port` is "" when not given."""

    name: str
    port: str

    @staticmethod
    @lru_cache(maxsize=256)
    def parse(text: str) -> Host | None:
        """The host, in small letters; None when `text` is not one."""
        found = _HOST.fullmatch(text)
        return Host((found["six"] or found["name"]).lower(), found["port"] or "") if found else None

    @property
    def literal(self) -> bool:
        """Whether it is an IP address: no name service can point it elsewhere, so no page can rebind it."""
        return _is_address(self.name)


def _check_text(scope: Scope) -> None:
    """BadRequest for bytes that are not UTF-8: with replacements, two names would become one."""
    for part in (scope.get("raw_path") or b"", scope["query_string"]):
        if b"%" in part:
            try:
                unquote_to_bytes(part).decode()
            except UnicodeDecodeError as error:
                raise BadRequest("The address of the request is not UTF-8: a name in it cannot be told.") from error


@lru_cache(maxsize=256)
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Callers:
    """Lets in only requests for a host that is ours, and changes only from pages that are ours.

    Ours are localhost, IP addresses, and the names the operator gave (exact, no patterns; ``*`` alone means any).
    """

    def __init__(self, app: ASGIApp, *, allowed_hosts: Iterable[str] = (), allowed_origins: Iterable[str] = ()) -> None:
        """Guard `app`; `allowed_hosts` are ``name`` or ``name:port``, `allowed_origins` are ``https://name``."""
        self.app = app
        origins = {origin.strip() for origin in allowed_origins if origin.strip()}
        self.any_origin = "*" in origins
        self.origins = {parse_origin(origin) for origin in origins - {"*"}}
        names = {name.strip() for name in allowed_hosts if name.strip()}
        self.any_host = "*" in names
        self.hosts = {parse_allowed(name) for name in names - {"*"}}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or raise NotPermitted; BadRequest for an address that is no text."""
        if scope["type"] == "http":
            _check_text(scope)
        if scope["type"] == "http" and not (scope["method"] == "GET" and scope["path"] in OPEN_TO_ALL):
            headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
            host = self._check_host(_values(headers, b"host"))
            origins = _values(headers, b"origin")
            if len(origins) == 1 and self._is_allowed(origins[0]):
                origin = origins[0]
                if scope["method"] == "OPTIONS" and _values(headers, b"access-control-request-method"):
                    await Response(None, 204, _shared(origin) | _PREFLIGHT)(scope, receive, send)
                    return
                send = partial(_send_shared, send, origin)
            elif scope["method"] not in _READS:
                self._check_origin(origins, host)
                if set(_values(headers, b"sec-fetch-site")) - {"same-origin", "none"}:
                    raise NotPermitted("A page of another site may not change anything here.")
        await self.app(scope, receive, send)

    def _is_allowed(self, origin: str) -> bool:
        """Whether the operator named this site, with scheme and port."""
        return self.any_origin or origin.lower() in self.origins

    def _check_host(self, given: list[str]) -> Host:
        host = Host.parse(given[0]) if len(given) == 1 else None
        if host is None:
            raise BadRequest("The request needs one Host header: a name or an IP address, and maybe a port.")
        known = host.name == "localhost" or self.any_host or host.literal
        if not known and not self.hosts & {host, Host(host.name, "")}:
            raise NotPermitted(
                f"This server does not answer to the name {host.name!r}. If it is this server's name, start it with "
                f"--allowed-hosts {host.name}"
            )
        return host

    def _check_origin(self, origins: list[str], host: Host) -> None:
        """A browser says where a page came from; only pages of this server may change anything."""
        for origin in origins:
            if not self._is_ours(origin, host):
                raise NotPermitted(
                    f"A page of {origin[:100]!r} may not change anything here. If that is a proxy before this server, "
                    "start it with --allowed-hosts and the proxy's host name."
                )

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


def _shared(origin: str) -> dict[str, str]:
    """Headers with which a page of `origin` may read a reply; browsers add no login of their own to its requests."""
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "content-disposition, content-range, etag, retry-after, x-request-id",
        "cross-origin-resource-policy": "cross-origin",
    }


async def _send_shared(send: Send, origin: str, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        for name, value in _shared(origin).items():
            headers[name] = value
    await send(message)


def parse_origin(text: str) -> str:
    """The site that an operator names, in small letters; InvalidValue for anything but ``scheme://name[:port]``."""
    scheme, _, netloc = text.strip().lower().partition("://")
    if text.strip() == "*":
        return "*"
    if scheme not in ("http", "https") or Host.parse(netloc) is None:
        raise InvalidValue(f"{text!r} is not a site: give scheme and name, as in https://ml.example.org:8443")
    return f"{scheme}://{netloc.removesuffix(':80' if scheme == 'http' else ':443')}"


def parse_allowed(name: str) -> Host:
    """The host that an operator allows; InvalidValue for anything but an exact name."""
    host = Host.parse(name)
    if host is None:
        raise InvalidValue(
            f"{name!r} is not a host name: give exact names, as in --allowed-hosts ml.example.org,ml.example.org:8443"
        )
    return host


def _values(headers: Sequence[tuple[bytes, bytes]], name: bytes) -> list[str]:
    """All values of a header."""
    return [value.decode("latin-1") for given, value in headers if given == name]


async def read_json(scope: Scope, receive: Receive, held: Room, *, typed: bool = True) -> bytes:
    """The body of a request that must be JSON (`typed`: and say so) and at most `MAX_JSON` long.

    Its length is taken from `held`; whoever gets the body gives it back.
    """
    headers = dict(scope["headers"])
    if typed:
        given = headers.get(b"content-type")
        if given is None:
            raise BadRequest("Bad Request. Content-Type header is missing.")
        if given.partition(b";")[0].strip().lower() != b"application/json":
            raise BadRequest("Bad Request. Content-Type must be one of ['application/json'].")
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or int(length) > MAX_JSON:
        raise _too_large()
    body = bytearray()
    size = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect()
            piece = message.get("body", b"")
            held.take(len(piece))
            size += len(piece)
            if size > MAX_JSON:
                raise _too_large()
            more = message.get("more_body")
            if not body and not more:
                return bytes(piece)  # the usual case; copies nothing
            # Not a list of pieces: they would leave holes in the memory between them.
            body += piece
            if not more:
                return bytes(body)
    except BaseException:
        held.give(size)
        raise


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
