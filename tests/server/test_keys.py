"""Idempotency keys, and retries of clients that have none, as one process sees them."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest
from starlette.types import ASGIApp

from millstream.server.app import make_app
from millstream.server.lines import LINE, Line
from millstream.server.unheard import ROOM, Call
from millstream.server.unheard import Unheard as Answers
from millstream.stores.base import Store
from millstream.stores.open import open_store
from millstream.values.ops import Op
from tests.server.conftest import Client, Reply

API = "/api/2.0/mlflow/"
AJAX = "/ajax-api/2.0/mlflow/"


@pytest.fixture(params=["embedded", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Any) -> Any:
    """A store of files and one of SQL."""
    uri = (tmp_path / "실험 runs" / "mlruns").as_uri() if request.param == "embedded" else f"sqlite:///{tmp_path}/r.db"
    found = open_store(uri)
    yield found
    found.close()


def keyed(client: Client, path: str, under: str, prefix: str = API, **fields: Any) -> Reply:
    headers = {"content-type": "application/json", "idempotency-key": under}
    return client.send("POST", prefix + path, json.dumps(fields).encode(), headers)


def runs(client: Client) -> list[Any]:
    found: list[Any] = client.api("runs/search", experiment_ids=["0"]).get("runs", [])
    return found


def points(client: Client, run: str) -> int:
    return len(client.get(f"{API}metrics/get-history?run_id={run}&metric_key=m").json().get("metrics", []))


POINT = {"key": "m", "value": 0.5, "timestamp": 1, "step": 0}


def test_a_request_that_comes_twice_under_its_key_has_one_effect(client: Client) -> None:
    first = keyed(client, "runs/create", "one", experiment_id="0")
    again = keyed(client, "runs/create", '"one"', AJAX, experiment_id="0")
    assert first.status == again.status == 200
    assert first.json() == again.json()
    run = first.json()["run"]["info"]["run_id"]
    for _ in range(3):
        assert keyed(client, "runs/log-metric", "two", run_id=run, **POINT).status == 200
    assert points(client, run) == 1
    keyed(client, "runs/log-metric", "three", run_id=run, **POINT)
    assert points(client, run) == 2
    assert len(runs(client)) == 1


def test_a_key_belongs_to_one_request(client: Client) -> None:
    assert keyed(client, "runs/create", "one", experiment_id="0").status == 200
    for path, fields in (
        ("runs/create", {"experiment_id": "0", "run_name": "n"}),
        ("experiments/create", {"name": "e"}),
    ):
        reply = keyed(client, path, "one", **fields)
        assert reply.status == 422
        assert reply.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert len(runs(client)) == 1


def test_what_was_refused_uses_no_key_up(client: Client) -> None:
    assert keyed(client, "runs/log-metric", "k", run_id="f" * 32, **POINT).status == 404
    assert keyed(client, "experiments/create", "k", name="e").status == 200


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "한", "a\tb", " "])
def test_what_is_no_key_is_refused(client: Client, key: str) -> None:
    reply = keyed(client, "runs/create", key.encode().decode("latin-1"), experiment_id="0")
    assert reply.status == 400
    assert "Idempotency-Key" in reply.message
    assert not runs(client)


def test_two_keys_are_none(client: Client) -> None:
    headers = [("content-type", "application/json"), ("idempotency-key", "a"), ("idempotency-key", "b")]
    assert client.send("POST", f"{API}runs/create", b'{"experiment_id": "0"}', headers).status == 400


def test_a_longest_key_with_a_quote_and_a_question(client: Client) -> None:
    key = '"' + r"\"" + "x" * 254 + '"'
    assert keyed(client, "runs/create", key, experiment_id="0").status == 200
    headers = {"idempotency-key": "한".encode().decode("latin-1")}
    assert client.get(f"{API}experiments/get?experiment_id=0", headers).status == 200  # a question needs none


# --- clients without keys ---


class HangsUp(Line):
    """The line of a caller who hangs up after his request was begun."""

    asked = 0

    def is_lost(self) -> bool:
        self.asked += 1
        return self.asked > 1


class Unheard:
    """An app whose callers hang up before they are answered."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def no_answer(message: Any) -> None:
            raise AssertionError(message)

        await self.app({**scope, LINE: HangsUp()}, receive, no_answer)
        await send({"type": "http.response.start", "status": 0, "headers": []})


@pytest.fixture
def app(store: Store) -> ASGIApp:
    return make_app(store)


def unheard(app: ASGIApp, method: str, path: str, fields: Any) -> None:
    """Send a request whose answer nobody hears."""
    Client(Unheard(app)).send(method, API + path, json.dumps(fields).encode(), {"content-type": "application/json"})


def test_who_did_not_hear_the_answer_gets_it_once(app: ASGIApp) -> None:
    client = Client(app)
    unheard(app, "POST", "runs/create", {"experiment_id": "0"})
    (ghost,) = runs(client)
    other = client.new_run(run_name="another request")
    assert client.new_run() == ghost["info"]["run_id"]
    assert client.new_run() not in (ghost["info"]["run_id"], other)
    assert len(runs(client)) == 3


