"""A proxy between a client and a server that loses answers, says things twice, or is busy, as it is told to."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

PASS, LOSE, TWICE, BUSY, BEFORE = "pass", "lose", "twice", "busy", "before"
"""Hand on; hand on and hang up instead of answering; ask twice; answer 503 instead; hang up instead of handing on."""


class Middleman:
    """`plan` is what to do with the next requests that are not GET; when it is empty they are handed on."""

    def __init__(self, target: str) -> None:
        self.target = urlsplit(target)
        self.address = ""
        self.plan: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.lock = threading.Lock()

    def next(self, method: str) -> str:
        with self.lock:
            return self.plan.pop(0) if self.plan and method != "GET" else PASS

    def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any, bytes]:
        connection = http.client.HTTPConnection(self.target.hostname or "", self.target.port, timeout=30)
        try:
            connection.request(method, path, body or None, headers)
            reply = connection.getresponse()
            return reply.status, reply.getheaders(), reply.read()
        finally:
            connection.close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    middleman: Middleman

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = dict(self.headers)
        asked = (self.command, self.path, headers, body)
        self.middleman.requests.append(asked)
        word = self.middleman.next(self.command)
        if word == BUSY:
            self.say(503, [("Retry-After", "0")], b'{"error_code": "TEMPORARILY_UNAVAILABLE", "message": "busy"}')
            return
        if word == BEFORE:
            self.close_connection = True
            return
        if word == TWICE:
            self.middleman.ask(*asked)
        status, found, data = self.middleman.ask(*asked)
        if word == LOSE:
            self.close_connection = True
            return
        kept = [item for item in found if item[0].lower() not in ("content-length", "connection", "date")]
        self.say(status, kept, data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer

    def say(self, status: int, headers: list[tuple[str, str]], data: bytes) -> None:
        self.send_response(status)
        for name, value in [*headers, ("Content-Length", str(len(data)))]:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def between(target: str) -> Iterator[Middleman]:
    """A proxy before the server `target`."""
    made = Middleman(target)
    handler = type("Handler", (_Handler,), {"middleman": made})
    with _Server(("127.0.0.1", 0), handler) as server:
        made.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
