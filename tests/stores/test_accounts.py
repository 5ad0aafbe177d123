"""Users, roles, grants and tokens, over SQLite and PostgreSQL."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from millstream.formats import passwords
from millstream.stores.accounts import Accounts, find_database, now
from millstream.stores.open import close_stores, open_store
from millstream.values import accounts, ops, queries
from millstream.values.accounts import DAY
from millstream.values.databases import DatabaseUri
from millstream.values.errors import (
    AlreadyExists,
    InvalidState,
    InvalidValue,
    KeyReused,
    MillstreamError,
    NotFound,
    NotSupported,
)
from millstream.values.rights import EVERY, EXPERIMENT, REGISTERED_MODEL, Level
from millstream.values.secrets import Secret
from tests import servers

PASSWORD = Secret("a long enough password")


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 4)
    monkeypatch.setattr(passwords, "P", 1)


@pytest.fixture(params=["sqlite", "postgresql"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/사용자 users.db"
    return servers.new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def users(uri: str) -> Iterator[Accounts]:
    made = Accounts(found(uri))
    yield made
    made.close()


def found(uri: str) -> DatabaseUri:
    database = DatabaseUri.parse(uri, Path("/"))
    assert database is not None
    return database


def new_user(users: Accounts, name: str = "kim", **fields: Any) -> accounts.User:
    return users.write(accounts.CreateUser(name=name, password=PASSWORD, time=5, **fields))


def grant(users: Accounts, name: str, thing: str, level: Level, **fields: Any) -> accounts.Grant:
    return users.write(accounts.GrantTo(name=name, kind=EXPERIMENT, pattern=thing, level=level, **fields))


def level(users: Accounts, name: str, thing: str) -> Level:
    return users.read(accounts.GetLevel(name=name, kind=EXPERIMENT, thing=thing))


def test_the_first_user_is_an_administrator_and_others_are_not(users: Accounts) -> None:
    assert users.is_empty()
    first, second = new_user(users, "김 철수"), new_user(users)
    assert (first.admin, second.admin) == (True, False)
    assert [user.name for user in users.read(accounts.ListUsers())] == ["kim", "김 철수"]
    assert users.read(accounts.GetUser(name="김 철수")) == first
    with pytest.raises(AlreadyExists):
        new_user(users)
    for name in ("Kim", "none"):
        with pytest.raises(NotFound):
            users.read(accounts.GetUser(name=name))


def test_many_at_once_make_one_first_user(users: Accounts) -> None:
    users.is_empty()

    def make(number: int) -> bool:
        return new_user(users, f"user {number}").admin

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(make, range(8))) == 1


@pytest.mark.parametrize("name", ["", " kim", "a:b", "__user_1__", "a\nb", "a\0b", "x" * 256, "\ud800", "e\u0301"])
def test_a_bad_name_is_refused(users: Accounts, name: str) -> None:
    with pytest.raises(InvalidValue):
        new_user(users, name)
    assert users.is_empty()


@pytest.mark.parametrize("password", ["", "elevenchars", "kim is a long name", "x" * 1025, "\ud800" * 20, "\0" * 20])
def test_a_bad_password_is_refused_and_not_repeated(users: Accounts, password: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        users.write(accounts.CreateUser(name="Kim is a long name", password=Secret(password), time=1))
    assert not password or password not in caught.value.message


def test_passwords_change_and_end_sessions(users: Accounts) -> None:
    user = new_user(users)
    session = users.open_session(user, DAY)
    token = users.write(accounts.CreateToken(user="kim", name="ci", time=now(), expires=now() + DAY)).secret
    newer = Secret("another long password")
    with pytest.raises(InvalidValue, match="match"):
        users.write(accounts.SetPassword(name="kim", password=newer, current=Secret("wrong")))
    with pytest.raises(InvalidValue, match="differ"):
        users.write(accounts.SetPassword(name="kim", password=PASSWORD, current=PASSWORD))
    assert users.credential(session) is not None
    users.write(accounts.SetPassword(name="kim", password=newer, current=PASSWORD))
    assert users.credential(session) is None
    assert users.credential(token) is not None
    person = users.person(name="kim")
    assert person is not None
    assert users.is_password(newer, person.password)
    assert not users.is_password(PASSWORD, person.password)
    assert not users.is_password(PASSWORD, None)


def test_the_last_administrator_stays(users: Accounts) -> None:
    new_user(users, "one")
    new_user(users, "two")
    for op in (accounts.SetAdmin(name="one", admin=False), accounts.DeleteUser(name="one")):
        with pytest.raises(InvalidState, match="only"):
            users.write(op)
    users.write(accounts.SetAdmin(name="two", admin=True))
    users.write(accounts.DeleteUser(name="one"))
    assert [user.name for user in users.read(accounts.ListUsers())] == ["two"]


def test_grants_come_change_and_go(users: Accounts) -> None:
    new_user(users, "admin")
    new_user(users)
    with pytest.raises(NotFound):
        grant(users, "kim", "1", Level.READ, known=True)
    made = grant(users, "kim", "1", Level.READ, new=True)
    assert users.read(accounts.GetGrant(name="kim", kind=EXPERIMENT, pattern="1")) == made
    with pytest.raises(AlreadyExists):
        grant(users, "kim", "1", Level.EDIT, new=True)
    assert grant(users, "kim", "1", Level.EDIT).grant_id == made.grant_id
    assert [level(users, "kim", thing) for thing in ("1", "2")] == [Level.EDIT, Level.NO_PERMISSIONS]
    assert level(users, "admin", "1") == Level.MANAGE
    users.write(accounts.Revoke(name="kim", kind=EXPERIMENT, pattern="1"))
    assert level(users, "kim", "1") == Level.NO_PERMISSIONS
    with pytest.raises(NotFound):
        users.write(accounts.Revoke(name="kim", kind=EXPERIMENT, pattern="1"))
    for bad in (("run", "1"), (EXPERIMENT, ""), (EXPERIMENT, "x" * 501)):
        with pytest.raises(InvalidValue):
            users.write(accounts.GrantTo(name="kim", kind=bad[0], pattern=bad[1], level=Level.READ))


def test_things_are_renamed_and_forgotten(users: Accounts) -> None:
    new_user(users, "admin")
    new_user(users)
    for thing in ("old", "new"):
        users.write(accounts.GrantTo(name="kim", kind=REGISTERED_MODEL, pattern=thing, level=Level.READ))
    users.write(accounts.GrantTo(name="kim", kind=REGISTERED_MODEL, pattern="old", level=Level.EDIT))
    users.write(accounts.RenameThing(kind=REGISTERED_MODEL, pattern="old", to="new"))

    def of(thing: str) -> Level:
        return users.read(accounts.GetLevel(name="kim", kind=REGISTERED_MODEL, thing=thing))

    assert (of("old"), of("new")) == (Level.NO_PERMISSIONS, Level.EDIT)
    users.write(accounts.ForgetThing(kind=REGISTERED_MODEL, pattern="new"))
    assert of("new") == Level.NO_PERMISSIONS


def test_roles_grant_to_all_who_are_in_them(users: Accounts) -> None:
    new_user(users, "admin")
    user = new_user(users)
    role = users.write(accounts.CreateRole(name="읽는 사람", description="d"))
    given = users.write(accounts.AddRoleGrant(role_id=role.role_id, kind=EXPERIMENT, pattern=EVERY, level=Level.READ))
    member = users.write(accounts.AssignRole(name="kim", role_id=role.role_id))
    assert (member.user_id, member.role_id) == (user.user_id, role.role_id)
    assert level(users, "kim", "5") == Level.READ
    grant(users, "kim", "5", Level.MANAGE)
    assert (level(users, "kim", "5"), level(users, "kim", "6")) == (Level.MANAGE, Level.READ)
    users.write(accounts.UpdateRoleGrant(grant_id=given.grant_id, level=Level.DENY))
    assert level(users, "kim", "5") == Level.NO_PERMISSIONS
    mine = users.read(accounts.UserRoles(name="kim"))
    assert [item.name for item in mine] == [f"__user_{user.user_id}__", "읽는 사람"]
    renamed = users.write(accounts.UpdateRole(role_id=role.role_id, name="readers"))
    assert (renamed.name, renamed.description) == ("readers", "d")
    assert users.read(accounts.RoleUsers(role_id=role.role_id)) == [member]
    users.write(accounts.UnassignRole(name="kim", role_id=role.role_id))
    assert level(users, "kim", "5") == Level.MANAGE
    users.write(accounts.DeleteRole(role_id=role.role_id))
    assert users.read(accounts.ListRoles()) == []


def test_what_cannot_be_done_with_roles_is_refused(users: Accounts) -> None:
    new_user(users)
    role = users.write(accounts.CreateRole(name="a"))
    own = users.read(accounts.UserRoles(name="kim"))[0].role_id
    member = accounts.AssignRole(name="kim", role_id=role.role_id)
    users.write(member)
    refused: list[tuple[type[MillstreamError], accounts.AccountOp[Any]]] = [
        (AlreadyExists, accounts.CreateRole(name="a")),
        (InvalidValue, accounts.CreateRole(name="__user_9__")),
        (InvalidValue, accounts.CreateRole(name=" ")),
        (NotFound, accounts.DeleteRole(role_id=999)),
        (InvalidValue, accounts.DeleteRole(role_id=own)),
        (InvalidValue, accounts.UpdateRole(role_id=own, name="x")),
        (InvalidValue, accounts.AssignRole(name="kim", role_id=own)),
        (AlreadyExists, member),
        (NotFound, accounts.AssignRole(name="nobody", role_id=role.role_id)),
        (NotFound, accounts.RemoveRoleGrant(grant_id=999)),
        (NotFound, accounts.UpdateRoleGrant(grant_id=999, level=Level.READ)),
    ]
    for error, op in refused:
        with pytest.raises(error):
            users.write(op)


def test_tokens_are_kept_hashed_found_and_revoked(users: Accounts, uri: str, tmp_path: Path) -> None:
    new_user(users)
    things = {EXPERIMENT: ("1", "2")}
    made = users.write(
        accounts.CreateToken(user="kim", name="빌드", time=now(), expires=now() + DAY, scope="read", things=things)
    )
    credential = users.credential(made.secret)
    assert credential is not None
    assert (credential.kind, credential.token) == ("api", made.token)
    assert users.read(accounts.ListTokens(user="kim")) == [made.token]
    assert users.credential(Secret(made.secret.reveal() + "x")) is None
    if uri.startswith("sqlite"):
        users.close()
        assert made.secret.reveal().encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    with pytest.raises(NotFound):
        users.write(accounts.RevokeToken(token_id=made.token.token_id, user="somebody else"))
    users.write(accounts.RevokeToken(token_id=made.token.token_id, user="kim"))
    assert users.credential(made.secret) is None


def test_what_cannot_be_a_token_or_a_share_is_refused(users: Accounts) -> None:
    new_user(users)
    time = now()
    fields: dict[str, Any] = {"user": "kim", "name": "x", "time": time, "expires": time + DAY}
    for changes in (
        {"expires": time}, {"expires": time + 400 * DAY}, {"scope": "admin"}, {"name": "x" * 300},
        {"scope": "full", "things": {EXPERIMENT: ("1",)}}, {"things": {"run": ("1",)}},
    ):  # fmt: skip
        with pytest.raises(InvalidValue):
            users.write(accounts.CreateToken(**{**fields, **changes}))
    share: dict[str, Any] = {"user": "kim", "kind": "run", "thing": "r", "time": time, "expires": time + DAY}
    for changes in ({"kind": REGISTERED_MODEL}, {"expires": time + 91 * DAY}, {"expires": time - 1}):
        with pytest.raises(InvalidValue):
            users.write(accounts.CreateShare(**{**share, **changes}))
    with pytest.raises(NotFound):
        users.write(accounts.CreateToken(**{**fields, "user": "nobody"}))


def test_whoever_is_removed_leaves_nothing_behind(users: Accounts) -> None:
    new_user(users, "admin")
    user = new_user(users)
    token = users.write(accounts.CreateToken(user="kim", name="x", time=now(), expires=now() + DAY)).secret
    grant(users, "kim", "1", Level.MANAGE)
    users.write(accounts.DeleteUser(name="kim"))
    assert users.credential(token) is None
    again = new_user(users)
    assert again.user_id != user.user_id
    assert level(users, "kim", "1") == Level.NO_PERMISSIONS


def test_every_change_raises_the_generation(users: Accounts) -> None:
    before = users.generation()
    new_user(users)
    after = users.generation()
    assert after > before
    users.note_try(["a"], now(), 0)
    users.open_session(users.read(accounts.GetUser(name="kim")), DAY)
    assert users.generation() == after
    other = Accounts(users.database)
    assert other.generation() == after
    other.close()


def test_tries_are_counted_together_and_forgotten(users: Accounts) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: users.note_try(["user:a", "address:b"], now(), 0), range(8)))
    assert {key: count for key, (count, _) in users.tried(["user:a", "address:b", "c"], 0).items()} == {
        "user:a": 8,
        "address:b": 8,
    }
    users.clear_tries("user:a", ["address:b"])
    assert {key: count for key, (count, _) in users.tried(["user:a", "address:b"], 0).items()} == {"address:b": 7}
    users.note_try(["d"], now() + 2, now() + 1)
    assert set(users.tried(["d", "address:b"], 0)) == {"d"}


def test_users_live_beside_runs_in_one_database(uri: str, tmp_path: Path) -> None:
    store = open_store(uri, str(tmp_path / "artifacts"))
    users = Accounts(find_database(store.uri, None))
    new_user(users)
    made = store.write(ops.CreateExperiment(name="e", time=1))
    users.close()
    close_stores()
    assert store.read(queries.GetExperiment(experiment_id=made)).name == "e"
    assert not users.is_empty()
    users.close()
    close_stores()


def test_users_of_a_folder_are_not_in_it_and_for_nobody_else_to_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    database = find_database((tmp_path / "mlruns").as_uri(), None)
    assert database.path is not None
    assert database.path.is_relative_to(tmp_path / "data")
    assert find_database((tmp_path / "other").as_uri(), None) != database
    users = Accounts(database)
    new_user(users)
    users.close()
    assert stat.S_IMODE(database.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(database.path.parent.stat().st_mode) == 0o700
    named = find_database("x", f"sqlite:///{tmp_path}/u.db")
    assert named.path == tmp_path / "u.db"
    with pytest.raises(InvalidValue, match="no database"):
        find_database("x", str(tmp_path))


def test_users_of_a_newer_millstream_are_left_alone(users: Accounts) -> None:
    from sqlalchemy import update

    from millstream.drivers.sql.accounts.tables import state

    users.is_empty()
    users._open()[1].write(lambda given: given.execute(update(state).values(version=99)), repeatable=False)
    users.close()
    with pytest.raises(NotSupported, match="newer"):
        users.is_empty()


def test_users_of_an_older_millstream_are_kept(users: Accounts) -> None:
    from sqlalchemy import update

    from millstream.drivers.sql.accounts.tables import kept, state

    def turn_back(connection: Any) -> None:
        kept.drop(connection)
        connection.execute(update(state).values(version=1))

    new_user(users)
    users._open()[1].write(turn_back, repeatable=False)
    users.close()
    other = Accounts(users.database)
    again = accounts.SetAdmin(name="kim", admin=True, op_id="key", op_digest="d")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda each: each.write(again), [users, other]))
    assert users.was_done("key", "d")
    other.close()


# --- what is sent again ---


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
