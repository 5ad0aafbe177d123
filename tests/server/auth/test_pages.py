"""Logging in and out in the browser, the first user, share links; and that a change counts in every process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from millstream.server.app import make_app
from millstream.server.auth.auth import Auth
from millstream.stores.accounts import Accounts, find_database, now
from millstream.values import accounts, ops
from millstream.values.rights import EXPERIMENT, RUN, Level
from millstream.values.secrets import Secret
from tests.server.auth.conftest import PASSWORD, Things, World, basic, bearer
from tests.server.auth.everyone import put
from tests.server.conftest import Client, Reply

FORM = {"content-type": "application/x-www-form-urlencoded", "origin": "http://localhost:5000"}
CURRENT = "/api/2.0/mlflow/users/current"


def log_in(client: Client, headers: dict[str, str] | None = None, path: str = "/login", **fields: str) -> Reply:
    return client.send("POST", path, urlencode(fields).encode(), {**FORM, **(headers or {})})


def cookie(reply: Reply) -> dict[str, str]:
    """The header of a browser that was given this cookie."""
    return {"cookie": reply.headers["set-cookie"].partition(";")[0]}


@pytest.fixture
def kim(world: World) -> str:
    """An administrator and a user."""
    world.user("관리자")
    world.user("김 지우")
    return "김 지우"


def test_a_login_lasts_until_the_logout(world: World, kim: str) -> None:
    reply = log_in(world.client, name=kim, password=PASSWORD, next="/e/0?view=x")
    assert (reply.status, reply.headers["location"]) == (303, "/e/0?view=x")
    given = reply.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/", "Max-Age=604800"} <= set(given.split("; "))
    assert "Secure" not in given
    browser = cookie(reply)
    assert world.client.get(CURRENT, browser).json()["user"]["username"] == kim
    assert world.client.get("/login?next=/e/1", browser).headers["location"] == "/e/1"
    gone = log_in(world.client, browser, "/logout")
    assert (gone.status, gone.headers["location"]) == (303, "/login")
    assert "Max-Age=0" in gone.headers["set-cookie"]
    # Whoever kept the cookie has nothing from it.
    assert world.client.get(CURRENT, browser).status == 401
    assert world.client.get("/login", browser).status == 200
    assert log_in(world.client, browser, "/logout").status == 303


def test_other_sites_cannot_log_anybody_in_or_out(world: World, kim: str) -> None:
    browser = cookie(log_in(world.client, name=kim, password=PASSWORD))
    for strange in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
        assert log_in(world.client, strange, name=kim, password=PASSWORD).status == 403
        assert log_in(world.client, {**browser, **strange}, "/logout").status == 403
    assert world.client.get(CURRENT, browser).status == 200


def test_a_cookie_over_tls_is_for_tls(world: World, kim: str) -> None:
    reply = log_in(world.client, {"origin": "https://localhost:5000"}, name=kim, password=PASSWORD)
    assert reply.status == 303
    assert "Secure" in reply.headers["set-cookie"]


def test_wrong_logins_say_one_thing(world: World, kim: str) -> None:
    told = set()
    for fields in ({"name": kim, "password": "wrong"}, {"name": "nobody", "password": PASSWORD}, {"name": kim}, {}):
        reply = log_in(world.client, **fields)
        assert reply.status == 401
        assert "set-cookie" not in reply.headers
        told |= set(re.findall(r'<p role="alert">(.*)</p>', reply.body.decode()))
    assert len(told) == 1
    korean = log_in(world.client, {"accept-language": "ko-KR,ko;q=0.9"}, name=kim, password="wrong")
    assert "비밀번호가 틀립니다" in korean.body.decode()


def test_the_form_shows_nothing_as_html(world: World, kim: str) -> None:
    evil = '"><script>alert(1)</script>'
    reply = log_in(world.client, name=evil, password="wrong", next="/" + quote(evil))
    assert b"<script" not in reply.body
    assert b"<script" not in world.client.get(f"/login?next={quote('/' + evil)}").body
    assert "content-security-policy" in reply.headers


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "https://evil.example", "/\\evil.example", "\\/evil", "/%0d%0aset-cookie:x", "e/1", "", "/é",
     "javascript:alert(1)", "/\t/evil.example"],
)  # fmt: skip
def test_nobody_is_sent_away_by_logging_in(world: World, kim: str, target: str) -> None:
    found = log_in(world.client, name=kim, password=PASSWORD, next=target).headers["location"]
    assert found.startswith("/")
    assert not found.startswith("//")
    assert "\\" not in found
    assert found in ("/", target)


@pytest.mark.parametrize("body", [b"\xff=\xff", b"&" * 3000, b"name=" + b"x" * 20_000, b"%", b"name=a%00&password=b"])
def test_forms_that_cannot_be_read_are_refused(world: World, kim: str, body: bytes) -> None:
    assert world.client.send("POST", "/login", body, FORM).status in (400, 401)


def test_the_first_user_is_made_once(world: World) -> None:
    token = world.accounts.first_token()
    page = world.client.get("/login").body.decode()
    assert 'name="token"' in page
    fields = {"name": "첫째", "password": PASSWORD, "token": token.reveal()}
    assert log_in(world.client, **{**fields, "token": "wrong"}).status == 400
    assert log_in(world.client, **{**fields, "password": "short"}).status == 400
    reply = log_in(world.client, **{**fields, "token": f" {token.reveal()}\n"})
    assert reply.status == 303
    assert world.client.get(CURRENT, cookie(reply)).json()["user"] == {"id": 1, "username": "첫째", "is_admin": True}
    # From now on the token is worth nothing, and the page is the plain one.
    assert log_in(world.client, **{**fields, "name": "second"}).status == 400
    assert world.client.get(CURRENT, bearer(token)).status == 401
    assert 'name="token"' not in world.client.get("/login").body.decode()


def test_two_first_tokens_make_one_first_user(world: World) -> None:
    tokens = [world.accounts.first_token() for _ in range(2)]
    assert log_in(world.client, name="a", password=PASSWORD, token=tokens[0].reveal()).status == 303
    assert log_in(world.client, name="b", password=PASSWORD, token=tokens[1].reveal()).status == 400


def test_pages_under_a_prefix(tmp_path: Any) -> None:
    world = World(tmp_path, prefix="/lab")
    world.user("kim")
    reply = log_in(world.client, path="/lab/login", name="kim", password=PASSWORD)
    assert reply.headers["location"] == "/lab/"
    assert "Path=/lab/;" in reply.headers["set-cookie"] + ";"
    hop = world.client.get("/lab/e/1", {"accept": "text/html"})
    assert (hop.status, b"/lab/login?next=%2Flab%2Fe%2F1" in hop.body) == (401, True)
    world.accounts.close()


class Shared:
    """A link to a run, another to its experiment, both of a manager's; and a second run beside."""

    def __init__(self, world: World) -> None:
        self.world = world
        world.user("admin")
        self.manager = world.user("manager")
        self.things: Things = world.things()
        self.beside: Things = world.things()
        world.grant("manager", self.things.experiment_id, Level.MANAGE)
        write = world.store.write
        run = ops.CreateRun(run_id="b" * 32, experiment_id=self.things.experiment_id, start_time=now())
        self.second = write(run).info.run_id
        for run_id in (self.things.run_id, self.second):
            put(world.store.artifacts(run_id), "a.txt")

    def link(self, kind: str, **fields: Any) -> str:
        """The path of a new link."""
        made = self.world.send("POST", f"/api/ui/shares/{kind}", self.manager, fields)
        assert made.status == 200, made.body
        return "/" + str(made.json()["path"])

    def follow(self, path: str) -> dict[str, str]:
        reply = self.world.client.get(path)
        assert reply.status == 200, reply.body
        assert {"HttpOnly", "SameSite=strict"} <= set(reply.headers["set-cookie"].split("; "))
        return cookie(reply)

    def seen(self, who: dict[str, str]) -> dict[str, int]:
        """The status of what pages ask."""
        things, get = self.things, self.world.client.get
        series = {"run_ids": [things.run_id], "key": "loss", "width": 10}
        return {
            "about": get("/api/ui/about", who).status,
            "run": get(f"/ajax-api/2.0/mlflow/runs/get?run_id={things.run_id}", who).status,
            "series": self.world.send("POST", "/api/ui/series", who, series).status,
            "files": get(f"/ajax-api/2.0/mlflow/artifacts/list?run_id={things.run_id}", who).status,
            "file": get(f"/get-artifact?run_id={things.run_id}&path=a.txt", who).status,
            "page": get(f"/r/{things.run_id}", {**who, "accept": "text/html"}).status,
            "second run": get(f"/ajax-api/2.0/mlflow/runs/get?run_id={self.second}", who).status,
            "second file": get(f"/get-artifact?run_id={self.second}&path=a.txt", who).status,
            "experiment": get(f"/ajax-api/2.0/mlflow/experiments/get?experiment_id={things.experiment_id}", who).status,
            "beside": get(f"/ajax-api/2.0/mlflow/runs/get?run_id={self.beside.run_id}", who).status,
            "change": self.world.send(
                "POST", "/ajax-api/2.0/mlflow/runs/delete", who, {"run_id": things.run_id}
            ).status,
            "tokens": get("/api/ui/tokens", who).status,
            "users": get("/api/2.0/mlflow/users/list", who).status,
        }


