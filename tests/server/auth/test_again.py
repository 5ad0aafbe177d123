"""A request that is sent again after it took the right to it away: its sender is answered, nobody else learns of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.accounts import now
from millstream.stores.open import close_stores
from millstream.values import ops
from millstream.values.rights import REGISTERED_MODEL, Level
from tests.server.auth.conftest import PASSWORD, World, bearer
from tests.server.conftest import Reply

API = "/api/2.0/mlflow/"


@pytest.fixture(params=["sqlite", "embedded"])
def world(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = World(tmp_path, uri=(tmp_path / "나의 mlruns").as_uri() if request.param == "embedded" else "")
    yield made
    made.accounts.close()
    close_stores()


def deletions(world: World) -> list[tuple[str, str, dict[str, Any]]]:
    """Requests of a manager that each take away what they need, with things of their own."""
    found = []
    for method, path, names in (
        ("DELETE", "logged-models/{model_id}", ()),
        ("POST", "experiments/delete", ("experiment_id",)),
        ("POST", "runs/delete", ("run_id",)),
    ):
        things = world.things()
        world.grant("manager", things.experiment_id, Level.MANAGE)
        fields = {"model_id": things.model_id, "experiment_id": things.experiment_id, "run_id": things.run_id}
        found.append((method, path.format(**fields), {name: fields[name] for name in names}))
    world.store.write(ops.CreateRegisteredModel(name="모델", time=now()))
    world.store.write(ops.CreateRegisteredModel(name="other", time=now()))
    for name in ("모델", "other"):
        world.grant("manager", name, Level.MANAGE, REGISTERED_MODEL)
    found.append(("DELETE", "registered-models/delete", {"name": "모델"}))
    found.append(("DELETE", "registered-models/permissions/delete", {"name": "other", "username": "manager"}))
    return found


def send(world: World, request: tuple[str, str, dict[str, Any]], who: dict[str, str], key: str = "") -> Reply:
    method, path, fields = request
    return world.send(method, API + path, {**who, **({"idempotency-key": key} if key else {})}, fields)


def test_a_deletion_is_answered_again_to_whoever_asked_for_it_and_to_nobody_else(world: World) -> None:
    admin = world.user("admin", admin=True)
    manager, stranger = world.user("manager"), world.user("stranger")
    for request in deletions(world):
        key = str(uuid.uuid4())
        before = send(world, request, stranger, key)
        first = send(world, request, manager, key)
        assert first.status == 200, request
        again = send(world, request, manager, key)
        assert (again.status, again.body) == (200, first.body), request
        after = send(world, request, stranger, key)
        assert (after.status, after.body) == (before.status, before.body), request
        assert after.status in (403, 404)
        # Another key of his own says no more than none, and an administrator's is another one too.
        plain = send(world, request, manager)
        assert send(world, request, manager, f"{key} new").status == plain.status, request
        assert send(world, request, admin, key).status in (200, 404)


def test_the_key_of_one_request_answers_no_other(world: World) -> None:
    world.user("admin", admin=True)
    manager = world.user("manager")
    first, *_, last = deletions(world)
    key = str(uuid.uuid4())
    assert send(world, last, manager, key).status == 200
    other = (last[0], last[1], {**last[2], "username": "admin"})
    assert send(world, other, manager, key).status == 404
    assert send(world, first, manager, key).status in (200, 422)


def test_what_was_refused_is_not_answered_later(world: World) -> None:
    world.user("admin", admin=True)
    world.user("manager")
    stranger = world.user("stranger")
    request = deletions(world)[-2]
    assert send(world, request, stranger, "k").status == 404
    assert send(world, request, stranger, "k").status == 404


def test_a_rename_is_answered_again_with_what_may_be_read_now(world: World) -> None:
    admin, manager = world.user("admin", admin=True), world.user("manager")
    world.api("registered-models/create", manager, name="m")
    rename = ("POST", "registered-models/rename", {"name": "m", "new_name": "n"})
    assert send(world, rename, manager, "k").status == 200
    again = send(world, rename, manager, "k")
    assert (again.status, again.json()["registered_model"]["name"]) == (200, "n")
    assert send(world, rename, admin, "k").status == 404
    gone = ("DELETE", "registered-models/permissions/delete", {"name": "n", "username": "manager"})
    assert send(world, gone, admin).status == 200
    assert send(world, rename, manager, "k").status == 404


def test_what_is_sent_again_moves_no_rights_twice(world: World) -> None:
    admin, manager = world.user("admin", admin=True), world.user("manager")
    for who, key in ((admin, "a"), (manager, "b")):
        name = f"model {key}"
        create = ("POST", "registered-models/create", {"name": name})
        rename = ("POST", "registered-models/rename", {"name": name, "new_name": f"{name} 2"})
        assert send(world, create, who, key).status == 200
        world.grant("manager", name, Level.EDIT, REGISTERED_MODEL)
        assert send(world, create, who, key).status == 200
        assert send(world, ("PATCH", "registered-models/update", {"name": name}), manager).status == 200
        world.grant("manager", name, Level.MANAGE, REGISTERED_MODEL)
        assert [send(world, rename, who, f"{key}2").status for _ in range(3)] == [200] * 3
        assert send(world, ("PATCH", "registered-models/update", {"name": f"{name} 2"}), manager).status == 200


def test_who_gives_his_own_rights_away_is_answered_again(world: World) -> None:
    admin, _ = world.user("admin"), world.user("second", admin=True)
    less = ("PATCH", "users/update-admin", {"username": "admin", "is_admin": False})
    assert [send(world, less, admin, "k").status for _ in range(3)] == [200] * 3
    assert send(world, less, admin, "other").status == 403


def test_a_token_with_fewer_rights_answers_only_what_its_user_did(world: World) -> None:
    world.user("admin", admin=True)
    manager = world.user("manager")
    request = deletions(world)[0]
    narrow = bearer(world.token("manager", scope="read").secret)
    assert send(world, request, narrow, "k").status == 403
    assert send(world, request, manager, "k").status == 200
    assert send(world, request, narrow, "k").body == b"{}"


def test_changes_of_users_are_answered_again_once(world: World) -> None:
    admin = world.user("admin", admin=True)
    things = world.things()
    on = {"experiment_id": things.experiment_id, "username": "새 사람"}
    requests = [
        ("POST", "users/create", {"username": "새 사람", "password": PASSWORD}),
        ("PATCH", "users/update-password", {"username": "새 사람", "password": PASSWORD + "!"}),
        ("POST", "experiments/permissions/create", {**on, "permission": "READ"}),
        ("PATCH", "experiments/permissions/update", {**on, "permission": "EDIT"}),
        ("DELETE", "experiments/permissions/delete", on),
        ("DELETE", "users/delete", {"username": "새 사람"}),
    ]
    for number, request in enumerate(requests):
        first = send(world, request, admin, f"key {number}")
        assert first.status == 200, first.body
        if "delete" not in request[1]:
            assert send(world, request, admin, f"key {number}").body == first.body
    for number in (1, 4, 5):
        assert send(world, requests[number], admin, f"key {number}").status in (200, 404)
    other = ("POST", "users/create", {"username": "새 사람", "password": PASSWORD + "?"})
    assert send(world, other, admin, "key 0").status == 422
    assert send(world, requests[0], admin, "key 0").status == 200
    assert [user["username"] for user in world.send("GET", f"{API}users/list", admin).json()["users"]] == ["admin"]


def test_a_token_is_made_once_whoever_tells_of_it(world: World) -> None:
    admin = world.user("admin", admin=True)
    ask = {**admin, "idempotency-key": "k"}
    first = world.send("POST", "/api/ui/tokens", ask, {"name": "t"})
    again = world.send("POST", "/api/ui/tokens", ask, {"name": "t"})
    assert (first.status, again.status) == (200, 400)
    assert first.json()["token_id"] in again.message
    assert first.json()["token"] not in again.message
    assert len(world.send("GET", "/api/ui/tokens", admin).json()["tokens"]) == 1
