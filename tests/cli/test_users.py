"""`millstream users`: the users of a server over each kind of store, made where no server runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from millstream.cli.main import millstream
from millstream.formats import passwords
from millstream.stores.accounts import Accounts, find_database
from millstream.stores.open import open_store
from millstream.values import ops
from millstream.values.rights import EXPERIMENT, REGISTERED_MODEL, Level
from millstream.values.secrets import Secret
from tests import servers
from tests.cli.conftest import Cli

PASSWORD = "아주 긴 비밀번호 하나"
Users = Callable[..., Result]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "LOG_N", 4)
    monkeypatch.setattr(passwords, "P", 1)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture(params=["directory", "sqlite", "postgresql"])
def store_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store of each kind that has users."""
    if request.param == "directory":
        return str(tmp_path / "내 mlruns")
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/내 runs.db"
    return servers.new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def users(cli: Cli, store_uri: str) -> Users:
    """`millstream users` on that store, with a line of standard input."""

    def call(*arguments: str, line: str = f"{PASSWORD}\n", code: int = 0) -> Result:
        options = () if "--help" in arguments else ("--backend-store-uri", store_uri)
        result = CliRunner().invoke(millstream, ["users", *arguments, *options], input=line)
        assert result.exit_code == code, (result.output, result.exception)
        assert PASSWORD not in result.output
        return result

    return call


def opened(store_uri: str) -> Accounts:
    """The users as `millstream server` finds them."""
    return Accounts(find_database(open_store(store_uri).uri, None))


def told(result: Result) -> Any:
    """What was printed as JSON."""
    return json.loads(result.stdout)


def is_password(accounts: Accounts, name: str, password: str) -> bool:
    person = accounts.person(name=name)
    return person is not None and accounts.is_password(Secret(password), person.password)


def test_the_first_is_an_administrator_and_a_server_knows_all(users: Users, store_uri: str) -> None:
    assert "There are no users" in users("list").stderr
    assert told(users("add", "지우", "--json"))["admin"] is True
    assert told(users("add", "lab user", "--json"))["admin"] is False
    assert told(users("add", "boss", "--admin", "--json"))["admin"] is True
    assert [item["name"] for item in told(users("list", "--json"))] == ["boss", "lab user", "지우"]
    assert "지우" in users("list").stdout
    accounts = opened(store_uri)
    assert is_password(accounts, "지우", PASSWORD)
    assert not is_password(accounts, "지우", PASSWORD + " ")
    accounts.close()
    assert "exists already" in users("add", "지우", code=1).stderr


