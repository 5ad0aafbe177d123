"""Large files go from the disk to the socket: callers get the right bytes whatever they do, and nothing stays open."""

from __future__ import annotations

import asyncio
import http.client
import io
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from millstream.server import sendfile
from millstream.server.lines import LINE, PASSED, Line
from millstream.server.sendfile import send_part
from tests.server.started import Started, started

CONTENT = os.urandom(2**20) * 24 + b"end"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    folder = tmp_path_factory.mktemp("큰 files")
    with started(f"sqlite:///{folder}/runs.db", folder, "--access-log", "text") as found:
        yield found


@pytest.fixture(scope="module")
def path(server: Started) -> str:
    info = server.api("runs/create", experiment_id="0")["run"]["info"]
    target = f"/api/2.0/mlflow-artifacts/artifacts/{info['artifact_uri'].removeprefix('mlflow-artifacts:/')}/big"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("PUT", target, CONTENT)
    assert connection.getresponse().status == 200
    connection.close()
    return target


def test_requests_on_one_connection_each_get_their_bytes(server: Started, path: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for asked, expected in (
        ({}, CONTENT),
        ({"Range": "bytes=1000000-20999999"}, CONTENT[1_000_000:21_000_000]),
        ({"Range": "bytes=-3"}, b"end"),
        ({}, CONTENT),
    ):
        connection.request("GET", path, headers=asked)
        reply = connection.getresponse()
        assert (reply.status, reply.read() == expected) == (206 if asked else 200, True)
    connection.request("HEAD", path)
    reply = connection.getresponse()
    assert (reply.headers["content-length"], reply.read()) == (str(len(CONTENT)), b"")
    connection.close()


def test_what_was_sent_is_in_the_access_log(server: Started, path: str) -> None:
    assert server.get(path) == (200, CONTENT)
    end = time.monotonic() + 60
    while f"GET {path} 200 {len(CONTENT)} " not in server.said():  # the line comes after the answer
        assert time.monotonic() < end, server.said()[-3000:]
        time.sleep(0.02)


def test_a_caller_who_reads_in_small_bites_gets_all_and_others_are_answered(server: Started, path: str) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**16)
        slow.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        got = bytearray()
        while piece := slow.recv(2**18):
            got += piece
            if len(got) < 2**20:
                assert server.get("/health")[0] == 200
    assert bytes(got).partition(b"\r\n\r\n")[2] == CONTENT


def test_callers_who_leave_in_the_middle_leave_nothing_open(server: Started, path: str) -> None:
    process = psutil.Process(server.process.pid)

    def others() -> list[str]:
        return [file.path for file in process.open_files() if file.path.endswith("/big")]

    leaving = [socket.create_connection(("127.0.0.1", server.port), timeout=60) for _ in range(4)]
    for caller in leaving:
        caller.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert caller.recv(100)
    assert len(others()) == 4
    for caller in leaving:
        caller.close()
    while others():
        assert server.get("/health")[0] == 200
    mine = [found for found in process.net_connections() if found.raddr and found.status == "ESTABLISHED"]
    assert len(mine) <= 1  # of the last question
    assert "Traceback" not in server.said(), server.said()[-3000:]


async def pass_on(file: io.BufferedReader, start: int, count: int) -> tuple[int, bytes]:
    """What `send_part` says, and what arrives."""
    here, there = socket.socketpair()
    there.setblocking(False)
    loop = asyncio.get_running_loop()
    _, writer = await asyncio.open_connection(sock=here)
    line = Line(writer.transport)
    passed: list[int] = []
    got = bytearray()

    async def read() -> None:
        while piece := await loop.sock_recv(there, 2**16):
            got.extend(piece)

    reading = asyncio.ensure_future(read())
    sent = await send_part({LINE: line, PASSED: passed.append}, file, start, count)
    assert sum(passed) == sent
    assert not line.passing
    writer.close()
    await reading
    there.close()
    return sent, bytes(got)


@pytest.mark.parametrize("piece", [1, 2**16, 2**23])
def test_a_part_arrives_whatever_the_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(sendfile, "PIECE", piece)
    (tmp_path / "file").write_bytes(CONTENT)
    count = 50 if piece == 1 else 9_000_000
    with (tmp_path / "file").open("rb") as file:
        assert asyncio.run(pass_on(file, 7, count)) == (count, CONTENT[7 : 7 + count])


def test_a_file_that_became_shorter_sends_what_is_left(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT[:3_000_000])
    with (tmp_path / "file").open("rb") as file:
        assert asyncio.run(pass_on(file, 0, 5_000_000)) == (3_000_000, CONTENT[:3_000_000])


def test_what_is_no_file_of_this_system_goes_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.run(pass_on(io.BytesIO(CONTENT), 0, 10)) == (0, b"")  # type: ignore[arg-type]
    monkeypatch.setattr(sendfile, "_send", None)
    (tmp_path / "file").write_bytes(CONTENT)
    with (tmp_path / "file").open("rb") as file:
        assert asyncio.run(pass_on(file, 0, 10)) == (0, b"")
