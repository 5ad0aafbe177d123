"""The built pages. Only files that were there when the server first looked are served; no request names a path.

Which paths are pages says ``ui/src/core/router.ts``; everything else is not found.
"""

from __future__ import annotations

import hashlib
import mimetypes
import re
from pathlib import Path

from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from millstream.values.errors import EndpointNotFound, InvalidValue

PAGES = Path(__file__).parent / "static"
INDEX = "index.html"
_BASE = re.compile(rb"""<base\s+href=["'][^"']*["']\s*/?>""")
_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~\-]+)*")
_PAGE = re.compile(
    r"/*(?:e/+[^/]+(?:/+runs)?|r/+[^/]+(?:/+(?:overview|metrics|system|logs|artifacts|source))?"
    r"|settings|compare|models(?:/+[^/]+(?:/+v/+[1-9][0-9]*)?)?)?/*",
    re.DOTALL,
)
SANDBOX = "sandbox.html"
# A page that was logged runs in this empty one, where the reader says so: of no origin, and with nobody to talk to.
_SANDBOX_HEADERS = {
    "content-security-policy": (
        "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval' data: blob:; "
        "style-src 'unsafe-inline'; img-src data: blob:; media-src data: blob:; font-src data:; worker-src blob:; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    ),
    "x-frame-options": "SAMEORIGIN",
}
_API = ("/api/", "/ajax-api/", "/get-artifact/", "/graphql/", "/metrics/", "/model-versions/")
_MISSING = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Millstream</title>
<h1>The pages of Millstream are not built</h1>
<p>The server runs and its API answers. To build the pages from a source tree, run
<code>npm ci</code> and <code>npm run build</code> in the directory <code>ui</code>, then reload.</p></html>
"""


class Asset(Struct, frozen=True):
    """One file of the pages: contents, the same gzipped where the build made that, and its headers."""

    body: bytes
    zipped: bytes | None
    headers: dict[str, str]


class Pages:
    """Serves the built pages at any prefix. A browser is shown the application for an unknown path too, with 404."""

    def __init__(self, prefix: str = "", folder: Path = PAGES) -> None:
        """Serve `folder`; `prefix` is what stands before every URL, "" or e.g. "/ml"."""
        self.prefix = check_prefix(prefix)
        self.folder = folder
        self.assets: dict[str, Asset] = {}

    async def get(self, request: Request) -> Response:
        """The file that the path names, or the application."""
        path: str = request.scope["path"]
        if INDEX not in self.assets:
            self.assets = _load(self.folder, self.prefix)
        asset = self.assets.get(path.removeprefix("/"))
        if asset is not None:
            return _reply(asset, request)
        known = _PAGE.fullmatch(path) is not None
        if not known and (f"{path}/".startswith(_API) or "text/html" not in request.headers.get("accept", "").lower()):
            raise _nothing_at(path)
        asset = self.assets.get(INDEX)
        if asset is None:
            return Response(_MISSING, 200 if known else 404, {"cache-control": "no-store"}, "text/html")
        return (
            _reply(asset, request)
            if known
            else Response(asset.body, 404, asset.headers | {"cache-control": "no-store"})
        )

    async def refuse(self, scope: Scope, _receive: Receive, _send: Send) -> None:
        """Answer 405 for other methods than GET where there is something to get, else 404."""
        path: str = scope["path"]
        if _PAGE.fullmatch(path) or path.removeprefix("/") in self.assets:
            raise HTTPException(405, f"This takes GET, HEAD, not {scope['method']}.", {"Allow": "GET, HEAD"})
        raise _nothing_at(path)


def _nothing_at(path: str) -> EndpointNotFound:
    return EndpointNotFound(f"There is nothing at {path[:200]!r}.")


def check_prefix(prefix: str) -> str:
    """Return `prefix` without a trailing slash when it can stand before every URL, else raise InvalidValue."""
    plain = prefix.rstrip("/")
    if not _PREFIX.fullmatch(plain) or {".", ".."} & set(plain.split("/")):
        raise InvalidValue(f"{prefix!r} cannot be a static prefix: give a path such as /mlflow.")
    return plain


def _load(folder: Path, prefix: str) -> dict[str, Asset]:
    found = {}
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file() and path.suffix != ".gz":
            name = path.relative_to(folder).as_posix()
            found[name] = _asset(path, name, prefix)
    return found


def _asset(path: Path, name: str, prefix: str) -> Asset:
    body, zipped = path.read_bytes(), path.with_name(path.name + ".gz")
    keep = zipped.read_bytes() if zipped.is_file() else None
    if name == INDEX:
        body, keep = _BASE.sub(b'<base href="' + prefix.encode() + b'/">', body, count=1), None
    headers = {
        "content-type": _media_type(name),
        "cache-control": "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache",
        "etag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
        "vary": "Accept-Encoding, Origin",
    }
    return Asset(body, keep, headers | (_SANDBOX_HEADERS if name == SANDBOX else {}))


def _media_type(name: str) -> str:
    guessed = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}.get(Path(name).suffix)
    media = guessed or mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{media}; charset=utf-8" if media.startswith("text/") else media


def _reply(asset: Asset, request: Request) -> Response:
    if request.headers.get("if-none-match") == asset.headers["etag"]:
        return Response(None, 304, asset.headers)
    accepted = {part.split(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")}
    if asset.zipped is not None and "gzip" in accepted:
        return Response(asset.zipped, 200, asset.headers | {"content-encoding": "gzip"})
    return Response(asset.body, 200, asset.headers)
