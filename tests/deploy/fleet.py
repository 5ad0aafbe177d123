"""Several servers on one PostgreSQL database and one bucket, and a real nginx with `deploy/nginx.conf` before them."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests import buckets, servers
from tests.server.started import Started, started

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
CONFIG = DEPLOY / "nginx.conf"
REPLICAS = ("millstream-1", "millstream-2")


def program() -> str | None:
    """nginx; Debian keeps it where only root's path leads."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def demand() -> None:
    """Skip when there is no nginx; in CI that is an error."""
    servers.demand()
    buckets.demand()
    if program() is None:
        reason = "nginx was not found (apt-get install nginx-light)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must test servers behind nginx, but {reason}.")
        pytest.skip(f"{reason}; nothing is known about several servers behind it")


def rendered(folder: Path, port: int, replicas: dict[str, int]) -> str:
    """`deploy/nginx.conf` with the ports and folders of this machine; nothing else of it is changed."""
    changes = {
        r"listen 8080;": f"listen 127.0.0.1:{port};",
        r"\n *listen \[::\]:8080;": "",
        r"/tmp/": f"{folder}/",
        r"/dev/stderr": f"{folder}/error.log",
        r"/dev/stdout": f"{folder}/access.log",
        **{f"server {name}:5000": f"server 127.0.0.1:{found}" for name, found in replicas.items()},
    }
    text = CONFIG.read_text(encoding="utf-8")
    for pattern, new in changes.items():
        text, count = re.subn(pattern, new, text)
        assert count, f"{CONFIG} has no {pattern}"
    return text


class Fleet:
    """Servers that can be killed and started again at their ports, and the nginx before them."""

    def __init__(self, uri: str, destination: str, environ: dict[str, str], folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.uri = uri
        self._options = ("--artifacts-destination", destination, *options)
        self._environ = environ
        self._ports = [0] * len(REPLICAS)
        self._endings = [ExitStack() for _ in REPLICAS]
        self.replicas: list[Started] = []

    def start(self, number: int) -> None:
        """Have the replica `number` answer, at the port that it had before."""
        home = self.folder / f"replica {number}"
        home.mkdir(exist_ok=True)
        environ = {**self._environ, "XDG_STATE_HOME": str(home), "MILLSTREAM_TRUSTED_PROXIES": "127.0.0.1"}
        ending = started(self.uri, home, *self._options, port=self._ports[number], environ=environ)
        replica = self._endings[number].enter_context(ending)
        self._ports[number] = replica.port
        self.replicas[number : number + 1] = [replica]

    def kill(self, number: int) -> None:
        """SIGKILL."""
        self.replicas[number].kill()
        self._endings[number].close()

    def stop(self, number: int) -> int:
        """SIGTERM; how it ended."""
        process = self.replicas[number].process
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        self._endings[number].close()
        return code

    @contextmanager
    def running(self) -> Iterator[Fleet]:
        """All of it, at work."""
        with ExitStack() as ending:
            for number in range(len(REPLICAS)):
                ending.callback(self._endings[number].close)
                self.start(number)
            ending.enter_context(self._nginx())
            yield self

    @contextmanager
    def _nginx(self) -> Iterator[None]:
        nginx = program()
        assert nginx
        config = self.folder / "nginx.conf"
        config.write_text(rendered(self.folder, self.port, dict(zip(REPLICAS, self._ports, strict=True))))
        # Its workers would otherwise be nobody's, who may not look into the folders of a test.
        user = "user root;" if os.geteuid() == 0 else ""
        errors = str(self.folder / "error.log")
        command = [nginx, "-p", str(self.folder), "-c", str(config), "-e", errors, "-g", f"daemon off; {user}"]
        process = subprocess.Popen(command, start_new_session=True)
        try:
            while not reachable(self.port):
                assert process.poll() is None, (self.folder / "error.log").read_text()
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def asked(self) -> list[dict[str, str]]:
        """What nginx noted of each request."""
        return [json.loads(line) for line in (self.folder / "access.log").read_text().splitlines()]

    def number_of(self, address: str) -> int:
        """Which replica listens at an address that nginx noted."""
        return self._ports.index(int(address.rpartition(":")[2]))


def free_port() -> int:
    """A port that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def reachable(port: int) -> bool:
    """Whether somebody answers there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read() == b"OK"
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
