"""Uploads in parts that can go on: on the disk of the server, and in a bucket behind it."""

from __future__ import annotations

import hashlib
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
import pytest

from millstream.drivers.artifacts import local_parts
from millstream.drivers.artifacts.leftovers import TEMPORARY
from millstream.formats.digests import parse_digest, print_digest, sha256
from millstream.server.app import make_app, make_depot
from millstream.stores.open import close_stores, open_store
from millstream.values.errors import InvalidValue
from tests.server.conftest import Client, Reply

PROXY = "/api/2.0/mlflow-artifacts"
NAME = "한글 #1 100%?.bin"
PART = 5 * 2**20  # the least that S3 takes
DATA = os.urandom(2**16) * 160 + b"end"
TOKEN = "0123456789abcdef" * 2


class Sender(NamedTuple):
    """A client that sends to one directory of a run."""

    client: Client
    root: str
    bucket: bool
    disk: Path | None

    def ask(self, verb: str, **fields: Any) -> Reply:
        body = msgspec.json.encode({"path": NAME, "token": TOKEN, **fields})
        return self.client.send("POST", f"{PROXY}/mpu/{verb}/{self.root}", body, {"content-type": "application/json"})

    def begin(self, size: int = len(DATA), part: int = PART, **fields: Any) -> Any:
        reply = self.ask("create", **{"num_parts": -(-size // part), "size": size, "part_size": part, **fields})
        assert reply.status == 200, reply.body
        return reply.json()

    def put(self, upload: str, number: int, data: bytes, digest: str | None = None, **headers: str) -> Reply:
        target = f"{PROXY}/mpu/part/{self.root}/{quote(NAME)}?upload_id={quote(upload, safe='')}&part_number={number}"
        sent = {"content-length": str(len(data)), "content-digest": print_digest(digest or sha256(data))}
        return self.client.send("PUT", target, data, {**sent, **headers}, chunk=300_000)

    def complete(self, upload: str, etags: dict[int, str], **fields: Any) -> Reply:
        parts = [{"part_number": number, "etag": etag} for number, etag in etags.items()]
        return self.ask("complete", **{"upload_id": upload, "parts": parts, "sha256": sha256(DATA), **fields})

    def get(self) -> Reply:
        return self.client.get(f"{PROXY}/artifacts/{self.root}/{quote(NAME)}")

    def names(self) -> list[str]:
        return [item["path"] for item in self.client.get(f"{PROXY}/artifacts?path={self.root}").json().get("files", [])]


def pieces(data: bytes = DATA, part: int = PART) -> dict[int, bytes]:
    return {number: data[start : start + part] for number, start in enumerate(range(0, len(data), part), 1)}


@pytest.fixture(params=["disk", "bucket"])
def sender(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sender]:
    destination = request.getfixturevalue("s3") if request.param == "bucket" else None
    store = open_store((tmp_path / "mlruns").as_uri())
    client = Client(make_app(store, artifacts_destination=destination))
    yield sending(client, bucket=destination is not None, disk=tmp_path)
    close_stores()


def sending(client: Client, *, bucket: bool = False, disk: Path | None = None) -> Sender:
    experiment = client.api("experiments/create", name=str(time.time()))["experiment_id"]
    uri = client.api("runs/create", experiment_id=experiment)["run"]["info"]["artifact_uri"]
    return Sender(client, quote(uri.removeprefix("mlflow-artifacts:/")), bucket, disk)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Sender]:
    yield sending(Client(make_app(open_store((tmp_path / "mlruns").as_uri()))), disk=tmp_path)
    close_stores()


def test_parts_come_in_any_order_and_are_gone_on_with(sender: Sender) -> None:
    assert sender.client.send("PUT", f"{PROXY}/artifacts/{sender.root}/{quote(NAME)}", b"old").status == 200
    upload = sender.begin()["upload_id"]
    for number in (3, 1):
        assert sender.put(upload, number, pieces()[number]).status == 200
    assert sender.get().body == b"old"
    assert sender.names() == [NAME]
    again = sender.begin()
    assert again["upload_id"] == upload
    assert [(part["part_number"], part["size"]) for part in again["parts"]] == [(1, PART), (3, len(DATA) % PART)]
    etags = {part["part_number"]: part["etag"] for part in again["parts"]}
    kind = hashlib.md5 if sender.bucket else hashlib.sha256
    assert etags[1] == kind(pieces()[1]).hexdigest()
    etags[2] = sender.put(upload, 2, pieces()[2]).json()["etag"]
    for _ in range(2):
        assert sender.complete(upload, etags).status == 200, "also when it is asked twice because an answer was lost"
    assert sender.get().body == DATA
    assert sender.names() == [NAME]
    assert sender.begin()["parts"] == [], "a new one"


def test_a_part_that_was_damaged_does_not_count(sender: Sender) -> None:
    upload = sender.begin()["upload_id"]
    refused = sender.put(upload, 1, pieces()[1], digest=sha256(b"other"))
    assert (refused.status, "SHA-256" in refused.message) == (400, True)
    if not sender.bucket:
        assert sender.begin()["parts"] == []
    etags = {number: sender.put(upload, number, data).json()["etag"] for number, data in pieces().items()}
    assert sender.complete(upload, etags).status == 200
    assert sender.get().body == DATA


def test_without_all_parts_there_is_no_file(sender: Sender) -> None:
    upload = sender.begin()["upload_id"]
    etags = {number: sender.put(upload, number, pieces()[number]).json()["etag"] for number in (1, 2)}
    assert sender.get().status == 404
    wrong = {1: etags[2], 2: etags[1], 3: etags[1]}
    assert sender.complete(upload, wrong).status == 400
    if not sender.bucket:
        assert sender.complete(upload, etags).status == 400
        assert sender.complete(upload, {}).status == 400
    assert sender.get().status == 404
    assert sender.ask("abort", upload_id=upload).status == 200
    assert sender.put(upload, 3, pieces()[3]).status == 404
    assert sender.complete(upload, etags).status in (400, 404)
    assert sender.begin()["parts"] == []


def test_who_asks_again_while_the_whole_is_compared_hears_that_it_is_there(
    local: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that has waited too long for the checksum of a large file, say."""
    upload = local.begin()["upload_id"]
    etags = {number: local.put(upload, number, data).json()["etag"] for number, data in pieces().items()}
    statuses: list[int] = []
    digest = local_parts._Inside.digest

    def compare(inside: local_parts._Inside, name: str) -> str:
        found = digest(inside, name)
        monkeypatch.undo()
        statuses.append(local.complete(upload, etags).status)
        return found

    monkeypatch.setattr(local_parts._Inside, "digest", compare)
    statuses.append(local.complete(upload, etags).status)
    assert statuses == [200, 200]
    assert local.get().body == DATA
    assert local.names() == [NAME]


def test_a_whole_that_is_another_is_not_published(local: Sender) -> None:
    upload = local.begin()["upload_id"]
    etags = {number: local.put(upload, number, data).json()["etag"] for number, data in pieces().items()}
    refused = local.complete(upload, etags, sha256=sha256(b"another"))
    assert (refused.status, "SHA-256" in refused.message) == (400, True)
    assert local.get().status == 404
    assert local.begin()["parts"] == [], "it begins anew"
    # What the disk lost below a mark of a part is found as well.
    etags = {number: local.put(upload, number, data).json()["etag"] for number, data in pieces().items()}
    (data,) = [path for path in (local.disk or Path()).rglob("data") if TEMPORARY in str(path)]
    with data.open("r+b") as file:
        file.seek(PART + 5)
        file.write(b"?")
    assert local.complete(upload, etags).status == 400
    assert local.get().status == 404
    assert local.names() == []


def test_a_part_that_is_there_is_not_written_over(local: Sender) -> None:
    upload = local.begin()["upload_id"]
    etags = {number: local.put(upload, number, data).json()["etag"] for number, data in pieces().items()}
    assert local.put(upload, 1, bytes(PART), digest=etags[1]).status == 400
    assert local.put(upload, 1, pieces()[1]).json()["etag"] == etags[1]
    assert local.complete(upload, etags).status == 200
    assert local.get().body == DATA


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "../../x"},
        {"token": TOKEN.upper()},
        {"token": TOKEN + "0"},
        {"size": 0},
        {"size": -1},
        {"size": 2**63 - 1},
        {"part_size": 0},
        {"part_size": -5},
        {"num_parts": 2},
        {"part_size": 1, "num_parts": len(DATA)},
        {"path": "..", "token": TOKEN},
    ],
)
def test_plans_that_are_none(local: Sender, wrong: dict[str, Any]) -> None:
    plan = {"num_parts": 3, "size": len(DATA), "part_size": PART}
    refused = local.ask("create", **{**plan, **wrong})
    assert refused.status == 400, refused.body
    assert local.names() == []
    assert not [path for path in (local.disk or Path()).rglob("*") if TEMPORARY in path.name]


def test_parts_that_are_none(local: Sender) -> None:
    upload = local.begin()["upload_id"]
    part = pieces()[1]
    for number in (0, 4, -1, 2**31):
        assert local.put(upload, number, part).status == 400
    assert local.put(upload, 3, part).status == 400
    assert local.put(upload, 1, part[:-1]).status == 400
    assert local.put(upload, 1, part, **{"content-digest": ""}).status == 400
    assert local.put(upload, 1, part, **{"content-digest": "sha-256=:AAAA:"}).status == 400
    assert local.put(upload, 1, part + b"more", **{"content-length": str(PART)}).status == 400
    assert local.put(upload, 1, part[:-4], **{"content-length": str(PART)}).status == 400
    for name in ("../../meta.yaml", "x", TOKEN, upload.upper(), upload[:-1] + "g", ""):
        assert local.put(name, 1, part).status in (400, 404)
        assert local.ask("complete", upload_id=name or "x", parts=[]).status in (400, 404)
    assert local.begin()["parts"] == []
    nowhere = Sender(local.client, "0/" + "0" * 32 + "/artifacts", False, None)
    assert nowhere.put(upload, 1, part).status == 404
    assert nowhere.ask("create", num_parts=1, size=1, part_size=1).status == 404


def test_what_broke_off_a_day_ago_goes(local: Sender) -> None:
    upload = local.begin()["upload_id"]
    assert local.put(upload, 1, pieces()[1]).status == 200
    disk = local.disk or Path()
    (left,) = [path for path in disk.rglob(f"{TEMPORARY}*") if path.is_dir()]
    local.begin(token="f" * 32)
    assert left.is_dir()
    os.utime(left, (time.time() - 90_000,) * 2)
    local.begin(token="e" * 32)
    assert not left.exists()
    assert local.put(upload, 2, pieces()[2]).status == 404
    for other in disk.rglob(f"{TEMPORARY}*"):
        os.utime(other, (time.time() - 90_000,) * 2)
    assert local.names() == []
    assert not list(disk.rglob(f"{TEMPORARY}*"))


def test_of_a_bucket_too(s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = sending(
        Client(make_app(open_store((tmp_path / "mlruns").as_uri()), artifacts_destination=s3)), bucket=True
    )
    upload = sender.begin()["upload_id"]
    assert sender.put(upload, 1, pieces()[1]).status == 200
    monkeypatch.setattr("millstream.drivers.artifacts.s3.FORGOTTEN_SECONDS", -1)
    other = sender.begin(token="f" * 32)
    assert other["upload_id"] != upload
    assert sender.put(upload, 2, pieces()[2]).status == 404
    close_stores()


def test_parts_go_past_the_server_too(s3: str, tmp_path: Path) -> None:
    sender = sending(
        Client(make_app(open_store((tmp_path / "mlruns").as_uri()), artifacts_destination=s3)), bucket=True
    )
    begun = sender.begin()
    assert len(begun["credentials"]) == 3
    etags = {}
    for address in begun["credentials"]:
        number = address["part_number"]
        if number == 2:
            etags[number] = sender.put(begun["upload_id"], number, pieces()[number]).json()["etag"]
            continue
        request = urllib.request.Request(address["url"], pieces()[number], method="PUT")
        with urllib.request.urlopen(request) as reply:
            etags[number] = reply.headers["ETag"]
    assert sender.complete(begun["upload_id"], etags).status == 200
    assert sender.get().body == DATA
    assert sender.names() == [NAME]
    close_stores()


def test_mlflows_own_client_is_told_to_send_files_whole(local: Sender) -> None:
    reply = local.ask("create", num_parts=3, token="")
    assert (reply.status, reply.message) == (
        501,
        "Multipart upload is not supported for the current artifact repository.",
    )


def test_a_server_of_artifacts_alone(tmp_path: Path) -> None:
    for root in ("", "any/where"):
        sender = Sender(Client(make_depot(str(tmp_path / "place"))), root, False, tmp_path)
        body = {"num_parts": 1, "size": 3, "part_size": 3, "path": NAME, "token": TOKEN}
        send = sender.client.send
        typed = {"content-type": "application/json"}
        begun = json.loads(send("POST", f"{PROXY}/mpu/create/{root}", json.dumps(body).encode(), typed).body)
        at = f"{root}/{quote(NAME)}".lstrip("/")
        target = f"{PROXY}/mpu/part/{at}?upload_id={begun['upload_id']}&part_number=1"
        headers = {"content-length": "3", "content-digest": print_digest(sha256(b"abc"))}
        etag = json.loads(send("PUT", target, b"abc", headers).body)["etag"]
        done = {"path": NAME, "token": TOKEN, "upload_id": begun["upload_id"], "sha256": sha256(b"abc")}
        done |= {"parts": [{"part_number": 1, "etag": etag}]}
        assert send("POST", f"{PROXY}/mpu/complete/{root}", json.dumps(done).encode(), typed).status == 200
        assert sender.client.get(f"{PROXY}/artifacts/{at}").body == b"abc"


def test_only_what_is_missing_needs_room(local: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    assert local.put(local.begin()["upload_id"], 1, pieces()[1]).status == 200

    def leave(free: int) -> None:
        monkeypatch.setattr(os, "statvfs", lambda _place: SimpleNamespace(f_bavail=free, f_frsize=1))

    leave(len(DATA) - PART)
    assert len(local.begin()["parts"]) == 1
    leave(len(DATA) - PART - 1)
    assert local.ask("create", num_parts=3, size=len(DATA), part_size=PART).status == 507


def test_a_file_without_room_is_refused_before_it_comes(local: Sender) -> None:
    found = os.statvfs(local.disk or "/")
    free = found.f_bavail * found.f_frsize
    part = 5 * 2**30
    refused = local.ask("create", num_parts=-(-(free * 2) // part), size=free * 2, part_size=part)
    assert (refused.status, "no room" in refused.message) == (507, True)
    assert str(local.disk) not in refused.message


def test_whole_bodies_are_compared_with_their_checksum(local: Sender) -> None:
    at = f"{PROXY}/artifacts/{local.root}/f"
    for data in (b"", b"x" * 1000, bytes(3 * 2**20)):
        refused = local.client.send("PUT", at, data, {"content-digest": print_digest(sha256(b"other"))})
        assert refused.status == 400
        assert local.client.get(at).status == 404
        sent = local.client.send("PUT", at, data, {"content-digest": print_digest(sha256(data))})
        assert sent.status == 200
        reply = local.client.get(at, {"want-repr-digest": "sha-256=1"})
        assert reply.body == data
        assert len(data) > 2**18 or parse_digest(reply.headers["repr-digest"]) == sha256(data)
        assert local.client.send("DELETE", at).status == 200


@pytest.mark.parametrize("text", [None, "", "md5=:AAAA:", "sha-512=:AAAA:", "sha-256=AAAA", "sha-256"])
def test_headers_that_say_no_checksum(text: str | None) -> None:
    assert parse_digest(text) is None


def test_headers_that_say_a_checksum() -> None:
    digest = sha256(b"x")
    for text in (print_digest(digest), f"md5=:AAAA:, {print_digest(digest)}", f"{print_digest(digest)}, x=:AA=:"):
        assert parse_digest(text) == digest
    for text in ("sha-256=::", "sha-256=:AAAA:", "sha-256=:====:"):
        with pytest.raises(InvalidValue):
            parse_digest(text)
