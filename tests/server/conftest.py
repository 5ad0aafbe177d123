"""A server of a real store in a fresh directory, and a client that says exactly the bytes it is told to say."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import anyio
import psutil
import pytest
from msgspec import Struct
from starlette.types import ASGIApp

from millstream.server.app import make_app
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from tests.server.started import Started, command


class Reply(Struct):
    """What came back; header names in small letters."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        """The message of an error reply, whose shape is checked on the way."""
        value = self.json()
        assert set(value) == {"error_code", "message"}
        assert self.headers["content-type"] == "application/json"
        return str(value["message"])


class Client:
    """Speaks ASGI to an app: nothing is normalised, so hostile paths and headers arrive as they are."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def send(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | list[tuple[str, str]] | None = None,
        *,
        host: str | None = "localhost:5000",
        chunk: int = 2**20,
    ) -> Reply:
        """Send a request; `target` is percent-encoded, as on the wire."""
        return anyio.run(self._exchange, _scope(method, target, headers, host), body, chunk)

    async def asked(self, method: str, target: str, headers: dict[str, str]) -> int:
        """Status of a request without a body, within an event loop."""
        return (await self._exchange(_scope(method, target, headers, "localhost:5000"), b"", 1)).status

    async def _exchange(self, scope: dict[str, Any], body: bytes, chunk: int) -> Reply:
        pieces = [body[start : start + chunk] for start in range(0, len(body), chunk)] or [b""]
        sent: list[Any] = []
        asked = 0

        async def receive() -> Any:
            nonlocal asked
            asked += 1
            if asked > len(pieces):
                await anyio.sleep_forever()
            return {"type": "http.request", "body": pieces[asked - 1], "more_body": asked < len(pieces)}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))

    def get(self, target: str, headers: dict[str, str] | None = None) -> Reply:
        return self.send("GET", target, headers=headers)

    def post(self, target: str, value: Any) -> Reply:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        return self.send("POST", target, body, {"content-type": "application/json"})

    def change(self, method: str, target: str, value: Any = None) -> Reply:
        """PATCH or DELETE with a JSON body, or without any."""
        return self.send(method, target, b"" if value is None else json.dumps(value).encode())

    def api(self, path: str, **fields: Any) -> Any:
        """The reply object of a POST to MLflow's interface that must succeed."""
        reply = self.post(f"/api/2.0/mlflow/{path}", fields)
        assert reply.status == 200, reply.body
        return reply.json()

    def new_run(self, **fields: Any) -> str:
        """Id of a new run in the default experiment."""
        return str(self.api("runs/create", experiment_id="0", **fields)["run"]["info"]["run_id"])


def _scope(
    method: str, target: str, headers: dict[str, str] | list[tuple[str, str]] | None, host: str | None
) -> dict[str, Any]:
    path, _, query = target.partition("?")
    given = list(headers.items() if isinstance(headers, dict) else headers or [])
    if host is not None:
        given.append(("host", host))
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in given],
        "client": ("127.0.0.1", 1234),
        "server": ("127.0.0.1", 5000),
    }


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store in a directory whose name has a space and letters of two alphabets."""
    yield open_store((tmp_path / "my runs 실험" / "mlruns").as_uri())
    close_stores()


@pytest.fixture
def serve(store: Store) -> Callable[..., Client]:
    """Makes a client of a server with the given options."""
    return lambda **options: Client(make_app(store, **options))


@pytest.fixture
def client(serve: Callable[..., Client]) -> Client:
    """Client of a server with no options."""
    return serve()


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Started]]:
    """Starts a server over its own directory; whatever still runs at the end is killed, with all its processes."""
    started: list[Started] = []

    def run(verb: str = "ui", *options: str, port: int = 0, drain: int = 2) -> Started:
        monkeypatch.setenv("MILLSTREAM_DRAIN_SECONDS", str(drain))
        errors = tmp_path / f"errors-{len(started)}"
        with errors.open("w") as log:
            process = subprocess.Popen(
                command(verb, "--port", str(port), *options),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                cwd=tmp_path,
            )
        server = Started(process, "", errors)
        started.append(server)
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, errors.read_text()
        server = started[-1] = server._replace(address=address)
        return server

    yield run
    for server in started:
        for process in server.tree() if server.process.poll() is None else []:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        server.process.kill()
        server.process.communicate()
