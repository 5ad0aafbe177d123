"""A real server that speaks Azure's Blob Storage for a session (Azurite); `python -m tests.azurite` installs it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formatdate
from pathlib import Path

import pytest
from msgspec import Struct

VERSION = "3.37.0"
HOME = Path(__file__).resolve().parents[1] / ".cache" / "azurite" / VERSION
# The account that every Azurite has, as its documentation says.
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azure(Struct):
    """A running server and one empty container in it."""

    endpoint: str
    container: str

    def environ(self) -> dict[str, str]:
        """The variables by which a process finds it."""
        return {"AZURE_STORAGE_ENDPOINT": self.endpoint, "AZURE_STORAGE_ACCESS_KEY": KEY}

    def place(self, scheme: str, below: str) -> str:
        """The URI of a place in the container."""
        return f"{scheme}://{self.container}@{ACCOUNT}.blob.core.windows.net/{below}"


def program() -> Path | None:
    """The server's program: where `install` puts it, or on the path."""
    own = HOME / "node_modules" / ".bin" / "azurite-blob"
    found = shutil.which("azurite-blob")
    return own if own.exists() else Path(found) if found else None


def install() -> str:
    """Have npm install it below .cache; why that cannot be, or ""."""
    npm = shutil.which("npm")
    if program() is not None:
        return ""
    if npm is None:
        return "npm was not found"
    unfinished = HOME.with_name(f"{VERSION} unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    # Nothing of it needs to be compiled; scripts of hundreds of packages are not run.
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--omit=optional", "--prefix", str(unfinished)]
    done = subprocess.run(
        [npm, "install", *options, f"azurite@{VERSION}"], capture_output=True, text=True, check=False, cwd=unfinished
    )
    if done.returncode:
        return f"npm could not install azurite: {done.stderr.strip()[-300:]}"
    unfinished.rename(HOME)
    return ""


@contextmanager
def running() -> Iterator[Azure]:
    """A server that runs meanwhile."""
    server = program()
    assert server is not None
    home = Path(tempfile.mkdtemp(prefix="millstream-azure-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [
        server, "--skipApiVersionCheck", "--disableTelemetry", "--silent", "--blobHost", "127.0.0.1", "--blobPort",
        str(port), "--location", home,
    ]  # fmt: skip
    with open(home / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, start_new_session=True)
    try:
        while not _make_container(port, "artifacts"):
            assert process.poll() is None, (home / "log").read_text(errors="replace")[-2000:]
        yield Azure(f"http://127.0.0.1:{port}/{ACCOUNT}", "artifacts")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(home, ignore_errors=True)


def demand() -> None:
    """Skip when no server can be started."""
    if program() is None:
        pytest.skip("Azurite was not found (python -m tests.azurite); nothing is known about Azure")


def _make_container(port: int, name: str) -> bool:
    """Whether the server has made it; the request is signed with the account's key (Azure's "Shared Key")."""
    given = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    headers = "".join(f"{field}:{value}\n" for field, value in given.items())
    text = f"PUT{chr(10) * 12}{headers}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
    signature = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    given["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(signature).decode()}"
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("PUT", f"/{ACCOUNT}/{name}?restype=container", headers=given)
        reply = connection.getresponse()
        said = reply.read()
        assert reply.status == 201, said
        return True
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    reason = install()
    if reason:
        print(f"azurite: {reason}; tests of Azure will be skipped.", file=sys.stderr)
