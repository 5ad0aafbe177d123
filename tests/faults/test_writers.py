"""Several writers: ranks of one run, a neighbour that died in the middle of a write, files replaced by others."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.files import runs
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from millstream.values.entities import Metric, Param
from millstream.values.errors import InvalidValue
from tests.faults.checker import fresh_snapshot, settings
from tests.faults.nursery import Nursery
from tests.faults.work import T0, Journal, Work, read_journal
from tests.stores.calls import get, history, log, new_run, search
from tests.stores.snapshots import snapshot

RANKS = 4
STEPS = 60


def be_rank(work: Work, journal: Journal) -> None:
    """One process of a training: its clock is wrong by hours, its params are those of all, but for one."""
    store = open_store(work.uri)
    clock = T0 + random.Random(work.name).randrange(-3_600_000, 3_600_000)
    run = work.shared_run
    store.write(ops.LogBatch(run_id=run, params=(Param("lr", "0.01"), Param("world", str(RANKS)))))
    try:
        store.write(ops.LogBatch(run_id=run, params=(Param("rank", str(work.name)),)))
        journal.note("won", work.name)
    except InvalidValue as error:
        journal.note("refused", str(error))
    for step in range(STEPS):
        point = Metric("loss", work.name + step / 1000, clock + step, step)
        journal.carry_out(store, ops.LogBatch(run_id=run, metrics=(point, Metric(f"r/{work.name}", 1.0, clock, step))))


def test_ranks_of_one_run(nursery: Nursery, uri: str, tmp_path: Path) -> None:
    """No point is lost, one value of a contested param wins and the others are told, the latest is the same for all."""
    store = open_store(uri)
    run = new_run(store)
    works = [
        Work(be_rank, uri, tmp_path / f"journal {rank}", name=rank, shared_run=run, environment=settings())
        for rank in range(RANKS)
    ]
    pids = [nursery.start(work) for work in works]
    assert [nursery.wait(pid) for pid in pids] == [False] * RANKS
    told = [read_journal(work.journal) for work in works]
    found = history(store, run, "loss")
    assert len(found) == RANKS * STEPS
    assert len(set(found)) == RANKS * STEPS
    for rank in range(RANKS):
        assert [step for step, value, _ in found if int(value + 0.5) == rank] == list(range(STEPS))
        assert len(history(store, run, f"r/{rank}")) == STEPS
    winners = [journal.notes["won"] for journal in told if "won" in journal.notes]
    refusals = [journal.notes["refused"] for journal in told if "refused" in journal.notes]
    assert len(winners) == 1
    assert len(refusals) == RANKS - 1
    assert all("Changing param values is not allowed" in refusal for refusal in refusals)
    data = get(store, run).data
    assert data.params == {"lr": "0.01", "world": str(RANKS), "rank": str(winners[0])}
    (latest,) = [point for point in data.latest if point.key == "loss"]
    # Whatever the clocks say: of the highest step the one that was written last.
    best = [point for point in found if point[0] == STEPS - 1][-1]
    assert (latest.step, latest.value, latest.timestamp) == best
    close_stores()


@pytest.mark.parametrize("torn", [b"1", b"1700000000000 ", b"1700000000000 0.5 ", b"1700000000000 0.5 1"])
def test_a_neighbour_killed_in_the_middle_of_a_write_costs_nobody_a_point(
    store: EmbeddedStore, root: Path, torn: bytes
) -> None:
    run = new_run(store)
    log(store, run, [("m", 0.5, 1)])
    with (root / "0" / run / "metrics/m").open("ab") as neighbour:
        neighbour.write(torn)
    log(store, run, [("m", 0.25, 2)])
    log(store, run, [("m", 0.125, 3)])
    assert history(store, run, "m") == [(1, 0.5, T0), (2, 0.25, T0), (3, 0.125, T0)]
    assert snapshot(store)["problems"] == []


def replace(path: Path) -> None:
    """As rsync, or a restored backup: another file of the same content takes the place."""
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


def put_away(path: Path) -> None:
    """As somebody who quarantines a file."""
    path.rename(path.parents[2] / "artifacts" / "put away")


@pytest.mark.parametrize("change", [replace, put_away, Path.unlink], ids=["replaced", "put away", "removed"])
def test_a_file_replaced_under_a_writer_is_noticed_by_its_next_look(
    store: EmbeddedStore, root: Path, change: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer looks once a second; what it writes after that is where readers look."""
    run = new_run(store)
    log(store, run, [("a/m", 0.5, 1), ("n", 1.0)])
    path = root / "0" / run / "metrics/a/m"
    change(path)
    monkeypatch.setattr(runs, "STATE_SECONDS", 0.0)
    log(store, run, [("a/m", 0.25, 2), ("n", 2.0, 1)])
    kept = [(1, 0.5, T0)] if change is replace else []
    assert history(store, run, "a/m") == [*kept, (2, 0.25, T0)]
    assert len(history(store, run, "n")) == 2


def test_a_stale_handle_of_a_network_disk_is_opened_anew(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(store)
    log(store, run, [("m", 0.5, 1)])
    real, failed = os.write, []

    def write(descriptor: int, data: Any) -> int:
        if not failed:
            failed.append(descriptor)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", write)
    log(store, run, [("m", 0.25, 2)])
    assert failed
    assert len(history(store, run, "m")) == 2


@pytest.mark.parametrize("call", ["replace", "link"])
def test_a_rename_that_happened_and_said_it_did_not(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """An answer lost on a network disk: the request is sent again, and its file is gone, or there already."""
    run = new_run(store)
    real, failed = getattr(os, call), []
    code = errno.ENOENT if call == "replace" else errno.EEXIST

    def twice(source: str, target: str) -> None:
        if not failed or call == "replace":
            failed.append(target)
        real(source, target)
        raise OSError(code, os.strerror(code), source)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, twice)
        log(store, run, (), *(({}, {"t": "1"}) if call == "replace" else ({"p": "1"}, {})))
    assert failed
    data = get(store, run).data
    assert (data.tags.get("t"), data.params.get("p")) == (("1", None) if call == "replace" else (None, "1"))


def test_a_listing_that_lags_is_made_up_for(
    store: EmbeddedStore, open_tree: Callable[[], EmbeddedStore], root: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A network disk shows times and lists of a while ago; what it did not show is there once it does."""
    first = new_run(store)
    log(store, first, [("m", 1.0)], {"p": "1"})
    reader = open_tree()
    assert search(reader) == [first]
    home = root / "0"
    old_names, old_status = os.listdir(home), os.stat(home)
    second = new_run(store)
    log(store, second, [("m", 1.0)])
    real_scandir, real_stat = os.scandir, os.stat

    class Lagging:
        def __init__(self, path: str) -> None:
            self._entries = real_scandir(path)

        def __enter__(self) -> Any:
            return iter([entry for entry in self._entries if entry.name in old_names])

        def __exit__(self, *_: object) -> None:
            self._entries.close()

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", lambda path: Lagging(path) if str(path) == str(home) else real_scandir(path))
        patch.setattr(os, "stat", lambda path, **more: old_status if path == str(home) else real_stat(path, **more))
        assert search(reader) == [first]
    assert search(reader) == [second, first]
    assert snapshot(reader) == fresh_snapshot(root, tmp_path / "fresh")
