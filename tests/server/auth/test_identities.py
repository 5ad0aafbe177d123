"""Who somebody is: names and passwords, tokens, cookies, what is remembered of them, and the brake on guessing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from millstream.server.auth import identities
from millstream.server.auth.brake import FREE, MOST, pause, place_of
from millstream.stores.accounts import now
from millstream.values import accounts
from millstream.values.rights import EXPERIMENT, Level
from millstream.values.secrets import Secret
from tests.server.auth.conftest import PASSWORD, World, basic, bearer

CURRENT = "/api/2.0/mlflow/users/current"


def name_of(world: World, who: dict[str, str]) -> str | int:
    """The user that the server takes somebody for, or its status."""
    reply = world.client.get(CURRENT, who)
    return str(reply.json()["user"]["username"]) if reply.status == 200 else reply.status


@pytest.fixture
def admin(world: World) -> dict[str, str]:
    return world.user("관리자")


def test_a_name_with_its_password_is_let_in(world: World, admin: dict[str, str]) -> None:
    world.user("kim")
    assert name_of(world, admin) == "관리자"
    assert name_of(world, basic("kim")) == "kim"
    assert name_of(world, basic("kim", PASSWORD + " ")) == 401
    assert name_of(world, basic("Kim")) == 401
    assert name_of(world, {}) == 401


@pytest.mark.parametrize(
    "header",
    [
        "", "Basic", "Basic ", "Basic !!!", "Basic a2lt", "Basic OnA=", "Bearer", "Bearer ", "Bearer x", "Digest a",
        "basic a2ltOg==", "Basic " + "A" * 4000, "Negotiate YII",
    ],
)  # fmt: skip
def test_what_is_no_login_is_refused_in_order(world: World, admin: dict[str, str], header: str) -> None:
    reply = world.client.get(CURRENT, {"authorization": header})
    assert reply.status == 401
    assert reply.json()["error_code"] == "UNAUTHENTICATED"
    assert "Basic" in reply.headers["www-authenticate"]
    assert reply.headers["cache-control"] == "no-store"


def test_two_logins_at_once_are_none(world: World, admin: dict[str, str]) -> None:
    headers = [("authorization", admin["authorization"]), ("authorization", "Bearer x")]
    assert world.client.send("GET", CURRENT, headers=headers).status == 401


def test_a_browser_is_not_made_to_ask_in_a_window_of_its_own(world: World) -> None:
    reply = world.client.get(CURRENT, {"user-agent": "Mozilla/5.0 (X11)"})
    assert reply.status == 401
    assert "Basic" not in reply.headers["www-authenticate"]


def test_tokens_work_as_bearer_and_in_place_of_a_password(world: World, admin: dict[str, str]) -> None:
    world.user("kim")
    token = world.token("kim").secret
    assert name_of(world, bearer(token)) == "kim"
    assert name_of(world, {"authorization": f"bearer  {token.reveal()} "}) == "kim"
    assert name_of(world, basic("", token.reveal())) == "kim"
    assert name_of(world, basic("anything", token.reveal())) == "kim"
    assert name_of(world, {"cookie": f"millstream_session={token.reveal()}"}) == 401


def test_a_session_is_for_the_cookie_only(world: World, admin: dict[str, str]) -> None:
    user = world.accounts.read(accounts.GetUser(name="관리자"))
    session = world.accounts.open_session(user, 60_000).reveal()
    assert name_of(world, {"cookie": f"a=b; millstream_session={session}"}) == "관리자"
    assert name_of(world, bearer(session)) == 401
    assert name_of(world, {"cookie": f"millstream_share={session}"}) == 401


def test_what_is_taken_away_is_gone_within_a_second(world: World, admin: dict[str, str]) -> None:
    """Another process changes it; here it is seen as soon as what is remembered is a second old."""
    clock = Clock()
    world.gate._identities._clock = clock
    things = world.things()
    world.user("kim")
    world.grant("kim", things.experiment_id, Level.READ)
    token = world.token("kim")
    path = f"/api/2.0/mlflow/runs/get?run_id={things.run_id}"
    for who in (basic("kim"), bearer(token.secret)):
        assert world.client.get(path, who).status == 200
    changes: list[accounts.AccountOp[Any]] = [
        accounts.Revoke(name="kim", kind=EXPERIMENT, pattern=things.experiment_id),
        accounts.RevokeToken(token_id=token.token.token_id),
        accounts.DeleteUser(name="kim"),
    ]
    seen = []
    for change in changes:
        world.accounts.write(change)  # not by way of this server
        before = [world.client.get(path, who).status for who in (basic("kim"), bearer(token.secret))]
        clock.time += 1.01
        seen.append((before, [world.client.get(path, who).status for who in (basic("kim"), bearer(token.secret))]))
    assert seen == [([200, 200], [404, 404]), ([404, 404], [404, 401]), ([404, 401], [401, 401])]


def test_what_is_changed_here_counts_from_the_next_request_on(world: World, admin: dict[str, str]) -> None:
    world.user("kim")
    assert name_of(world, basic("kim")) == "kim"
    changed = {"username": "kim", "password": "quite another one"}
    assert world.send("PATCH", "/api/2.0/mlflow/users/update-password", admin, changed).status == 200
    assert name_of(world, basic("kim")) == 401
    assert name_of(world, basic("kim", "quite another one")) == "kim"
    assert world.send("DELETE", "/api/2.0/mlflow/users/delete", admin, {"username": "kim"}).status == 200
    assert name_of(world, basic("kim", "quite another one")) == 401


def test_a_right_password_is_hashed_once(world: World, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    hashed = counted(world, monkeypatch)
    for _ in range(5):
        assert name_of(world, admin) == "관리자"
    world.user("kim")  # rights may have changed: the user is read anew, the password is not hashed again
    assert name_of(world, admin) == "관리자"
    assert len(hashed) == 1


def test_an_unknown_user_costs_as_much_as_a_known_one(
    world: World, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = counted(world, monkeypatch)
    name_of(world, basic("관리자", "wrong"))
    name_of(world, basic("nobody", "wrong"))
    assert len(hashed) == 2


def counted(world: World, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows with every password that is hashed to be compared."""
    from millstream.stores import accounts as store

    hashed: list[object] = []
    genuine = store.is_password

    def note(password: Secret, kept: str) -> bool:
        hashed.append(kept)
        return genuine(password, kept)

    monkeypatch.setattr(store, "is_password", note)
    return hashed


