"""`make demo` shows the runs just made, on a port that is free, and leaves nothing running."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

import millstream
from scripts import demo


@pytest.fixture
def logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Id of a finished run in the demo's tree."""
    monkeypatch.setattr(demo, "DATA", tmp_path)
    monkeypatch.setattr(demo, "TREE", tmp_path / "데모 mlruns")
    monkeypatch.setattr(demo, "PORT", 0)
    monkeypatch.setenv("MILLSTREAM_TRACKING_URI", str(demo.TREE))
    with millstream.start_run() as run:
        millstream.log_metric("loss", 1.0)
    return str(run.info.run_id)


def test_runs_on_disk_are_found(logged: str) -> None:
    assert demo.run_ids() == {logged}


@pytest.mark.skipif(
    not (demo.ROOT / "src/millstream/server/static/index.html").exists(), reason="the UI is not built (make ui)"
)
def test_what_is_shown_is_checked(logged: str, monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    start = demo.start_ui
    monkeypatch.setattr(demo, "start_ui", lambda port: started.append(start(port)) or started[-1])
    demo.show({logged}, checking=True)
    with pytest.raises(SystemExit, match="does not show the runs"):
        demo.show({"f" * 32}, checking=True)
    assert [process.poll() for process in started] == [0, 0]


def test_a_taken_port_is_left_alone(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind((demo.HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        monkeypatch.setattr(demo, "PORT", taken)
        assert demo.choose_port() != taken
    assert f"port {taken} is taken" in capsys.readouterr().err
