"""From one server to the next: no caller is refused, none hears of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from millstream.server.roster import entries
from millstream.server.sockets import bind, offer, passed_in, take_over
from millstream.stores.open import close_stores, open_store
from millstream.values.errors import InvalidValue, Unavailable
from tests.server.load import Caller, callers, new_run, wait_for_points
from tests.server.started import Started, command
from tests.stores.calls import history

pytestmark = pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="a port is handed over through a Unix socket")


def check_nothing_failed(at_work: list[Caller], store: Path, run: str) -> None:
    """Every call was answered with success, and each one's point is there once."""
    assert [caller.failures for caller in at_work] == [[]] * len(at_work)
    said = [step for caller in at_work for step in caller.said]
    found = [step for step, _, _ in history(open_store(store.as_uri()), run, "m")]
    close_stores()
    assert sorted(found) == sorted(said)


@pytest.mark.parametrize("workers", [("1", "1"), ("2", "1"), ("1", "2")])
def test_a_server_takes_the_place_of_another_under_load(
    start: Callable[..., Started], tmp_path: Path, workers: tuple[str, str]
) -> None:
    old = start("server", "--workers", workers[0], drain=30)
    run = new_run(old.port)
    with callers(8, old.port, run) as at_work:
        wait_for_points(at_work, 5)
        new = start("server", "--replace", "--workers", workers[1], port=old.port, drain=30)
        wait_for_points(at_work, 5)
        assert old.process.wait(30) == 0
        wait_for_points(at_work, 5)
    check_nothing_failed(at_work, tmp_path / "mlruns", run)
    assert f"takes the place of process {old.process.pid}" in new.said()
    assert old.said().endswith("Stopped.\n")
    assert [entry.pid for entry in entries()] == [new.process.pid]


def test_a_server_of_systemd_is_restarted_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGTERM, and then a start: the socket is systemd's, so callers wait in its queue meanwhile."""
    monkeypatch.setenv("MILLSTREAM_DRAIN_SECONDS", "30")
    with bind("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        first = start_as_systemd(listening, tmp_path)
        try:
            run = new_run(port)
            with callers(8, port, run) as at_work:
                wait_for_points(at_work, 5)
                first.terminate()
                assert first.wait(30) == 0
                second = start_as_systemd(listening, tmp_path)
                wait_for_points(at_work, 5)
        finally:
            first.kill()
            first.communicate()
        second.terminate()
        assert second.wait(30) == 0
        second.communicate()
    check_nothing_failed(at_work, tmp_path / "mlruns", run)


def start_as_systemd(listening: socket.socket, folder: Path) -> subprocess.Popen[bytes]:
    python, option, program = command("server")[:3]
    passing = (
        "import os, sys; "
        "os.dup2(int(sys.argv[1]), 3); "
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); "
        "os.execv(sys.argv[2], sys.argv[2:])"
    )
    number = listening.fileno()
    return subprocess.Popen(
        [sys.executable, "-c", passing, str(number), python, option, program],
        pass_fds=[number],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_replace_without_a_server_there_starts_one(start: Callable[..., Started]) -> None:
    server = start("server", "--replace")
    assert server.get("/health") == (200, b"OK")


def test_a_successor_that_fails_leaves_the_server_alone(start: Callable[..., Started], tmp_path: Path) -> None:
    old = start("server")
    failed = subprocess.run(
        command("server", "--replace", "--port", str(old.port), "--backend-store-uri", "sqlite:////nowhere/x?y=1"),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=False,
    )
    assert failed.returncode != 0
    assert "Traceback" not in failed.stderr
    assert old.get("/health") == (200, b"OK")
    assert psutil.Process(old.process.pid).is_running()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_successor_whose_database_is_damaged_leaves_the_server_alone(
    start: Callable[..., Started], tmp_path: Path, workers: str
) -> None:
    old = start("server")
    (tmp_path / "깨진 것.db").write_bytes(b"no database" * 1000)
    successor = subprocess.run(
        command(
            *("server", "--replace", "--port", str(old.port), "--workers", workers),
            *("--backend-store-uri", f"sqlite:///{tmp_path}/깨진 것.db"),
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert successor.returncode == 1
    assert "damaged or no SQLite database" in successor.stderr
    assert old.api("runs/create", experiment_id="0")


def test_a_request_under_way_is_answered_and_the_connection_closed(start: Callable[..., Started]) -> None:
    server = start("server")
    run = new_run(server.port)
    body = b'{"run_id": "%s", "key": "m", "value": 1, "timestamp": 1}' % run.encode()
    head = b"POST /api/2.0/mlflow/runs/log-metric HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body[:10])
        server.get("/health")
        server.process.send_signal(signal.SIGTERM)
        wait_until_refused(server.port)
        slow.sendall(body[10:])
        written = b"".join(iter(lambda: slow.recv(4096), b""))
    assert written.startswith(b"HTTP/1.1 200")
    assert b"connection: close" in written
    assert server.process.wait(30) == 0


def wait_until_refused(port: int) -> None:
    """Until the server has seen the signal: it takes no new callers."""
    with suppress(ConnectionRefusedError, ConnectionResetError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()


def test_a_second_signal_ends_it_at_once(start: Callable[..., Started], monkeypatch: pytest.MonkeyPatch) -> None:
    server = start("server", drain=60)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as slow:
        slow.sendall(b"POST /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n")
        server.get("/health")
        server.process.send_signal(signal.SIGTERM)
        wait_until_refused(server.port)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(30) == 0


def test_a_port_is_offered_to_this_user_only(tmp_path: Path) -> None:
    place = tmp_path / "servers" / "here" / "1.sock"
    with bind("127.0.0.1", 0) as listening:
        offered = offer(listening, place)
        assert offered is not None
        assert place.parent.stat().st_mode & 0o077 == 0
        answering = threading.Timer(0, lambda: offered.sock.setblocking(True) or offered.answer())
        answering.start()
        with take_over(place) as taken:
            assert taken.getsockname() == listening.getsockname()
            assert not os.get_inheritable(taken.fileno())
        answering.join()
        offered.close()
        assert not place.exists()
    with pytest.raises(Unavailable, match="does not hand over its port"):
        take_over(place)


def test_what_cannot_be_offered_is_not(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as listening:
        assert offer(listening, tmp_path / ("long" * 40) / "x.sock") is None


def test_sockets_of_systemd(monkeypatch: pytest.MonkeyPatch) -> None:
    assert passed_in() is None
    monkeypatch.setenv("LISTEN_PID", str(os.getpid() + 1))
    monkeypatch.setenv("LISTEN_FDS", "1")
    assert passed_in() is None, "they are of another process"
    monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
    monkeypatch.setenv("LISTEN_FDS", "0")
    assert passed_in() is None
    assert "LISTEN_PID" not in os.environ


def test_a_socket_of_systemd_that_is_none_of_ours(tmp_path: Path) -> None:
    program = (
        "import os, socket; from millstream.server.sockets import passed_in\n"
        "sock = socket.socket(socket.AF_UNIX); os.dup2(sock.fileno(), 3)\n"
        "os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS='1'); passed_in()"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert InvalidValue.__name__ in done.stderr
    assert "one TCP socket from systemd" in done.stderr
