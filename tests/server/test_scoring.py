"""Calls of scoring servers: to those on the list and nowhere else, with bounds on what goes and comes."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from millstream.server import roster, scoring
from millstream.server.scoring import check_destination
from millstream.values.errors import InvalidValue
from tests.server.conftest import Client


class Handler(BaseHTTPRequestHandler):
    """Echoes what it gets, or does what the request says under "do"."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        seen = self.server.seen  # type: ignore[attr-defined]
        seen.append((self.path, dict(self.headers), body))
        do = json.loads(body).get("do") if body.startswith(b"{") else None
        answer, media, status = body, "application/json; charset=utf-8", 200
        if do == "redirect":
            status = 302
        elif do == "html":
            answer, media = b"<script>x</script>", "text/html"
        elif do == "long":
            answer = b'"' + b"x" * (scoring.MAX_ANSWER + 10) + b'"'
        elif do == "bad":
            status = 400
        self.send_response(status)
        if do == "redirect":
            self.send_header("location", "/elsewhere")
        self.send_header("content-type", media)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


@pytest.fixture
def target() -> Iterator[ThreadingHTTPServer]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_STATE_DIR", str(tmp_path / "state"))


def url_of(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}"


def test_a_named_server_gets_the_text_and_nothing_of_the_caller(
    serve: Callable[..., Client], target: ThreadingHTTPServer
) -> None:
    client = serve(scoring_servers=[url_of(target)])
    assert client.get("/api/ui/scoring-servers").json() == {"servers": [{"url": url_of(target), "model": ""}]}
    text = '{"inputs": [1.10, 9007199254740993]}'
    body = json.dumps({"url": url_of(target) + "/", "request": text}).encode()
    headers = {"content-type": "application/json", "cookie": "secret=1", "authorization": "Bearer x"}
    told = client.send("POST", "/api/ui/score", body, headers).json()
    assert (told["status"], told["body"], told["type"], told["cut"]) == (200, text, "application/json", False)
    ((path, sent, got),) = target.seen  # type: ignore[attr-defined]
    assert (path, got.decode()) == ("/invocations", text)
    assert {name.lower() for name in sent} == {"host", "content-type", "accept", "content-length", "connection"}


@pytest.mark.parametrize(("do", "status", "body"), [("redirect", 302, None), ("bad", 400, None), ("html", 200, "")])
def test_what_it_answers_is_told_not_followed(
    serve: Callable[..., Client], target: ThreadingHTTPServer, do: str, status: int, body: str | None
) -> None:
    text = json.dumps({"do": do})
    client = serve(scoring_servers=[url_of(target)])
    told = client.post("/api/ui/score", {"url": url_of(target), "request": text}).json()
    assert (told["status"], told["body"]) == (status, text if body is None else body)
    assert len(target.seen) == 1  # type: ignore[attr-defined]


def test_a_long_answer_is_cut(serve: Callable[..., Client], target: ThreadingHTTPServer) -> None:
    client = serve(scoring_servers=[url_of(target)])
    told = client.post("/api/ui/score", {"url": url_of(target), "request": '{"do": "long"}'}).json()
    assert (len(told["body"]), told["cut"]) == (scoring.MAX_ANSWER, True)


@pytest.mark.parametrize(
    "change", ["{}", "{}/invocations", "{}#", "{}?x", "{}@evil.example", "http://169.254.169.254", ""]
)
def test_no_other_address_is_ever_connected_to(
    serve: Callable[..., Client], target: ThreadingHTTPServer, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = serve(scoring_servers=["http://127.0.0.1:9"])
    monkeypatch.setattr(socket, "create_connection", lambda *_: pytest.fail("connected"))
    reply = client.post("/api/ui/score", {"url": change.format(url_of(target)), "request": "{}"})
    assert (reply.status, reply.json()["error_code"]) == (403, "PERMISSION_DENIED")
    assert target.seen == []  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://127.0.0.1:9"},
        {"url": "http://127.0.0.1:9", "request": "{"},
        {"url": 1, "request": "{}"},
        {"url": "http://127.0.0.1:9", "request": "{}", "method": "GET"},
        [],
    ],
)
def test_bodies_that_are_none_are_refused(serve: Callable[..., Client], body: object) -> None:
    reply = serve(scoring_servers=["http://127.0.0.1:9"]).post("/api/ui/score", body)
    assert (reply.status, reply.json()["error_code"]) == (400, "BAD_REQUEST")


def test_one_that_does_not_answer_is_said_so(serve: Callable[..., Client]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    reply = serve(scoring_servers=[url]).post("/api/ui/score", {"url": url, "request": "{}"})
    assert reply.status == 503
    assert url in reply.json()["message"]


def test_pages_of_other_sites_may_not_call(serve: Callable[..., Client], target: ThreadingHTTPServer) -> None:
    client = serve(scoring_servers=[url_of(target)])
    body = json.dumps({"url": url_of(target), "request": "{}"}).encode()
    headers = {"content-type": "application/json", "origin": "https://evil.example"}
    assert client.send("POST", "/api/ui/score", body, headers).status == 403
    assert client.send("POST", "/api/ui/score", body, {"content-type": "text/plain"}).status == 400
    assert target.seen == []  # type: ignore[attr-defined]


def test_scoring_servers_of_the_same_user_are_known_while_they_run(
    serve: Callable[..., Client], target: ThreadingHTTPServer
) -> None:
    client = serve()
    assert client.get("/api/ui/scoring-servers").json() == {"servers": []}
    here = roster.Scorer(pid=os.getpid(), born=roster.born(os.getpid()) or "", url=url_of(target), model="models:/a/1")
    with roster.noted(here):
        assert client.get("/api/ui/scoring-servers").json()["servers"] == [{"url": here.url, "model": "models:/a/1"}]
        assert client.post("/api/ui/score", {"url": here.url, "request": "1"}).json()["body"] == "1"
    assert client.post("/api/ui/score", {"url": here.url, "request": "1"}).status == 403
    # Another process that got its number counts for nothing.
    with roster.noted(roster.Scorer(pid=os.getpid(), born="earlier", url=url_of(target), model="")):
        assert client.get("/api/ui/scoring-servers").json() == {"servers": []}


@pytest.mark.parametrize("url", ["ftp://a", "http://u:p@a:1", "http://u@a", "a:1", "http://a/?x=1", "http://a b", ""])
def test_addresses_that_an_operator_may_not_name(url: str) -> None:
    with pytest.raises(InvalidValue):
        check_destination(url)
