"""Idempotency keys: a request that is sent again under its key has one effect, and gets its answer again.

The header is that of draft-ietf-httpapi-idempotency-key-header: ``Idempotency-Key: "8e03978e-40d5-43e8-bc93"``, with or
without the quotes.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from msgspec import Struct, structs
from starlette.datastructures import Headers
from starlette.types import Scope

from millstream.formats.wire.decode import read_body, read_query
from millstream.formats.wire.route import Form, Route
from millstream.values.errors import BadRequest
from millstream.values.ops import Op
from millstream.values.rights import Caller

HEADER = "idempotency-key"
LONGEST = 255
_KEY = re.compile(rf"[\x21-\x7e](?:[\x20-\x7e]{{0,{LONGEST - 2}}}[\x21-\x7e])?")


class Asked(Struct, frozen=True):
    """A request as it came: route, method, bytes of its body or query, fields of its path, and who sent it.

    `form` is that of the reply, JSON when it is None.
    """

    route: Route
    method: str
    body: bytes
    named: dict[str, str]
    caller: Caller
    form: Form | None = None

    def read(self) -> Any:
        """The request that the route takes."""
        read = read_query if self.method in ("GET", "HEAD") else read_body
        return read(self.body, self.route.request, self.named)

    def digest(self) -> str:
        """Stands for what is asked, whichever of the route's prefixes it came by."""
        fields = (f"{name}={value}" for name, value in sorted(self.named.items()))
        return _digest(self.method, self.route.path, *fields, sha256(self.body).hexdigest())


class Key(Struct, frozen=True):
    """What a key comes to: the id of its op, and a digest of what is asked under it."""

    op_id: str
    digest: str

    def mark(self, op: Op[Any]) -> Op[Any]:
        """`op` as the one of this key."""
        return structs.replace(op, op_id=self.op_id, op_digest=self.digest)

    def ids(self) -> Callable[[], str]:
        """Makes ids as `new_run_id` does, but each time the same ones: a retry finds what it made."""
        numbers = itertools.count()
        return lambda: _digest(self.op_id, self.digest, str(next(numbers)))[:32]


def read_key(scope: Scope, asked: Asked) -> Key | None:
    """The key of the request `asked`, None when it has none; BadRequest for one that is none.

    Keys of one caller are not those of another.
    """
    given = Headers(scope=scope).getlist(HEADER)
    if not given:
        return None
    text = given[0].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r'\\(["\\])', r"\1", text[1:-1])
    if len(given) > 1 or not _KEY.fullmatch(text):
        raise BadRequest(
            f"The request needs one Idempotency-Key of 1 to {LONGEST} printable ASCII characters, or none. "
            "A fresh UUID for each request is a good one."
        )
    return Key(f"key-{_digest(asked.caller.name, text)}", asked.digest())


def credentials_of(scope: Scope) -> str:
    """Stands for whom the caller says to be."""
    headers = Headers(scope=scope)
    return _digest(*headers.getlist("authorization"), "", *headers.getlist("cookie"))


def _digest(*pieces: str) -> str:
    """Of the pieces one by one: each is preceded by its length."""
    return sha256("".join(f"{len(piece)}:{piece}" for piece in pieces).encode()).hexdigest()
