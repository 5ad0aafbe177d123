"""Artifacts over HTTP while connections are cut, servers and clients killed and disks full.

There is the old version or the whole new one, never anything else; and what has arrived is not sent again.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

import pytest

from millstream.drivers.artifacts import http, http_uploads
from millstream.drivers.artifacts.http import HttpArtifacts
from millstream.drivers.artifacts.leftovers import TEMPORARY
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.artifacts.proxied import close_servers
from millstream.drivers.rest import retries
from millstream.values.errors import MillstreamError, NoRoom, StorageFailed, Unavailable
from millstream.values.paths import Location, RelPath
from tests.faults.conftest import KILLS
from tests.faults.cutter import Cutter, cutting
from tests.faults.test_full_disk import full
from tests.server.started import Started, started

PART = 2**16
SIZE = 12 * PART + 1234
OLD = b"old version"
# Of each part: head of the request; of an upload: create and complete, whose parts have names.
OVERHEAD = 700 * 13 + 6000
CUTS = max(10, KILLS // 2)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    home = tmp_path_factory.mktemp("서버")
    with started((home / "mlruns").as_uri(), home) as found:
        yield found


@pytest.fixture
def cutter(server: Started) -> Iterator[Cutter]:
    with cutting(server.port) as found:
        yield found


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Small parts, and nobody waits long between tries."""
    monkeypatch.setattr(http_uploads, "PART", PART)
    monkeypatch.setattr(http, "LARGE", PART)
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0)
    yield
    close_servers()


def new_root(server: Started) -> str:
    uri = server.api("runs/create", experiment_id="0")["run"]["info"]["artifact_uri"]
    return str(uri)


def opened(uri: str, port: int) -> HttpArtifacts:
    return cast(HttpArtifacts, open_artifacts(Location.parse(uri), f"http://127.0.0.1:{port}"))


def at(text: str) -> RelPath:
    return RelPath.parse(text)


def content(artifacts: HttpArtifacts, path: str) -> bytes:
    with artifacts.open(at(path)) as file:
        return file.read()


def moments(seed: int, end: int) -> list[int]:
    """Offsets to cut at: the first and the last bytes, and some between."""
    chosen = random.Random(seed)
    return sorted({1, 100, end - 1, end, *(chosen.randrange(1, end) for _ in range(CUTS))})


def test_an_upload_is_cut_at_any_byte(server: Started, cutter: Cutter, tmp_path: Path, seed: int) -> None:
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    for number, offset in enumerate(moments(seed, SIZE)):
        path = f"한 글/{number}"
        beside.put_bytes(OLD, at(path))
        seen: list[bytes] = []
        cutter.cut("up", offset, lambda path=path, seen=seen: seen.append(content(beside, path)))
        through.put_file(source, at(path))
        assert seen == [OLD], offset
        assert content(beside, path) == source.read_bytes(), offset
        # What was under way at the cut comes once more, no part that was there.
        assert cutter.passed["up"] <= SIZE + OVERHEAD + 5 * (PART + 700), offset
    assert len(beside.list(at("한 글"))) == number + 1


