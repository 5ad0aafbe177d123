"""A server with a login over a SQLite database: users of every kind, and things that they may and may not see."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from millstream.formats import passwords
from millstream.server.app import make_app
from millstream.server.auth.auth import Auth
from millstream.server.counts import Counts
from millstream.server.metrics import Metrics
from millstream.server.watch import Watch
from millstream.stores.accounts import Accounts, find_database, now
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values import accounts, ops
from millstream.values.names import new_run_id
from millstream.values.rights import EXPERIMENT, Level
from millstream.values.secrets import Secret
from tests.server.conftest import Client, Reply

PASSWORD = "열두 글자보다 긴 비밀"


def basic(name: str, password: str = PASSWORD) -> dict[str, str]:
    """The header of a user with a password."""
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token: Secret | str) -> dict[str, str]:
    """The header of a token."""
    return {"authorization": f"Bearer {token if isinstance(token, str) else token.reveal()}"}


class Things(Struct):
    """One of each, all in one experiment."""

    experiment_id: str
    name: str
    run_id: str
    model_id: str


class World:
    """A server, its users, and things."""

    def __init__(self, folder: Path, default: Level = Level.NO_PERMISSIONS, prefix: str = "", uri: str = "") -> None:
        self.store: Store = open_store(uri or f"sqlite:///{folder}/내 runs.db", str(folder / "artifacts"))
        self.accounts = Accounts(find_database(self.store.uri, None), default)
        self.gate = Auth(self.accounts, self.store, prefix)
        self.desk: Any = self.gate.desk(self.store)
        counts = Counts()
        watch = Watch(counts, doors=Metrics(counts).doors)
        self.app: Any = make_app(self.store, gate=self.gate, static_prefix=prefix, watch=watch)
        self.client = Client(self.app)
        self._made = 0

    def user(self, name: str, *, admin: bool = False) -> dict[str, str]:
        """A new user's header."""
        self.desk.write(accounts.CreateUser(name=name, password=Secret(PASSWORD), time=now(), admin=admin))
        return basic(name)

    def grant(self, name: str, thing: str, level: Level, kind: str = EXPERIMENT) -> None:
        self.desk.write(accounts.GrantTo(name=name, kind=kind, pattern=thing, level=level))

    def token(self, user: str, **fields: Any) -> accounts.NewToken:
        fields = {"name": "test", "time": now(), "expires": now() + 3_600_000, **fields}
        found: accounts.NewToken = self.desk.write(accounts.CreateToken(user=user, **fields))
        return found

    def things(self) -> Things:
        """A new experiment with a run and a logged model, which nobody but administrators may see."""
        self._made += 1
        name = f"실험 {self._made}"
        experiment_id = self.store.write(ops.CreateExperiment(name=name, time=now()))
        run = self.store.write(ops.CreateRun(run_id=new_run_id(), experiment_id=experiment_id, start_time=now()))
        model_id = f"m-{new_run_id()}"
        self.store.write(ops.CreateLoggedModel(model_id=model_id, experiment_id=experiment_id, time=now(), name="m"))
        return Things(experiment_id, name, run.info.run_id, model_id)

    def send(self, method: str, path: str, who: dict[str, str], fields: Any = None) -> Reply:
        """A request with a JSON body unless it is a GET; `who` are the caller's headers."""
        body = b"" if fields is None else json.dumps(fields).encode()
        typed = {"content-type": "application/json"} if method in ("POST", "PUT") else {}
        return self.client.send(method, path, body, {**typed, **who})

    def api(self, path: str, who: dict[str, str], **fields: Any) -> Any:
        """The reply object of a POST that must succeed."""
        reply = self.send("POST", f"/api/2.0/mlflow/{path}", who, fields)
        assert reply.status == 200, reply.body
        return reply.json()


@pytest.fixture(autouse=True)
def _quick_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with hardly any work: there are hundreds of passwords here."""
    monkeypatch.setattr(passwords, "LOG_N", 4)
    monkeypatch.setattr(passwords, "P", 1)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A server without users yet."""
    made = World(tmp_path)
    yield made
    made.accounts.close()
    close_stores()
