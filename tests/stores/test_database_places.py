"""SQLite files where nothing can be written: they are read, nothing is made there, refusals say why."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.stores.backups import back_up, verify
from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import open_source
from millstream.stores.open import close_stores, open_store
from millstream.values.errors import StorageFailed
from tests.stores.calls import experiment_names, history, log, new_experiment, new_run, search
from tests.stores.test_database_open import at


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory that `freeze` can close."""
    folder = tmp_path / "한 곳@host"
    folder.mkdir()
    yield folder
    close_stores()
    folder.chmod(0o755)


def freeze(folder: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Keep this process from writing in `folder`; False when it could all the same."""
    folder.chmod(0o555)
    may = os.access
    if not may(folder, os.W_OK):
        return True

    def told(path: str | Path, mode: int) -> bool:
        return may(path, mode) and (Path(path) != folder or mode != os.W_OK)

    monkeypatch.setattr(os, "access", told)
    return False


def filled(path: Path) -> str:
    store = at(path)
    run = new_run(store)
    log(store, run, [("loss", 0.5, 1)])
    store.close()
    return run


def test_a_database_where_nothing_can_be_written_is_read(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = filled(place / "runs.db")
    freeze(place, monkeypatch)
    before = sorted(place.iterdir())
    store = at(place / "runs.db")
    assert search(store) == [run]
    assert len(history(store, run, "loss")) == 1
    with pytest.raises(StorageFailed, match="Nothing can be written in the directory") as raised:
        new_experiment(store)
    assert str(place) in raised.value.message
    back_up(store, tmp_path / "backup")
    assert verify(tmp_path / "backup") == []
    target = open_store(str(tmp_path / "target"))
    source = open_source(f"sqlite:///{place / 'runs.db'}")
    assert Importer(source, target, Options()).run().runs_created == 1
    source.close()
    store.close()
    assert sorted(place.iterdir()) == before


def test_changes_beside_the_file_are_read_or_the_cause_is_named(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = at(tmp_path / "runs.db")
    new_experiment(made, "beside")
    assert (tmp_path / "runs.db-wal").stat().st_size > 0
    for name in ("runs.db", "runs.db-wal"):
        shutil.copy(tmp_path / name, place)
    made.close()
    frozen = freeze(place, monkeypatch)
    store = at(place / "runs.db")
    if frozen:
        with pytest.raises(StorageFailed, match="Nothing can be written in the directory"):
            experiment_names(store)
    else:
        assert "beside" in experiment_names(store)
    store.close()


def test_a_directory_in_place_of_the_file_is_named(place: Path) -> None:
    with pytest.raises(StorageFailed, match="It is a directory; name a file"):
        search(at(place))