@pytest.mark.parametrize("size", [0, 10, 5000, 3 * 2**20])
def test_a_file_of_one_body_is_cut_at_any_byte(
    server: Started, cutter: Cutter, tmp_path: Path, seed: int, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGE", 2**30)
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(size))
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    for offset in moments(seed, size + 300)[:: max(1, CUTS // 20)]:
        beside.put_bytes(OLD, at("f"))
        seen: list[bytes] = []
        cutter.cut("up", offset, lambda seen=seen: seen.append(content(beside, "f")))
        through.put_file(source, at("f"))
        assert content(beside, "f") == source.read_bytes()
        assert all(old in (OLD, source.read_bytes()) for old in seen)


def test_the_answers_to_an_upload_are_cut(server: Started, cutter: Cutter, tmp_path: Path, seed: int) -> None:
    """What was done and not heard of is asked for again, and has one effect."""
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    cutter.cut("down", 10**9)
    through.put_file(source, at("whole"))
    end = cutter.passed["down"]
    for number, offset in enumerate(moments(seed, end)):
        beside.put_bytes(OLD, at(f"d/{number}"))
        close_servers()
        cutter.cut("down", offset)
        through.put_file(source, at(f"d/{number}"))
        assert content(beside, f"d/{number}") == source.read_bytes(), offset
    assert len(beside.list(at("d"))) == number + 1


def test_a_download_is_cut_at_any_byte(server: Started, cutter: Cutter, tmp_path: Path, seed: int) -> None:
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    data = random.Random(seed).randbytes(SIZE)
    beside.put_bytes(data, at("d/f"))
    cutter.gentle = True  # a reset takes with it what has come and was not yet read
    for offset in moments(seed, SIZE):
        (tmp_path / "f").write_bytes(OLD)
        seen: list[bytes] = []
        cutter.cut("down", offset, lambda seen=seen: seen.append((tmp_path / "f").read_bytes()))
        through.download(at("d/f"), tmp_path)
        assert seen in ([OLD], [data])
        assert (tmp_path / "f").read_bytes() == data
        assert os.listdir(tmp_path) == ["f"]
        assert cutter.passed["down"] <= SIZE + 10_000, "the rest is fetched, not all again"


def test_a_file_that_is_replaced_while_it_is_fetched(
    server: Started, cutter: Cutter, tmp_path: Path, seed: int
) -> None:
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    versions = [bytes([number]) * (SIZE + number) for number in range(2)]
    for offset in moments(seed, SIZE)[::5]:
        beside.put_bytes(versions[0], at("f"))
        cutter.cut("down", offset, lambda: beside.put_bytes(versions[1], at("f")))
        through.download(at("f"), tmp_path)
        assert (tmp_path / "f").read_bytes() in versions


def test_an_upload_that_gave_up_is_gone_on_with(
    server: Started, cutter: Cutter, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    root = new_root(server)
    through, beside = opened(root, cutter.port), opened(root, server.port)
    beside.put_bytes(OLD, at("f"))
    monkeypatch.setattr(http_uploads, "_AT_ONCE", 1)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    cutter.cut("up", SIZE // 2, lambda: setattr(cutter, "to", 1))
    with pytest.raises(Unavailable):
        through.put_file(source, at("f"))
    assert content(beside, "f") == OLD
    cutter.to = server.port
    cutter.cut("up", 10**9)
    through.put_file(source, at("f"))
    assert content(beside, "f") == source.read_bytes()
    assert cutter.passed["up"] < SIZE // 2 + 2 * PART + OVERHEAD


SEND = """
import sys
from pathlib import Path
from millstream.drivers.artifacts import http, http_uploads
from millstream.drivers.artifacts.open import open_artifacts
from millstream.values.paths import Location, RelPath
http_uploads.PART = http.LARGE = int(sys.argv[1])
open_artifacts(Location.parse(sys.argv[2]), sys.argv[3]).put_file(Path(sys.argv[4]), RelPath.parse("f"))
"""


def test_a_client_is_killed(server: Started, cutter: Cutter, tmp_path: Path, seed: int) -> None:
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    for offset in moments(seed, SIZE)[:: max(1, CUTS // 5)]:
        root = new_root(server)
        beside = opened(root, server.port)
        beside.put_bytes(OLD, at("f"))
        command = [sys.executable, "-c", SEND, str(PART), root, f"http://127.0.0.1:{cutter.port}", str(source)]
        ready = threading.Event()
        held: list[subprocess.Popen[bytes]] = []

        def kill(held: list[subprocess.Popen[bytes]] = held, ready: threading.Event = ready) -> None:
            ready.wait()
            held[0].send_signal(signal.SIGKILL)

        cutter.cut("up", offset, kill)
        held.append(subprocess.Popen(command))
        ready.set()
        assert held[0].wait() == -signal.SIGKILL
        assert content(beside, "f") == OLD
        cutter.cut("up", 10**9)
        subprocess.run(command, check=True)
        assert content(beside, "f") == source.read_bytes()
        assert cutter.passed["up"] <= SIZE - offset + 6 * PART + 2 * OVERHEAD


def test_a_server_is_killed(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The client waits for the next one, and goes on."""
    monkeypatch.setattr(retries, "_FIRST_PAUSE_SECONDS", 0.5)
    source = tmp_path / "f"
    source.write_bytes(random.Random(seed).randbytes(SIZE))
    store = (tmp_path / "mlruns").as_uri()
    offsets = moments(seed, SIZE)[:: max(1, CUTS // max(3, KILLS // 30))]
    with ExitStack() as servers, cutting(0) as cutter:
        current = [servers.enter_context(started(store, tmp_path))]
        cutter.to = current[0].port
        root = new_root(current[0])
        through = opened(root, cutter.port)
        for offset in offsets:
            through.put_bytes(OLD, at("f"))

            def replace() -> None:
                current[0].kill()
                current[0] = servers.enter_context(started(store, tmp_path))
                cutter.to = current[0].port
                assert content(opened(root, cutter.to), "f") == OLD

            cutter.cut("up", offset, replace)
            through.put_file(source, at("f"))
            assert not cutter.pending
            assert content(through, "f") == source.read_bytes()
        assert len(offsets) > 2
    assert not [path for path in tmp_path.rglob(f"{TEMPORARY}*") if path.is_dir()]


def test_the_disk_of_the_server_is_full(small_disk: Path, tmp_path: Path, seed: int) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(random.Random(seed).randbytes(SIZE))
    small.write_bytes(random.Random(seed).randbytes(PART - 1))
    with started((small_disk / "mlruns").as_uri(), tmp_path) as server:
        artifacts = opened(new_root(server), server.port)
        for path in ("d/large", "d/small"):
            artifacts.put_bytes(OLD, at(path))
        with full(small_disk):
            for source, path in ((large, "d/large"), (small, "d/small"), (small, "d/new")):
                with pytest.raises(StorageFailed, match="no room") as raised:
                    artifacts.put_file(source, at(path))
                assert str(small_disk) not in str(raised.value)
        put = http_uploads.Upload.put
        with ExitStack() as filled:

            def fill(self: http_uploads.Upload, upload_id: str, number: int, data: bytes) -> str:
                if number == 4:
                    filled.enter_context(full(small_disk))
                return put(self, upload_id, number, data)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(http_uploads, "_AT_ONCE", 1)
                patch.setattr(http_uploads.Upload, "put", fill)
                with pytest.raises(StorageFailed, match="no room"):
                    artifacts.put_file(large, at("d/large"))
            assert [item.path for item in artifacts.list(at("d"))] == ["d/large", "d/small"]
            assert content(artifacts, "d/large") == content(artifacts, "d/small") == OLD
        artifacts.put_file(large, at("d/large"))
        assert content(artifacts, "d/large") == large.read_bytes()


def test_the_disk_of_the_client_is_full(server: Started, small_disk: Path, tmp_path: Path, seed: int) -> None:
    artifacts = opened(new_root(server), server.port)
    artifacts.put_bytes(random.Random(seed).randbytes(SIZE), at("f"))
    (small_disk / "f").write_bytes(OLD)
    with full(small_disk, but=SIZE // 2):
        with pytest.raises(NoRoom):
            artifacts.download(at("f"), small_disk)
        assert (small_disk / "f").read_bytes() == OLD
        with pytest.raises(MillstreamError):
            artifacts.download(RelPath(), small_disk)
    assert os.listdir(small_disk) == ["f"]
    artifacts.download(at("f"), small_disk)
    assert (small_disk / "f").stat().st_size == SIZE