def test_a_retry_that_is_not_heard_either_has_no_second_effect(app: ASGIApp) -> None:
    client = Client(app)
    point = {"run_id": client.new_run(), **POINT}
    for _ in range(3):
        unheard(app, "POST", "runs/log-metric", point)
    client.api("runs/log-metric", **point)
    assert points(client, point["run_id"]) == 1
    client.api("runs/log-metric", **point)
    assert points(client, point["run_id"]) == 2


def test_others_with_other_credentials_get_answers_of_their_own(app: ASGIApp) -> None:
    unheard(app, "POST", "runs/create", {"experiment_id": "0"})
    headers = {"content-type": "application/json", "authorization": "Basic YTpi"}
    assert Client(app).send("POST", f"{API}runs/create", b'{"experiment_id": "0"}', headers).status == 200
    assert len(runs(Client(app))) == 2


def test_what_was_done_counts_where_a_retry_would_be_refused(app: ASGIApp) -> None:
    client = Client(app)
    unheard(app, "POST", "experiments/create", {"name": "e"})
    made = client.api("experiments/create", name="e")["experiment_id"]
    assert client.post(f"{API}experiments/create", {"name": "e"}).status == 400
    unheard(app, "POST", "experiments/delete", {"experiment_id": made})
    client.api("experiments/delete", experiment_id=made)
    assert client.post(f"{API}experiments/delete", {"experiment_id": made}).status == 404


def test_what_is_set_again_after_others_is_set(app: ASGIApp) -> None:
    client = Client(app)
    run = client.new_run()
    unheard(app, "POST", "runs/set-tag", {"run_id": run, "key": "k", "value": "1"})
    client.api("runs/set-tag", run_id=run, key="k", value="2")
    client.api("runs/set-tag", run_id=run, key="k", value="1")
    (found,) = runs(client)
    assert {"key": "k", "value": "1"} in found["data"]["tags"]
    unheard(app, "POST", "runs/delete-tag", {"run_id": run, "key": "k"})
    client.api("runs/set-tag", run_id=run, key="k", value="3")
    client.api("runs/delete-tag", run_id=run, key="k")
    assert "k" not in {tag["key"] for tag in runs(client)[0]["data"]["tags"]}


def test_what_was_refused_and_not_heard_is_asked_again(app: ASGIApp) -> None:
    client = Client(app)
    with pytest.raises(AssertionError):  # a refusal is sent into the dead line
        unheard(app, "POST", "runs/create", {"experiment_id": "77"})
    assert client.post(f"{API}runs/create", {"experiment_id": "77"}).status == 404


def test_a_request_whose_caller_is_gone_is_not_begun(app: ASGIApp) -> None:
    class Gone(HangsUp):
        asked = 1

    async def gone(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, LINE: Gone()}, receive, send)
        await send({"type": "http.response.start", "status": 0, "headers": []})

    assert Client(gone).post(f"{API}runs/create", {"experiment_id": "0"}).status == 0
    assert not runs(Client(app))


def test_a_retry_waits_for_what_is_being_carried_out(store: Store) -> None:
    line, waits, goes_on = Line(), Event(), Event()

    class Slow:
        """Carries out its first op when it is told to; the caller hangs up meanwhile."""

        def __getattr__(self, name: str) -> Any:
            return getattr(store, name)

        def write(self, op: Op[Any]) -> Any:
            if not waits.is_set():
                line.lose()
                waits.set()
                assert goes_on.wait(60)
            return store.write(op)

    app = make_app(Slow())  # type: ignore[arg-type] # a store in disguise

    async def first(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, LINE: line}, receive, send)
        await send({"type": "http.response.start", "status": 0, "headers": []})

    with ThreadPoolExecutor() as pool:
        unanswered = pool.submit(Client(first).post, f"{API}runs/create", {"experiment_id": "0"})
        assert waits.wait(60)
        retry = pool.submit(Client(app).post, f"{API}runs/create", {"experiment_id": "0"})
        assert not wait([retry], 0.2).done
        goes_on.set()
        assert unanswered.result().status == 0
        run = retry.result().json()["run"]["info"]["run_id"]
    assert [found["info"]["run_id"] for found in runs(Client(app))] == [run]


def test_answers_that_nobody_heard_take_no_more_than_their_room() -> None:
    kept = Answers()
    for number in range(8):
        kept.keep(Call(lambda number=number: str(number)), b"x" * (ROOM // 4))  # type: ignore[misc]
    assert kept.answer(Call(lambda: "7"), lambda: b"new", adding=True) == b"x" * (ROOM // 4)
    assert kept.answer(Call(lambda: "0"), lambda: b"new", adding=True) == b"new"
    kept.keep(Call(lambda: "huge"), b"x" * ROOM)
    assert kept.answer(Call(lambda: "huge"), lambda: b"new", adding=True) == b"new"
