"""Artifacts behind a server: ours as a process of its own, and servers that say whatever a test wants."""

from __future__ import annotations

import hashlib
import os
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.artifacts import http_uploads
from millstream.drivers.artifacts.http import HttpArtifacts
from millstream.drivers.artifacts.parallel import each
from millstream.drivers.artifacts.proxied import close_servers
from millstream.drivers.rest import retries
from millstream.drivers.rest.pool import MOST, Pool
from millstream.tracking.artifacts import download_artifacts, list_artifacts, put_directory_into
from millstream.values.errors import (
    InvalidValue,
    MillstreamError,
    NotFound,
    NotSupported,
)
from millstream.values.paths import RelPath
from tests.drivers.depots import ODD, at, content, opened, written
from tests.server.started import Started, started

PART = 64 * 2**10


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    home = tmp_path_factory.mktemp("서버")
    with started((home / "mlruns").as_uri(), home) as found:
        yield found


@pytest.fixture(autouse=True)
def closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No connection outlives its test, and nobody waits between tries."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0)
    yield
    close_servers()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are large from 64 KB on."""
    monkeypatch.setattr(http_uploads, "PART", PART)
    monkeypatch.setattr("millstream.drivers.artifacts.http.LARGE", PART)


@pytest.fixture
def artifacts(server: Started) -> HttpArtifacts:
    """Those of a new run."""
    return opened(server.api("runs/create", experiment_id="0")["run"]["info"]["artifact_uri"], server.address)


def test_files_go_up_and_come_back(artifacts: HttpArtifacts, tmp_path: Path) -> None:
    for number, name in enumerate(ODD):
        artifacts.put_bytes(name.encode() * number, at(f"odd/{name}"))
        assert content(artifacts, f"odd/{name}") == name.encode() * number, "the first one is empty"
    listed = artifacts.list(at("odd"))
    assert [item.path for item in listed] == sorted(["odd/한글 폴더", *(f"odd/{name}" for name in ODD[1:])])
    assert [item.is_dir for item in artifacts.list(RelPath())] == [True]
    goal = artifacts.download(at("odd"), tmp_path)
    assert goal == tmp_path / "odd"
    assert {str(path.relative_to(goal)) for path in goal.rglob("*") if path.is_file()} == set(ODD)
    artifacts.delete(at(f"odd/{ODD[0]}"))
    with pytest.raises(NotFound):
        artifacts.open(at(f"odd/{ODD[0]}"))
    assert artifacts.download(at("odd/한글 폴더"), tmp_path / "empty").is_dir()
    artifacts.delete(at("odd"))
    assert artifacts.list(RelPath()) == []
    assert artifacts.local_path(RelPath()) is None


def test_what_is_not_there(artifacts: HttpArtifacts, tmp_path: Path) -> None:
    assert artifacts.list(at("nothing")) == []
    for call in (
        lambda: artifacts.download(at("nothing"), tmp_path),
        lambda: artifacts.open(at("nothing")),
        lambda: artifacts.delete(at("nothing")),
    ):
        with pytest.raises(NotFound):
            call()
    assert list(tmp_path.rglob("*")) == []
    assert artifacts.download(RelPath(), tmp_path / "root").is_dir(), "artifacts of a run that has none"
    for wrong in (
        lambda: artifacts.delete(RelPath()),
        lambda: artifacts.put_bytes(b"", RelPath()),
        lambda: artifacts.draft(RelPath()),
    ):
        with pytest.raises(InvalidValue):
            wrong()


def test_a_file_replaces_another_one_whole(artifacts: HttpArtifacts, tmp_path: Path) -> None:
    artifacts.put_bytes(b"old" * 1000, at("f"))
    draft = artifacts.draft(at("f"))
    draft.write(b"ne")
    draft.write(bytearray(b"w"))
    assert content(artifacts, "f") == b"old" * 1000
    draft.commit()
    draft.discard()
    assert content(artifacts, "f") == b"new"
    written(tmp_path, "f", b"mine")
    artifacts.download(at("f"), tmp_path)
    assert (tmp_path / "f").read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["f"]


def test_directories_go_and_come_with_everything(artifacts: HttpArtifacts, tmp_path: Path) -> None:
    source = tmp_path / "src"
    for number in range(150):
        written(source, f"{number % 7}/깊 이/{number}.txt", str(number).encode() * number)
    (source / "empty").mkdir()
    told: list[tuple[int, int]] = []
    put_directory_into(artifacts, source, "in here")
    goal = artifacts.download(at("in here"), tmp_path / "back", lambda done, total: told.append((done, total)))
    found = {path.relative_to(goal): path.read_bytes() for path in goal.rglob("*") if path.is_file()}
    assert found == {path.relative_to(source): path.read_bytes() for path in source.rglob("*") if path.is_file()}
    assert told[-1] == (sum(map(len, found.values())),) * 2


def test_connections_are_few_and_stay_open(
    artifacts: HttpArtifacts, monkeypatch: pytest.MonkeyPatch, server: Started
) -> None:
    made: list[int] = []
    connect = Pool._connect
    monkeypatch.setattr(Pool, "_connect", lambda pool: made.append(1) or connect(pool))
    close_servers()
    each(range(300), lambda number: artifacts.put_bytes(b"x", at(f"f{number}")))
    assert len(artifacts.list(RelPath())) == 300
    assert len(made) <= MOST
    each(range(300), lambda number: artifacts.put_bytes(b"x", at(f"f{number}")), at_once=64)
    assert len(artifacts._server.client.pool._free) <= MOST
    assert len(server.tree()) >= 1


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("size", [PART, PART + 1, 2 * PART, 5 * PART + 7])
def test_large_files_go_in_parts(
    artifacts: HttpArtifacts, tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts: list[int] = []
    put = http_uploads.Upload.put
    monkeypatch.setattr(
        http_uploads.Upload, "put", lambda self, id_, number, data: parts.append(number) or put(self, id_, number, data)
    )
    data = os.urandom(size)
    source = written(tmp_path, "큰 것", data)
    told: list[int] = []
    artifacts.put_file(source, at(f"dir/{ODD[0]}"), told.append)
    assert content(artifacts, f"dir/{ODD[0]}") == data
    assert sum(told) == size
    assert sorted(parts) == ([] if size <= PART else list(range(1, -(-size // PART) + 1)))
    parts.clear()
    artifacts.put_file(source, at(f"dir/{ODD[0]}"))
    assert content(artifacts, f"dir/{ODD[0]}") == data


@pytest.mark.usefixtures("small_parts")
def test_an_upload_goes_on_where_it_broke_off(
    artifacts: HttpArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: Started
) -> None:
    artifacts.put_bytes(b"old", at("d/f"))
    data = os.urandom(10 * PART)
    source = written(tmp_path, "f", data)
    sent: list[int] = []
    put = http_uploads.Upload.put

    def break_off(self: Any, upload_id: str, number: int, data: bytes) -> str:
        if number == 6:
            raise KeyboardInterrupt
        sent.append(number)
        return put(self, upload_id, number, data)

    monkeypatch.setattr(http_uploads, "_AT_ONCE", 1)
    monkeypatch.setattr(http_uploads.Upload, "put", break_off)
    with pytest.raises(KeyboardInterrupt):
        artifacts.put_file(source, at("d/f"))
    assert content(artifacts, "d/f") == b"old"
    assert [item.path for item in artifacts.list(at("d"))] == ["d/f"]
    assert sent == [1, 2, 3, 4, 5]
    sent.clear()
    monkeypatch.setattr(http_uploads.Upload, "put", lambda *a: sent.append(a[2]) or put(*a))
    told: list[int] = []
    opened(str(artifacts.location), server.address).put_file(source, at("d/f"), told.append)
    assert sent == [6, 7, 8, 9, 10]
    assert sum(told) == len(data)
    assert content(artifacts, "d/f") == data


@pytest.mark.usefixtures("small_parts")
def test_a_file_that_changes_while_it_is_sent(
    artifacts: HttpArtifacts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there stays, or the new file comes whole."""
    artifacts.put_bytes(b"old", at("f"))
    source = written(tmp_path, "f", b"a" * 4 * PART)
    put = http_uploads.Upload.put

    def shorten(*arguments: Any) -> str:
        os.truncate(source, PART)
        return put(*arguments)

    monkeypatch.setattr(http_uploads, "_AT_ONCE", 1)
    monkeypatch.setattr(http_uploads.Upload, "put", shorten)
    with pytest.raises(MillstreamError, match="shorter"):
        artifacts.put_file(source, at("f"))
    assert content(artifacts, "f") == b"old"


