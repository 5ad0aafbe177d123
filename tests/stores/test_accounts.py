"""Users, roles, grants and tokens, over SQLite and PostgreSQL."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

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
