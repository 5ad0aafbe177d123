"""Artifacts over HTTP: whole, in parts, up and down, and never outside of the run."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from millstream.stores.base import Store
from millstream.values.paths import RelPath
from tests.server.conftest import Client, Reply

UPLOAD = "/ajax-api/2.0/mlflow/upload-artifact"
DATA = bytes(range(256)) * 5000


@pytest.fixture
def run_id(client: Client) -> str:
    return client.new_run()


@pytest.fixture
def root(store: Store, run_id: str) -> Path:
    """Where the run's artifacts lie."""
    path = store.artifacts(run_id).local_path(RelPath())
    assert path is not None
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def fetch(client: Client, run_id: str) -> Callable[..., Reply]:
    """Downloads an artifact by name."""
    return lambda path, **headers: client.get(
        f"/get-artifact?run_id={run_id}&path={quote(path)}",
        {name.replace("_", "-"): value for name, value in headers.items()},
    )


def test_a_file_is_an_attachment_in_a_sandbox(root: Path, fetch: Callable[..., Reply]) -> None:
    (root / "page.html").write_text("<script>alert(1)</script>")
    reply = fetch("page.html")
    assert (reply.status, reply.body) == (200, b"<script>alert(1)</script>")
    assert reply.headers["content-disposition"] == 'attachment; filename="page.html"'
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cross-origin-resource-policy"] == "same-origin"
    assert reply.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("손실.png", "__.png"),
        ('a"b;c.txt', "a_b_c.txt"),
        ("a\r\nset-cookie: x.txt", None),
        ("100%.csv", "100_.csv"),
        ("a b(1).bin", "a b(1).bin"),
    ],
)
def test_names_of_downloads(root: Path, fetch: Callable[..., Reply], name: str, plain: str | None) -> None:
    (root / name).write_bytes(b"x")
    reply = fetch(name)
    if plain is None:
        assert reply.status == 400
        return
    value = reply.headers["content-disposition"]
    assert value.startswith(f'attachment; filename="{plain}"')
    assert ("filename*=UTF-8''" + quote(name, safe="") in value) == (plain != name)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-65545", 10, 65_546),
        ("bytes=1279999-", 1_279_999, 1_280_000),
        ("bytes=-5", 1_279_995, 1_280_000),
        ("bytes=1000000-99999999", 1_000_000, 1_280_000),
        ("bytes=-99999999", 0, 1_280_000),
    ],
)
def test_parts(root: Path, fetch: Callable[..., Reply], asked: str, start: int, end: int) -> None:
    (root / "data.bin").write_bytes(DATA)
    reply = fetch("data.bin", range=asked)
    assert (reply.status, reply.body) == (206, DATA[start:end])
    assert reply.headers["content-range"] == f"bytes {start}-{end - 1}/{len(DATA)}"
    assert reply.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=1280000-", "bytes=-0", "bytes=9999999-99999999"])
def test_parts_that_are_not_there(root: Path, fetch: Callable[..., Reply], asked: str) -> None:
    (root / "data.bin").write_bytes(DATA)
    reply = fetch("data.bin", range=asked)
    assert (reply.status, reply.headers["content-range"]) == (416, "bytes */1280000")
    assert reply.message


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=5-1", "lines=0-1", "bytes=-", "bytes=a-b", "bytes=1"])
def test_ranges_that_mean_nothing_give_the_whole_file(root: Path, fetch: Callable[..., Reply], asked: str) -> None:
    (root / "data.bin").write_bytes(DATA)
    reply = fetch("data.bin", range=asked)
    assert (reply.status, reply.body) == (200, DATA)


def test_a_known_file_is_not_sent_again(root: Path, fetch: Callable[..., Reply]) -> None:
    (root / "a.txt").write_text("one")
    first = fetch("a.txt")
    tag, date = first.headers["etag"], first.headers["last-modified"]
    assert first.headers["content-length"] == "3"
    assert fetch("a.txt", if_none_match=f'W/{tag}, "x"').status == 304
    assert fetch("a.txt", if_none_match="*").status == 304
    assert fetch("a.txt", if_modified_since=date).status == 304
    assert fetch("a.txt", if_modified_since="Mon, 01 Jan 2001 00:00:00 GMT").status == 200
    assert fetch("a.txt", if_modified_since="soon").status == 200
    assert fetch("a.txt", range="bytes=1-", if_range=tag).body == b"ne"
    (root / "a.txt").write_text("four")
    assert fetch("a.txt", if_none_match=tag).body == b"four"
    assert fetch("a.txt", range="bytes=1-", if_range=tag).body == b"four"


def test_head_and_empty_files(client: Client, run_id: str, root: Path, fetch: Callable[..., Reply]) -> None:
    (root / "empty").write_bytes(b"")
    assert (fetch("empty").status, fetch("empty").body) == (200, b"")
    (root / "data.bin").write_bytes(DATA)
    reply = client.send("HEAD", f"/get-artifact?run_uuid={run_id}&path=data.bin")
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"", str(len(DATA)))


