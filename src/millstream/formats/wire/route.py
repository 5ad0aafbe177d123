"""What one row of the wire table says, and what the border hands to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from millstream.formats.wire.answers import Nothing
from millstream.formats.wire.needs import Needs
from millstream.values.ops import Op
from millstream.values.queries import Query
from millstream.values.rights import Caller

PREFIXES = ("/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/")
"""Where every route is found."""

OLD_PREFIXES = ("/api/2.0/preview/mlflow/", "/ajax-api/2.0/preview/mlflow/")
"""Where clients of MLflow 1.x look for them."""

AJAX_PREFIXES = ("/ajax-api/2.0/mlflow/",)
"""Where MLflow serves what only its own pages ask."""


class Request(Struct, frozen=True, kw_only=True):
    """Base of request bodies and query strings. A field with a default may be left out; others may not be empty."""


class Given(Struct, frozen=True):
    """What a request leaves out and the border adds: time (ms), fresh ids, the answer to `Route.first`, who asks."""

    now: int
    new_run_id: Callable[[], str]
    first: Any = None
    caller: Caller = Caller()


class Form(Struct, frozen=True):
    """Another form of a reply than JSON, for who accepts `type`: what `write` makes of the result and the request."""

    type: str
    write: Callable[[Any, Any], bytes]


class Route(Struct, frozen=True, kw_only=True):
    """One endpoint: how a request becomes an op or query, and how its result becomes the reply's JSON object.

    `needs` is what the caller must be allowed; it has no default, so that no route can be without it. `answer` is what
    `reply` makes, as a type. `first` asks the store something that `call` or `reply` needs beforehand: one query, or
    several that are answered in their order.
    It is followed by a write only where `alone` is set: such routes must not run twice at the same time for one store.
    `again` is what a caller needs who sends the request again after it took `needs` away with it, as a model that is
    renamed does; without it, only what answers nothing is answered again. `other` is a second form of the reply.
    """

    methods: tuple[str, ...]
    path: str
    request: type[Request]
    speaks: type[Op[Any]] | type[Query[Any]]
    call: Callable[[Any, Given], Op[Any] | Query[Any]]
    reply: Callable[[Any, Given], dict[str, Any]]
    needs: Needs
    answer: type[Struct] = Nothing
    first: Callable[[Any], Query[Any] | tuple[Query[Any], ...]] | None = None
    alone: bool = False
    again: Needs | None = None
    other: Form | None = None
    prefixes: tuple[str, ...] = PREFIXES + OLD_PREFIXES

    @property
    def title(self) -> str:
        """Its path below the first of its prefixes, whichever it was asked by."""
        return self.prefixes[0] + self.path


def reply_nothing(_result: object, _given: Given) -> dict[str, Any]:
    """The empty object, MLflow's answer to most writes."""
    return {}
