"""The list of running servers: right after kills, reused process numbers and broken files."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from msgspec import json, structs

from millstream.server import roster
from millstream.server.roster import Entry, born, entries, folder, noted


def entry(**changes: object) -> Entry:
    """This process, as a server."""
    known = Entry(
        pid=os.getpid(),
        born=born(os.getpid()) or "",
        host="127.0.0.1",
        port=5000,
        url="http://127.0.0.1:5000",
        store="/기록 a/mlruns",
        workers=1,
        since=1_700_000_000_000,
        version="1",
    )
    return structs.replace(known, **changes)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MILLSTREAM_STATE_DIR", str(tmp_path / "상태"))
    return folder()


def test_a_server_is_listed_while_it_runs(place: Path) -> None:
    assert entries() == []
    with noted(entry()):
        assert entries() == [entry()]
        assert place.stat().st_mode & 0o077 == 0
    assert entries() == []
    assert list(place.iterdir()) == []


def test_what_a_killed_server_left_is_removed(place: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    left = entry(pid=child.pid, born=born(child.pid))
    with noted(left):
        (place / f"{child.pid}.sock").touch()
        assert entries() == [left]
        child.kill()
        # A process that nobody has waited for yet runs no more.
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert entries() == []
        assert not left.signal(signal.SIGTERM)
        child.communicate()
        assert list(place.iterdir()) == []


def test_a_process_that_got_the_number_later_is_left_alone(place: Path) -> None:
    later = entry(born="of another time")
    with noted(later):
        assert not later.signal(signal.SIGKILL)
        assert entries() == []
        assert list(place.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"pid": "x"}', b"\xff" * 1000])
def test_a_file_that_cannot_be_read_is_removed(place: Path, content: bytes) -> None:
    place.mkdir(parents=True)
    (place / "1.json").write_bytes(content)
    assert entries() == []
    assert list(place.iterdir()) == []


def test_what_a_later_version_wrote_is_read(place: Path) -> None:
    place.mkdir(parents=True)
    text = json.decode(json.encode(entry()))
    (place / "1.json").write_bytes(json.encode(text | {"more": [1]}))
    assert entries() == [entry()]


def test_a_server_runs_where_nothing_can_be_noted(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place.parent.parent.mkdir(parents=True)
    place.parent.write_text("a file")
    with noted(entry()):
        assert entries() == []
    assert "`millstream server list` will not show this server" in capsys.readouterr().err


def test_machines_that_share_a_home_have_lists_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    with noted(entry()):
        monkeypatch.setattr(socket, "gethostname", lambda: "다른/../machine")
        assert entries() == []
        assert folder().parent.name == "servers"


def test_a_process_is_told_from_a_later_one(monkeypatch: pytest.MonkeyPatch) -> None:
    own = born(os.getpid())
    assert own == born(os.getpid())
    assert own != born(1)
    monkeypatch.setattr(roster, "_PROC", False)  # as on systems without /proc
    own = born(os.getpid())
    assert own == born(os.getpid())
    assert own != born(1)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert born(gone.pid) is None
