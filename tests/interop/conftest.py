"""Two processes side by side: one with the real MLflow, one with Millstream."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

import pytest

from tests.interop import environment
from tests.interop.environment import NEWEST, Unavailable, interop_python
from tests.servers import new_schema

SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    # Eight more processes, most of what a start of MLflow's own server costs, for jobs that nobody gives it here.
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "LOGNAME": "golden",
    "USER": "golden",
    "PYTHONUTF8": "1",
}

CLIENTS = ("mlflow1", "mlflow2", "mlflow")
REST = "RestException"  # with what clients tell what a server refused


class Peer:
    """One library in a process of its own."""

    def __init__(self, python: Path, library: str, home: Path) -> None:
        """Start `python` with `library`; index and working directory below `home`."""
        home.mkdir(parents=True, exist_ok=True)
        self.library = library
        self.python = python
        self.environment = {**environment.settings(), **SETTINGS, "MILLSTREAM_INDEX_DIR": str(home / "index")}
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


def demanded(name: str) -> Path:
    """The interpreter of an environment; skips where it cannot be had, fails on CI."""
    try:
        return interop_python(name)
    except Unavailable as error:
        if environment.ON_CI:
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def mlflow_python() -> Path:
    """The interpreter that has the newest MLflow."""
    return demanded(NEWEST)


@contextmanager
def speaking(name: str, home: Path) -> Iterator[Peer]:
    """The MLflow of an environment, in a process of its own."""
    peer = Peer(demanded(name), "mlflow", home)
    try:
        yield peer
    finally:
        peer.stop()


@pytest.fixture(scope="session")
def mlflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The newest real MLflow."""
    with speaking(NEWEST, tmp_path_factory.mktemp(NEWEST)) as peer:
        yield peer


@pytest.fixture(scope="session")
def mlflow2(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The last MLflow 2."""
    with speaking("mlflow2", tmp_path_factory.mktemp("mlflow2")) as peer:
        yield peer


@pytest.fixture(scope="session")
def mlflow1(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The last MLflow 1."""
    with speaking("mlflow1", tmp_path_factory.mktemp("mlflow1")) as peer:
        yield peer


@pytest.fixture(params=CLIENTS)
def mark(request: pytest.FixtureRequest) -> str:
    """The name of each client."""
    return str(request.param)


@pytest.fixture
def client(mark: str, request: pytest.FixtureRequest) -> Peer:
    """Each client, in a process of its own."""
    peer: Peer = request.getfixturevalue(mark)
    return peer


@pytest.fixture(scope="session")
def frameworks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """The newest client beside the frameworks that log to it."""
    with speaking("frameworks", tmp_path_factory.mktemp("frameworks")) as peer:
        yield peer


@pytest.fixture(scope="session")
def millstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Millstream, as users of this Python have it."""
    peer = Peer(Path(sys.executable), "millstream", tmp_path_factory.mktemp("millstream"))
    yield peer
    peer.stop()


class Server(NamedTuple):
    """A running server, the store it serves, and the directory of a store that is one."""

    address: str
    root: str
    store: str = ""


@contextmanager
def serving(store: str, home: Path, *options: str, **settings: str) -> Iterator[str]:
    """The address of a `millstream server` of `store` on a free port, whose working directory is `home`."""
    start = "from millstream.cli.server import server; server(prog_name='millstream server')"
    with open(home / "stderr", "w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", start, "--backend-store-uri", store, "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            cwd=home,
            env={**environment.settings(), "MILLSTREAM_INDEX_DIR": str(home / "index"), **settings},
        )
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            log.seek(0)
            assert address, log.read()
            yield address
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 0
        finally:
            process.kill()
            process.communicate()


@contextmanager
def serving_theirs(python: Path, store: str, home: Path, *options: str) -> Iterator[str]:
    """The address of an `mlflow server` of `store` on a free port, whose working directory is `home`."""
    address = f"http://127.0.0.1:{free_port()}"
    command = [str(python), "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", address.rpartition(":")[2]]
    with open(home / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*command, "--workers", "1", "--backend-store-uri", store, *options],
            stdout=log,
            stderr=log,
            cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), **SETTINGS},
            start_new_session=True,
        )
        try:
            assert _is_up(address, process), (home / "log").read_text(encoding="utf-8")[-2000:]
            yield address
        finally:
            subprocess.run(["kill", "--", f"-{process.pid}"], check=False)
            process.wait(30)


def free_port() -> int:
    """A port that nobody listened at a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _is_up(address: str, process: subprocess.Popen[bytes]) -> bool:
    """Wait until a server answers; False when it ends or does not come up."""
    pause = Event()
    for _ in range(600):
        if process.poll() is not None:
            return False
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            pause.wait(0.2)
    return False


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """`millstream server` on a free port over a tree of its own."""
    root = str(tmp_path / "서버" / "mlruns")
    with serving(root, tmp_path) as address:
        yield Server(address, root, root)


@pytest.fixture(scope="session", params=["directory", "sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`millstream server` over each kind of store, one for all tests: what they make has names of their own."""
    home: Path = tmp_path_factory.mktemp(request.param) / "내 집"
    home.mkdir()
    root = str(home / "mlruns")
    store = {"directory": root, "sqlite": f"sqlite:///{home}/runs.db"}.get(request.param)
    if store is None:
        store = new_schema(request.getfixturevalue("postgresql"))
    with serving(store, home) as address:
        yield Server(address, root, store)
