"""Artifacts behind servers that say what they should not, or less than they should."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from millstream.drivers.artifacts import http_uploads
from millstream.drivers.artifacts.http import HttpArtifacts
from millstream.drivers.rest import retries
from millstream.formats.digests import print_digest, sha256
from millstream.values.errors import BadRequest, InvalidValue, MillstreamError, NotPermitted, StorageFailed, Unavailable
from millstream.values.paths import RelPath
from tests.drivers.depots import ODD, Answer, Script, at, opened, scripted, written

PART = 64 * 2**10


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits between tries."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0)


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are large from 64 KB on."""
    monkeypatch.setattr(http_uploads, "PART", PART)
    monkeypatch.setattr("millstream.drivers.artifacts.http.LARGE", PART)


@pytest.fixture
def script() -> Iterator[Script]:
    with scripted() as found:
        yield found


def of(script: Script) -> HttpArtifacts:
    return opened("mlflow-artifacts:/0/run/artifacts", script.address)


HOSTILE = ("..", "../x", "/etc/passwd", "a/../../x", "a\\..\\b", "C:x", "%2e%2e", "a\0b", "..%2fx", "", ".", "a/b")


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("is_dir", [False, True])
def test_a_hostile_listing_leads_nowhere(script: Script, tmp_path: Path, name: str, is_dir: bool) -> None:
    entries = [{"path": "good", "is_dir": False, "file_size": 4}, {"path": name, "is_dir": is_dir}]

    def answer(_method: str, path: str, _headers: dict[str, str]) -> Answer:
        if "?path=" in path:
            deep = path.endswith("good") or not path.endswith("/artifacts/d")
            return 200, {}, json.dumps({"files": [] if deep else entries}).encode()
        return 200, {}, b"evil"

    script.answer = answer
    target = tmp_path / "a" / "b"
    with pytest.raises(InvalidValue, match="no file here may be"):
        of(script).download(at("d"), target)
    assert [item.path for item in of(script).list(at("d"))] == ["d/good"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_listing_without_end_is_refused(script: Script, tmp_path: Path) -> None:
    script.answer = lambda *_: (200, {}, b'{"files": [{"path": "d", "is_dir": true}]}')
    with pytest.raises(InvalidValue, match="64"):
        of(script).download(at("d"), tmp_path)


@pytest.mark.parametrize("answer", [b"[]", b"x", b'{"files": 1}', b'{"files": [{}]}', b'"\xff"'])
def test_a_listing_that_is_none(script: Script, answer: bytes) -> None:
    script.answer = lambda *_: (200, {}, answer)
    with pytest.raises(BadRequest):
        of(script).list(RelPath())


DATA = bytes(range(256)) * 400


@pytest.mark.parametrize("etag", ['"v1"', "", 'W/"v1"'])
def test_a_download_that_breaks_off_goes_on(script: Script, tmp_path: Path, etag: str) -> None:
    """Of the same version; where the server names none, from the start."""
    cuts = iter([10_000, 20_000, 1, 0, 30_000])

    def answer(_method: str, path: str, headers: dict[str, str]) -> Answer:
        if "?path=" in path:
            return 200, {}, b"{}"
        start = int(headers["range"][6:-1]) if headers.get("if-range") == etag and "range" in headers else 0
        more = {"ETag": etag, "Content-Length": str(len(DATA) - start)}
        more |= {"Content-Range": f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"} if start else {}
        return 206 if start else 200, more, DATA[start : start + next(cuts, len(DATA))]

    script.answer = answer
    told: list[int] = []
    meter: list[int] = []
    of(script).download(at("f"), tmp_path, lambda done, total: meter.append(done))
    assert (tmp_path / "f").read_bytes() == DATA
    assert os.listdir(tmp_path) == ["f"]
    ranges = [headers.get("range") for method, path, headers in script.requests if "?path=" not in path]
    assert ranges == (
        [None, "bytes=10000-", "bytes=30000-", "bytes=30001-", "bytes=30001-", "bytes=60001-"]
        if etag == '"v1"'
        else [None] * 6
    )
    assert not told


def test_two_versions_are_never_mixed(script: Script, tmp_path: Path) -> None:
    versions = [b"a" * 50_000, b"b" * 60_000]
    asked: list[int] = []

    def answer(_method: str, path: str, headers: dict[str, str]) -> Answer:
        if "?path=" in path:
            return 200, {}, b"{}"
        asked.append(1)
        data = versions[min(len(asked) - 1, 1)]
        cut = 1000 if len(asked) == 1 else len(data)
        if len(asked) == 2:
            # A server that knows no If-Range.
            rest = data[1000:]
            return 206, {"ETag": '"2"', "Content-Range": f"bytes 1000-{len(data) - 1}/{len(data)}"}, rest
        return 200, {"ETag": f'"{len(data)}"', "Content-Length": str(len(data))}, data[:cut]

    script.answer = answer
    of(script).download(at("f"), tmp_path)
    assert (tmp_path / "f").read_bytes() == versions[1]


def test_a_download_that_is_not_what_was_sent(script: Script, tmp_path: Path) -> None:
    good = print_digest(hashlib.sha256(b"good").hexdigest())
    bodies = iter([b"goof", b"good"])

    def answer(_method: str, path: str, headers: dict[str, str]) -> Answer:
        if "?path=" in path:
            return 200, {}, b"{}"
        assert headers["want-repr-digest"] == "sha-256=1"
        return 200, {"Repr-Digest": good, "ETag": '"e"'}, next(bodies, b"bad!")

    script.answer = answer
    of(script).download(at("f"), tmp_path)
    assert (tmp_path / "f").read_bytes() == b"good"
    with pytest.raises(Unavailable, match="SHA-256"):
        of(script).download(at("f"), tmp_path)
    assert (tmp_path / "f").read_bytes() == b"good"
    assert os.listdir(tmp_path) == ["f"]


def test_a_login_goes_to_the_tracking_host_only(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    port = urlsplit(script.address).port
    for uri, tracking, known in (
        ("mlflow-artifacts:/x", script.address, True),
        (f"mlflow-artifacts://127.0.0.1:{port}/x", "http://127.0.0.1:1", True),
        (f"mlflow-artifacts://127.0.0.1:{port}/x", "http://localhost:1", False),
        (f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/x", "https://127.0.0.1", False),
        (f"http://127.0.0.1:{port}/api/2.0/mlflow-artifacts/artifacts/x", None, False),
    ):
        script.requests.clear()
        opened(uri, tracking).list(RelPath())
        assert script.requests[0][2].get("authorization") == ("Bearer secret" if known else None), uri


def test_refusals_are_told(script: Script, tmp_path: Path) -> None:
    said = b'{"error_code": "X", "message": "\xed\x99\x94"}'
    for status, kind in ((403, NotPermitted), (404, MillstreamError), (507, MillstreamError), (503, Unavailable)):
        script.answer = lambda *_, status=status: (status, {}, said)
        with pytest.raises(kind):
            of(script).put_bytes(b"x", at("f"))
    script.answer = lambda *_: (507, {}, said)
    script.requests.clear()
    with pytest.raises(MillstreamError, match="화"):
        of(script).put_file(written(tmp_path, "f", b"x"), at("f"))
    assert len(script.requests) == 1, "nobody tries again what cannot be"


@pytest.mark.usefixtures("small_parts")
def test_a_server_that_takes_no_parts_gets_the_file_whole(script: Script, tmp_path: Path) -> None:
    no = b'{"error_code": "NOT_IMPLEMENTED", "message": "Multipart upload is not supported"}'
    script.answer = lambda method, *_: (501, {}, no) if method == "POST" else (200, {}, b"")
    found = of(script)
    for _ in range(2):
        found.put_file(written(tmp_path, "f", b"x" * 3 * PART), at("f"))
    assert [path.partition("artifacts/")[0] for path in script.paths()] == [
        "POST /pre/api/2.0/mlflow-",
        "PUT /pre/api/2.0/mlflow-",
        "PUT /pre/api/2.0/mlflow-",
    ]


WRONG = b'{"error_code": "INVALID_PARAMETER_VALUE", "message": "its SHA-256 is another"}'


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_is_not_what_was_sent_begins_again_once(script: Script, tmp_path: Path) -> None:
    refused: list[int] = []
    parts = [{"part_number": number, "size": PART, "etag": sha256(b"x" * PART)} for number in (1, 2)]

    def answer(method: str, path: str, _headers: dict[str, str]) -> Answer:
        if path.endswith("/mpu/create/0/run/artifacts"):
            return 200, {}, json.dumps({"upload_id": "u", "parts": [] if refused else parts}).encode()
        if method == "PUT":
            return 200, {}, b'{"etag": "e"}'
        if most > len(refused):
            refused.append(1)
            return 400, {}, WRONG
        return 200, {}, b"{}"

    script.answer = answer
    source = written(tmp_path, "f", b"x" * 3 * PART)
    most, told = 1, list[int]()
    of(script).put_file(source, at("f"), told.append)
    sent = [path.partition("mpu/")[2].partition("/")[0] for path in script.paths()]
    assert sent == ["create", "part", "complete", "create", "part", "part", "part", "complete"]
    assert sum(told) == 3 * PART
    assert -3 * PART in told
    most = 3
    with pytest.raises(InvalidValue, match="another"):
        of(script).put_file(source, at("f"))
    assert len(refused) == 3


@pytest.mark.usefixtures("small_parts")
def test_an_upload_that_cannot_be_gone_on_with_is_ended(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's server takes parts past itself only, and a person may want none to go there."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "false")
    begun = {"upload_id": "u", "credentials": [{"url": "http://127.0.0.1:1/", "part_number": n} for n in (1, 2, 3)]}
    script.answer = lambda _method, path, _headers: (200, {}, json.dumps(begun).encode() if "create" in path else b"")
    of(script).put_file(written(tmp_path, "f", b"x" * 3 * PART), at("f"))
    assert [path.split("/artifacts/")[0].rsplit("/0")[0].rsplit("/mlflow-")[1] for path in script.paths()] == [
        "artifacts/mpu/create",
        "artifacts/mpu/abort",
        "artifacts",
    ]


@pytest.mark.usefixtures("small_parts")
def test_one_path_that_is_refused_says_nothing_of_parts(script: Script, tmp_path: Path) -> None:
    script.answer = lambda *_: (400, {}, WRONG)
    found = of(script)
    with pytest.raises(InvalidValue):
        found.put_file(written(tmp_path, "f", b"x" * 3 * PART), at("f"))
    assert found._server.takes_parts


def test_a_file_that_becomes_shorter_is_no_matter_of_trying_again(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = written(tmp_path, "f", b"x" * (2**20 + 1))
    monkeypatch.setattr("os.fstat", lambda *_: os.stat_result((0,) * 6 + (2**21, 0, 0, 0)))
    with pytest.raises(StorageFailed, match="shorter"):
        of(script).put_file(source, at("f"))


ADDRESSES = (
    {"url": "http://127.0.0.1:1/a b"},
    {"url": "http://127.0.0.1:1/한글"},
    {"url": "http://user:pw@127.0.0.1:1/x"},
    {"url": "file:///etc/passwd"},
    {"url": "http://127.0.0.1:1/", "headers": {"X": "y\r\nHost: evil"}},
    {"url": "http://127.0.0.1:1/", "headers": {"X\r\nY": "y"}},
)


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
def test_an_address_that_is_none_leads_nowhere(script: Script, tmp_path: Path, address: dict[str, Any]) -> None:
    said = json.dumps({**address, "file_size": "2000000"}).encode()
    script.answer = lambda _method, path, _headers: (200, {}, said if "presigned" in path else b"through the server")
    found = of(script)
    found._server._signs = True
    with found.open(at("f")) as file:
        assert file.read() == b"through the server"
    assert not found._server.direct


@pytest.mark.parametrize("said", [b"<html>", b"[]", b'{"url": 5}'])
def test_addresses_in_words_of_its_own(script: Script, said: bytes) -> None:
    script.answer = lambda *_: (200, {}, said)
    found = of(script)
    assert not found._server.signs(), "it says 404"
    found._server._signs = True
    with pytest.raises(BadRequest):
        found.open(at("f"))


def test_paths_are_sent_as_they_are(script: Script) -> None:
    of(script).put_bytes(b"", at(f"d/{ODD[0]}"))
    assert unquote(script.requests[0][1]).endswith(f"/0/run/artifacts/d/{ODD[0]}")
