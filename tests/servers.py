"""A real PostgreSQL server for a test session: made anew in a temporary folder, gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

USER = "postgres"
# Data of tests need not outlive the machine, and several servers may run at once.
FOR_TESTS = {"fsync": "off", "max_connections": "200", "shared_buffers": "32MB"}
# As PostgreSQL comes, which is what measurements are about; only more may connect.
AS_INSTALLED = {"max_connections": "200"}


def programs() -> Path | None:
    """The folder with initdb and postgres, the newest version there is."""
    found = shutil.which("initdb")
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    candidates = [*folders, *([Path(os.path.realpath(found)).parent] if found else [])]
    return next(
        (folder for folder in candidates if (folder / "initdb").exists() and (folder / "postgres").exists()), None
    )


def missing() -> str | None:
    """Why no server can be started, None when one can."""
    if find_spec("psycopg") is None:
        return "psycopg is not installed"
    if sys.platform == "win32":
        return "servers are started on POSIX systems only"
    return None if programs() else "PostgreSQL's initdb and postgres were not found"


def demand() -> None:
    """Skip when no server can be started; in CI that is an error."""
    reason = missing()
    if reason and os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(f"CI must test PostgreSQL, but {reason}.")
    if reason:
        pytest.skip(f"{reason}; nothing is known about PostgreSQL")


@contextmanager
def running(settings: Mapping[str, str] = FOR_TESTS) -> Iterator[str]:
    """The URI of a server that runs meanwhile; what `settings` do not say is as PostgreSQL installs it."""
    folder = programs()
    assert folder is not None
    # Not below pytest's folder: the server's user must be able to pass through all folders above.
    home = Path(tempfile.mkdtemp(prefix="millstream-postgres-"))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        account = {"user": USER, "group": USER, "extra_groups": []}
        shutil.chown(home, USER, USER)
    data = home / "data"
    try:
        subprocess.run(
            [folder / "initdb", "-D", data, "-A", "trust", "-U", USER, "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"],
            check=True, capture_output=True, cwd=home, **account,
        )  # fmt: skip
        with _server(folder, data, account, settings) as port:
            yield f"postgresql://{USER}:geheim@127.0.0.1:{port}/postgres"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def _server(folder: Path, data: Path, account: dict[str, Any], settings: Mapping[str, str]) -> Iterator[int]:
    for _ in range(5):
        port = _free_port()
        told = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", **settings}
        options = [word for item in told.items() for word in ("-c", "=".join(item))]
        server = subprocess.Popen(
            [folder / "postgres", "-D", data, "-p", str(port), *options],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=data, **account,
        )  # fmt: skip
        assert server.stderr is not None
        if any("ready to accept connections" in line for line in server.stderr):
            break
        server.wait()
        server.stderr.close()
    else:
        raise RuntimeError("PostgreSQL did not start.")
    drain = threading.Thread(target=server.stderr.read, daemon=True)
    drain.start()
    try:
        yield port
    finally:
        server.send_signal(signal.SIGINT)  # a fast shutdown: open sessions are ended
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        drain.join()
        server.stderr.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def new_schema(uri: str) -> str:
    """The URI of a new schema on the server; quicker than a database."""
    import psycopg

    name = f"s{uuid.uuid4().hex}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    return f"{uri}?options=-csearch_path%3D{name}"
