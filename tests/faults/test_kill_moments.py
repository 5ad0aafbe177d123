"""kill -9 at random moments, several writers at once: what was acknowledged is there once."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from tests.faults.checker import check_journals, fresh_snapshot, points_of, settings
from tests.faults.conftest import KILLS
from tests.faults.nursery import Nursery
from tests.faults.work import Told, Work, read_journal, search, write_for_ever
from tests.stores.calls import finish, history, log, new_run
from tests.stores.snapshots import snapshot

WRITERS = 4
# Rounds of one shared run; then it has the marks of so many deaths.
ROUNDS = 4
SHARES = {"embedded": 0.4, "sqlite": 0.3, "postgresql": 0.2}
# How many ops a writer lives, about how long the next few take (in seconds), and the failpoints it may die at before.
LIFE = {"embedded": 150, "sqlite": 30, "postgresql": 30}
FUSE = {"embedded": 0.002, "sqlite": 0.02, "postgresql": 0.03}
POINTS = {"embedded": 1500, "sqlite": 200, "postgresql": 200}


def works(uri: str, kind: str, rng: random.Random, shared: str, names: Any, folder: Path) -> list[Work]:
    """Writers of one round: some die at a failpoint, some at a moment, none of them gets old."""
    found = []
    for _ in range(WRITERS):
        name = next(names)
        found.append(
            Work(
                write_for_ever, uri, folder / f"journal {name}", name=name, seed=rng.randrange(10**6),
                shared_run=shared, die_at=rng.choice((0, rng.randrange(1, POINTS[kind]))),
                die_after=rng.randrange(LIFE[kind]), fuse=1e-6 + rng.random() * FUSE[kind], environment=settings(),
            )
        )  # fmt: skip
    return found


def test_what_killed_writers_were_told_is_there_once(
    request: pytest.FixtureRequest, nursery: Nursery, uri: str, root: Path, tmp_path: Path, seed: int
) -> None:
    kind = request.node.callspec.params["uri"]
    rng = random.Random(f"{seed} {kind}")
    store = open_store(uri)
    names = itertools.count(1)
    killed = 0
    while killed < KILLS * SHARES[kind]:
        shared = new_run(store)
        journals: list[Told] = []
        for _ in range(ROUNDS):
            round_ = works(uri, kind, rng, shared, names, tmp_path)
            pids = [nursery.start(work) for work in round_]
            killed += sum(nursery.wait(pid) for pid in pids)
            journals += [read_journal(work.journal) for work in round_]
            # Readers between the deaths, as a server would be.
            log(store, shared, [("checker", float(killed), killed)])
        assert sum(told.done for told in journals) > 0
        check_journals(store, journals, whole_ops=kind != "embedded")
        if kind == "embedded":
            send_the_rest_again(store, journals)
        else:
            send_all_again(store, journals)
            check_journals(store, journals, whole_ops=True)
    if kind == "embedded":
        assert snapshot(store)["runs"] == fresh_snapshot(root, tmp_path / "fresh")["runs"]
    close_stores()


def send_all_again(store: Store, journals: list[Told]) -> None:
    """As clients that got no answer do, and one that lost count: with op ids each point is there once, in the end."""
    for told in journals:
        for op in [*told.acknowledged[-3:], *told.unknown]:
            store.write(op)
        told.done = len(told.tried)
    for (run_id, key), points in points_of(op for told in journals for op in told.tried).items():
        assert sorted(history(store, run_id, key)) == sorted(points.elements())


def send_the_rest_again(store: Store, journals: list[Told]) -> None:
    """A folder keeps no op ids; all but points may be sent to it twice."""
    for told in journals:
        for op in told.unknown:
            if not (isinstance(op, ops.LogBatch) and op.metrics):
                store.write(op)


@pytest.mark.parametrize("uri", ["embedded"], indirect=True)
def test_an_index_whose_reader_is_killed_anywhere_says_what_a_new_one_says(
    nursery: Nursery, uri: str, root: Path, tmp_path: Path
) -> None:
    """From its making to the change of a few runs: all that is in it was committed, or it is made anew."""
    store = open_store(uri)
    runs = [new_run(store, tags={"k": "값"}) for _ in range(5)]
    for die_at in itertools.count(1):
        log(store, runs[die_at % 5], [("m", die_at / 3, die_at)], {f"p{die_at}": "1"})
        finish(store, runs[die_at % 3], "FINISHED" if die_at % 2 else "RUNNING")
        journal = tmp_path / f"journal {die_at}"
        killed = nursery.run(Work(search, uri, journal, die_at=die_at, environment=settings()))
        if die_at % 8 == 0 or not killed:
            found = snapshot(store)
            close_stores()
            assert found == fresh_snapshot(root, tmp_path / f"fresh {die_at}")
        if not killed:
            break
    assert read_journal(journal).notes["found"] == 5
    assert die_at >= 15