def test_places_are_resolved_by_the_tracking_uri(artifacts: HttpArtifacts, server: Started) -> None:
    artifacts.put_bytes(b"x", at("d/한글 #.txt"))
    path = artifacts.location.path
    host = f"127.0.0.1:{server.port}"
    web = f"{server.address}/api/2.0/mlflow-artifacts/artifacts{path}"
    for uri, tracking in (
        (f"mlflow-artifacts:{path}", server.address),
        (f"mlflow-artifacts:{path}/", f"{server.address}/"),
        (f"mlflow-artifacts://{host}{path}", "http://localhost:1"),
        (web, None),
        (web.replace("/api/", "/ajax-api/"), "mlruns"),
    ):
        found = opened(uri, tracking)
        assert [item.path for item in found.list(at("d"))] == ["d/한글 #.txt"], uri
        assert content(found, "d/한글 #.txt") == b"x"
    for uri, tracking in (
        (f"mlflow-artifacts:{path}", None),
        (f"mlflow-artifacts:{path}", "sqlite:///x.db"),
        ("https://example.org/file.txt", server.address),
    ):
        with pytest.raises(NotSupported):
            opened(uri, tracking)
    with pytest.raises(InvalidValue):
        opened("mlflow-artifacts://:5000/x", server.address)


def test_uris_are_fetched(
    artifacts: HttpArtifacts, server: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    artifacts.put_bytes(b"x", at("d/한 글.txt"))
    uri = f"{artifacts.location}/d"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)
    assert [item.path for item in list_artifacts(uri)] == ["d/한 글.txt"]
    fetched = Path(download_artifacts(artifact_uri=f"{uri}/한 글.txt", dst_path=str(tmp_path)))
    assert (fetched, fetched.read_bytes()) == (tmp_path / "한 글.txt", b"x")
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    assert Path(download_artifacts(artifact_uri=uri, tracking_uri=server.address), "한 글.txt").read_bytes() == b"x"


def test_memory_does_not_grow_with_files(artifacts: HttpArtifacts, tmp_path: Path) -> None:
    source = tmp_path / "big"
    with source.open("wb") as file:
        for number in range(200):
            file.write(bytes([number]) * 2**20)
    artifacts.put_bytes(b"", at("warm"))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    artifacts.put_file(source, at("big"))
    artifacts.download(at("big"), tmp_path / "back")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 100
    assert (tmp_path / "back" / "big").stat().st_size == source.stat().st_size
    with source.open("rb") as one, (tmp_path / "back" / "big").open("rb") as other:
        assert hashlib.file_digest(one, "sha256").digest() == hashlib.file_digest(other, "sha256").digest()
