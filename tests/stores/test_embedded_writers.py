"""Several writers, full disks, forks: what the embedded store acknowledges is in the files, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from millstream.values.errors import InvalidState, InvalidValue, StorageFailed
from tests.stores.calls import T0, finish, get, history, log, new_experiment, new_run, search

Opener = Callable[[], EmbeddedStore]

PARAMS = """
import sys
from millstream.stores.open import open_store
from millstream.values.entities import Param
from millstream.values.errors import InvalidValue
from millstream.values.ops import LogBatch
uri, run, me = sys.argv[1:]
store = open_store(uri)
print("ready", flush=True)
sys.stdin.readline()
won = 0
for number in range(100):
    try:
        store.write(LogBatch(run_id=run, params=(Param(f"p{number}", me),)))
        won += 1
    except InvalidValue as error:
        assert "Changing param values is not allowed" in str(error), error
print(won)
"""


def test_of_two_values_for_a_param_one_wins_and_the_other_is_told(store: EmbeddedStore) -> None:
    run = new_run(store)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", PARAMS, store.uri, run, name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in ("first", "second")
    ]
    for process in racers:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in racers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    counts = [int(process.communicate(timeout=60)[0]) for process in racers]
    values = list(get(store, run).data.params.values())
    assert counts == [values.count("first"), values.count("second")]
    assert sum(counts) == 100


EXPERIMENTS = """
import sys
from millstream.stores.open import open_store
from millstream.values.errors import AlreadyExists
from millstream.values.ops import CreateExperiment
store = open_store(sys.argv[1])
sys.stdin.readline()
made = 0
for number in range(30):
    try:
        store.write(CreateExperiment(name=f"e{number}", time=1))
        made += 1
    except AlreadyExists:
        pass
print(made)
"""


def test_of_processes_that_make_an_experiment_of_one_name_just_one_does(store: EmbeddedStore) -> None:
    command = [sys.executable, "-c", EXPERIMENTS, store.uri]
    racers = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate("go\n", timeout=60)[0] for process in racers]
    assert sum(map(int, outputs)) == 30


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_a_clear_error_reading_goes_on_and_so_does_writing_once_there_is_room(
    small_disk: Path, root: Path
) -> None:
    store = EmbeddedStore(small_disk / "mlruns")
    run = new_run(store)
    log(store, run, [("m", 0.5)], {"p": "1"}, {"t": "1"})
    ballast = small_disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    said, refused = [0], 0
    for step in range(1, 400):
        try:
            log(store, run, [("m", step / 7, step), ("n", step / 3, step)])
            said.append(step)
        except StorageFailed:
            refused += 1
    for batch in ({"params": {"q": "x" * 5000}}, {"tags": {"t": "x" * 5000}}, {"metrics": [("new", 1.0)]}):
        with pytest.raises(StorageFailed, match="space"):
            log(store, run, **batch)
    with pytest.raises(StorageFailed):
        finish(store, run)
    with pytest.raises(StorageFailed):
        new_run(store, tags={"long": "x" * 5000})
    assert refused > 300
    assert search(store) == [run]
    assert get(store, run).data.tags["t"] == "1"
    ballast.unlink()
    log(store, run, [("m", 1e9, 1000), ("n", 1e9, 1000)], {"q": "2"}, {"t": "2"})
    finish(store, run)
    found = history(store, run, "m")
    assert all(value == (step / 7 if step else 0.5) for step, value, _ in found[:-1])
    assert set(said) <= {step for step, _, _ in found}
    assert found[-1] == (1000, 1e9, T0)
    data = get(store, run).data
    assert (data.params, data.tags["t"], data.metrics["m"]) == ({"p": "1", "q": "2"}, "2", 1e9)
    assert len(search(store)) == 1
    assert not [path for path in small_disk.rglob(".millstream-*") if path.is_file()]
    store.close()


def test_a_writer_notices_within_a_second_that_its_run_was_deleted(
    store: EmbeddedStore, open_tree: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(store)
    log(store, run, [("m", 0.0)])
    open_tree().write(ops.DeleteRun(run_id=run, time=T0))
    monkeypatch.setattr("millstream.drivers.files.runs.STATE_SECONDS", 0.0)
    with pytest.raises(InvalidState):
        log(store, run, [("m", 1.0)])
    open_tree().write(ops.RestoreRun(run_id=run))
    log(store, run, [("m", 2.0, 1)])
    assert [value for _, value, _ in history(store, run, "m")] == [0.0, 2.0]


def test_a_run_moved_while_it_is_written_to_is_followed(
    store: EmbeddedStore, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A directory moved by hand takes its open files along; new files go where it is now."""
    made = new_experiment(store)
    run = new_run(store, made)
    log(store, run, [("m", 0.0)])
    (root / made).rename(root / ".trash" / made)
    log(store, run, [("m", 1.0, 1)])
    monkeypatch.setattr("millstream.drivers.files.runs.STATE_SECONDS", 0.0)
    log(store, run, [("m", 2.0, 2), ("n", 3.0)])
    assert not (root / made).exists()
    (root / ".trash" / made).rename(root / made)
    assert len(history(store, run, "m")) == 3
    assert get(store, run).data.metrics == {"m": 2.0, "n": 3.0}


def test_many_metrics_need_few_descriptors(store: EmbeddedStore) -> None:
    run = new_run(store)
    before = len(os.listdir("/proc/self/fd"))
    for step in range(2):
        log(store, run, [(f"m{number}", float(step), step) for number in range(300)])
    assert len(os.listdir("/proc/self/fd")) - before <= 130
    assert len(get(store, run).data.metrics) == 300
    finish(store, run)
    assert len(os.listdir("/proc/self/fd")) - before <= 10


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_uses_its_parents_store(root: Path) -> None:
    """Even when a thread of the parent held every lock at that moment."""
    store = open_store(root.as_uri())
    assert isinstance(store, EmbeddedStore)
    run = new_run(store)
    log(store, run, [("m", 0.0)])
    assert search(store) == [run]
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with store._runs._lock, store._runs._appender._lock, store._lock, store._answers._index._lock:
            held.set()
            release.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            signal.alarm(60)
            log(store, run, [("m", 1.0, 1), ("child", 1.0)])
            found = search(store, "metrics.child = 1")
            same = open_store(root.as_uri())
            code = 0 if found == [run] and search(same) == [run] else 2
        finally:
            os._exit(code)
    release.set()
    thread.join()
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    log(store, run, [("m", 2.0, 2)])
    assert search(store, "metrics.m = 2 and metrics.child = 1") == [run]
    close_stores()


def test_a_bad_param_in_a_batch_writes_nothing_of_it(store: EmbeddedStore) -> None:
    run = new_run(store)
    with pytest.raises(InvalidValue):
        log(store, run, [("m", 1.0)], {"good": "1", "../bad": "1"}, {"t": "1"})
    data = get(store, run).data
    assert (data.metrics, data.params, set(data.tags)) == ({}, {}, {"mlflow.runName"})
