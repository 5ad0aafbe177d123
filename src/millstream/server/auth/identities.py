"""Who somebody is, from a name and password, a token or a cookie; what was found out is remembered until it changes."""

from __future__ import annotations

import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from msgspec import Struct

from millstream.drivers.sql.accounts.people import Person
from millstream.drivers.sql.accounts.tokens import FIRST, SHARE, Credential
from millstream.server.auth.brake import Brake
from millstream.server.auth.homes import RUN, Homes
from millstream.stores.accounts import Accounts, now
from millstream.values.accounts import SCOPES
from millstream.values.rights import EXPERIMENT, Caller, Level
from millstream.values.secrets import Secret

T = TypeVar("T")

FRESH_SECONDS = 1.0
"""After so long it is asked whether anything about users has changed."""

MOST = 10_000


class Wait(Exception):
    """A password may not be tried yet."""

    def __init__(self, milliseconds: int) -> None:
        """Not for so long."""
        super().__init__(milliseconds)
        self.seconds = -(-milliseconds // 1000)


class Known(Struct, frozen=True):
    """Somebody who was recognised: as what, until when (ms)."""

    caller: Caller
    kind: str
    expires: int


class _Memory(Generic[T]):
    """The newest `MOST` things found out, each with the generation that it was asked in: in a later one it is void."""

    def __init__(self) -> None:
        self._items: OrderedDict[str, tuple[int, T]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str, generation: int = 0) -> T | None:
        with self._lock:
            found = self._items.get(key)
        return found[1] if found is not None and found[0] == generation else None

    def put(self, key: str, item: T, generation: int = 0) -> None:
        with self._lock:
            self._items[key] = generation, item
            while len(self._items) > MOST:
                self._items.popitem(last=False)


class Identities:
    """Recognises users. Safe for threads; every method may ask the database, `remembered` ones never do."""

    def __init__(self, accounts: Accounts, homes: Homes, clock: Callable[[], float] = time.monotonic) -> None:
        """Know those of `accounts`; `homes` says where the runs are that links share."""
        self.accounts = accounts
        self.brake = Brake(accounts)
        self._homes = homes
        self._clock = clock
        self._generation = -1
        self._asked = float("-inf")
        self._lock = Lock()
        self._people: _Memory[Person] = _Memory()
        self._tokens: _Memory[Known] = _Memory()
        self._passwords: _Memory[Secret] = _Memory()
        self._key = secrets.token_bytes(32)

    def is_fresh(self) -> bool:
        """Whether what is remembered was true a second ago."""
        return self._clock() - self._asked < FRESH_SECONDS

    def refresh(self) -> None:
        """Forget what is remembered if anything about users has changed meanwhile, in whatever process."""
        with self._lock:
            if self.is_fresh():
                return
            asked = self._clock()
            self._generation = self.accounts.generation()
            self._asked = asked

    def outdate(self) -> None:
        """Look again at the next request: something was changed here."""
        self._asked = float("-inf")

    def remembered_token(self, token: Secret) -> Known | None:
        """Whose token it is, as far as that is known."""
        found = self._tokens.get(self._digest("", token), self._generation)
        return found if found is not None and found.expires > now() else None

    def token(self, token: Secret) -> Known | None:
        """Whose token it is; None for one that is worth nothing."""
        generation = self._generation
        found = self.accounts.credential(token)
        caller = None if found is None else self._caller(found)
        if found is None or caller is None:
            return None
        known = Known(caller, found.kind, found.token.expires)
        self._tokens.put(self._digest("", token), known, generation)
        return known

    def remembered_password(self, name: str, password: Secret) -> Caller | None:
        """The user `name` when this is his password, as far as that is known."""
        person = self._people.get(name, self._generation)
        kept = self._passwords.get(self._digest(name, password))
        right = person is not None and kept is not None and kept == person.password
        return self.accounts.caller(person) if person is not None and right else None

    def check_wait(self, name: str, address: str) -> None:
        """Raise Wait when the password of `name` may not be tried from `address` yet."""
        pause = self.brake.wait(name, address)
        if pause:
            raise Wait(pause)

    def password(self, name: str, password: Secret, address: str) -> Caller | None:
        """The user `name` when this is his password; takes some tenths of a second. Wait when it is too early."""
        self.check_wait(name, address)
        self.brake.tries(name, address)
        generation = self._generation
        person = self.accounts.person(name=name)
        if not self.accounts.is_password(password, None if person is None else person.password) or person is None:
            return None
        self.brake.was_right(name, address)
        self._people.put(name, person, generation)
        self._passwords.put(self._digest(name, password), person.password)
        return self.accounts.caller(person)

    def reload(self, name: str) -> None:
        """Remember a user whom a password was found right for before, as he is now."""
        generation = self._generation
        person = self.accounts.person(name=name)
        if person is not None:
            self._people.put(name, person, generation)

    def knows(self, name: str, password: Secret) -> bool:
        """Whether this password was right for `name` once; the user himself may have to be looked up anew."""
        return self._passwords.get(self._digest(name, password)) is not None

    def _caller(self, found: Credential) -> Caller | None:
        if found.kind == FIRST:
            return Caller(admin=True, full=True) if self.accounts.is_empty() else None
        person = None if found.user_id is None else self.accounts.person(user_id=found.user_id)
        if person is None:
            return None
        whole = self.accounts.caller(person)
        if found.kind == SHARE:
            return self._share(found, whole)
        things = found.token.things
        return Caller(
            name=whole.name,
            admin=whole.admin,
            full=found.token.scope == "full",
            most=SCOPES[found.token.scope],
            grants=whole.grants,
            default=whole.default,
            only=None if things is None else {kind: frozenset(names) for kind, names in things.items()},
        )

    def _share(self, found: Credential, maker: Caller) -> Caller | None:
        """Who follows a link sees the one thing, as long as whoever made it manages that."""
        things = [(kind, name) for kind, names in (found.token.things or {}).items() for name in names]
        for kind, name in things:
            home = self._homes.find(RUN, name) if kind == RUN else name
            if home is None or maker.level(EXPERIMENT, home) < Level.MANAGE:
                return None
        return Caller(grants=dict.fromkeys(things, Level.READ))

    def _digest(self, name: str, secret: Secret) -> str:
        text = f"{name}\0{secret.reveal()}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, text, "sha256").hex()