def test_passwords_change_and_stay_secret(users: Users, store_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    users("add", "지우")
    assert "12 characters" in users("add", "b", line="short\n", code=1).stderr
    assert "No password was given" in users("add", "b", line="", code=1).stderr
    users("passwd", "지우", line=" 앞뒤 빈칸도 비밀번호 \r\n")
    assert "no user called 'x'" in users("passwd", "x", line="", code=1).stderr
    accounts = opened(store_uri)
    assert is_password(accounts, "지우", " 앞뒤 빈칸도 비밀번호 ")
    monkeypatch.setenv("MILLSTREAM_NEW_PASSWORD", "from the environment")
    users("passwd", "지우", line="")
    assert is_password(accounts, "지우", "from the environment")
    accounts.close()


def test_the_last_administrator_stays(users: Users) -> None:
    users("add", "지우")
    users("add", "b")
    for refused in (("remove", "지우"), ("admin", "지우", "--off")):
        assert "only administrator" in users(*refused, code=1).stderr
    users("admin", "b")
    users("remove", "지우")
    assert [(item["name"], item["admin"]) for item in told(users("list", "--json"))] == [("b", True)]
    assert "no user called '지우'" in users("remove", "지우", code=1).stderr


def test_permissions_are_given_and_taken_back(users: Users, store_uri: str) -> None:
    store = open_store(store_uri)
    experiment_id = store.write(ops.CreateExperiment(name="실험 *", time=1))
    store.write(ops.CreateRegisteredModel(name="모델 1", time=1))
    users("add", "admin")
    users("add", "지우")
    users("grant", "지우", "read", "-n", "실험 *")
    given = users("grant", "지우", "EDIT", "-x", experiment_id, "--json")
    assert told(given) == {"name": "지우", "kind": EXPERIMENT, "thing": experiment_id, "permission": "EDIT"}
    users("grant", "지우", "MANAGE", "-m", "모델 1")
    users("grant", "지우", "READ", "-m", "*")
    accounts = opened(store_uri)
    person = accounts.person(name="지우")
    assert person is not None
    assert person.grants == {
        (EXPERIMENT, experiment_id): Level.EDIT,
        (REGISTERED_MODEL, "모델 1"): Level.MANAGE,
        (REGISTERED_MODEL, "*"): Level.READ,
    }
    shown = {(item["thing"], item["permission"]) for item in told(users("show", "지우", "--json"))["grants"]}
    assert shown == {(experiment_id, "EDIT"), ("모델 1", "MANAGE"), ("*", "READ")}
    assert "모델 1" in users("show", "지우").stdout
    # What is gone from the store can still be taken back.
    store.write(ops.DeleteRegisteredModel(name="모델 1"))
    for thing in (("-x", experiment_id), ("-m", "모델 1"), ("-m", "*")):
        users("revoke", "지우", *thing)
    person = accounts.person(name="지우")
    assert person is not None
    assert person.grants == {}
    accounts.close()


def test_a_permission_is_on_one_thing_that_is_there(users: Users) -> None:
    users("add", "admin")
    assert "Give one of" in users("grant", "admin", "READ", code=2).stderr
    assert "Give one of" in users("grant", "admin", "READ", "-x", "1", "-m", "m", code=2).stderr
    assert "is not one of" in users("grant", "admin", "OWN", "-x", "0", code=2).stderr
    users("grant", "admin", "READ", "-x", "12345", code=1)
    users("grant", "admin", "READ", "-n", "없는 실험", code=1)
    users("grant", "admin", "READ", "-m", "없는 모델", code=1)
    users("grant", "nobody", "READ", "-x", "*", code=1)
    users("revoke", "admin", "-x", "*", code=1)


def test_tokens_are_made_listed_and_revoked(users: Users, store_uri: str) -> None:
    store = open_store(store_uri)
    experiment_id = store.write(ops.CreateExperiment(name="실험", time=1))
    users("add", "지우")
    secret = users("token", "add", "지우", "--name", "CI 서버", "--scope", "read").stdout.strip()
    only = told(users("token", "add", "지우", "--days", "366", "-x", experiment_id, "--json"))
    assert only["things"] == {EXPERIMENT: [experiment_id]}
    listed = told(users("token", "list", "--json"))
    assert {item["token_id"] for item in listed} >= {only["token_id"]}
    assert len(listed) == len(told(users("token", "list", "지우", "--json"))) == 2
    text = users("token", "list").stdout
    assert "CI 서버" in text
    assert secret not in text
    accounts = opened(store_uri)
    assert accounts.credential(Secret(secret)) is not None
    users("token", "revoke", only["token_id"])
    assert accounts.credential(Secret(only["token"])) is None
    assert accounts.credential(Secret(secret)) is not None
    accounts.close()
    users("token", "revoke", only["token_id"], code=1)
    users("token", "add", "nobody", code=1)
    users("token", "add", "지우", "--days", "367", code=2)
    users("token", "add", "지우", "--scope", "full", "-x", experiment_id, code=1)


def test_another_database_for_the_users(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_NEW_PASSWORD", PASSWORD)
    cli("users", "add", "지우", "--auth-db", "sqlite:///users.db")
    assert (tmp_path / "users.db").is_file()
    assert told(cli("users", "list", "--json")) == []
    monkeypatch.setenv("MILLSTREAM_AUTH_DB", f"sqlite:///{tmp_path}/users.db")
    assert [item["name"] for item in told(cli("users", "list", "--json"))] == ["지우"]
    assert "names no database" in cli("users", "list", "--auth-db", "users.db", code=2).stderr


def test_roles_give_the_same_to_many(users: Users, store_uri: str) -> None:
    experiment = open_store(store_uri).write(ops.CreateExperiment(name="실험", time=1))
    for name in ("kim", "lee", "박"):
        users("add", name)
    made = json.loads(users("role", "add", "연구 team", "--description", "alle", "--json").stdout)
    assert (made["name"], made["description"], made["users"], made["grants"]) == ("연구 team", "alle", [], [])
    users("role", "add", "연구 team", code=1)
    users("role", "join", "연구 team", "lee", "박")
    joined = json.loads(users("role", "join", "연구 team", "박", "lee", "--json").stdout)
    assert joined["users"] == ["lee", "박"]
    users("role", "join", "연구 team", "nobody", code=1)
    users("role", "grant", "연구 team", "read", "-n", "실험")
    users("role", "grant", "연구 team", "EDIT", "-x", experiment)
    users("role", "grant", "연구 team", "READ", "-m", "*")
    users("role", "grant", "연구 team", "READ", "-x", "999", code=1)
    users("role", "grant", "nothing", "READ", "-m", "*", code=1)
    (listed,) = json.loads(users("role", "list", "--json").stdout)
    shown = json.loads(users("role", "show", "연구 team", "--json").stdout)
    assert listed == shown
    assert shown["role_id"] == made["role_id"]
    assert shown["grants"] == [
        {"kind": EXPERIMENT, "thing": experiment, "permission": "EDIT"},
        {"kind": REGISTERED_MODEL, "thing": "*", "permission": "READ"},
    ]
    (of_lee, _) = json.loads(users("show", "lee", "--json").stdout)["grants"]
    assert (of_lee["permission"], of_lee["role"]) == ("EDIT", "연구 team")
    assert "연구 team" in users("role", "list").stdout
    assert "lee, 박" in users("role", "show", "연구 team").stderr
    users("role", "revoke", "연구 team", "-m", "*")
    assert "Nothing was granted" in users("role", "revoke", "연구 team", "-m", "*", code=1).stderr
    users("role", "leave", "연구 team", "박")
    users("role", "leave", "연구 team", "박", code=1)
    users("role", "change", "연구 team", code=2)
    changed = json.loads(users("role", "change", "연구 team", "--name", "r2", "--json").stdout)
    assert (changed["name"], changed["description"], changed["users"]) == ("r2", "alle", ["lee"])
    assert json.loads(users("show", "박", "--json").stdout)["grants"] == []
    users("role", "remove", "r2")
    users("role", "remove", "r2", code=1)
    assert "no roles" in users("role", "list").stderr
    assert json.loads(users("show", "lee", "--json").stdout)["grants"] == []


def test_a_share_link_is_made_for_who_manages(users: Users, store_uri: str) -> None:
    store = open_store(store_uri)
    experiment = store.write(ops.CreateExperiment(name="실험", time=1))
    store.write(ops.CreateRun(run_id="a" * 32, experiment_id=experiment, start_time=1))
    store.close()
    for name in ("admin", "kim"):
        users("add", name)
    assert "does not manage" in users("share", "kim", "-x", experiment, code=1).stderr
    users("grant", "kim", "MANAGE", "-x", experiment)
    link = users("share", "kim", "-r", "a" * 32, "--hours", "2", "--address", "https://ml.example.org/lab/").stdout
    assert link.startswith("https://ml.example.org/lab/share/mst_")
    made = json.loads(users("share", "admin", "-x", experiment, "--name", "여럿", "--json").stdout)
    assert (made["path"][:10], made["link"], made["user"]) == ("share/mst_", None, "admin")
    assert (made["things"], made["expires"] - made["created"]) == ({EXPERIMENT: [experiment]}, 24 * 3_600_000)
    listed = json.loads(users("token", "list", "--json").stdout)
    assert {item["user"]: item["things"] for item in listed} == {"kim": {"run": ["a" * 32]}, "admin": made["things"]}
    users("token", "revoke", made["token_id"])
    assert len(json.loads(users("token", "list", "--json").stdout)) == 1
    for wrong in ((), ("-x", experiment, "-r", "a" * 32), ("-x", experiment, "--hours", "9999")):
        users("share", "kim", *wrong, code=2)
    for wrong in (("-x", "999"), ("-r", "b" * 32), ("-x", experiment, "--address", "ftp://x")):
        users("share", "kim", *wrong, code=1)