READ = ("about", "run", "series", "files", "file", "page")


@pytest.fixture
def shared(world: World) -> Shared:
    return Shared(world)


def test_a_link_to_a_run_shows_the_run_alone(shared: Shared) -> None:
    path = shared.link("run", run_id=shared.things.run_id)
    reply = shared.world.client.get(path)
    assert f"url=/r/{shared.things.run_id}".encode() in reply.body
    seen = shared.seen(shared.follow(path))
    assert {name for name, status in seen.items() if status == 200} == set(READ)
    assert {seen[name] for name in ("second run", "second file", "experiment", "beside")} == {404}
    assert {seen[name] for name in ("change", "tokens", "users")} == {403}
    # No list tells of it: what it shows is known by its address.
    found = shared.world.send(
        "POST", "/ajax-api/2.0/mlflow/experiments/search", shared.follow(path), {"max_results": 9}
    )
    assert found.json() == {}


def test_a_link_to_an_experiment_shows_all_that_is_in_it(shared: Shared) -> None:
    path = shared.link("experiment", experiment_id=shared.things.experiment_id)
    assert f"url=/e/{shared.things.experiment_id}".encode() in shared.world.client.get(path).body
    seen = shared.seen(shared.follow(path))
    assert {name for name, status in seen.items() if status == 200} == {
        *READ, "second run", "second file", "experiment",
    }  # fmt: skip
    assert seen["beside"] == 404


