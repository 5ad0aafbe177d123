"""Artifacts behind servers: opened as stores open them, and a server that says whatever a test wants."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

from millstream.drivers.artifacts.http import HttpArtifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.artifacts.proxied import close_servers
from millstream.values.paths import Location, RelPath

ODD = ("한글 폴더/빈 칸 100% #?.txt", "a+b&c=d;e.txt", "%41.txt", "~tilde'\"[].bin")


def opened(uri: str, tracking: str | None = None) -> HttpArtifacts:
    return cast(HttpArtifacts, open_artifacts(Location.parse(uri), tracking))


def at(path: str) -> RelPath:
    return RelPath.parse(path)


def content(artifacts: HttpArtifacts, path: str) -> bytes:
    with artifacts.open(at(path)) as file:
        return file.read()


def written(folder: Path, name: str, data: bytes) -> Path:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(data)
    return folder / name


Answer = tuple[int, dict[str, str], bytes]


class Script:
    """A server whose answers a test makes; requests are noted."""

    def __init__(self) -> None:
        self.answer: Callable[[str, str, dict[str, str]], Answer] = lambda *_: (200, {}, b"{}")
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.address = ""

    def paths(self) -> list[str]:
        return [f"{method} {path}" for method, path, _ in self.requests]


class Server(ThreadingHTTPServer):
    """Says nothing of clients that hang up."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def scripted() -> Iterator[Script]:
    """A server that follows a script."""
    found = Script()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def reply(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if not self.path.endswith("/server-info"):
                found.requests.append((self.command, self.path, headers))
            info = self.path.endswith("/server-info")
            status, more, data = (404, {}, b"") if info else found.answer(self.command, self.path, headers)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **more}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
            if int(more.get("Content-Length", len(data))) != len(data):
                self.close_connection = True

        do_GET = do_POST = do_PUT = do_DELETE = reply

        def log_message(self, *_: Any) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        found.address = f"http://127.0.0.1:{server.server_address[1]}/앞".replace("앞", "pre")
        yield found
        close_servers()
        server.shutdown()
        thread.join()