class Clock:
    def __init__(self, time: float = 1000.0) -> None:
        self.time = time

    def __call__(self) -> Any:
        return self.time


def brake_clock(world: World) -> Clock:
    """The brake's clock in ms, which stands still."""
    clock = Clock(now())
    world.gate._identities.brake._clock = clock
    return clock


def guess(world: World, name: str, count: int) -> list[int]:
    return [world.client.get(CURRENT, basic(name, f"wrong {number}")).status for number in range(count)]


def test_guessing_is_braked_by_user_and_by_address(world: World, admin: dict[str, str]) -> None:
    world.user("kim")
    brake_clock(world)
    assert guess(world, "kim", FREE) == [401] * FREE
    reply = world.client.get(CURRENT, basic("kim"))
    assert reply.status == 429
    assert (reply.json()["error_code"], int(reply.headers["retry-after"])) == ("REQUEST_LIMIT_EXCEEDED", 1)
    assert name_of(world, basic("somebody else", "x")) == 429, "the same address"
    assert set(guess(world, "kim", 20)) == {429}, "what was not looked at counts for nothing"


def test_the_brake_holds_up_nobody_who_is_known(world: World, admin: dict[str, str]) -> None:
    token = bearer(world.token("관리자").secret)
    assert name_of(world, admin) == "관리자"
    brake_clock(world)
    assert guess(world, "관리자", FREE + 1)[-1] == 429
    assert name_of(world, admin) == "관리자"
    assert name_of(world, token) == "관리자"


def test_the_brake_lets_go_and_grows(world: World, admin: dict[str, str]) -> None:
    clock = brake_clock(world)
    guess(world, "관리자", FREE)
    waits = []
    for _ in range(4):
        reply = world.client.get(CURRENT, basic("관리자", "wrong"))
        waits.append(int(reply.headers["retry-after"]))
        clock.time += 1000 * waits[-1]
        assert world.client.get(CURRENT, basic("관리자", "wrong")).status == 401
    assert waits == [1, 2, 4, 8]
    clock.time += MOST["address"]
    assert name_of(world, admin) == "관리자"


def test_many_guesses_at_once_are_counted(world: World, admin: dict[str, str]) -> None:
    brake_clock(world)
    with ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda n: world.client.get(CURRENT, basic("관리자", f"x{n}")).status, range(60)))
    assert set(statuses) == {401, 429}
    # Two are looked at together at most, each by a desk of its own; one more may be on its way.
    assert statuses.count(401) <= FREE + 3


def test_a_server_that_is_flooded_says_so_and_goes_on(
    world: World, admin: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every place in the queue for passwords is taken: a token gets in, the next password is told to come back."""
    import anyio

    from millstream.server.auth import keeper

    monkeypatch.setattr(keeper, "WAITING", 2)
    token = bearer(world.token("관리자").secret)
    hold = threading.Event()

    def slow(*_arguments: object) -> None:
        hold.wait(30)

    monkeypatch.setattr(identities.Identities, "password", slow)

    async def flood() -> list[int]:
        statuses: list[int] = []

        async def ask(who: dict[str, str]) -> None:
            statuses.append(await world.client.asked("GET", CURRENT, who))

        async with anyio.create_task_group() as group:
            for number in range(2):
                group.start_soon(ask, basic("관리자", f"wrong {number}"))
            await anyio.wait_all_tasks_blocked()
            await ask(basic("관리자", "third"))
            await ask(token)
            hold.set()
        return statuses

    assert anyio.run(flood) == [429, 200, 401, 401]


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("a unix socket", "a unix socket"),
    ],
)
def test_the_place_of_an_address(address: str, place: str) -> None:
    assert place_of(address) == place


def test_pauses() -> None:
    ask: Callable[[int], int] = lambda count: pause("user", count, 100, 100)  # noqa: E731
    assert [ask(count) for count in (0, 9, 10, 11, 15, 16, 10**6)] == [0, 0, 1000, 2000, 32_000, 60_000, 60_000]
    assert pause("user", 10, 100, 1099) == 1
    assert pause("user", 10, 100, 2000) == 0
    assert pause("address", 10**6, 0, 0) == MOST["address"]
