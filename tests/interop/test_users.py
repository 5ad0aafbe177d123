"""The real MLflow's client for users, and its tracking client with a login, against a server that asks for one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from millstream.cli.main import millstream as command_line
from millstream.stores.open import close_stores
from tests.interop.conftest import Peer, serving

PASSWORD = "a password, 길게"
ADMIN = {"username": "admin", "password": PASSWORD}
NOT_THERE, REFUSED = "RESOURCE_DOES_NOT_EXIST", "PERMISSION_DENIED"


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A database, and users in it."""
    return f"sqlite:///{tmp_path}/runs.db"


@pytest.fixture
def address(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that asks for a login, with an administrator."""
    monkeypatch.setenv("MILLSTREAM_NEW_PASSWORD", PASSWORD)
    users(store, "add", "admin")
    with serving(store, tmp_path, "--auth") as found:
        yield found


def users(store: str, *arguments: str) -> str:
    """What `millstream users` prints."""
    result = CliRunner().invoke(command_line, ["users", *arguments, "--backend-store-uri", store])
    close_stores()
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def login(name: str) -> dict[str, str]:
    return {"username": name, "password": PASSWORD}


def allowed(seen: dict[str, Any]) -> set[str]:
    """The acts that were not refused."""
    return {name for name, refusal in seen.items() if refusal == ""}


def test_users_permissions_and_roles_with_mlflows_client(mlflow: Peer, address: str, store: str) -> None:
    made = mlflow("make_users", store=address, login=ADMIN, names=["maker", "다른 사람"], password=PASSWORD)
    assert made == {
        "users": [["maker", True, "maker", False], ["다른 사람", True, "다른 사람", False]],
        "again": "RESOURCE_ALREADY_EXISTS",
        "gone": NOT_THERE,
    }
    day = mlflow("tracked_day", store=address, login=login("maker"), name="비밀 실험")
    assert (day["metrics"], day["text"]) == ({"loss": 0.5, "정확도": 1.0}, "안녕")
    assert (day["version"], day["model_text"]) == (1, "안녕")
    things = {"experiment_id": day["experiment_id"], "run_id": day["run_id"], "model": "비밀 실험"}

    def reach(who: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = mlflow("reach", store=address, login=who, **things)
        return found

    other = login("다른 사람")
    hidden = reach(other)
    assert allowed(hidden) == set()
    assert hidden["listed"] == []
    assert {refusal for name, refusal in hidden.items() if name not in ("listed", "read file", "log file")} == {
        NOT_THERE
    }

    experiment, model = ("experiment", day["experiment_id"]), ("registered_model", "비밀 실험")
    # Who made something may give permissions on it; strangers may not.
    with pytest.raises(RuntimeError, match=NOT_THERE):
        mlflow("grant", store=address, login=other, grants=[["다른 사람", *experiment, "MANAGE"]], admin=ADMIN)
    given = [["다른 사람", *experiment, "READ"], ["다른 사람", *model, "READ"]]
    assert mlflow("grant", store=address, login=login("maker"), grants=given, admin=ADMIN) == ["READ", "READ"]
    reading = reach(other)
    assert allowed(reading) == {"get experiment", "get run", "read file", "get model"}
    assert {reading[name] for name in ("log", "delete experiment", "describe model", "new version")} == {REFUSED}
    assert reading["listed"] == ["experiments", "runs", "models", "versions"]

    given = [["다른 사람", *experiment, "EDIT"], ["다른 사람", *model, "EDIT"]]
    assert mlflow("grant", store=address, login=ADMIN, grants=given, admin=ADMIN) == ["EDIT", "EDIT"]
    changing = reach(other)
    assert set(changing) - allowed(changing) == {"delete experiment", "listed"}
    for kind, thing in (experiment, model):
        back = mlflow("take_back", store=address, login=ADMIN, user="다른 사람", kind=kind, thing=thing)
        assert back == NOT_THERE
    assert allowed(reach(other)) == set()

    role_id, role = mlflow("roles", store=address, login=ADMIN, user="다른 사람", experiment_id=day["experiment_id"])
    assert role == {
        "role": ["독자", "읽는 사람", "default"],
        "listed": ["독자"],
        "all": ["독자"],
        "grants": [["experiment", day["experiment_id"], "EDIT"]],
        "of_user": ["독자"],
        "users": 1,
    }
    assert allowed(reach(other)) == {"get experiment", "get run", "read file", "log", "log file"}
    assert mlflow("end_role", store=address, login=ADMIN, user="다른 사람", role_id=role_id) == NOT_THERE
    assert allowed(reach(other)) == set()

    assert mlflow("delete_user", store=address, login=other, name="maker") == REFUSED
    assert mlflow("delete_user", store=address, login=ADMIN, name="다른 사람") == ""
    assert reach(other)["get experiment"] == "UNAUTHENTICATED"


def test_tokens_and_wrong_passwords(mlflow: Peer, address: str, store: str) -> None:
    users(store, "add", "maker")
    day = mlflow("tracked_day", store=address, login={"token": users(store, "token", "add", "maker")}, name="토큰")
    assert (day["text"], day["model_text"]) == ("안녕", "안녕")
    things = {"experiment_id": day["experiment_id"], "run_id": day["run_id"], "model": "토큰"}

    def reach(who: dict[str, str]) -> dict[str, Any]:
        found: dict[str, Any] = mlflow("reach", store=address, login=who, **things)
        return found

    reader = {"token": users(store, "token", "add", "maker", "--scope", "read")}
    assert allowed(reach(reader)) == {"get experiment", "get run", "read file", "get model"}
    # A token in place of the password, as some clients only have.
    assert allowed(reach({"username": "maker", "password": reader["token"]})) == allowed(reach(reader))
    assert reach(login("maker"))["log"] == ""
    for wrong in ({}, {"token": reader["token"] + "x"}, {"username": "maker", "password": PASSWORD + "x"}):
        seen = reach(wrong)
        assert allowed(seen) == set()
        assert seen["get run"] == "UNAUTHENTICATED"
