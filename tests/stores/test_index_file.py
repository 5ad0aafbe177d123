"""The index is a cache: it may vanish, be damaged, be of another version or shared, and no answer changes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.drivers.sql import scan
from millstream.stores.embedded import EmbeddedStore, index_path
from millstream.stores.intake import Intake
from millstream.values import ops
from millstream.values.errors import StorageFailed
from tests.stores.calls import T0, finish, log, new_experiment, new_run, search
from tests.stores.snapshots import snapshot

Opener = Callable[[], EmbeddedStore]


@pytest.fixture
def filled(store: EmbeddedStore) -> list[str]:
    """Ids of the runs of a small tree, newest first."""
    runs = [new_run(store, tags={"t": "x" * 200}) for _ in range(30)]
    for run in runs:
        log(store, run, [("m", 1.0)], {"p": "y" * 200})
    return runs[::-1]


def test_the_index_lies_outside_of_the_tree(store: EmbeddedStore, filled: list[str], root: Path) -> None:
    assert search(store) == filled
    assert index_path(root).is_file()
    assert root not in index_path(root).parents
    assert not list(root.rglob("*.db*"))


@pytest.mark.parametrize("running", [True, False])
def test_an_index_that_is_removed_is_made_again(
    store: EmbeddedStore, open_tree: Opener, filled: list[str], root: Path, running: bool
) -> None:
    assert search(store) == filled
    if not running:
        store.close()
    for path in index_path(root).parent.iterdir():
        path.unlink()
    assert search(store) == filled
    assert search(open_tree()) == filled
    new = new_run(store)
    assert search(open_tree()) == search(store) == [new, *filled]


def damage_head(path: Path) -> None:
    path.write_bytes(b"not a database" * 500)


def damage_pages(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\x55" * (len(data) - 4096))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def age(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {scan.VERSION + 7}")
    connection.close()


@pytest.mark.parametrize("harm", [damage_head, damage_pages, cut, empty, age])
def test_an_index_that_is_damaged_is_made_again(
    store: EmbeddedStore, open_tree: Opener, filled: list[str], root: Path, harm: Callable[[Path], None]
) -> None:
    before = snapshot(store)
    store.close()
    harm(index_path(root))
    assert snapshot(open_tree()) == before
    assert snapshot(store) == before


def test_an_index_damaged_while_it_is_open(store: EmbeddedStore, filled: list[str], root: Path) -> None:
    assert search(store) == filled
    path = index_path(root)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("DROP TABLE runs")
    connection.close()
    assert search(store) == filled


def test_an_index_that_cannot_be_made_is_a_clear_error_and_logging_goes_on(
    store: EmbeddedStore, open_tree: Opener, filled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search(store) == filled
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "file" / "index"))
    other = open_tree()
    with pytest.raises(StorageFailed, match="MILLSTREAM_INDEX_DIR"):
        search(other)
    log(other, filled[0], [("m", 2.0, 1)])
    assert search(store, "metrics.m = 2") == [filled[0]]


def test_without_a_usable_cache_the_index_is_temporary(
    open_tree: Opener, filled: list[str], tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("MILLSTREAM_INDEX_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert search(open_tree()) == filled
    assert tmp_path / "file" not in index_path(root).parents


def test_what_was_rolled_back_is_taken_in_again(
    store: EmbeddedStore, open_tree: Opener, filled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert search(store) == filled
    made = new_experiment(open_tree())
    run = new_run(open_tree(), made)

    def failing(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Intake, "runs", failing)
        with pytest.raises(KeyboardInterrupt):
            search(store)
    assert search(store, ids=[made]) == [run]
    open_tree().write(ops.DeleteExperiment(experiment_id=made, time=T0))
    assert search(store, ids=[made]) == []


READER = """
import sys
from pathlib import Path
from millstream.stores.embedded import EmbeddedStore
from millstream.values.queries import SearchRuns
store = EmbeddedStore(Path(sys.argv[1]))
sys.stdin.readline()
query = SearchRuns(experiment_ids=("0",), max_results=50_000)
print(*[len(store.read(query)) for _ in range(20)])
"""


def test_processes_catch_up_at_once_while_another_writes(store: EmbeddedStore, filled: list[str], root: Path) -> None:
    """From no index at all: each answer holds all that was there before it was asked for, and none fails."""
    command = [sys.executable, "-c", READER, str(root)]
    readers = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    for process in readers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    for _ in range(40):
        run = new_run(store)
        log(store, run, [("m", 1.0)])
        finish(store, run)
    for process in readers:
        output, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        counts = [int(word) for word in output.split()]
        assert counts == sorted(counts)
        assert counts[0] >= 30
    assert len(search(store)) == 70


def test_threads_share_a_store(store: EmbeddedStore, filled: list[str]) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(15):
                run = new_run(store)
                log(store, run, [("n", float(number))], {"p": "1"}, {"t": "1"})
                assert run in search(store, f"metrics.n = {number}")
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(search(store)) == 30 + 90
