"""The bar that a person sees while long work is done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.cli.options import open_store
from millstream.drivers import terminal as progress
from millstream.stores import index
from millstream.values.queries import SearchRuns
from tests.stores.calls import new_experiment, new_run


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    monkeypatch.setattr(progress, "at_terminal", lambda: True)
    return clock


def test_work_of_a_moment_shows_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = progress.progress_bar("Reading")
    assert show is not None
    show(200, 400)
    show(400, 400)
    assert capsys.readouterr().err == ""


def test_long_work_shows_how_far_it_is(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = progress.progress_bar("Reading")
    assert show is not None
    show(0, 3000)
    clock.now += 10
    show(1000, 3000)
    show(1001, 3000)
    clock.now += 1
    show(3000, 3000)
    shown = capsys.readouterr().err
    assert shown.endswith("\n")
    lines = [line.strip() for line in shown.split("\r") if line]
    assert lines == [
        f"{'█' * 10}{'░' * 20} Reading: 1,000 of 3,000 runs, 0:20 left",
        f"{'█' * 30} Reading: 3,000 of 3,000 runs",
    ]
    show(5, 10)
    assert capsys.readouterr().err == ""


def test_a_program_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "sys", SimpleNamespace(stderr=SimpleNamespace(isatty=lambda: False)))
    assert progress.progress_bar("Reading") is None


def test_a_search_of_a_large_directory_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    monkeypatch.setattr(index, "BATCH", 2)
    store = open_store(str(tmp_path / "mlruns"))
    experiment = new_experiment(store)
    for _ in range(5):
        new_run(store, experiment)
    seen: list[tuple[int, int]] = []
    store.progress = lambda done, total: seen.append((done, total))  # type: ignore[attr-defined]
    store.read(SearchRuns(experiment_ids=(experiment,)))
    assert seen == [(2, 5), (4, 5), (5, 5)]


def test_bytes_are_shown_as_people_say_them(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    show = progress.transfer_bar("Storing")
    assert show is not None
    show(0, 3_000_000_000)
    clock.now += 10
    show(1_500_000_000, 3_000_000_000)
    clock.now += 1
    show(1_499_000_000, 3_000_000_000)
    assert capsys.readouterr().err.split("\r")[1].strip() == f"{'█' * 15}{'░' * 15} Storing: 1.5 of 3.0 GB, 0:10 left"


@pytest.mark.parametrize("name", ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "MILLSTREAM_ARTIFACT_PROGRESS"])
def test_a_person_may_want_no_bar(clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "false")
    assert progress.transfer_bar("Storing") is None
    assert progress.progress_bar("Reading") is not None
