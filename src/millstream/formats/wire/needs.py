"""What a request needs before it is answered, as data beside each route. It counts where users log in (`--auth`).

needs=read(run="run_id")                                    the run that the field names
needs=edit(run="run_id", logged_model="metrics.model_id")   and each logged model that a metric names
needs=NARROWED                                              a list: it tells only of what may be read
needs=MAKER                                                 anybody who may make something new
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Any, get_args, get_type_hints

from msgspec import UNSET, Struct

from millstream.values.rights import Level


class Who(Enum):
    """Which callers a route is for at all."""

    ANYONE = "anyone"
    """Without a login."""
    CALLER = "caller"
    """Whoever is known: a user, a token, a share link."""
    USER = "user"
    """A user, with whatever token."""
    MAKER = "maker"
    """A user who may make new things: not with a token to read or for certain things."""
    ACCOUNT = "account"
    """A user with a password, or a token with all his rights."""
    ADMIN = "admin"
    """An administrator, in the same way."""


class Right(Struct, frozen=True):
    """A level on each thing that a field of the request names; nothing where the field is empty.

    Kinds are those of `values/rights`, and: "logged_model"; "experiment_name"; "source", a URI of a model's files;
    "artifact", a path of the proxied artifact store; "place", a location for artifacts; "resource", a thing whose
    kind is in `resource_type`. In ``a.b`` b is a field of each item of the list a.
    """

    level: Level
    kind: str
    field: str


class Needs(Struct, frozen=True, kw_only=True):
    """All that a request needs. `narrowed`: its query is cut down to what the caller may read.

    `itself` is a field with a user's name: the caller must be that user, or an administrator.
    """

    who: Who = Who.CALLER
    rights: tuple[Right, ...] = ()
    narrowed: bool = False
    itself: str = ""

    def __and__(self, other: Needs) -> Needs:
        """Both."""
        order = list(Who)
        return Needs(
            who=max(self.who, other.who, key=order.index),
            rights=self.rights + other.rights,
            narrowed=self.narrowed or other.narrowed,
            itself=self.itself or other.itself,
        )


def read(**fields: str) -> Needs:
    """READ on the things named: kind=field."""
    return _needs(Level.READ, fields)


def edit(**fields: str) -> Needs:
    """EDIT on the things named: kind=field."""
    return _needs(Level.EDIT, fields)


def manage(**fields: str) -> Needs:
    """MANAGE on the things named: kind=field."""
    return _needs(Level.MANAGE, fields)


def _needs(level: Level, fields: dict[str, str]) -> Needs:
    return Needs(rights=tuple(Right(level, kind, field) for kind, field in fields.items()))


ANYONE = Needs(who=Who.ANYONE)
CALLER = Needs(who=Who.CALLER)
USER = Needs(who=Who.USER)
MAKER = Needs(who=Who.MAKER)
ACCOUNT = Needs(who=Who.ACCOUNT)
ADMIN = Needs(who=Who.ADMIN)
NARROWED = Needs(narrowed=True)


def itself(field: str) -> Needs:
    """The user whom `field` names, or an administrator."""
    return Needs(who=Who.ACCOUNT, itself=field)


def named(request: Any, field: str) -> Iterator[str]:
    """The texts that `field` of a request holds, without empty ones."""
    first, _, rest = field.partition(".")
    value = getattr(request, first)
    for item in value if isinstance(value, tuple) else (value,):
        if rest:
            yield from named(item, rest)
        elif item not in ("", None, UNSET):
            yield str(item)


def check_needs(needs: Needs, request: type[Struct], speaks: type[Struct] | None) -> None:
    """ValueError when `needs` speaks of fields that a request does not have, or of a query that cannot be narrowed."""
    fields = [right.field for right in needs.rights] + [needs.itself]
    for field in filter(None, fields):
        inner: Any = request
        for name in field.split("."):
            hints = get_type_hints(inner) if isinstance(inner, type) and issubclass(inner, Struct) else {}
            if name not in hints:
                raise ValueError(f"{request.__qualname__} has no field {field!r}, which its route needs a right on.")
            inner = next((kind for kind in get_args(hints[name]) if isinstance(kind, type)), None)
    if needs.narrowed and not (speaks and {"seen", "experiment_ids"} & set(speaks.__struct_fields__)):
        raise ValueError(f"{speaks} cannot be narrowed to what somebody may read.")
