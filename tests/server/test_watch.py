"""Every answer has the id of its request, whoever answers; and what is watched is told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from starlette.types import Receive, Scope, Send

from millstream.server.app import make_app, make_depot
from millstream.server.visits import LONGEST, Visit, visit_of
from millstream.server.watch import GONE, Visits, Watch
from tests.server.conftest import Client

API = "/api/2.0/mlflow/"
ANY = "http://evil.example"


class Kept:
    """Whatever is told of visits, as it comes."""

    def __init__(self) -> None:
        self.under_way = 0
        self.visits: list[tuple[str, Visit]] = []
        self.noted: list[Visit] = []
        self.refused: list[int] = []
        self.groups: list[int] = []

    def begin(self) -> None:
        self.under_way += 1

    def end(self, method: str, visit: Visit, seconds: float) -> None:
        assert seconds >= 0
        self.under_way -= 1
        self.visits.append((method, visit))

    def refuse(self, status: int) -> None:
        self.refused.append(status)

    def group(self, size: int) -> None:
        self.groups.append(size)

    def waiting(self, crew: str) -> Callable[[int], None]:
        return lambda _count: None

    def note(self, scope: Scope, visit: Visit, seconds: float) -> None:
        self.noted.append(visit)

    def note_refusal(self, client: str, visit: Visit) -> None:
        self.noted.append(visit)


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def watched(serve: Callable[..., Client], kept: Kept) -> Client:
    return serve(watch=Watch(kept, kept))


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "route"),
    [
        ("GET", "/health", {}, 200, "/health"),
        ("GET", "/", {}, 200, "/{path:path}"),
        ("GET", "/assets/none.js", {}, 404, "/{path:path}"),
        ("GET", f"{API}experiments/search?max_results=1", {}, 200, f"{API}experiments/search"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/search?max_results=1", {}, 200, f"{API}experiments/search"),
        ("GET", f"{API}experiments/get?experiment_id=7", {}, 404, f"{API}experiments/get"),
        ("GET", f"{API}logged-models/m-1", {}, 404, f"{API}logged-models/{{model_id}}"),
        ("DELETE", f"{API}experiments/get", {}, 405, "-"),
        ("GET", f"{API}nothing", {}, 404, "-"),
        ("GET", f"{API}traces/1", {}, 501, "-"),
        ("POST", f"{API}runs/create", {"content-type": "text/plain"}, 400, f"{API}runs/create"),
        ("POST", f"{API}runs/create", {"origin": ANY}, 403, "-"),
        ("PATCH", "/get-artifact", {}, 405, "/get-artifact"),
        ("HEAD", "/health", {}, 200, "/health"),
    ],
)
def test_every_answer_has_an_id_and_is_counted_by_its_route(
    watched: Client, kept: Kept, method: str, path: str, headers: dict[str, str], status: int, route: str
) -> None:
    replies = [watched.send(method, path, b"{}", headers) for _ in range(2)]
    assert [reply.status for reply in replies] == [status] * 2
    ids = [reply.headers["x-request-id"] for reply in replies]
    assert len(set(ids)) == 2
    assert [(way, visit.id, visit.route, visit.status) for way, visit in kept.visits] == [
        (method, number, route, status) for number in ids
    ]
    assert kept.noted == [visit for _, visit in kept.visits]
    assert kept.under_way == 0


@pytest.mark.parametrize("given", ["a", "~" * LONGEST, "0af7651916cd43dd-8448eb211c80319c", '{"a":1}'])
def test_an_id_that_the_caller_brings_is_kept(client: Client, given: str) -> None:
    reply = client.get(f"{API}nothing", {"X-Request-ID": given})
    assert reply.headers["x-request-id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a" * (LONGEST + 1), "é", "a\tb", "a\x00", "a\nb", "a\x7f", " a"])
def test_what_is_no_id_is_replaced(client: Client, given: str) -> None:
    reply = client.get("/health", {"X-Request-ID": given})
    assert len(reply.headers["x-request-id"]) == 16
    assert reply.headers["x-request-id"] != given


def test_of_two_ids_none_counts(client: Client) -> None:
    reply = client.send("GET", "/health", headers=[("x-request-id", "a"), ("x-request-id", "b")])
    assert reply.headers["x-request-id"] not in ("a", "b")


def test_an_error_of_the_server_tells_the_id_that_its_log_has(caplog: pytest.LogCaptureFixture) -> None:
    class Failing:
        uri = "sqlite:///none.db"

        def __getattr__(self, name: str) -> Any:
            if name == "alone":
                raise AttributeError(name)  # no other server shares it
            raise ZeroDivisionError("inside\n2026-01-01 ERROR forged")

    failing = Client(make_app(Failing()))  # type: ignore[arg-type] # a store in disguise
    for target in (f"{API}runs/get?run_id=a&token=geheim", "/get-artifact?run_id=a&path=b&token=geheim"):
        caplog.clear()
        reply = failing.get(target, {"x-request-id": "mine-7"})
        assert reply.status == 500
        assert reply.message == "The server could not do this. Its log says why, under the request id mine-7"
        assert f"Request mine-7 (GET {target.replace('geheim', '***')}): " in caplog.text
        assert "geheim" not in caplog.text


def test_bytes_of_bodies_are_counted_and_files_are_told_apart(watched: Client, kept: Kept) -> None:
    run_id = watched.new_run()
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_id={run_id}&path=a.txt"
    watched.send("POST", upload, b"x" * 3000, {"content-type": "application/octet-stream"}, chunk=1000)
    got = watched.get(f"/get-artifact?run_id={run_id}&path=a.txt", {"range": "bytes=0-1999"})
    assert len(got.body) == 2000
    watched.get(f"/get-artifact?run_id={run_id}&path=b.txt")
    (_, up), (_, down), (_, missing) = kept.visits[-3:]
    assert (up.received, up.sent, up.file) == (3000, 2, True)
    assert (down.received, down.sent, down.file) == (0, 2000, True)
    assert not missing.file
    assert not kept.visits[0][1].file


def test_groups_of_writes_are_told(watched: Client, kept: Kept) -> None:
    run_id = watched.new_run()
    for step in range(3):
        watched.api("runs/log-metric", run_id=run_id, key="m", value=1.0, timestamp=1, step=step)
    assert kept.groups == [1, 1, 1]


def test_the_login_of_a_visit_is_told(kept: Kept) -> None:
    async def app(scope: Scope, _receive: Receive, send: Send) -> None:
        visit_of(scope).user = "가"
        await send({"type": "http.response.start", "status": 200, "headers": []})

    anyio.run(Visits(app, Watch(log=kept)), _scope(), _nothing, _take)
    assert [visit.user for visit in kept.noted] == ["가"]


def test_a_caller_that_was_gone_before_an_answer_is_told_of(kept: Kept) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        pass

    anyio.run(Visits(app, Watch(kept, kept)), _scope(), _nothing, _take)
    assert kept.visits[0][1].status == GONE


@pytest.mark.parametrize("error", [ZeroDivisionError(), asyncio.CancelledError()])
def test_what_breaks_off_is_told_of(kept: Kept, error: BaseException) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise error

    with pytest.raises(type(error)):
        asyncio.run(Visits(app, Watch(kept, kept))(_scope(), _nothing, _take))
    assert kept.under_way == 0
    assert len(kept.noted) == 1


def test_a_server_of_artifacts_alone_is_watched_too(kept: Kept, tmp_path: Any) -> None:
    depot = Client(make_depot(str(tmp_path), watch=Watch(kept, kept), static_prefix="/ml"))
    one = "api/2.0/mlflow-artifacts/artifacts/a.txt"
    assert depot.send("PUT", f"/ml/{one}", b"12", {"content-type": "application/octet-stream"}).status == 200
    assert depot.get(f"/{one}").body == b"12"
    assert [(visit.route, visit.file) for _, visit in kept.visits] == [
        ("/api/2.0/mlflow-artifacts/artifacts/{path:path}", True)
    ] * 2


def test_a_record_of_the_log_has_one_line_at_the_left() -> None:
    from millstream.server.process import Record

    error = "a\r\n2026-01-01 ERROR b\x1b[2J\u2028c\x85d"
    record = logging.LogRecord("a", logging.ERROR, "", 0, "%s", (error,), (ValueError, ValueError(error), None))
    text = Record("%(levelname)s %(message)s").format(record)
    first, *others = text.split("\n")
    assert first == "ERROR a"
    assert all(line.startswith("    ") for line in others)
    assert not {"\r", "\x1b", "\u2028", "\x85"} & set(text)


def _scope() -> dict[str, Any]:
    return {"type": "http", "method": "GET", "path": "/", "headers": []}


async def _nothing() -> Any:
    await anyio.sleep_forever()


async def _take(_message: Any) -> None:
    pass
