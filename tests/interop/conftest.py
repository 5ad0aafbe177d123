"""Two processes side by side: one with the real MLflow, one with Millstream."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.interop.environment import Unavailable, interop_python

SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "LOGNAME": "golden",
    "USER": "golden",
    "PYTHONUTF8": "1",
}


class Peer:
    """One library in a process of its own."""

    def __init__(self, python: Path, library: str, home: Path) -> None:
        """Start `python` with `library`; index and working directory below `home`."""
        home.mkdir(parents=True, exist_ok=True)
        outside = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "MILLSTREAM_"))}
        self.library = library
        self.python = python
        self.environment = {**outside, **SETTINGS, "MILLSTREAM_INDEX_DIR": str(home / "index")}
        self.log = open(home / "stderr", "w+", encoding="utf-8")  # noqa: SIM115 (closed in `stop`)
        self.process = subprocess.Popen(
            [str(python), str(Path(__file__).with_name("peer.py")), library],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            encoding="utf-8",
            cwd=home,
            env=self.environment,
        )

    def __call__(self, call: str, **arguments: Any) -> Any:
        """Result of `verbs.<call>(library, **arguments)`; the peer's traceback as RuntimeError when it fails."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps({"call": call, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"The process with {self.library} ended: {self.log.read()[-2000:]}")
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(f"{self.library} {call}: {answer['error']}")
        return answer["result"]

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """The interpreter that has the real MLflow; skips where it cannot be had, fails on CI."""
    try:
        return interop_python()
    except Unavailable as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mlflow(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The real MLflow."""
    peer = Peer(mlflow_python, "mlflow", tmp_path_factory.mktemp("mlflow"))
    yield peer
    peer.stop()


@pytest.fixture(scope="session")
def millstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Millstream, as users of this Python have it."""
    peer = Peer(Path(sys.executable), "millstream", tmp_path_factory.mktemp("millstream"))
    yield peer
    peer.stop()


class Server(NamedTuple):
    """A running server and the tree it serves."""

    address: str
    root: str


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`millstream server` on a free port over a tree of its own."""
    root = tmp_path / "서버" / "mlruns"
    start = "from millstream.cli.server import server; server(prog_name='millstream server')"
    process = subprocess.Popen(
        [sys.executable, "-c", start, "--backend-store-uri", str(root), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=(log := open(tmp_path / "stderr", "w+", encoding="utf-8")),  # noqa: SIM115 (closed below)
        text=True,
        cwd=tmp_path,
        env={**os.environ, "MILLSTREAM_INDEX_DIR": str(tmp_path / "index")},
    )
    try:
        assert process.stdout
        address = process.stdout.readline().strip()
        log.seek(0)
        assert address, log.read()
        yield Server(address, str(root))
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.communicate()
        log.close()