def test_a_link_adds_to_what_a_user_may(shared: Shared) -> None:
    world = shared.world
    world.user("other")
    world.grant("other", shared.beside.experiment_id, Level.READ)
    browser = cookie(log_in(world.client, name="other", password=PASSWORD))
    link = shared.follow(shared.link("run", run_id=shared.things.run_id))
    seen = shared.seen({"cookie": f"{browser['cookie']}; {link['cookie']}"})
    assert (seen["run"], seen["beside"], seen["second run"], seen["change"]) == (200, 200, 404, 403)
    # What an administrator denied him stays denied in an experiment that a link is to.
    world.grant("other", shared.things.experiment_id, Level.DENY)
    whole = shared.follow(shared.link("experiment", experiment_id=shared.things.experiment_id))
    assert shared.seen({"cookie": f"{browser['cookie']}; {whole['cookie']}"})["second run"] == 404


def test_a_link_ends(shared: Shared) -> None:
    world, run_id = shared.world, shared.things.run_id
    path = shared.link("run", run_id=run_id)
    browser = shared.follow(path)
    # A link is no token for programs, and a token no link.
    assert world.client.get(CURRENT, bearer(path.rpartition("/")[2])).status == 401
    token = world.token("manager", scope="read").secret.reveal()
    assert world.client.get(f"/share/{token}").status == 404
    assert world.client.get("/share/mst_nonsense").status == 404
    (listed,) = (item for item in world.desk.read(accounts.ListTokens()) if item.things == {RUN: (run_id,)})
    assert world.send("DELETE", f"/api/ui/tokens/{listed.token_id}", shared.manager).status == 200
    assert world.client.get(path).status == 404
    assert shared.seen(browser)["run"] == 401
    # Who shared it manages it no more.
    second = shared.link("run", run_id=run_id)
    browser = shared.follow(second)
    assert shared.seen(browser)["run"] == 200
    world.grant("manager", shared.things.experiment_id, Level.EDIT)
    assert shared.seen(browser)["run"] == 401
    made = world.send("POST", "/api/ui/shares/run", shared.manager, {"run_id": run_id})
    assert made.status == 403


