"""The brake on guessing passwords: after ten wrong ones each further try has to wait, twice as long every time.

It counts by user and by address, in the database, so that all workers and replicas count together. Nobody is locked
out for good, and who is logged in already, or comes with a token, never waits.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from hashlib import sha256

from millstream.stores.accounts import Accounts, now

FREE = 10
"""So many wrong passwords cost nothing."""

MEMORY = 24 * 60 * 60 * 1000
MOST = {"user": 60_000, "address": 900_000}
"""Longest wait in ms. Short for a user, so that nobody can keep him out by guessing."""


class Brake:
    """Says who has to wait, and how long."""

    def __init__(self, accounts: Accounts, clock: Callable[[], int] = now) -> None:
        """Count in `accounts`; `clock` tells the time in ms."""
        self._accounts = accounts
        self._clock = clock

    def wait(self, name: str, address: str) -> int:
        """Milliseconds until a password for `name` may be tried from `address`; 0 for now."""
        time = self._clock()
        found = self._accounts.tried(_subjects(name, address), time - MEMORY)
        return max((pause(subject.partition(":")[0], *item, time) for subject, item in found.items()), default=0)

    def tries(self, name: str, address: str) -> None:
        """Count a try before it is made: many at once are not free."""
        time = self._clock()
        self._accounts.note_try(_subjects(name, address), time, time - MEMORY)

    def was_right(self, name: str, address: str) -> None:
        """Take back what `tries` counted, and what was counted of the user before."""
        user, place = _subjects(name, address)
        self._accounts.clear_tries(user, [place])


def pause(kind: str, count: int, last: int, time: int) -> int:
    """Milliseconds from `time` on until the next try, after `count` tries up to `last`."""
    if count < FREE:
        return 0
    return max(0, last + min(1000 * (1 << min(count - FREE, 30)), MOST[kind]) - time)


def _subjects(name: str, address: str) -> list[str]:
    hashed = sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return [f"user:{hashed}", f"address:{place_of(address)}"]


def place_of(address: str) -> str:
    """What of an address counts: of IPv6 the network, which one household has as a whole."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:60]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
