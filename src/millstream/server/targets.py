"""What a request asked for, as it may stand in a log: one word of visible ASCII, without secrets."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_plus

from starlette.types import Scope

from millstream.formats.passwords import TOKEN_PREFIX

LONGEST = 1000
HIDDEN = "***"

# What most requests ask for: there is nothing to hide in it, for tokens have more letters.
_PLAIN = re.compile(r"/(?:ajax-)?api/[a-z0-9./\-]{1,200}|/health")
_UNSEEN = re.compile(r"[^\x21-\x7e]")
_SECRET = re.compile(
    r"token|secret|passw|signature|credential|session|cookie|auth|jwt|api.?key|access.?key|^(?:sig|next)$"
)
_LINK = re.compile(r"(.*?/share/)(.+)", re.DOTALL | re.IGNORECASE)
_TOKEN = re.compile(rf"{TOKEN_PREFIX}[A-Za-z0-9_\-]*")
_API = ("/api/", "/ajax-api/")


def shown(text: str) -> str:
    """`text` as one word: what cannot be seen, a space too, is percent-encoded."""
    return _UNSEEN.sub(lambda found: quote(found[0], safe="", errors="surrogatepass"), text)


def shown_target(scope: Scope) -> str:
    """Path and query of a request."""
    path: str = scope["path"]
    raw = scope.get("raw_path")
    query = scope.get("query_string")
    if not query and _PLAIN.fullmatch(path):
        return path
    text = quote(path, errors="surrogatepass") if raw is None else raw.decode("latin-1")
    link = None if path.startswith(_API) else _LINK.fullmatch(path)
    if link is not None:
        text = quote(link[1], errors="surrogatepass") + HIDDEN
    elif TOKEN_PREFIX in path:
        text = quote(_TOKEN.sub(HIDDEN, path), safe="/*", errors="surrogatepass")
    if query:
        text += "?" + "&".join(map(_shown_pair, query.decode("latin-1").split("&")))
    text = _UNSEEN.sub(lambda found: f"%{ord(found[0]) & 0xFF:02X}", text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _shown_pair(pair: str) -> str:
    name, equals, value = pair.partition("=")
    if TOKEN_PREFIX in unquote_plus(name):
        return HIDDEN
    secret = _SECRET.search(unquote_plus(name).lower()) or TOKEN_PREFIX in unquote_plus(value)
    return f"{name}={HIDDEN}" if secret and value else f"{name}{equals}{value}"
