"""Users, roles, grants and tokens in a database: ops in, answers out, and checking who somebody is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any, TypeVar, cast

import msgspec
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from millstream.drivers.sql.accounts import granting, kept, people, tables, tokens
from millstream.drivers.sql.accounts.kept import Kept
from millstream.drivers.sql.accounts.people import Person
from millstream.drivers.sql.accounts.tokens import API, FIRST, SESSION, SHARE, Credential
from millstream.drivers.sql.engine import postgresql_engine, sqlite_engine
from millstream.drivers.sql.failures import failure
from millstream.drivers.sql.transactions import Transactions
from millstream.formats.passwords import NOBODYS, hash_password, hash_token, is_password, new_token
from millstream.values import accounts, refusals
from millstream.values.accounts import DAY, Grant, Membership, NewToken, Role, Token, User
from millstream.values.databases import DatabaseUri
from millstream.values.errors import InvalidState, InvalidValue, MillstreamError, StorageFailed
from millstream.values.names import new_run_id
from millstream.values.readers import json_reader
from millstream.values.rights import Caller, Level
from millstream.values.secrets import Secret

T = TypeVar("T")

_WITH_PASSWORD = accounts.CreateUser | accounts.SetPassword
_read_token_id = json_reader(str)
# What is answered, where it is anything. No secret is in it.
_ANSWERS: dict[type, Callable[[str], Any]] = {
    accounts.CreateUser: json_reader(User),
    accounts.GrantTo: json_reader(Grant),
    accounts.CreateRole: json_reader(Role),
    accounts.UpdateRole: json_reader(Role),
    accounts.AddRoleGrant: json_reader(Grant),
    accounts.UpdateRoleGrant: json_reader(Grant),
    accounts.AssignRole: json_reader(Membership),
}
# Each takes 16 MiB and a core.
_hashing = BoundedSemaphore(2)


class Accounts:
    """The users of a server, in the database of its runs or one of their own. Safe for threads and processes."""

    def __init__(self, database: DatabaseUri, default: Level = Level.NO_PERMISSIONS) -> None:
        """Keep them in `database`; `default` is the level of every user on what nothing was granted on."""
        self.database = database
        self.default = default
        self._lock = Lock()
        self._opened: tuple[Engine, Transactions] | None = None
        self._writers: dict[type, Callable[[Connection, Any], Any]] = {
            accounts.SetAdmin: people.set_admin,
            accounts.DeleteUser: people.remove,
            accounts.GrantTo: granting.grant,
            accounts.Revoke: granting.revoke,
            accounts.ForgetThing: granting.forget,
            accounts.RenameThing: granting.rename,
            accounts.CreateRole: granting.create_role,
            accounts.UpdateRole: granting.update_role,
            accounts.DeleteRole: granting.delete_role,
            accounts.AddRoleGrant: granting.add_grant,
            accounts.UpdateRoleGrant: granting.update_grant,
            accounts.RemoveRoleGrant: granting.remove_grant,
            accounts.AssignRole: granting.assign,
            accounts.UnassignRole: granting.unassign,
            accounts.RevokeToken: lambda connection, op: tokens.revoke(connection, op.token_id, op.user),
        }
        self._makers: dict[type, Callable[[Any], Any]] = {
            accounts.CreateUser: self._create_user,
            accounts.SetPassword: self._set_password,
            accounts.CreateToken: self._create_token,
            accounts.CreateShare: self._create_share,
        }
        self._readers: dict[type, Callable[[Connection, Any], Any]] = {
            accounts.GetUser: lambda connection, query: people.get(connection, query.name),
            accounts.ListUsers: lambda connection, _query: people.listed(connection),
            accounts.GetGrant: granting.get,
            accounts.ListRoles: lambda connection, _query: granting.shared_roles(connection),
            accounts.GetRole: lambda connection, query: granting.role(connection, query.role_id),
            accounts.UserRoles: granting.roles_of,
            accounts.RoleUsers: granting.users_of,
            accounts.GetLevel: self._level,
            accounts.ListTokens: lambda connection, query: tokens.listed(connection, query.user, now()),
        }

    def write(self, op: accounts.AccountOp[T]) -> T:
        """Carry out `op`; every process knows of it within seconds.

        One whose `op_id` was seen before has no effect and gets its answer again; InvalidState where that was a secret.
        """
        check(op)
        if not op.op_id:
            return cast(T, self._carry_out(op))
        found = self._find_kept(op.op_id)
        if found is None:
            try:
                return cast(T, self._carry_out(op))
            except MillstreamError:
                # Maybe because it was carried out meanwhile, as the same request in another process.
                found = self._find_kept(op.op_id)
                if found is None:
                    raise
        return cast(T, _answer_again(op, found))

    def was_done(self, op_id: str, digest: str) -> bool:
        """Whether the op of this id, of a request with this digest and without a password, was carried out."""
        found = self._find_kept(op_id)
        return found is not None and found.digest == digest

    def _find_kept(self, op_id: str) -> Kept | None:
        with self._reading() as connection:
            return kept.find(connection, op_id)

    def _carry_out(self, op: accounts.AccountOp[Any]) -> Any:
        maker = self._makers.get(type(op))
        if maker is not None:
            return maker(op)
        return self._change(op, lambda connection: self._writers[type(op)](connection, op))

    def read(self, query: accounts.AccountQuery[T]) -> T:
        """Answer `query`."""
        with self._reading() as connection:
            return cast(T, self._readers[type(query)](connection, query))

    def generation(self) -> int:
        """Raised with every change of what somebody may do."""
        with self._reading() as connection:
            return tokens.generation(connection)

    def person(self, *, name: str | None = None, user_id: int | None = None) -> Person | None:
        """A user with what is granted to him, by name or id."""
        with self._reading() as connection:
            return people.person(connection, name=name, user_id=user_id)

    def caller(self, person: Person) -> Caller:
        """A user as one who asks, with all his rights."""
        return Caller(
            name=person.user.name, admin=person.user.admin, full=True, grants=person.grants, default=self.default
        )

    def credential(self, token: Secret) -> Credential | None:
        """What `token` is; None for one that is unknown or over."""
        with self._reading() as connection:
            found = tokens.find(connection, hash_token(token))
        return found if found is not None and found.token.expires > now() else None

    def is_empty(self) -> bool:
        """Whether there is no user yet."""
        return not self.read(accounts.ListUsers())

    def first_token(self) -> Secret:
        """A token by which the first user can be made, within a day."""
        return self._new_token(FIRST, None, Token("", "", "first user", "full", now(), now() + DAY)).secret

    def open_session(self, user: User, life: int) -> Secret:
        """A token for a browser of `user`, for `life` ms."""
        token = Token("", user.name, "browser", "full", now(), now() + life)
        return self._new_token(SESSION, user.user_id, token).secret

    def is_password(self, password: Secret, kept: Secret | None) -> bool:
        """Whether `password` is the one kept; for None (no such user) it takes as long to say no."""
        with _hashing:
            return is_password(password, NOBODYS if kept is None else kept.reveal()) and kept is not None

    def tried(self, subjects: list[str], since: int) -> dict[str, tuple[int, int]]:
        """How often passwords were tried since the time `since` (ms) and when last, by subject."""
        with self._reading() as connection:
            return tokens.tried(connection, subjects, since)

    def note_try(self, subjects: list[str], time: int, since: int) -> None:
        """Count a try of each subject at `time`; what is older than `since` is forgotten."""
        self._open()[1].write(lambda given: tokens.note_try(given, subjects, time, since), repeatable=True)

    def clear_tries(self, wholly: str, once: list[str]) -> None:
        """Forget the tries of a subject, and one try of each of `once`."""
        self._open()[1].write(lambda given: tokens.clear_tries(given, wholly, once), repeatable=True)

    def close(self) -> None:
        """Close all connections; they open again when used."""
        with self._lock:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[1].close()
            opened[0].dispose()

    def _create_user(self, op: accounts.CreateUser) -> User:
        with _hashing:
            hashed = hash_password(op.password)
        return self._change(op, lambda connection: people.create(connection, op, hashed))

    def _set_password(self, op: accounts.SetPassword) -> None:
        if op.current is not None:
            known = self.person(name=op.name)
            if not self.is_password(op.current, None if known is None else known.password):
                raise InvalidValue("The current password does not match.")
            if op.current == op.password:
                raise InvalidValue("The new password must differ from the current one.")
        with _hashing:
            hashed = hash_password(op.password)
        self._change(op, lambda connection: people.set_password(connection, op, hashed))

    def _create_token(self, op: accounts.CreateToken) -> NewToken:
        user = self.read(accounts.GetUser(name=op.user))
        token = Token("", user.name, op.name, op.scope, op.time, op.expires, op.things)
        return self._new_token(API, user.user_id, token, op)

    def _create_share(self, op: accounts.CreateShare) -> NewToken:
        user = self.read(accounts.GetUser(name=op.user))
        token = Token("", user.name, op.name, "read", op.time, op.expires, {op.kind: (op.thing,)})
        return self._new_token(SHARE, user.user_id, token, op)

    def _new_token(
        self, kind: str, user_id: int | None, token: Token, op: accounts.AccountOp[NewToken] | None = None
    ) -> NewToken:
        secret = new_token()
        given = Token(new_run_id()[:16], *(getattr(token, name) for name in Token.__struct_fields__[1:]))

        def add(connection: Connection) -> None:
            tokens.sweep(connection, now())
            tokens.add(connection, kind, user_id, given, hash_token(secret))
            if op is not None and op.op_id:
                # Its secret is kept nowhere; a retry is told which one it is.
                _keep(connection, op, op.op_digest, given.token_id)

        # Nobody has been told of it, so that no process can know anything about it yet.
        self._open()[1].write(add, repeatable=False)
        return NewToken(given, secret)

    def _level(self, connection: Connection, query: accounts.GetLevel) -> Level:
        people.get(connection, query.name)
        known = people.person(connection, name=query.name)
        return Level.NO_PERMISSIONS if known is None else self.caller(known).level(query.kind, query.thing)

    def _change(self, op: accounts.AccountOp[T], work: Callable[[Connection], T]) -> T:
        digest = _digest(op)

        def change(connection: Connection) -> T:
            # First: whoever else changes something waits for this row, and sees what was done here.
            tokens.raise_generation(connection)
            result = work(connection)
            if op.op_id:
                _keep(connection, op, digest, result)
            return result

        return self._open()[1].write(change, repeatable=False)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._open()[1].reading()

    def _open(self) -> tuple[Engine, Transactions]:
        opened = self._opened
        if opened is not None:
            return opened
        with self._lock:
            if self._opened is None:
                engine = self._engine()
                with ExitStack() as unless_good:
                    unless_good.callback(engine.dispose)
                    try:
                        tables.prepare(engine, self.database.public)
                    except DBAPIError as error:
                        raise failure(error, self.database.public) from error
                    unless_good.pop_all()
                self._opened = engine, Transactions(engine, self.database.public)
            return self._opened

    def _engine(self) -> Engine:
        path = self.database.path
        if path is None:
            return postgresql_engine(self.database.text)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            # Nobody else on this machine may read who the users are.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except OSError as error:
            raise StorageFailed(
                f"The users cannot be kept in {str(path)!r}: {error.strerror}. Name another place with --auth-db."
            ) from error
        return sqlite_engine(path)


def _digest(op: accounts.AccountOp[Any]) -> str:
    """The digest of a request as it is kept: where a password is in it, nobody can try passwords on it quickly."""
    if not op.op_id or not isinstance(op, _WITH_PASSWORD):
        return op.op_digest
    with _hashing:
        return hash_password(Secret(op.op_digest))


def _keep(connection: Connection, op: accounts.AccountOp[Any], digest: str, answer: object) -> None:
    if not kept.begin(connection, op.op_id, digest, now()):
        raise InvalidState("The same request was carried out meanwhile.")  # never told: its answer is looked up
    kept.finish(connection, op.op_id, msgspec.json.encode(answer).decode())


def _answer_again(op: accounts.AccountOp[Any], found: Kept) -> Any:
    if isinstance(op, _WITH_PASSWORD):
        with _hashing:
            same = not op.op_digest or is_password(Secret(op.op_digest), found.digest)
        refusals.check_digest("this one" if same else "another", "this one")
    else:
        refusals.check_digest(found.digest, op.op_digest)
    if isinstance(op, accounts.CreateToken | accounts.CreateShare):
        token_id = _read_token_id(found.answer or "")
        raise InvalidState(
            f"This request was carried out before: it made the token {token_id!r}, whose secret is told only once. If "
            "you have not heard it, revoke that token and make another one, under a new key."
        )
    read = _ANSWERS.get(type(op))
    return read(found.answer or "null") if read is not None else None


def now() -> int:
    """The time in ms."""
    return time.time_ns() // 1_000_000


def find_database(store_uri: str, named: str | None) -> DatabaseUri:
    """Where the users of a store are: the database `named`, the store's own, or a file in the user's data folder.

    The file of a directory is beside no run, so that whoever may read those does not get hold of it.
    """
    if named:
        found = DatabaseUri.parse(named, Path.cwd())
        if found is None:
            raise InvalidValue(f"{named!r} names no database; write sqlite:///users.db or postgresql://…")
        return found
    own = DatabaseUri.parse(store_uri, Path.cwd())
    if own is not None:
        return own
    home = os.environ.get("XDG_DATA_HOME") or os.path.join(os.path.expanduser("~"), ".local", "share")
    key = sha256(store_uri.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    path = Path(home, "millstream", "users", f"{key}.db").absolute()
    return DatabaseUri("sqlite", f"sqlite:///{path.as_posix()}", path)


def check(op: accounts.AccountOp[Any]) -> None:
    """Raise InvalidValue for an op that breaks a rule, whoever it comes from."""
    match op:
        case accounts.CreateUser():
            accounts.check_user_name(op.name)
            accounts.check_password(op.password, op.name)
        case accounts.SetPassword():
            accounts.check_password(op.password, op.name)
        case accounts.GrantTo() | accounts.AddRoleGrant():
            accounts.check_grant(op.kind, op.pattern)
        case accounts.CreateToken():
            accounts.check_label(op.name)
            accounts.check_scope(op.scope, op.things)
            accounts.check_life(op.time, op.expires, accounts.MAX_TOKEN)
        case accounts.CreateShare():
            accounts.check_label(op.name)
            accounts.check_share(op.kind, op.thing)
            accounts.check_life(op.time, op.expires, accounts.MAX_SHARE)
        case accounts.CreateRole() | accounts.UpdateRole():
            accounts.check_role(op.name, op.description)
