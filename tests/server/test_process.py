"""The server as a process: ready, busy ports explained, ended by signals with nothing left behind."""

from __future__ import annotations

import http.client
import os
import re
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

from millstream.server import ports
from millstream.server.ports import ask_about, explain, find_holder, next_free_port
from millstream.server.sockets import bind, open_to_all, url
from millstream.values.errors import InvalidValue
from tests.server.started import Started, command, started


def run(verb: str, *options: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A server that is expected not to start."""
    return subprocess.run(command(verb, *options), capture_output=True, text=True, cwd=cwd, timeout=60, check=False)


@pytest.mark.parametrize("verb", ["ui", "server"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_leaves_nothing(
    start: Callable[..., Started], tmp_path: Path, verb: str, number: signal.Signals
) -> None:
    server = start(verb)
    assert server.address == f"http://127.0.0.1:{server.port}"
    assert server.get("/health") == (200, b"OK")
    assert psutil.Process(server.process.pid).children(recursive=True) == []
    idle = socket.create_connection(("127.0.0.1", server.port))
    server.process.send_signal(number)
    assert server.process.wait(30) == 0
    idle.close()
    said = server.errors.read_text()
    assert str(tmp_path / "mlruns") in said
    assert "no mlruns directory was found" in said
    assert said.endswith("Stopped.\n")
    bind("127.0.0.1", server.port).close()


def test_a_signal_does_not_wait_for_a_caller_that_never_reads(start: Callable[..., Started], tmp_path: Path) -> None:
    server = start()
    body = b'{"experiment_id": "0"}'
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/api/2.0/mlflow/runs/create", body, {"Content-Type": "application/json"})
    run_id = re.search(rb'"run_id":"(\w+)"', connection.getresponse().read())
    connection.close()
    assert run_id
    artifacts = tmp_path / "mlruns" / "0" / run_id[1].decode() / "artifacts"
    artifacts.mkdir(exist_ok=True)
    with (artifacts / "big").open("wb") as file:
        file.truncate(2**30)
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        target = f"/get-artifact?run_id={run_id[1].decode()}&path=big"
        caller.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert caller.recv(12) == b"HTTP/1.1 200"
        # What is under way is held in small pieces, not in memory.
        assert psutil.Process(server.process.pid).memory_info().rss < 2**28
        server.process.terminate()
        assert server.process.wait(30) == 0
    said = server.errors.read_text()
    assert "Traceback" not in said
    assert said.endswith("Stopped.\n")


def test_a_busy_port_names_its_holder_and_the_way_out(start: Callable[..., Started], tmp_path: Path) -> None:
    first = start("ui", "--backend-store-uri", str(tmp_path / "기록 a"))
    second = run("server", "--no-open", "--port", str(first.port), "--allowed-hosts", "a.example", cwd=tmp_path)
    assert second.returncode == 1
    assert second.stdout == ""
    assert f"Port {first.port} on 127.0.0.1 is taken by process {first.process.pid} (" in second.stderr
    assert f"It is Millstream, serving {tmp_path / '기록 a'} at {first.address}" in second.stderr
    assert f"millstream server stop {first.port}" in second.stderr
    offered = re.search(r"millstream server --no-open --allowed-hosts a\.example --port (\d+)", second.stderr)
    assert offered
    assert int(offered[1]) > first.port
    assert f"millstream server --no-open --allowed-hosts a.example --replace --port {first.port}" in second.stderr
    assert "Traceback" not in second.stderr


def test_a_port_held_by_something_else(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as silent:
        port = silent.getsockname()[1]
        done = run("ui", "--port", str(port), cwd=tmp_path)
    assert done.returncode == 1
    assert f"is taken by process {os.getpid()} (" in done.stderr
    assert "It is Millstream" not in done.stderr


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        (["--workers", "0"], 2, "0 is not in the range"),
        (["--gunicorn-opts", "--timeout 60"], 2, "it has its own HTTP server"),
        (["--disable-security-middleware"], 2, "Name this server's host names with --allowed-hosts"),
        (["--cors-allowed-origins", "a.example"], 2, "'a.example' is not a site"),
        (["--x-frame-options", "maybe"], 2, "maybe"),
        (["--port", "65536"], 2, "65536"),
        (["--host", "no such host"], 1, "does not know the host 'no such host'"),
        (["--host", "203.0.113.7"], 1, "Cannot listen on 203.0.113.7"),
        (["--static-prefix", "ml"], 2, "cannot be a static prefix"),
        (["--allowed-hosts", "10.*"], 2, "'10.*' is not a host name"),
        (["--backend-store-uri", "mysql://h/x"], 1, "MySQL is not supported"),
    ],
)
def test_what_cannot_be_served_is_one_clear_line(tmp_path: Path, options: list[str], status: int, words: str) -> None:
    done = run("ui", *(["--port", "0"] if "--port" not in options else []), *options, cwd=tmp_path)
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_settings_stand_for_options(
    start: Callable[..., Started], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_BACKEND_STORE_URI", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "a.example,b.example")
    server = start()
    assert str(tmp_path / "elsewhere").encode() in server.get("/api/ui/about")[1]
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/", headers={"Host": "b.example"})
    assert connection.getresponse().status == 200
    connection.close()


def test_it_says_when_others_can_reach_it(start: Callable[..., Started]) -> None:
    server = start("server", "--host", "0.0.0.0")
    assert server.address.startswith("http://127.0.0.1:")
    assert "there is no login" in server.errors.read_text()


def test_it_finds_the_store_upward(
    start: Callable[..., Started], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mlruns" / ".trash").mkdir(parents=True)
    (tmp_path / "src" / "deep").mkdir(parents=True)
    process = subprocess.Popen(
        command("ui", "--port", "0"),
        stdout=subprocess.PIPE,
        stderr=(log := (tmp_path / "log").open("w+")),
        text=True,
        cwd=tmp_path / "src" / "deep",
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("http://")
        process.terminate()
        assert process.wait(30) == 0
        log.seek(0)
        assert f"Millstream serves {tmp_path / 'mlruns'} (found above the working directory" in log.read()
    finally:
        process.kill()
        process.communicate()
        log.close()


def test_the_next_free_port_is_free() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = next_free_port("127.0.0.1", taken.getsockname()[1] - 1)
        assert port is not None
        assert port != taken.getsockname()[1]
        bind("127.0.0.1", port).close()


def test_who_holds_a_port() -> None:
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        assert find_holder(port).pid == os.getpid()
        with pytest.raises(OSError, match="in use") as caught:
            bind("127.0.0.1", port)
        assert str(port) in explain(caught.value, "127.0.0.1", port, ["millstream", "ui"]).message
    assert find_holder(port).pid is None
    assert ask_about("127.0.0.1", port) is None


def test_a_server_that_never_ends_its_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_SECONDS", 0.2)
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        with listening.accept()[0] as caller, suppress(OSError):
            while not ended.wait(0.01):
                caller.sendall(b"H")

    with bind("127.0.0.1", 0) as listening:
        dripping = threading.Thread(target=drip, args=(listening,))
        dripping.start()
        assert ask_about("127.0.0.1", listening.getsockname()[1]) is None
        ended.set()
        dripping.join()


def test_ports_that_need_rights() -> None:
    error = PermissionError(13, "Permission denied")
    assert explain(error, "127.0.0.1", 80, ["millstream", "ui"]).message.endswith("millstream ui --port 5000")


def test_addresses() -> None:
    assert url("0.0.0.0", 5000) == "http://127.0.0.1:5000"
    assert url("::1", 5000, "/ml") == "http://[::1]:5000/ml"
    with bind("localhost", 0) as sock:
        assert sock.getsockname()[0] == "127.0.0.1"
        assert not open_to_all(sock)
    with bind("0.0.0.0", 0) as sock:
        assert open_to_all(sock)
    with pytest.raises(InvalidValue, match="does not know the host"):
        bind("no.such.host.invalid", 0)


def test_the_commands_load_light() -> None:
    heavy = ["starlette", "uvicorn", "sqlalchemy", "asyncio", "msgspec", "psutil", "anyio"]
    probe = f"import sys, millstream.cli.server; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=60, check=True)
    assert set(eval(done.stdout)) <= {"msgspec"}


def test_a_server_passes_on_what_the_operator_names(start: Callable[..., Started], tmp_path: Path) -> None:
    place = tmp_path / "곳간"
    both = start("server", "--artifacts-destination", str(place))
    only = start("server", "--artifacts-only", "--artifacts-destination", str(place))
    assert only.get("/api/2.0/mlflow/experiments/get?experiment_id=0")[0] == 503
    path = "/api/2.0/mlflow-artifacts/artifacts/a%20b/c.txt"
    connection = http.client.HTTPConnection("127.0.0.1", only.port, timeout=30)
    connection.request("PUT", path, b"1" * 5_000_000)
    assert connection.getresponse().read() == b"{}"
    connection.close()
    assert (place / "a b" / "c.txt").stat().st_size == 5_000_000
    assert only.get(path) == (200, b"1" * 5_000_000)
    assert both.get(path)[0] == 404
    assert both.get("/api/ui/about")[0] == 200


def test_a_database_that_cannot_be_served_ends_the_server(tmp_path: Path) -> None:
    (tmp_path / "나쁜 것.db").write_bytes(b"no database" * 500)
    done = run("server", "--port", "0", "--backend-store-uri", f"sqlite:///{tmp_path}/나쁜 것.db", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "나쁜 것.db is damaged or no SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    with bind("127.0.0.1", 0) as held:
        nobody = held.getsockname()[1]
    with started(f"postgresql://postgres@127.0.0.1:{nobody}/z", tmp_path) as server:
        assert server.get("/health")[0] == 200
        status, answer = server.ask("POST", "/api/2.0/mlflow/experiments/search", {"max_results": 1})
        assert (status, answer["error_code"]) == (503, "TEMPORARILY_UNAVAILABLE")
        assert "cannot be reached" in server.said()
        assert "The server waits for it." in server.said()
