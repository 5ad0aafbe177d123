"""Users, roles, grants and tokens: what they are, and every write and read about them, as ops and queries."""

from __future__ import annotations

import unicodedata
from typing import TypeVar

from msgspec import Struct

from millstream.values.errors import InvalidValue
from millstream.values.names import check_text
from millstream.values.ops import Op
from millstream.values.queries import Query
from millstream.values.rights import EVERY, EXPERIMENT, GRANTED, RUN, Level
from millstream.values.secrets import Secret

T = TypeVar("T")

MAX_NAME, MAX_DESCRIPTION, MAX_PATTERN = 255, 1000, 500
MIN_PASSWORD, MAX_PASSWORD = 12, 1024
"""A password has at least so many characters, and at most so many bytes."""

WORKSPACE = "default"
"""The one workspace; MLflow's roles name it."""

SCOPES = {"read": Level.READ, "edit": Level.EDIT, "manage": Level.MANAGE, "full": Level.MANAGE}
"""What a token lets do, up to its user's own rights; "full" lets change the account as well."""

DAY = 24 * 60 * 60 * 1000
MAX_TOKEN, MAX_SHARE = 366 * DAY, 90 * DAY
"""Longest life of a token and of a share link, in ms."""


class User(Struct, frozen=True):
    """Somebody who may log in. `created` is in ms."""

    user_id: int
    name: str
    admin: bool
    created: int


class Grant(Struct, frozen=True):
    """A level on the thing `pattern` of a kind (or on `EVERY`), which all who are in a role have."""

    grant_id: int
    role_id: int
    kind: str
    pattern: str
    level: Level


class Role(Struct, frozen=True):
    """A set of grants for the users in it. With an `owner` (user id) it is what is granted to that user himself."""

    role_id: int
    name: str
    description: str | None = None
    owner: int | None = None
    grants: tuple[Grant, ...] = ()


class Membership(Struct, frozen=True):
    """That a user is in a role."""

    member_id: int
    user_id: int
    role_id: int


class Token(Struct, frozen=True):
    """A token of a user (`name` says what for), or a share link: the share of one experiment or run, `user` made it.

    `things` are names by kind that it is for only; None for all that the user may. Times are in ms.
    """

    token_id: str
    user: str
    name: str
    scope: str
    created: int
    expires: int
    things: dict[str, tuple[str, ...]] | None = None


class NewToken(Struct, frozen=True):
    """A token just made: `secret` is shown this once and kept nowhere."""

    token: Token
    secret: Secret


class AccountOp(Op[T], frozen=True, kw_only=True):
    """Base of all writes about users."""


class AccountQuery(Query[T], frozen=True, kw_only=True):
    """Base of all reads about users."""


class CreateUser(AccountOp[User], frozen=True, kw_only=True):
    """Make a user; AlreadyExists when the name is taken. The first of all is an administrator."""

    name: str
    password: Secret
    time: int
    admin: bool = False


class SetPassword(AccountOp[None], frozen=True, kw_only=True):
    """Give a user another password, and end his sessions; with `current` only when that is the present one."""

    name: str
    password: Secret
    current: Secret | None = None


class SetAdmin(AccountOp[None], frozen=True, kw_only=True):
    """Make a user an administrator, or none; InvalidState for the last one."""

    name: str
    admin: bool


class DeleteUser(AccountOp[None], frozen=True, kw_only=True):
    """Remove a user with his grants, tokens and share links; InvalidState for the last administrator."""

    name: str


class GrantTo(AccountOp[Grant], frozen=True, kw_only=True):
    """Give a user a level on a thing; `new` and `known` say that he must have none yet, or one already."""

    name: str
    kind: str
    pattern: str
    level: Level
    new: bool = False
    known: bool = False


class Revoke(AccountOp[None], frozen=True, kw_only=True):
    """Take back what `GrantTo` gave; NotFound when there is none."""

    name: str
    kind: str
    pattern: str


class ForgetThing(AccountOp[None], frozen=True, kw_only=True):
    """Remove every grant on a thing that is gone."""

    kind: str
    pattern: str


class RenameThing(AccountOp[None], frozen=True, kw_only=True):
    """Move every grant on a thing to its new name."""

    kind: str
    pattern: str
    to: str


class CreateRole(AccountOp[Role], frozen=True, kw_only=True):
    """Make a role; AlreadyExists when the name is taken."""

    name: str
    description: str | None = None


class UpdateRole(AccountOp[Role], frozen=True, kw_only=True):
    """Change a role's name or description: what is not None."""

    role_id: int
    name: str | None = None
    description: str | None = None


class DeleteRole(AccountOp[None], frozen=True, kw_only=True):
    """Remove a role with its grants."""

    role_id: int


class AddRoleGrant(AccountOp[Grant], frozen=True, kw_only=True):
    """Give all who are in a role a level on a thing; AlreadyExists when it has a grant on it."""

    role_id: int
    kind: str
    pattern: str
    level: Level


class UpdateRoleGrant(AccountOp[Grant], frozen=True, kw_only=True):
    """Change the level of a grant."""

    grant_id: int
    level: Level


class RemoveRoleGrant(AccountOp[None], frozen=True, kw_only=True):
    """Remove a grant."""

    grant_id: int


class AssignRole(AccountOp[Membership], frozen=True, kw_only=True):
    """Put a user into a role; AlreadyExists when he is in it."""

    name: str
    role_id: int


class UnassignRole(AccountOp[None], frozen=True, kw_only=True):
    """Take a user out of a role; NotFound when he is not in it."""

    name: str
    role_id: int


