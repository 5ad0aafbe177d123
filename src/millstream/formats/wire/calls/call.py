"""How one kind of op or query travels: the route that it takes, what it asks there, what the reply says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Struct

from millstream.formats.wire.route import Route
from millstream.values.errors import InvalidValue

Fields = dict[str, Any]


class Message(Struct, frozen=True):
    """A request as bytes: `target` is path and query, from the server's root; `body` is JSON, None for none."""

    method: str
    target: str
    body: bytes | None = None


class Call(Struct, frozen=True):
    """A row of the client's table. `ask` makes the fields of the request from an op or query.

    `read` makes the result from the reply and the op. `own`: only a server of Millstream has the route.
    """

    kind: type
    method: str
    path: str
    ask: Callable[[Any], Fields]
    read: Callable[[Fields, Any], Any]
    prefix: str = "/api/2.0/mlflow/"
    own: bool = False

    def message(self, what: Any) -> Message:
        """The request for `what`."""
        return write_message(self.method, self.prefix + self.path, self.ask(what))


def call(kind: type, route: Route, ask: Callable[[Any], Fields], read: Callable[[Fields, Any], Any]) -> Call:
    """The row of `kind`, which takes `route` by its first method and prefix."""
    return Call(kind, route.methods[-1], route.path, ask, read, route.prefixes[0])


def find(routes: tuple[Route, ...], path: str, method: str | None = None) -> Route:
    """The route of the table with this path; of several the one that takes `method`."""
    (found,) = (route for route in routes if route.path == path and (method is None or method in route.methods))
    return found


def write_message(method: str, path: str, fields: Mapping[str, Any]) -> Message:
    """A request with `fields`; what is None or UNSET is left out. Those named in `path` go there.

    In a body they are once more: MLflow's server looks for them there.
    """
    given = {name: value for name, value in fields.items() if value is not None and value is not UNSET}
    body = None if method == "GET" else _json(given)
    if "{" in path:
        for name in [name for name in given if f"{{{name}}}" in path]:
            path = path.replace(f"{{{name}}}", quote(str(given.pop(name)), safe=""))
    return Message(method, path + write_query(given) if body is None else path, body)


def write_query(fields: Mapping[str, Any]) -> str:
    """``?name=value&…``, a list as its name repeated; "" for no fields, and what is None is left out."""
    pairs = [
        (name, _word(item))
        for name, value in fields.items()
        if value is not None
        for item in (value if isinstance(value, list | tuple) else (value,))
    ]
    try:
        return "?" + urlencode(pairs, quote_via=quote) if pairs else ""
    except UnicodeEncodeError as error:
        raise _no_text(error) from error


def _word(value: Any) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _json(value: Any) -> bytes:
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError as error:
        raise _no_text(error) from error


def _no_text(error: UnicodeEncodeError) -> InvalidValue:
    return InvalidValue(f"{error.object[:100]!r} cannot be sent: it is not valid text.")


def read_nothing(_reply: Fields, _what: Any) -> None:
    """The result of most writes."""


def texts(values: Mapping[str, str]) -> list[Fields]:
    """Tags or params as MLflow's list of key and value."""
    return [{"key": key, "value": value} for key, value in values.items()]
