"""Our client's artifacts with MLflow's own server: plain PUT and GET, in its words."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.drivers.artifacts.proxied import close_servers
from millstream.drivers.rest.client import RestClient
from millstream.tracking.artifacts import put_directory_into
from millstream.values.errors import InvalidValue, NotFound
from tests.drivers.depots import at, content, opened, written
from tests.interop.conftest import SETTINGS
from tests.interop.test_imports import free_port, wait_until_up

NAMES = ("한글 폴더/빈 칸 100%.txt", "a+b&c=d.txt", "empty", "깊이/더/깊이/x")


@pytest.fixture(scope="module")
def address(mlflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server, which passes on artifacts."""
    home, port = tmp_path_factory.mktemp("theirs"), free_port()
    command = [mlflow_python, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{home}/m.db", "--artifacts-destination", home / "artifacts"]
    with open(home / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [*map(str, command)],
            stdout=log,
            stderr=log,
            cwd=home,
            env={"PATH": "/usr/bin:/bin", "HOME": str(home), **SETTINGS},
            start_new_session=True,
        )
        try:
            wait_until_up(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}"
        finally:
            subprocess.run(["kill", "--", f"-{process.pid}"], check=False)
            process.wait(30)


@pytest.mark.timeout(600)
def test_files_go_to_mlflows_server_and_come_back(address: str, tmp_path: Path) -> None:
    client = RestClient(address)
    uri = client.post("runs/create", {"experiment_id": "0"})["run"]["info"]["artifact_uri"]
    client.close()
    artifacts = opened(uri, address)
    source = tmp_path / "src"
    for name in NAMES:
        written(source, name, b"" if name == "empty" else name.encode())
    written(source, "큰 것", os.urandom(2**20) * 20)
    put_directory_into(artifacts, source, "d")
    assert [item.path for item in artifacts.list(at("d"))] == sorted(f"d/{p.name}" for p in source.iterdir())
    goal = artifacts.download(at("d"), tmp_path / "back")
    for file in (path for path in source.rglob("*") if path.is_file()):
        other = goal / file.relative_to(source)
        assert hashlib.sha256(other.read_bytes()).digest() == hashlib.sha256(file.read_bytes()).digest(), file
    assert artifacts.download(at("d/empty"), tmp_path).read_bytes() == b""
    artifacts.put_bytes(b"new", at("d/empty"))
    assert content(artifacts, "d/empty") == b"new"
    artifacts.delete(at("d/empty"))
    for missing in ("d/empty", "nothing"):
        with pytest.raises(NotFound):
            artifacts.download(at(missing), tmp_path / "no")
    with pytest.raises(InvalidValue, match="Invalid path"):
        artifacts.put_bytes(b"", at("a#b"))
    close_servers()
