"""A disk that is really full: a clear error, reading goes on, so does writing once there is room; nothing is lost."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values import ops, queries
from millstream.values.errors import NoRoom, StorageFailed
from tests.stores.calls import finish, get, history, log, new_run, search


@contextmanager
def full(disk: Path, *, but: int = 0) -> Iterator[None]:
    """The disk is full, but for some bytes."""
    ballast = disk / "ballast"
    with suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    if but:
        os.truncate(ballast, max(0, ballast.stat().st_size - but))
    try:
        yield
    finally:
        ballast.unlink()


def refused(store: Store, run: str, start: int, tries: int = 150) -> tuple[set[int], list[str]]:
    """Points that were acknowledged, and what was said of the others."""
    said, errors = set(), []
    for step in range(start, start + tries):
        try:
            log(store, run, [(f"m{step % 3}", step / 7, step), ("all", step / 3, step)], tags={"t": "x" * 900})
            said.add(step)
        except StorageFailed as error:
            errors.append(str(error))
    return said, errors


def check(store: Store, run: str, said: set[int], *, once: bool = True) -> None:
    steps = [step for step, _, _ in history(store, run, "all")]
    assert said <= set(steps)
    assert not once or len(steps) == len(set(steps))
    assert all(value == step / 3 for step, value, _ in history(store, run, "all"))


@pytest.mark.parametrize("kind", ["folder", "sqlite"])
@pytest.mark.parametrize("room", [0, 4096])
def test_a_full_disk(small_disk: Path, kind: str, room: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index elsewhere"))
    monkeypatch.setenv("MILLSTREAM_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    place = small_disk / ("mlruns" if kind == "folder" else "runs.db")
    store = open_store(place.as_uri() if kind == "folder" else f"sqlite:///{place}")
    run = new_run(store)
    said, errors = refused(store, run, 0, 20)
    assert not errors
    with full(small_disk, but=room):
        more, errors = refused(store, run, 1000)
        said |= more
        assert len(errors) > 20
        for error in errors:
            assert str(small_disk) in error
            assert "space" in error.lower() or "full" in error.lower()
            assert "free" in error.lower(), f"what is to be done? {error}"
        with pytest.raises(NoRoom) as refusal:
            new_run(store, tags={"long": "x" * 400_000})
        assert str(small_disk) not in refusal.value.told
        assert kind != "folder" or len([one for one in (place / "0").iterdir() if len(one.name) == 32]) == 1
        assert search(store) == [run]
        assert store.read(queries.DescribeStore()).runs == 1
        check(store, run, said)
        assert get(store, run).data.tags["t"] == "x" * 900
        close_stores()
        assert search(store) == [run], "a process that starts now reads too"
        check(store, run, said)
    more, errors = refused(store, run, 5000)
    assert not errors
    assert len(more) == 150
    check(store, run, said | more)
    finish(store, run)
    other = new_run(store)
    assert set(search(store)) == {run, other}
    close_stores()
    assert not [path for path in small_disk.rglob(".millstream-*") if path.is_file()]
    check(store, run, said | more)
    close_stores()


def test_a_full_disk_under_the_index(small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Logging needs no index; what asks for runs says what is wrong, and works again at once when there is room."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(small_disk / "index"))
    store = open_store((tmp_path / "mlruns").as_uri())
    runs = [new_run(store) for _ in range(5)]
    assert len(search(store)) == 5
    with full(small_disk):
        for number in range(40):
            log(store, runs[0], [("m", float(number), number)], {f"p{number}": "x" * 5000})
        with pytest.raises(StorageFailed) as raised:
            search(store)
        said = str(raised.value)
        assert str(small_disk) in said
        assert "MILLSTREAM_INDEX_DIR" in said
        assert len(history(store, runs[0], "m")) == 40
        assert store.read(queries.GetRunInfo(run_id=runs[0])).status == "RUNNING"
        assert store.read(queries.GetExperimentByName(name="Default")).experiment_id == "0"
        close_stores()
        with pytest.raises(StorageFailed, match="MILLSTREAM_INDEX_DIR"):
            search(store)
    assert len(search(store)) == 5
    assert len(get(store, runs[0]).data.params) == 40
    close_stores()


@pytest.fixture
def limit_files() -> Iterator[Callable[[int], None]]:
    """Limits how long a file may grow; more than that is refused as a full disk is."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signals = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, signals)


@pytest.mark.parametrize("kind", ["folder", "sqlite"])
def test_a_limit_on_files(
    kind: str, tmp_path: Path, limit_files: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full disk, where none can be mounted: no file may become longer than it is by more than a little."""
    monkeypatch.setenv("MILLSTREAM_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "artifacts"))
    place = tmp_path / ("mlruns" if kind == "folder" else "runs.db")
    store = open_store(place.as_uri() if kind == "folder" else f"sqlite:///{place}")
    run = new_run(store)
    said, errors = refused(store, run, 0, 20)
    assert not errors
    assert len(search(store)) == 1
    limit_files(1300 if kind == "folder" else place.stat().st_size)
    more, errors = refused(store, run, 1000)
    assert len(errors) > 20
    assert all(str(tmp_path) in error for error in errors)
    check(store, run, said | more)
    limit_files(resource.RLIM_INFINITY)
    last, errors = refused(store, run, 5000)
    assert not errors
    assert len(last) == 150
    check(store, run, said | more | last)
    assert len(search(store)) == 1
    store.write(ops.UpdateRun(run_id=run, status="FINISHED"))
    close_stores()
