"""Servers as processes of their own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import psutil


class Started(NamedTuple):
    """A server process that has said its address."""

    process: subprocess.Popen[str]
    address: str
    errors: Path

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def tree(self) -> list[psutil.Process]:
        """The process and all below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self.errors.read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def ask(self, method: str, path: str, fields: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            body = None if fields is None else json.dumps(fields)
            connection.request(method, path, body, {"Content-Type": "application/json", **headers})
            reply = connection.getresponse()
            said = reply.read()
            return reply.status, json.loads(said) if said else None
        finally:
            connection.close()

    def api(self, path: str, **fields: Any) -> Any:
        """The reply object of a POST to MLflow's interface that must succeed."""
        status, answer = self.ask("POST", f"/api/2.0/mlflow/{path}", fields)
        assert status == 200, answer
        return answer

    def kill(self) -> None:
        """SIGKILL to the server and all of its workers."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def command(verb: str, *options: str) -> list[str]:
    start = f"from millstream.cli.server import {verb}; {verb}(prog_name='millstream {verb}')"
    return [sys.executable, "-c", start, *options]


@contextmanager
def started(
    uri: str, folder: Path, *options: str, port: int = 0, environ: Mapping[str, str] | None = None
) -> Iterator[Started]:
    """A server of the store at `uri` that works in `folder`, killed at the end; `environ` is added to its variables."""
    errors = folder / f"errors-{len(list(folder.glob('errors-*')))}"
    with errors.open("w") as log:
        process = subprocess.Popen(
            [*command("server"), "--port", str(port), "--backend-store-uri", uri, *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
        )
    assert process.stdout
    try:
        address = process.stdout.readline().strip()
        assert address, errors.read_text()
        yield Started(process, address, errors)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
