"""Artifacts behind a server whose files are in a bucket: straight from and to it, and through the server otherwise."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.artifacts import http_downloads, http_uploads
from millstream.drivers.artifacts.http import HttpArtifacts
from millstream.drivers.artifacts.proxied import close_servers, straight
from millstream.drivers.rest import retries
from tests.drivers.depots import ODD, at, content, opened, written
from tests.server.started import Started, started

PART = 5 * 2**20  # the least that S3 takes
SIZE = 3 * PART + 5


@pytest.fixture
def server(s3: str, tmp_path: Path) -> Iterator[Started]:
    (tmp_path / "server").mkdir()
    with started((tmp_path / "mlruns").as_uri(), tmp_path / "server", "--artifacts-destination", s3) as found:
        yield found


@pytest.fixture
def artifacts(server: Started, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpArtifacts]:
    monkeypatch.setattr(http_uploads, "PART", PART)
    monkeypatch.setattr("millstream.drivers.artifacts.http.LARGE", PART)
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0)
    made = server.api("experiments/create", name="in a bucket")["experiment_id"]
    uri = server.api("runs/create", experiment_id=made)["run"]["info"]["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:")
    yield opened(uri, server.address)
    close_servers()


@pytest.fixture
def through(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Parts that went through the server."""
    found: list[int] = []
    put = http_uploads.Upload.put
    monkeypatch.setattr(http_uploads.Upload, "put", lambda *a: found.append(a[2]) or put(*a))
    return found


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that were asked past the server."""
    found: list[str] = []

    def note(url: str) -> Any:
        found.append(url)
        return straight(url)

    for module in (http_uploads, http_downloads):
        monkeypatch.setattr(module, "straight", note)
    return found


def test_large_files_go_past_the_server(
    artifacts: HttpArtifacts, tmp_path: Path, through: list[int], past: list[str]
) -> None:
    source = written(tmp_path, "f", os.urandom(SIZE))
    artifacts.put_file(source, at(ODD[0]))
    assert (through, len(past)) == ([], 4)
    assert content(artifacts, ODD[0]) == source.read_bytes()
    goal = artifacts.download(at(ODD[0]), tmp_path / "back")
    assert goal.read_bytes() == source.read_bytes()
    assert len(past) == 6
    assert os.listdir(tmp_path / "back") == ["빈 칸 100% #?.txt"]
    artifacts.put_bytes(b"small", at("s"))
    assert content(artifacts, "s") == b"small"
    artifacts.download(at(""), tmp_path / "all")
    assert sorted(path.name for path in (tmp_path / "all").rglob("*") if path.is_file()) == ["s", "빈 칸 100% #?.txt"]
    assert all("secret" not in url for url in past)


def test_where_the_bucket_cannot_be_reached_they_go_through(
    artifacts: HttpArtifacts, tmp_path: Path, through: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (http_uploads, http_downloads):
        monkeypatch.setattr(module, "straight", lambda _: straight("http://127.0.0.1:1/x"))
    source = written(tmp_path, "f", os.urandom(SIZE))
    artifacts.put_file(source, at("f"))
    assert sorted(through) == [1, 2, 3, 4]
    assert content(artifacts, "f") == source.read_bytes()
    assert not artifacts._server.direct, "for some minutes nobody tries it again"


def test_where_the_bucket_refuses_they_go_through(
    artifacts: HttpArtifacts, tmp_path: Path, through: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (http_uploads, http_downloads):
        monkeypatch.setattr(module, "straight", lambda url: straight(f"{url}0"))
    source = written(tmp_path, "f", os.urandom(SIZE))
    artifacts.put_file(source, at("f"))
    assert sorted(through) == [1, 2, 3, 4]
    assert artifacts.download(at("f"), tmp_path / "back").read_bytes() == source.read_bytes()


def test_a_person_may_want_everything_to_go_through(
    artifacts: HttpArtifacts, tmp_path: Path, past: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD", "false")
    source = written(tmp_path, "f", os.urandom(SIZE))
    artifacts.put_file(source, at("f"))
    assert artifacts.download(at("f"), tmp_path / "back").read_bytes() == source.read_bytes()
    assert past == []


def test_an_upload_goes_on_whichever_way_it_began(
    artifacts: HttpArtifacts, tmp_path: Path, through: list[int], past: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path, "f", os.urandom(SIZE))
    stored = http_uploads.Upload.stored

    def break_off(self: Any, number: int, etag: str, size: int) -> None:
        if number == 3:
            raise KeyboardInterrupt
        stored(self, number, etag, size)

    monkeypatch.setattr(http_uploads, "_AT_ONCE", 1)
    monkeypatch.setattr(http_uploads.Upload, "stored", break_off)
    with pytest.raises(KeyboardInterrupt):
        artifacts.put_file(source, at("f"))
    assert len(past) == 3
    assert artifacts.list(at("")) == []
    monkeypatch.setattr(http_uploads.Upload, "stored", stored)
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    artifacts.put_file(source, at("f"))
    assert through == [4]
    assert content(artifacts, "f") == source.read_bytes()
    assert [item.path for item in artifacts.list(at(""))] == ["f"]
