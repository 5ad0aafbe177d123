"""Trees of runs at rest, and who is told of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.drivers.files import stamps
from millstream.stores import changes, sentries
from millstream.stores.embedded import EmbeddedStore
from millstream.values.entities import Metric
from millstream.values.ops import CreateExperiment, CreateRun, LogBatch, UpdateRun
from tests.stores.told.watching import RUNS, Watching, age


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is worth a watch, and files are looked at closely only where something happened."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 0)
    monkeypatch.setattr(sentries, "WORTH_IT", 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with runs that ended long ago."""
    store = EmbeddedStore(tmp_path / "내 mlruns")
    store.write(CreateExperiment(name="다른 것", time=1, experiment_id="7"))
    for run in RUNS:
        store.write(CreateRun(run_id=run, experiment_id="0", start_time=1, tags={"a": "1"}))
        store.write(LogBatch(run_id=run, metrics=(Metric("m", 1.0, 1, 1), Metric("n/x", 1.0, 1, 1))))
        store.write(UpdateRun(run_id=run, status="FINISHED", end_time=2))
    store.close()
    age(store.root)
    return store.root


@pytest.fixture
def watching(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    made = Watching(root, monkeypatch)
    assert made.watched() == set(RUNS)
    yield made
    made.store.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that were asked about, closely with a mark."""
    found: list[str] = []
    shallow, deep = stamps.shallow_stamp, stamps.deep_stamp

    def note_shallow(directory: str, names: tuple[str, ...]) -> stamps.Stamp:
        found.append(os.path.basename(directory))
        return shallow(directory, names)

    def note_deep(directory: str) -> stamps.Stamp:
        found.append(os.path.basename(directory) + "!")
        return deep(directory)

    monkeypatch.setattr(stamps, "shallow_stamp", note_shallow)
    monkeypatch.setattr(stamps, "deep_stamp", note_deep)
    return found
