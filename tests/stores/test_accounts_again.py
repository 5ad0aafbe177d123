"""Changes of users that are sent again under their key, over SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from millstream.formats import passwords
from millstream.stores.accounts import Accounts, now
from millstream.values import accounts
from millstream.values.accounts import DAY
from millstream.values.errors import AlreadyExists, InvalidState, KeyReused
from millstream.values.rights import EXPERIMENT, Level
from millstream.values.secrets import Secret
from tests import servers
from tests.stores.test_accounts import PASSWORD, found, new_user


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 4)
    monkeypatch.setattr(passwords, "P", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def users(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Accounts]:
    postgresql = request.param == "postgresql"
    uri = servers.new_schema(request.getfixturevalue("postgresql")) if postgresql else f"sqlite:///{tmp_path}/사용자.db"
    made = Accounts(found(uri))
    yield made
    made.close()


def changes(users: Accounts) -> list[accounts.AccountOp[Any]]:
    """One of each that changes something, in an order in which all succeed."""
    role = users.write(accounts.CreateRole(name="first"))
    added = users.write(accounts.AddRoleGrant(role_id=role.role_id, kind=EXPERIMENT, pattern="7", level=Level.READ))
    gone = users.write(accounts.CreateRole(name="gone"))
    new_user(users, "root")
    new_user(users, "old")
    mine = {"name": "root", "kind": EXPERIMENT, "pattern": "1"}
    return [
        accounts.CreateUser(name="새 사람", password=PASSWORD, time=5),
        accounts.SetPassword(name="old", password=Secret("another long password"), current=PASSWORD),
        accounts.SetAdmin(name="old", admin=True),
        accounts.GrantTo(**mine, level=Level.DENY, new=True),
        accounts.GrantTo(**mine, level=Level.EDIT, known=True),
        accounts.Revoke(**mine),
        accounts.CreateRole(name="second", description="설명"),
        accounts.UpdateRole(role_id=role.role_id, name="renamed"),
        accounts.AddRoleGrant(role_id=role.role_id, kind=EXPERIMENT, pattern="8", level=Level.MANAGE),
        accounts.UpdateRoleGrant(grant_id=added.grant_id, level=Level.EDIT),
        accounts.AssignRole(name="old", role_id=role.role_id),
        accounts.UnassignRole(name="old", role_id=role.role_id),
        accounts.RemoveRoleGrant(grant_id=added.grant_id),
        accounts.DeleteRole(role_id=gone.role_id),
        accounts.DeleteUser(name="old"),
    ]


def test_a_change_that_is_sent_again_has_one_effect_and_its_first_answer(users: Accounts) -> None:
    for number, change in enumerate(changes(users)):
        op = structs.replace(change, op_id=f"key-{number}", op_digest=f"digest {number}")
        first = users.write(op)
        generation = users.generation()
        assert users.write(op) == first, op
        assert users.generation() == generation
        with pytest.raises(KeyReused):
            users.write(structs.replace(op, op_digest="another"))
    assert {user.name for user in users.read(accounts.ListUsers())} == {"root", "새 사람"}


def test_what_was_refused_uses_no_key_up(users: Accounts) -> None:
    new_user(users)
    op = accounts.CreateUser(name="kim", password=PASSWORD, time=5, op_id="key", op_digest="d")
    with pytest.raises(AlreadyExists):
        users.write(op)
    assert users.write(structs.replace(op, name="lee", op_digest="e")).name == "lee"


def test_at_once_in_several_processes_one_is_carried_out_and_all_are_answered(users: Accounts) -> None:
    new_user(users)
    others = [Accounts(users.database) for _ in range(4)]
    op = accounts.CreateUser(name="새 사람", password=PASSWORD, time=5, op_id="key", op_digest="d")
    grant = accounts.GrantTo(
        name="kim", kind=EXPERIMENT, pattern="1", level=Level.READ, new=True, op_id="grant", op_digest="d"
    )
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda each: each.write(op), others * 2))
        granted = list(pool.map(lambda each: each.write(grant), others * 2))
    assert len({user.user_id for user in made}) == 1
    assert len({one.grant_id for one in granted}) == 1
    for each in others:
        each.close()


@pytest.mark.parametrize("kind", ["token", "share"])
def test_a_token_is_made_once_and_its_secret_told_once(users: Accounts, kind: str) -> None:
    new_user(users)
    times = {"time": now(), "expires": now() + DAY, "op_id": "key", "op_digest": "d"}
    op: accounts.AccountOp[accounts.NewToken] = (
        accounts.CreateToken(user="kim", name="t", **times)
        if kind == "token"
        else accounts.CreateShare(user="kim", kind=EXPERIMENT, thing="1", **times)
    )
    made = users.write(op)
    with pytest.raises(InvalidState, match=made.token.token_id):
        users.write(op)
    with ThreadPoolExecutor(4) as pool:
        fresh = structs.replace(op, op_id="other")
        outcomes = list(pool.map(lambda _: attempt(users, fresh), range(4)))
    assert sorted(outcomes) == [False, False, False, True]
    assert len(users.read(accounts.ListTokens(user="kim"))) == 2


def attempt(users: Accounts, op: accounts.AccountOp[Any]) -> bool:
    try:
        users.write(op)
    except InvalidState:
        return False
    return True


def test_nothing_that_is_kept_of_a_request_with_a_password_tells_it(users: Accounts) -> None:
    from sqlalchemy import select

    from millstream.drivers.sql.accounts.tables import kept

    op = accounts.CreateUser(name="kim", password=PASSWORD, time=5, op_id="key", op_digest="digest of the password")
    users.write(op)
    with users._reading() as connection:
        ((digest, answer),) = connection.execute(select(kept.c.digest, kept.c.answer)).all()
    assert digest.startswith("scrypt$")
    assert PASSWORD.reveal() not in answer
    assert not users.was_done("key", op.op_digest)


def test_keys_are_forgotten_after_a_week(users: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    from millstream.drivers.sql.accounts.kept import FOR
    from millstream.stores import accounts as stores_accounts

    new_user(users)
    op = accounts.SetAdmin(name="kim", admin=True, op_id="key", op_digest="d")
    users.write(op)
    later = now() + FOR + 1000
    monkeypatch.setattr(stores_accounts, "now", lambda: later)
    users.write(structs.replace(op, op_id="other"))
    assert not users.was_done("key", "d")
    assert users.was_done("other", "d")