def test_listing(client: Client, run_id: str, root: Path) -> None:
    (root / "모델 1").mkdir()
    (root / "모델 1" / "w.bin").write_bytes(b"123")
    (root / "a.txt").write_text("")
    base = f"/api/2.0/mlflow/artifacts/list?run_id={run_id}"
    reply = client.get(base).json()
    assert reply["files"] == [{"path": "a.txt", "is_dir": False, "file_size": 0}, {"path": "모델 1", "is_dir": True}]
    assert reply["root_uri"].endswith(f"{run_id}/artifacts")
    below = client.get(f"{base}&path={quote('모델 1')}").json()
    assert below["files"] == [{"path": "모델 1/w.bin", "is_dir": False, "file_size": 3}]
    assert set(client.get(f"{base}&path=none").json()) == {"root_uri"}


@pytest.mark.parametrize(("path", "status"), [("none", 404), ("dir", 400), ("empty", 400), ("dir/f/deeper", 404)])
def test_what_is_no_file(root: Path, fetch: Callable[..., Reply], path: str, status: int) -> None:
    (root / "dir").mkdir()
    (root / "dir" / "f").write_text("")
    (root / "empty").mkdir()
    reply = fetch(path)
    assert reply.status == status
    assert str(root) not in reply.message


HOSTILE = [
    "..%2Fsecret",
    "%2e%2e/secret",
    "%2e%2e%2fsecret",
    "%252e%252e%252fsecret",
    "%25252e%25252e/secret",
    "a/../../secret",
    "/etc/passwd",
    "//etc/passwd",
    "%2Fetc%2Fpasswd",
    "..%5Csecret",
    "..%255csecret",
    "C:/secret",
    "C:%5Csecret",
    "file:///etc/passwd%00",
    "secret%00.txt",
    "a%0Ab",
    "./secret",
    "a//b",
    "a/",
    "%C0%AE%C0%AE/secret",
    "x/" * 65 + "y",
    "x" * 256,
]


@pytest.mark.parametrize("path", HOSTILE)
def test_hostile_paths_are_refused_everywhere(client: Client, run_id: str, root: Path, path: str) -> None:
    secret = root.parent / "secret"
    secret.write_text("secret")
    octets = {"content-type": "application/octet-stream"}
    for method, target in (("GET", "/get-artifact"), ("GET", "/api/2.0/mlflow/artifacts/list"), ("POST", UPLOAD)):
        reply = client.send(method, f"{target}?run_id={run_id}&path={path}", b"changed", octets)
        assert reply.status == 400, (method, target, reply.body)
        assert b"root:" not in reply.body
    assert secret.read_text() == "secret"


def test_links_do_not_lead_out(client: Client, run_id: str, root: Path, fetch: Callable[..., Reply]) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "inside").write_text("inside")
    (root / "dir").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    (root / "loop").symlink_to(root / "loop")
    (root / "fine").symlink_to(root / "inside")
    for path in ("dir/secret", "file", "dir"):
        assert fetch(path).status in (400, 404), path
    assert fetch("fine").body == b"inside"
    names = {item["path"] for item in client.get(f"/api/2.0/mlflow/artifacts/list?run_id={run_id}").json()["files"]}
    assert names == {"inside", "fine"}
    assert client.get(f"/api/2.0/mlflow/artifacts/list?run_id={run_id}&path=dir").status in (200, 400)
    octets = {"content-type": "application/octet-stream"}
    assert client.send("POST", f"{UPLOAD}?run_id={run_id}&path=dir/new", b"x", octets).status == 400
    assert os.listdir(outside) == ["secret"]


@pytest.mark.parametrize("run", ["..", "../x", "%2e%2e", "a/b", "", "tags"])
def test_hostile_run_ids(client: Client, run: str) -> None:
    for target in ("/get-artifact", "/api/2.0/mlflow/artifacts/list"):
        assert client.get(f"{target}?run_id={run}&path=a").status == 400


def test_upload(client: Client, run_id: str, fetch: Callable[..., Reply]) -> None:
    octets = {"content-type": "application/octet-stream"}
    for data in (DATA * 2, b"", b"again"):
        reply = client.send("POST", f"{UPLOAD}?run_uuid={run_id}&path=a/b%20c.bin", data, octets, chunk=70_000)
        assert (reply.status, reply.json()) == (200, {})
        assert fetch("a/b c.bin").body == data


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
)
def test_uploads_that_a_strange_page_could_send_are_refused(
    client: Client, run_id: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    target = f"{UPLOAD}?run_id={run_id}&path=a"
    assert client.send("POST", target, b"x", headers).status == 400
    assert client.send("POST", target, b"x", headers | {"x-requested-with": "fetch"}).status == 200
    origin = {"content-type": "application/octet-stream", "origin": "http://evil.example"}
    assert client.send("POST", target, b"x", origin).status == 403


def test_uploads_need_a_run_and_a_name(client: Client, run_id: str) -> None:
    octets = {"content-type": "application/octet-stream"}
    assert client.send("POST", f"{UPLOAD}?run_id={run_id}", b"x", octets).status == 400
    assert client.send("POST", f"{UPLOAD}?run_id={run_id}&path=.", b"x", octets).status == 400
    assert client.send("POST", f"{UPLOAD}?run_id={'0' * 32}&path=a", b"x", octets).status == 404
