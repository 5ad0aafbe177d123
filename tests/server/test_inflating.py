"""Bodies that come compressed: they are what they stand for, whole or not at all, and never large in memory."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millstream.server.app import make_depot
from tests.server.conftest import Client, Reply

SEARCH = "/api/2.0/mlflow/experiments/search"
STORE = "/api/2.0/mlflow-artifacts/artifacts"
BODY = json.dumps({"max_results": 5, "filter": "name LIKE '" + "가" * 300 + "%'"}).encode()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


WAYS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": (" X-GZIP ", gzip.compress),
    "two files": ("gzip", lambda data: gzip.compress(data[:9]) + gzip.compress(data[9:])),
    "deflate": ("deflate", zlib.compress),
    "bare deflate": ("deflate", raw_deflate),
    "identity": ("identity", lambda data: data),
}


@pytest.fixture(params=sorted(WAYS))
def way(request: pytest.FixtureRequest) -> tuple[str, Callable[[bytes], bytes]]:
    return WAYS[request.param]


@pytest.fixture
def depot(tmp_path: Path) -> Client:
    """A server of files alone."""
    return Client(make_depot(str(tmp_path / "파일")))


def ask(client: Client, body: bytes, encoding: str, **more: Any) -> Reply:
    headers = {"content-type": "application/json", "content-encoding": encoding, "content-length": str(len(body))}
    return client.send("POST", SEARCH, body, headers, **more)


def put(client: Client, body: bytes, encoding: str, path: str = "%EA%B0%80/a.bin", **headers: str) -> Reply:
    headers = {"content-type": "application/octet-stream", "content-encoding": encoding, **headers}
    return client.send("PUT", f"{STORE}/{path}", body, headers | {"content-length": str(len(body))})


@pytest.mark.parametrize("chunk", [1, 7, 2**20])
def test_json_may_be_compressed(client: Client, way: tuple[str, Callable[[bytes], bytes]], chunk: int) -> None:
    encoding, pack = way
    reply = ask(client, pack(BODY), encoding, chunk=chunk)
    assert (reply.status, reply.json()) == (200, {})
    wrong = ask(client, pack(b'{"max_results": -1}'), encoding, chunk=chunk)
    assert "max_results" in wrong.message


def test_an_uploaded_file_is_what_was_compressed(depot: Client, way: tuple[str, Callable[[bytes], bytes]]) -> None:
    encoding, pack = way
    data = random.Random(1).randbytes(3 * 2**20) + bytes(2 * 2**20)
    sent = pack(data)
    digest = base64.b64encode(hashlib.sha256(sent).digest()).decode()
    reply = put(depot, sent, encoding, **{"content-digest": f"sha-256=:{digest}:"})
    assert reply.status == 200
    assert depot.get(f"{STORE}/%EA%B0%80/a.bin").body == data
    # The checksum is that of what is sent, not of what it stands for.
    other = base64.b64encode(hashlib.sha256(b"x").digest()).decode()
    assert put(depot, pack(b"y"), encoding, **{"content-digest": f"sha-256=:{other}:"}).status == 400
    assert depot.get(f"{STORE}/%EA%B0%80/a.bin").body == data


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "compress", "*", "gzip;q=1", "é"])
def test_other_encodings_are_refused_with_those_that_are_read(client: Client, encoding: str) -> None:
    for reply in (ask(client, b"x", encoding), put(client, b"x", encoding)):
        assert (reply.status, reply.json()["error_code"]) == (415, "BAD_REQUEST")
        assert "gzip, deflate" in reply.message
        assert reply.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_cut_off_or_no_such_thing_is_refused(client: Client, depot: Client, encoding: str) -> None:
    pack = WAYS[encoding][1]
    assert put(depot, pack(b"old"), encoding).status == 200
    whole = pack(random.Random(2).randbytes(100_000))
    cut = [whole[:1], whole[: len(whole) // 2], whole[:-1], whole[:-5] + b"12345", whole + b"rest", BODY]
    for body in cut:
        assert put(depot, body, encoding).status == 400, body[:20]
        assert ask(client, body, encoding).status == 400
    assert depot.get(f"{STORE}/%EA%B0%80/a.bin").body == b"old"
    assert put(depot, b"", encoding).status == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_in_little_memory(client: Client, encoding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(2**20)) for _ in range(1000)) + packer.flush()
    assert len(bomb) < 2**20 + 2**17
    ask(client, b"{}", "identity")
    tracemalloc.start()
    try:
        reply = ask(client, bomb, encoding)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (reply.status, reply.json()["error_code"]) == (413, "BAD_REQUEST")
    assert peak < 48 * 2**20
