"""Who may do what: levels of rights, the things they are about, and what a caller may therefore know of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum

from msgspec import Struct

from millstream.values.errors import InvalidValue

EXPERIMENT, REGISTERED_MODEL, RUN = "experiment", "registered_model", "run"
GRANTED = (EXPERIMENT, REGISTERED_MODEL)
"""Kinds of things that rights are given on. Runs and logged models go with their experiment."""

EVERY = "*"
"""In place of a name: every thing of a kind."""


class Level(IntEnum):
    """How much somebody may do with a thing; each level holds those below it. The names are MLflow's.

    USE is READ where runs and models are concerned. DENY takes away what other grants and the default give.
    """

    DENY = -1
    NO_PERMISSIONS = 0
    READ = 1
    USE = 2
    EDIT = 3
    MANAGE = 4

    @classmethod
    def named(cls, name: str) -> Level:
        """The level called `name`; InvalidValue when there is none."""
        try:
            return cls[name]
        except KeyError as error:
            raise InvalidValue(f"{name[:100]!r} is no permission; use one of {', '.join(cls.__members__)}.") from error


class Seen(Struct, frozen=True):
    """The things of one kind that somebody may know of: those with `names`, or with `others` all but those."""

    names: frozenset[str] = frozenset()
    others: bool = False

    def __contains__(self, name: str) -> bool:
        """Whether the thing `name` is one of them."""
        return (name in self.names) != self.others

    def among(self, names: Iterable[str]) -> tuple[str, ...]:
        """Those of `names` that may be known, in their order."""
        return tuple(name for name in names if name in self)


EVERYTHING = Seen(others=True)


class Caller(Struct, frozen=True, kw_only=True):
    """Whoever sends a request: a user, a token of a user with less than his rights, or the holder of a share link.

    `grants` are levels by kind and name (or `EVERY`), already those of all roles together; `default` holds where none
    of them does. A token may cap levels at `most` and be for certain things `only`, by kind. `full` callers may also
    change their account. A share link has no `name`.
    """

    name: str = ""
    admin: bool = False
    full: bool = False
    most: Level = Level.MANAGE
    grants: Mapping[tuple[str, str], Level] = {}
    default: Level = Level.NO_PERMISSIONS
    only: Mapping[str, frozenset[str]] | None = None

    @property
    def rules(self) -> bool:
        """Whether the caller may do what only administrators may."""
        return self.admin and self.full

    @property
    def makes(self) -> bool:
        """Whether the caller may make new experiments and registered models."""
        return bool(self.name) and self.most >= Level.EDIT and self.only is None

    def level(self, kind: str, name: str) -> Level:
        """The level that the caller has on a thing, from NO_PERMISSIONS to MANAGE."""
        if self.only is not None and name not in self.only.get(kind, ()):
            return Level.NO_PERMISSIONS
        if kind == RUN:
            return min(self.grants.get((RUN, name), Level.NO_PERMISSIONS), self.most)
        return min(Level.MANAGE if self.admin else self._granted(kind, name), self.most)

    def _granted(self, kind: str, name: str) -> Level:
        found = [self.grants[key] for key in ((kind, name), (kind, EVERY)) if key in self.grants]
        if not found:
            return self.default
        return Level.NO_PERMISSIONS if Level.DENY in found else max(found)

    def seen(self, kind: str) -> Seen:
        """The things of a kind that the caller may read; the same as asking `level` about each."""
        named = {name for grant, name in self.grants if grant == kind and name != EVERY}
        if self.only is not None:
            named |= self.only.get(kind, frozenset())
        # No thing has the empty name: what holds for it holds for all that nothing is said about.
        others = self.level(kind, "") >= Level.READ
        return Seen(frozenset(name for name in named if (self.level(kind, name) >= Level.READ) != others), others)


def fold(levels: Iterable[Level]) -> Level:
    """What several grants on one thing come to: the highest, unless one is DENY."""
    found = list(levels)
    return Level.DENY if Level.DENY in found else max(found, default=Level.NO_PERMISSIONS)
