"""`server list` and `server stop`, over servers that run."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from click.testing import CliRunner, Result

from millstream.cli.main import millstream
from tests.server.conftest import start as start
from tests.server.started import Started


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_STATE_DIR", str(tmp_path / "state"))


def run(*words: object) -> Result:
    return CliRunner().invoke(millstream, ["server", *map(str, words)])


def listed() -> list[dict[str, Any]]:
    done = run("list", "--json")
    assert done.exit_code == 0
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_no_server() -> None:
    assert listed() == []
    done = run("list")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "No server of this user runs" in done.stderr
    assert run("stop").exit_code == 2
    assert run("stop", "--all").exit_code == 0
    assert run("stop", 5000).exit_code == 1
    assert run("stop", 5000, "--all").exit_code == 2


def test_servers_are_listed_and_stopped(start: Callable[..., Started], tmp_path: Path) -> None:
    first = start("server", "--backend-store-uri", str(tmp_path / "기록 a"))
    second = start("ui", "--workers", "2")
    found = {one["port"]: one for one in listed()}
    assert set(found) == {first.port, second.port}
    assert found[first.port]["pid"] == first.process.pid
    assert found[first.port]["store"] == str(tmp_path / "기록 a")
    assert [found[port]["workers"] for port in (first.port, second.port)] == [1, 2]
    table = run("list").stdout
    assert str(tmp_path / "기록 a") in table
    assert first.address in table

    refused = run("stop")
    assert refused.exit_code == 2
    assert str(first.port) in refused.stderr
    done = run("stop", first.port, "--json")
    assert done.exit_code == 0
    assert [one["pid"] for one in json.loads(done.stdout)] == [first.process.pid]
    assert first.process.wait(30) == 0
    tree = second.tree()
    assert f"Stopped {second.address}" in run("stop", second.process.pid).stderr
    assert second.process.wait(30) == 0
    assert not any(process.is_running() for process in tree)
    assert listed() == []


def test_the_only_server_needs_no_name(start: Callable[..., Started]) -> None:
    server = start("server")
    assert run("stop").exit_code == 0
    assert server.process.wait(30) == 0


def test_a_server_that_does_not_end_is_named(start: Callable[..., Started]) -> None:
    server = start("server")
    psutil.Process(server.process.pid).suspend()
    done = run("stop", "--timeout", "0")
    assert done.exit_code == 1
    assert f"Still ending what it has begun: {server.address} (process {server.process.pid})" in done.stderr
    psutil.Process(server.process.pid).resume()
    assert server.process.wait(30) == 0


def test_a_killed_server_is_not_listed(start: Callable[..., Started], tmp_path: Path) -> None:
    server = start("server")
    server.process.kill()
    server.process.wait(30)
    assert listed() == []
    assert [path for path in (tmp_path / "state").rglob("*") if path.is_file() or path.is_socket()] == []


def test_options_before_a_command_do_no_harm(start: Callable[..., Started]) -> None:
    assert run("--port", "1", "list").exit_code == 0
    assert str(os.getpid()) not in run("list").stdout
