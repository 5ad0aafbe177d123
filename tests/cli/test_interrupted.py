"""A real process that is ended by a signal in the middle of a transfer leaves nothing half-done behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from millstream.drivers.artifacts.leftovers import TEMPORARY

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")

SIZE = 8 * 2**20
STORE = "/api/2.0/mlflow-artifacts/artifacts"


class Stalling(ThreadingHTTPServer):
    """Has files whose second halves never come."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.halves = threading.Semaphore(0)
        self.end = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stalling

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == STORE:
            below = parse_qs(parts.query).get("path", [""])[0]
            entries = {
                "": [{"path": "ordner", "is_dir": True}],
                "ordner": [{"path": f"{name}.bin", "is_dir": False, "file_size": SIZE} for name in "abc"],
            }
            body = json.dumps({"files": entries.get(below, [])}).encode()
            self._head(len(body))
            self.wfile.write(body)
            return
        self._head(SIZE)
        self.wfile.write(bytes(SIZE // 2))
        self.wfile.flush()
        self.server.halves.release()
        self.server.end.wait(120)
        self.close_connection = True

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Nothing."""


@pytest.fixture
def stalling() -> Iterator[Stalling]:
    server = Stalling()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.end.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(("what", "files"), [("ordner", 3), ("ordner/a.bin", 1)])
def test_a_download_that_is_ended_leaves_no_file(
    stalling: Stalling, tmp_path: Path, number: signal.Signals, what: str, files: int
) -> None:
    goal = tmp_path / "내려받기 dir"
    uri = f"http://127.0.0.1:{stalling.server_port}{STORE}/{what}"
    command = [sys.executable, "-m", "millstream", "artifacts", "download", "-u", uri, "-d", str(goal)]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "MLFLOW_TRACKING_URI": str(tmp_path / "mlruns")},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        for _ in range(files):
            assert stalling.halves.acquire(timeout=60), process.communicate(timeout=60)
        # What the server has sent may not have been written yet.
        while len(list(goal.rglob(f"{TEMPORARY}*"))) < files:
            assert process.poll() is None, process.communicate()
        process.send_signal(number)
        said = process.communicate(timeout=60)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == (1 if number == signal.SIGINT else -signal.SIGTERM), said
    assert b"Traceback" not in said[1]
    assert [path for path in goal.rglob("*") if path.is_file()] == []