class CreateToken(AccountOp[NewToken], frozen=True, kw_only=True):
    """Make a token of a user; `expires` (ms) is at most a year away."""

    user: str
    name: str
    time: int
    expires: int
    scope: str = "edit"
    things: dict[str, tuple[str, ...]] | None = None


class CreateShare(AccountOp[NewToken], frozen=True, kw_only=True):
    """Make a link by which anybody reads one experiment or one run until `expires` (ms), at most 90 days away."""

    user: str
    kind: str
    thing: str
    time: int
    expires: int
    name: str = ""


class RevokeToken(AccountOp[None], frozen=True, kw_only=True):
    """Let a token or share link be worth nothing from now on; only one of `user` unless that is None."""

    token_id: str
    user: str | None = None


class GetUser(AccountQuery[User], frozen=True, kw_only=True):
    """One user by name."""

    name: str


class ListUsers(AccountQuery[list[User]], frozen=True, kw_only=True):
    """All users by name."""


class GetGrant(AccountQuery[Grant], frozen=True, kw_only=True):
    """What was granted to a user himself on a thing; NotFound when nothing was."""

    name: str
    kind: str
    pattern: str


class ListRoles(AccountQuery[list[Role]], frozen=True, kw_only=True):
    """All roles by name, without those that belong to one user."""


class GetRole(AccountQuery[Role], frozen=True, kw_only=True):
    """One role."""

    role_id: int


class UserRoles(AccountQuery[list[Role]], frozen=True, kw_only=True):
    """The roles that a user is in, his own first."""

    name: str


class RoleUsers(AccountQuery[list[Membership]], frozen=True, kw_only=True):
    """Who is in a role."""

    role_id: int


class GetLevel(AccountQuery[Level], frozen=True, kw_only=True):
    """The level that a user has on a thing, all told."""

    name: str
    kind: str
    thing: str


class ListTokens(AccountQuery[list[Token]], frozen=True, kw_only=True):
    """Tokens and share links that are not over, of one user or (None) of all."""

    user: str | None = None


def check_user_name(name: str) -> str:
    """Return `name` when it can be a user's: what a header can carry, and what looks like nothing else."""
    check_text(name, "name of the user", MAX_NAME)
    if not name or name != name.strip() or name != unicodedata.normalize("NFC", name):
        raise InvalidValue(f"{name!r} cannot be a user's name: it is empty, has spaces around it or is no NFC text.")
    if ":" in name or name.startswith("__") or not all(letter.isprintable() for letter in name):
        raise InvalidValue(f"{name!r} cannot be a user's name: no colon, no control characters, no __ in front.")
    return name


def check_password(password: Secret, name: str) -> Secret:
    """Return `password` when it may be the one of the user `name`; the error never shows it."""
    text = password.reveal()
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise InvalidValue("The password has a lone surrogate; it is not valid text.") from None
    if len(text) < MIN_PASSWORD or size > MAX_PASSWORD or "\0" in text:
        raise InvalidValue(f"A password has {MIN_PASSWORD} characters or more, and at most {MAX_PASSWORD} bytes.")
    if text.casefold() == name.casefold():
        raise InvalidValue("The password must differ from the name.")
    return password


def check_grant(kind: str, pattern: str) -> None:
    """Raise InvalidValue unless a level can be granted on the thing `pattern` of a kind."""
    if kind not in GRANTED:
        raise InvalidValue(f"Nothing can be granted on {kind[:100]!r} here, only on {' and '.join(GRANTED)}.")
    check_text(pattern, "name of what is granted on", MAX_PATTERN)
    if not pattern:
        raise InvalidValue(f"Name what is granted on, or {EVERY!r} for all of the kind.")


def check_scope(scope: str, things: dict[str, tuple[str, ...]] | None) -> None:
    """Raise InvalidValue unless a token can have this scope and be for these things."""
    if scope not in SCOPES:
        raise InvalidValue(f"{scope[:100]!r} is no scope of a token; use one of {', '.join(SCOPES)}.")
    if things is not None and scope == "full":
        raise InvalidValue("A token with the scope 'full' is for everything; leave out what it is for.")
    for kind, names in (things or {}).items():
        for name in names:
            check_grant(kind, name)
            if name == EVERY:
                raise InvalidValue(f"A token is for things that are named, or for all; {EVERY!r} is no {kind}.")


def check_share(kind: str, thing: str) -> None:
    """Raise InvalidValue unless a link can share the thing."""
    if kind not in (EXPERIMENT, RUN):
        raise InvalidValue(f"A link shares one experiment or one run, not {kind[:100]!r}.")
    check_text(thing, f"id of the {kind}", MAX_PATTERN)


def check_life(time: int, expires: int, most: int) -> None:
    """Raise InvalidValue unless something may live from `time` to `expires`, `most` ms at most."""
    if not time < expires <= time + most:
        raise InvalidValue(f"It must end later than now, and within {most // DAY} days.")


def check_label(text: str) -> None:
    """Raise InvalidValue unless `text` can say what a token is for."""
    check_text(text, "name of the token", MAX_NAME)


def check_role(name: str | None, description: str | None) -> None:
    """Raise InvalidValue for the name or description of a role that cannot be; None is not given."""
    if name is not None:
        check_text(name, "name of the role", MAX_NAME)
        if not name.strip():
            raise InvalidValue("A role needs a name.")
    if description is not None:
        check_text(description, "description of the role", MAX_DESCRIPTION)
