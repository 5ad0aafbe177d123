"""Runs at rest: searches do not ask the file system about each of them every time, and miss nothing of their own."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.files import stamps
from millstream.drivers.sql import scanned
from millstream.stores import changes
from millstream.stores.changes import Looker
from millstream.stores.embedded import EmbeddedStore
from millstream.values.entities import Metric, RunTag
from millstream.values.ops import CreateRun, LogBatch, UpdateRun
from millstream.values.queries import GetRun, SearchRuns

RUN = "a" * 32


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedStore:
    """A store with one run that ended long ago and has been indexed."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 0)
    monkeypatch.setattr(changes, "SWEEP_SECONDS", 3600.0)
    store = EmbeddedStore(tmp_path / "mlruns")
    store.write(CreateRun(run_id=RUN, experiment_id="0", start_time=1, tags={"a": "1"}))
    store.write(LogBatch(run_id=RUN, metrics=(Metric("m", 1.0, 1, 1),)))
    store.write(UpdateRun(run_id=RUN, status="FINISHED", end_time=2))
    long_ago = time.time() - 3600
    for folder, _, files in os.walk(run_dir(store)):
        for name in files:
            os.utime(os.path.join(folder, name), (long_ago, long_ago))
        os.utime(folder, (long_ago, long_ago))
    assert tags(store) == {"a"}
    return store


def run_dir(store: EmbeddedStore) -> Path:
    return store.root / "0" / RUN


def tags(store: EmbeddedStore) -> set[str]:
    (run,) = store.read(SearchRuns(experiment_ids=("0",)))
    return set(run.data.tags) - {"mlflow.runName"}


def test_a_search_asks_nothing_about_a_run_at_rest(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(stamps, "shallow_stamp", lambda directory, _names: asked.append(directory))
    tags(store)
    assert asked == []


def test_what_another_program_does_is_found_by_the_next_sweep(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run_dir(store) / "tags" / "b").write_text("2")
    monkeypatch.setattr(changes, "SWEEP_SECONDS", 0.0)
    assert tags(store) == {"a", "b"}


def test_opening_the_run_finds_it_at_once(store: EmbeddedStore) -> None:
    (run_dir(store) / "tags" / "b").write_text("2")
    assert "b" in store.read(GetRun(run_id=RUN)).data.tags


def test_what_this_process_writes_is_found_at_once(store: EmbeddedStore) -> None:
    store.write(LogBatch(run_id=RUN, tags=(RunTag("c", "3"),)))
    assert tags(store) == {"a", "c"}
    store.write(LogBatch(run_id=RUN, metrics=(Metric("m", 5.0, 2, 2),)))
    (run,) = store.read(SearchRuns(experiment_ids=("0",)))
    assert run.data.metrics == {"m": 5.0}


def test_a_new_process_sees_everything(store: EmbeddedStore) -> None:
    (run_dir(store) / "tags" / "b").write_text("2")
    assert tags(EmbeddedStore(store.root)) == {"a", "b"}


def test_what_this_process_writes_is_found_though_another_changed_the_index(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Looker.look
    other = EmbeddedStore(store.root)
    looks = 0

    def look(self: Looker, *arguments: Any) -> Any:
        nonlocal looks
        looks += 1
        found = original(self, *arguments)
        if looks == 1:  # Between this look and the taking in, another process takes in a run of its own.
            other.write(CreateRun(run_id="b" * 32, experiment_id="0", start_time=3))
            tags_of_all(other)
        return found

    assert tags_of_all(other) == tags_of_all(store)
    store.write(LogBatch(run_id=RUN, tags=(RunTag("d", "4"),)))
    monkeypatch.setattr(Looker, "look", look)
    assert "d" in tags_of_all(store)
    assert looks > 1


def tags_of_all(store: EmbeddedStore) -> set[str]:
    return {key for run in store.read(SearchRuns(experiment_ids=("0",))) for key in run.data.tags}


def test_what_another_process_took_in_is_read_from_the_index_alone(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = EmbeddedStore(store.root)
    for letter in "bcd":
        other.write(CreateRun(run_id=letter * 32, experiment_id="0", start_time=3, tags={letter: "1"}))
    assert tags_of_all(other) == tags_of_all(store)
    monkeypatch.setattr(scanned, "load_state", None)
    other.write(CreateRun(run_id="e" * 32, experiment_id="0", start_time=3, tags={"e": "1"}))
    other.write(LogBatch(run_id=RUN, tags=(RunTag("z", "4"),)))
    assert {"e", "z"} <= tags_of_all(other)
    assert tags_of_all(other) == tags_of_all(store)


def test_runs_that_another_process_found_gone_are_gone(store: EmbeddedStore) -> None:
    other = EmbeddedStore(store.root)
    for number in range(3):
        other.write(CreateRun(run_id=f"{number}" * 32, experiment_id="0", start_time=3, tags={f"t{number}": "1"}))
        tags_of_all(other)
        tags_of_all(store)
        # One comes for one that goes, so that there are as many as before.
        shutil.rmtree(store.root / "0" / (f"{number}" * 32))
        other.write(CreateRun(run_id=f"{number + 5}" * 32, experiment_id="0", start_time=3))
        tags_of_all(other)
        assert f"t{number}" not in tags_of_all(store)
        assert set(store._searches()._index._state.runs["0"]) == {
            path.name for path in (store.root / "0").glob("?" * 32)
        }


def test_an_experiment_that_another_process_found_gone_comes_back(store: EmbeddedStore) -> None:
    other = EmbeddedStore(store.root)
    assert tags_of_all(other) == tags_of_all(store)
    (store.root / "0").rename(store.root.parent / "0")
    assert tags_of_all(other) == set()
    (store.root.parent / "0").rename(store.root / "0")
    assert "a" in tags_of_all(store)
