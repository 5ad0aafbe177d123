"""The REST client against a server that says whatever a test wants."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from tempfile import TemporaryFile
from typing import Any

import pytest

from millstream.drivers.rest import connection
from millstream.drivers.rest.client import RestClient, read_all
from millstream.drivers.rest.connection import Content
from millstream.drivers.rest.pool import MOST
from millstream.values.errors import (
    BadRequest,
    EndpointNotFound,
    InvalidValue,
    MillstreamError,
    NotFound,
    NotPermitted,
    Unavailable,
)


class Script:
    """Answers to give, one a request; the last one again and again. Requests are noted."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = [(200, {}, b"{}")]
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.address = ""

    def next(self) -> tuple[int, dict[str, str], bytes]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def script() -> Iterator[Script]:
    """A server on this machine that follows a script."""
    found = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found.requests.append((self.command, self.path, dict(self.headers), body))
            status, headers, data = found.next()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with suppress(ConnectionError):  # a client that does not want all of it
                self.wfile.write(data)
            if "Content-Length" in headers:
                self.close_connection = True

        do_GET = do_POST = answer

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}/prefix/"
        yield found
        server.shutdown()
        thread.join()


@pytest.fixture
def client(script: Script) -> Iterator[RestClient]:
    made = RestClient(script.address, sleep=lambda _: None)
    yield made
    made.close()


def refusal(code: str, message: str = "왜") -> bytes:
    return json.dumps({"error_code": code, "message": message}).encode()


def test_calls_carry_what_was_asked(script: Script, client: RestClient) -> None:
    script.answers = [(200, {}, b'{"a": 1}')]
    assert client.get("runs/get", {"run_id": "한 글&", "none": None}) == {"a": 1}
    assert client.post("runs/search", {"x": ["1"], "y": None}) == {"a": 1}
    (first, path, _, _), (second, _, headers, body) = script.requests
    assert (first, path) == ("GET", "/prefix/api/2.0/mlflow/runs/get?run_id=%ED%95%9C%20%EA%B8%80%26")
    assert (second, headers["Content-Type"], json.loads(body)) == ("POST", "application/json", {"x": ["1"]})


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_busy_server_is_asked_again(script: Script, client: RestClient, status: int) -> None:
    script.answers = [(status, {"Retry-After": "1"}, b"busy"), (status, {}, b""), (200, {}, b'{"a": 1}')]
    assert client.get("x", {}) == {"a": 1}
    assert len(script.requests) == 3


def test_a_cut_off_answer_is_asked_for_again(script: Script, client: RestClient) -> None:
    script.answers = [(200, {"Content-Length": "100"}, b'{"a"'), (200, {}, b'{"a": 1}')]
    assert client.get("x", {}) == {"a": 1}


def test_pauses_grow_and_end(script: Script) -> None:
    script.answers = [(503, {}, refusal("TEMPORARILY_UNAVAILABLE"))]
    pauses: list[float] = []
    client = RestClient(script.address, sleep=pauses.append)
    with pytest.raises(Unavailable, match="after 8 tries: 503 왜"):
        client.get("x", {})
    client.close()
    assert pauses == sorted(pauses)
    assert len(pauses) == len(script.requests) - 1 == 7


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (404, refusal("RESOURCE_DOES_NOT_EXIST"), NotFound),
        (404, b"<html>", EndpointNotFound),
        (401, b"", NotPermitted),
        (403, b"", NotPermitted),
        (400, refusal("INVALID_PARAMETER_VALUE"), InvalidValue),
        (302, b"", BadRequest),
        (200, b"<html>", BadRequest),
        (200, b"[1]", BadRequest),
    ],
)
def test_refusals_become_errors_at_once(
    script: Script, client: RestClient, status: int, body: bytes, kind: type[MillstreamError]
) -> None:
    script.answers = [(status, {}, body)]
    with pytest.raises(kind):
        client.get("x", {})
    assert len(script.requests) == 1


def test_passwords_go_to_the_server_and_nowhere_else(script: Script) -> None:
    script.answers = [(400, {}, b"")]
    client = RestClient(script.address.replace("//", "//user:geheim@"), sleep=lambda _: None)
    with pytest.raises(BadRequest) as raised:
        client.get("x", {})
    client.close()
    assert "geheim" not in str(raised.value) + client.public
    assert script.requests[0][2]["Authorization"] == "Basic dXNlcjpnZWhlaW0="


