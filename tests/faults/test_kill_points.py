"""kill -9 at every failpoint of every op: nothing acknowledged is lost, what was not is whole or can be made whole."""

from __future__ import annotations

import itertools
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from millstream.values.errors import AlreadyExists, InvalidState, NotFound
from tests.faults.checker import fresh_snapshot, settings
from tests.faults.nursery import Nursery
from tests.faults.subjects import KINDS, SEVERAL_FILES, make_op, state, subject
from tests.faults.work import Work, carry_out, read_journal
from tests.stores.snapshots import snapshot

_numbers = itertools.count(1)


# Subjects that a tree has before it is emptied.
SO_MANY = 8
DONE_ALREADY = (NotFound, InvalidState, AlreadyExists)


@pytest.mark.parametrize("kind", KINDS)
def test_an_op_killed_anywhere_is_whole_or_not_there_and_can_be_sent_again(
    nursery: Nursery, uri: str, root: Path, tmp_path: Path, kind: str
) -> None:
    store = open_store(uri)
    files = uri.startswith("file:")
    names: list[str] = []
    for die_at in itertools.count(1):
        number = next(_numbers)
        op, experiment, run = make_op(kind, *subject(store, number, kind), number)
        before = state(store, experiment, run)
        journal = tmp_path / f"journal {die_at}"
        killed = nursery.run(Work(carry_out, uri, journal, ops=(op,), die_at=die_at, environment=settings()))
        told = read_journal(journal)
        names.append(told.failpoint)
        found = state(store, experiment, run)
        if files and kind in SEVERAL_FILES:
            check_part(store, op, found)
        _send_again(store, op, files=files, changed=found != before)
        after = state(store, experiment, run)
        if not (files and kind in ("point", "points", "batch")):
            assert after != before
        if not (files and kind in SEVERAL_FILES):
            assert found in (before, after) or (files and kind == "point"), f"{told.failpoint} (number {die_at})"
        if told.done:
            assert found == after or (files and kind == "point"), f"acknowledged, killed at {told.failpoint}"
        if not killed:
            break
        if files and die_at % SO_MANY == 0:
            look_anew(store, root, tmp_path / f"fresh {die_at}")
            empty(root)
    assert told.done == 1
    assert len(names) >= 3
    check_names(set(names), files=files)
    if files:
        look_anew(store, root, tmp_path / "fresh")
    close_stores()


def look_anew(store: Store, root: Path, cache: Path) -> None:
    """An index made at this moment says what the store says."""
    assert fresh_snapshot(root, cache)["runs"] == snapshot(store)["runs"]


def empty(root: Path) -> None:
    """Take what has been looked at away, as the hands of users do: each look at a tree is about all that is in it."""
    for path in root.iterdir():
        shutil.rmtree(path)


def _send_again(store: Store, op: ops.Op[Any], *, files: bool, changed: bool) -> None:
    """As a client that got no answer does.

    A folder keeps no op ids: points are not sent to it again, and what is done already may be refused as such.
    """
    if files and isinstance(op, ops.LogBatch) and op.metrics:
        return
    with suppress(*(DONE_ALREADY if files and changed else ())):
        store.write(op)


def check_part(store: Store, op: ops.Op[Any], found: Any) -> None:
    """Of a batch, what is there are the first lines of each of its files, and nothing else."""
    if not isinstance(op, ops.LogBatch):
        return
    ((_, series),) = found[1]
    for key, kept in series.items():
        mine = [(point.step, point.value, point.timestamp) for point in op.metrics if point.key == key]
        if mine:
            assert kept == mine[: len(kept)]


def check_names(names: set[str], *, files: bool) -> None:
    """The failpoints that were meant to be reached were."""
    names.discard("")
    if files:
        assert names & {"in write", "after replace", "after unlink", "after link"}
    else:
        assert {"before commit", "after commit"} <= names
        assert names & {"before INSERT", "before UPDATE", "before DELETE"}
