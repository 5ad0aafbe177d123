"""Where a login comes from: a header is believed from trusted proxies, and only what they added to it."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.server.app import make_app
from millstream.server.auth.addresses import Proxies
from millstream.server.auth.auth import Auth
from millstream.server.auth.brake import FREE
from millstream.values.errors import InvalidValue
from tests.server.auth.conftest import World, basic
from tests.server.conftest import Client


def address(trusted: str, client: str | None, *headers: str) -> str:
    scope: dict[str, Any] = {"type": "http", "client": client and (client, 1)}
    scope["headers"] = [(b"x-forwarded-for", header.encode("latin-1")) for header in headers]
    return Proxies(trusted).address(scope)


@pytest.mark.parametrize(
    ("trusted", "client", "headers", "expected"),
    [
        ("", "10.0.0.7", ("1.2.3.4",), "10.0.0.7"),
        ("10.0.0.8", "10.0.0.7", ("1.2.3.4",), "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7", (), "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7", ("1.2.3.4",), "1.2.3.4"),
        # What the caller wrote himself stands to the left.
        ("10.0.0.7", "10.0.0.7", ("6.6.6.6, 1.2.3.4",), "1.2.3.4"),
        ("10.0.0.7", "10.0.0.7", ("6.6.6.6", "1.2.3.4"), "1.2.3.4"),
        ("10.0.0.0/24, 172.16.0.1", "10.0.0.7", ("6.6.6.6, 1.2.3.4, 172.16.0.1 ,10.0.0.9",), "1.2.3.4"),
        ("10.0.0.7", "10.0.0.7", ("1.2.3.4, nonsense",), "10.0.0.7"),
        ("10.0.0.7", "10.0.0.7", ("é",), "10.0.0.7"),
        ("10.0.0.7", "::ffff:10.0.0.7", ("2001:db8::1",), "2001:db8::1"),
        ("fd00::/8", "fd00::1", ("1.2.3.4",), "1.2.3.4"),
        ("10.0.0.7", None, ("1.2.3.4",), ""),
    ],
)
def test_the_last_address_that_is_no_trusted_proxy(
    trusted: str, client: str | None, headers: tuple[str, ...], expected: str
) -> None:
    assert address(trusted, client, *headers) == expected


@pytest.mark.parametrize("text", ["proxy.example", "10.0.0.7/8", "10.0.0", "*", "10.0.0.1;10.0.0.2"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="names no proxies"):
        Proxies(text)


def test_guesses_are_counted_by_the_address_behind_the_proxy(world: World) -> None:
    world.user("admin")
    gate = Auth(world.accounts, world.store, proxies=Proxies("127.0.0.1"))
    gate._identities.brake._clock = lambda: 0  # no wait is over before the next guess, however slow the machine is
    client = Client(make_app(world.store, gate=gate))

    def guess(name: str, address: str) -> int:
        headers = {**basic(name, "wrong"), "x-forwarded-for": address}
        return client.get("/api/2.0/mlflow/users/current", headers).status

    assert [guess(f"user {number}", "1.2.3.4") for number in range(FREE)] == [401] * FREE
    assert guess("another", "1.2.3.4") == guess("another", "9.9.9.9, 1.2.3.4") == 429
    assert guess("another", "1.2.3.5") == 401