def test_logging_out_ends_the_view_of_a_link(shared: Shared) -> None:
    browser = shared.follow(shared.link("run", run_id=shared.things.run_id))
    gone = log_in(shared.world.client, browser, "/logout")
    assert "millstream_share=" in gone.headers["set-cookie"]
    assert "Max-Age=0" in gone.headers["set-cookie"]


@pytest.fixture
def second(world: World) -> Iterator[World]:
    """Another process on the same database, as far as one can be in this one: nothing is shared but that."""
    twin = object.__new__(World)
    twin.store = world.store
    twin.accounts = Accounts(find_database(world.store.uri, None), Level.NO_PERMISSIONS)
    twin.gate = Auth(twin.accounts, world.store, "")
    twin.desk = twin.gate.desk(world.store)
    twin.app = make_app(world.store, gate=twin.gate)
    twin.client = Client(twin.app)
    yield twin
    twin.accounts.close()


def later(world: World) -> None:
    """A second later."""
    world.gate._identities.outdate()


def test_what_changes_in_one_process_counts_in_the_other(world: World, second: World) -> None:
    world.user("admin")
    kim, things = world.user("kim"), world.things()
    token = world.token("kim")
    browser = cookie(log_in(world.client, name="kim", password=PASSWORD))
    run = f"/api/2.0/mlflow/runs/get?run_id={things.run_id}"
    world.grant("kim", things.experiment_id, Level.READ)

    def statuses() -> list[int]:
        later(second)
        return [second.client.get(run, who).status for who in (kim, bearer(token.secret), browser)]

    assert statuses() == [200, 200, 200]
    revoke = accounts.Revoke(name="kim", kind=EXPERIMENT, pattern=things.experiment_id)
    world.desk.write(revoke)
    assert statuses() == [404, 404, 404]
    role = world.desk.write(accounts.CreateRole(name="readers"))
    grant = accounts.AddRoleGrant(role_id=role.role_id, kind=EXPERIMENT, pattern=things.experiment_id, level=Level.READ)
    world.desk.write(grant)
    world.desk.write(accounts.AssignRole(name="kim", role_id=role.role_id))
    assert statuses() == [200, 200, 200]
    world.desk.write(accounts.RevokeToken(token_id=token.token.token_id))
    assert statuses() == [200, 401, 200]
    world.desk.write(accounts.SetPassword(name="kim", password=Secret(PASSWORD + "!")))
    assert statuses() == [401, 401, 401]
    assert second.client.get(run, basic("kim", PASSWORD + "!")).status == 200
    world.desk.write(accounts.DeleteRole(role_id=role.role_id))
    later(second)
    assert second.client.get(run, basic("kim", PASSWORD + "!")).status == 404
    world.desk.write(accounts.SetAdmin(name="kim", admin=True))
    later(second)
    assert second.client.get(run, basic("kim", PASSWORD + "!")).status == 200
    world.desk.write(accounts.DeleteUser(name="kim"))
    later(second)
    assert second.client.get(run, basic("kim", PASSWORD + "!")).status == 401
