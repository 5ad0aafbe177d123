"""Servers as processes of their own: ours, MLflow's and nginx, started, looked at and ended.

Every server gets a folder of its own, a free port, and a session of its own, so that all its processes end with it.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil
from measure import environment, pythons

LONGEST_START = 300
LOOK_SECONDS = 0.02

NGINX = """
worker_processes 1; pid {folder}/pid; error_log stderr crit; daemon off; {user}
events {{ worker_connections 64; }}
http {{
    access_log off; sendfile on; client_max_body_size 0; client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /health {{ return 200 OK; }}
        location / {{ root {folder}/files; dav_methods PUT; create_full_put_path on; }}
    }}
}}
"""


class Host:
    """A server that was started and is ended by `stop`."""

    def __init__(self, name: str, command: Sequence[object], folder: Path, port: int) -> None:
        """Start it; `wait` tells when it answers."""
        folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.port = port
        self.log = folder / "log"
        self.started = time.perf_counter()
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=_environment(folder),
                start_new_session=True,
            )  # fmt: skip

    def wait(self) -> float:
        """Seconds from the start to the first answer, asked for every 5 ms."""
        while time.perf_counter() < self.started + LONGEST_START:
            if self.process.poll() is not None:
                break
            with contextlib.suppress(OSError, http.client.HTTPException):
                asking = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                asking.request("GET", "/health")
                status = asking.getresponse().status
                asking.close()
                if status == 200:
                    return time.perf_counter() - self.started
            time.sleep(0.005)
        said = self.log.read_text()[-2000:]
        self.stop()
        raise SystemExit(f"{self.name} does not answer. It said: {said}")

    def processes(self) -> list[psutil.Process]:
        """The server and all below it."""
        own = psutil.Process(self.process.pid)
        return [own, *own.children(recursive=True)]

    def cpu(self) -> float:
        """Processor seconds that its processes have used, those that ended among them."""
        return sum(sum(process.cpu_times()[:4]) for process in self.processes())

    def memory(self) -> float:
        """MB of memory of the whole tree; what processes share is counted once."""
        return sum(process.memory_full_info().pss for process in self.processes()) / 1e6

    def resident(self) -> float:
        """MB of resident memory of the whole tree; shared pages count in every process."""
        return sum(process.memory_info().rss for process in self.processes()) / 1e6

    def stop(self) -> None:
        """End it with all its processes."""
        left = []
        with contextlib.suppress(psutil.NoSuchProcess):
            left = self.processes()
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def watched(host: Host) -> Iterator[dict[str, float]]:
    """Fills in "growth" at the end: by how many MB the server's resident memory grew at most meanwhile."""
    found = {"growth": 0.0}
    before = host.resident()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(LOOK_SECONDS):
            with contextlib.suppress(psutil.NoSuchProcess):
                found["growth"] = max(found["growth"], host.resident() - before)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        ended.set()
        looking.join()


def start_ours(uri: str, folder: Path, name: str) -> Host:
    """`millstream server`, as its users start it."""
    port = _free_port()
    command = [pythons()["millstream"], "-m", "millstream", "server", "--no-open", "--port", port]
    return Host(name, [*command, "--backend-store-uri", uri], folder, port)


def start_theirs(uri: str, folder: Path, name: str) -> Host:
    """`mlflow server`, as its users start it: four workers, artifacts through the server."""
    port = _free_port()
    command = [pythons()["mlflow"], "-m", "mlflow", "server", "--port", port, "--backend-store-uri", uri]
    return Host(name, [*command, "--artifacts-destination", folder / "artifacts"], folder, port)


def start_nginx(folder: Path) -> Host | None:
    """Plain nginx that takes files with PUT and gives them back; None where it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        return None
    port = _free_port()
    (folder / "files").mkdir(parents=True)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port, user=user))
    return Host("nginx", [program, "-p", folder, "-e", "stderr", "-c", folder / "conf"], folder, port)


def _environment(folder: Path) -> dict[str, str]:
    return environment(folder) | {"MILLSTREAM_STATE_DIR": str(folder / "state")}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
