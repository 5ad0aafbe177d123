"""Our client's artifacts with MLflow's own server: plain PUT and GET, in its words."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.drivers.artifacts.proxied import close_servers
from millstream.drivers.rest.client import RestClient
from millstream.tracking.artifacts import put_directory_into
from millstream.values.errors import InvalidValue, NotFound, Unavailable
from tests.drivers.depots import at, content, opened, written
from tests.interop.conftest import demanded, serving_theirs
from tests.interop.environment import NEWEST

NAMES = ("한글 폴더/빈 칸 100%.txt", "a+b&c=d.txt", "empty", "깊이/더/깊이/x")
# Servers of MLflow 2 send no file whose own name is not in Latin letters.
OLDER = tuple(name.replace("빈 칸 100%", "a b 100%") for name in NAMES)


@pytest.fixture(scope="module", params=[NEWEST, "mlflow2"])
def generation(request: pytest.FixtureRequest) -> str:
    """The newest MLflow, and the last MLflow 2."""
    return str(request.param)


@pytest.fixture(scope="module")
def address(generation: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """MLflow's server, which passes on artifacts."""
    home = tmp_path_factory.mktemp("theirs")
    options = ("--artifacts-destination", str(home / "artifacts"))
    with serving_theirs(demanded(generation), f"sqlite:///{home}/m.db", home, *options) as found:
        yield found


@pytest.mark.timeout(600)
def test_files_go_to_mlflows_server_and_come_back(address: str, generation: str, tmp_path: Path) -> None:
    client = RestClient(address)
    uri = client.post("runs/create", {"experiment_id": "0"})["run"]["info"]["artifact_uri"]
    client.close()
    artifacts = opened(uri, address)
    source = tmp_path / "src"
    for name in NAMES if generation == NEWEST else OLDER:
        written(source, name, b"" if name == "empty" else name.encode())
    written(source, "large", os.urandom(2**20) * 20)
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


def test_what_an_older_server_does_not_send_is_said(
    address: str, generation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts = opened("mlflow-artifacts:/0/run/artifacts", address)
    artifacts.put_bytes(b"x", at("d/한글.txt"))
    assert [item.path for item in artifacts.list(at("d"))] == ["d/한글.txt"]
    if generation == NEWEST:
        assert content(artifacts, "d/한글.txt") == b"x"
    else:
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        with pytest.raises(Unavailable, match=r"Servers of MLflow 2 hang up .*한글"):
            artifacts.download(at("d/한글.txt"), tmp_path)
    close_servers()