def test_tokens_come_from_the_environment(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "t0k")
    client = RestClient(script.address)
    client.get("x", {})
    client.close()
    assert script.requests[0][2]["Authorization"] == "Bearer t0k"


@pytest.mark.parametrize("address", ["ftp://host", "http://", "http://host:99999", "http://host?x=1"])
def test_addresses_are_checked(address: str) -> None:
    with pytest.raises(InvalidValue):
        RestClient(address)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}', {"a": 1}),
        (
            b'HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3\r\n{"a\r\n4;x=y\r\n":1}\r\n0\r\nX: y\r\n\r\n',
            {"a": 1},
        ),
        (
            b"HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hint\r\nA: x\r\n\r\nHTTP/1.1 200\r\ncontent-length:2\r\n\r\n{}",
            {},
        ),
        (b'HTTP/1.0 200 OK\r\n\r\n{"a":1}', {"a": 1}),
    ],
)
def test_answers_of_every_shape_are_read(answer: bytes, found: dict[str, Any]) -> None:
    with speaking(answer) as client:
        assert client.get("x", {}) == found
        assert client.get("x", {}) == found


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 2x0 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}",
        b"HTTP/1.1 101 Up\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}",
    ],
)
def test_broken_answers_are_asked_for_again_and_named(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with speaking(answer) as client, pytest.raises(Unavailable, match="after 2 tries"):
        client.get("x", {})


def test_a_refusal_is_heard_before_all_is_sent() -> None:
    said = refusal("INVALID_PARAMETER_VALUE", "zu groß")
    with speaking(b"HTTP/1.1 413 No\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said)) as client:
        for _ in range(3):
            with pytest.raises(InvalidValue, match="zu groß"):
                client.once("PUT", "/x", read_all, body=b"x" * 50_000_000)
        with TemporaryFile() as file:
            file.truncate(50_000_000)
            with pytest.raises(InvalidValue, match="zu groß"):
                client.once("PUT", "/x", read_all, body=Content(file, 50_000_000))


def test_streams_come_in_pieces_and_say_when_they_break_off(script: Script) -> None:
    data = bytes(range(256)) * 10_000
    script.answers = [(503, {}, b""), (200, {}, data), (200, {"Content-Length": str(len(data) + 1)}, data)]
    client = RestClient(script.address, sleep=lambda _: None)
    with client.open("/get-artifact", {"path": "한 글"}) as stream:
        assert stream.read(5) + stream.read() + stream.read() == data
    assert script.requests[-1][1] == "/prefix/get-artifact?path=%ED%95%9C%20%EA%B8%80"
    assert len(client.pool._free) == 1, "it was read to its end"
    with client.open("/get-artifact", {}) as stream, pytest.raises(Unavailable, match="/prefix/get-artifact broke off"):
        stream.read()
    with client.open("/get-artifact", {}) as stream:
        stream.read(5)
    assert client.pool._free == []
    script.answers = [(404, {}, refusal("RESOURCE_DOES_NOT_EXIST"))]
    with pytest.raises(NotFound):
        client.open("/get-artifact", {})
    client.close()


def test_a_long_answer_is_no_matter_of_trying_again(
    script: Script, client: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LONGEST", 100)
    script.answers = [(200, {}, b'"' + b"x" * 200 + b'"')]
    with pytest.raises(BadRequest, match="longer than 100"):
        client.get("x", {})
    assert len(script.requests) == 1


@pytest.mark.parametrize("text", ["5", "0.5", "-1", "nan", "inf", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", ""])
def test_who_asks_to_wait_is_given_time(script: Script, text: str) -> None:
    script.answers = [(429, {"Retry-After": text}, b""), (200, {}, b"{}")]
    pauses: list[float] = []
    client = RestClient(script.address, sleep=pauses.append)
    client.get("x", {})
    client.close()
    assert {"5": pauses[0] == 5, "inf": pauses[0] == 300}.get(text, 0.3 < pauses[0] < 0.7)


def test_idle_connections_are_few(script: Script, client: RestClient) -> None:
    with ExitStack() as stack:
        for _ in range(MOST + 5):
            stack.enter_context(client.pool.connection()).ask(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").read()
    assert len(client.pool._free) == MOST


@contextmanager
def speaking(answer: bytes) -> Iterator[RestClient]:
    """A client of a server that says the same bytes to everybody and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection, suppress(ConnectionError):
                    connection.recv(65_536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        made = RestClient(f"http://127.0.0.1:{listener.getsockname()[1]}", sleep=lambda _: None)
        try:
            yield made
        finally:
            made.close()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
