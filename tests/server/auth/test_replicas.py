"""Two servers, as two machines have them, over one database: what one is told of users counts at the other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.server.auth.identities import FRESH_SECONDS
from millstream.stores.accounts import Accounts, find_database, now
from millstream.stores.open import open_store
from millstream.values import accounts
from millstream.values.secrets import Secret
from tests import servers
from tests.server.auth.conftest import PASSWORD, basic, bearer
from tests.server.started import Started, started

# Passwords are hashed in earnest here, by other processes too.
ROOM = 30
"""Seconds that a loaded machine may take on top of what is promised."""


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/두 서버.db"
    return servers.new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def pair(uri: str, tmp_path: Path) -> Iterator[tuple[Started, Started]]:
    open_store(uri, str(tmp_path / "artifacts")).close()
    made = Accounts(find_database(uri, None))
    made.write(accounts.CreateUser(name="admin", password=Secret(PASSWORD), time=now()))
    made.close()
    with contextlib.ExitStack() as running:
        yield (
            running.enter_context(started(uri, tmp_path, "--auth", "--workers", "2")),
            running.enter_context(started(uri, tmp_path, "--auth")),
        )


def ask(server: Started, who: dict[str, str], method: str = "GET", path: str = "users/current", **fields: Any) -> int:
    full = path if path.startswith("/") else f"/api/2.0/mlflow/{path}"
    return server.ask(method, full, fields or None, **who)[0]


def until(asked: Callable[[], int], status: int) -> None:
    """Wait until `asked` says `status`; it fails when that takes far too long."""
    begun = time.monotonic()
    while asked() != status:
        assert time.monotonic() - begun < FRESH_SECONDS + ROOM, f"It is still answered with {asked()}."
        threading.Event().wait(0.02)


def test_what_is_taken_away_at_one_server_is_refused_by_the_other(pair: tuple[Started, Started]) -> None:
    one, other = pair
    admin = basic("admin")
    assert ask(one, admin, "POST", "users/create", username="하늘", password=PASSWORD) == 200
    assert ask(one, admin, "PATCH", "users/update-admin", username="하늘", is_admin=True) == 200
    user = basic("하늘")
    made = other.ask("POST", "/api/ui/tokens", {"name": "t", "scope": "full"}, **user)[1]
    token = bearer(made["token"])
    second = bearer(other.ask("POST", "/api/ui/tokens", {"name": "t2", "scope": "full"}, **user)[1]["token"])
    for server in pair:
        for who in (user, token, second):
            until(lambda server=server, who=who: ask(server, who), 200)  # type: ignore[misc]

    # A token that one server has revoked.
    assert ask(one, admin, "DELETE", f"/api/ui/tokens/{made['token_id']}") == 200
    assert ask(one, second) == 200
    until(lambda: ask(other, token), 401)
    assert ask(other, second) == ask(other, user) == 200

    # Rights that one server has taken.
    assert ask(other, user, path="users/list") == 200
    assert ask(one, admin, "PATCH", "users/update-admin", username="하늘", is_admin=False) == 200
    until(lambda: ask(other, user, path="users/list"), 403)

    # A user whom one server has removed, with whatever he brings.
    assert ask(one, admin, "DELETE", "users/delete", username="하늘") == 200
    for who in (second, user):
        until(lambda who=who: ask(other, who), 401)  # type: ignore[misc]
    assert ask(other, second) == ask(other, user) == ask(other, token) == 401
    assert ask(other, admin) == 200


def test_every_worker_refuses_what_another_has_taken_away(pair: tuple[Started, Started]) -> None:
    one, _ = pair
    admin = basic("admin")
    made = one.ask("POST", "/api/ui/tokens", {"name": "t"}, **admin)[1]
    token = bearer(made["token"])
    for _ in range(20):
        assert ask(one, token) == 200
    assert ask(one, admin, "DELETE", f"/api/ui/tokens/{made['token_id']}") == 200
    refused = 0
    while refused < 20:  # in a row, each on a connection of its own
        refused = refused + 1 if ask(one, token) == 401 else 0


def test_a_user_made_at_both_at_once_under_one_key_is_one(pair: tuple[Started, Started]) -> None:
    key = {**basic("admin"), "Idempotency-Key": "one and the same"}
    fields = {"username": "새 사람", "password": PASSWORD}
    answers: list[Any] = []

    def create(server: Started) -> None:
        answers.append(server.ask("POST", "/api/2.0/mlflow/users/create", fields, **key))

    threads = [threading.Thread(target=create, args=(server,)) for server in pair * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [answers[0]] * 6
    assert answers[0][0] == 200
