"""SQLite files that are not what was written: a damaged index is made anew, a damaged chunk is named."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore, index_path
from millstream.values import queries
from millstream.values.errors import DataDamaged
from tests.faults.conftest import FLIPS
from tests.stores.calls import finish, get, history, log, new_run, search
from tests.stores.conftest import database_uri, open_database
from tests.stores.snapshots import snapshot

__all__ = ["database_uri", "open_database"]
Opener = Callable[[], EmbeddedStore]


@pytest.fixture
def index(store: EmbeddedStore, root: Path) -> Path:
    """A whole index of a small tree, in one file."""
    for number in range(30):
        run = new_run(store, tags={"k": "값" * number})
        log(store, run, [("m", number / 3, number), ("n", 1.0, number)], {f"p{number % 5}": "v" * 50})
        finish(store, run)
    search(store)
    store.close()
    path = index_path(root)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    return path


def put(path: Path, data: bytes) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    path.write_bytes(data)


def test_an_index_cut_anywhere_is_made_anew(open_tree: Opener, root: Path, index: Path) -> None:
    whole = index.read_bytes()
    truth = snapshot(open_tree())
    for length in range(0, len(whole), max(1, len(whole) // 30)):
        put(index, whole[:length])
        store = open_tree()
        assert snapshot(store) == truth, f"cut at {length} of {len(whole)}"
        store.close()


def test_an_index_with_flipped_bytes_answers_or_is_made_anew(open_tree: Opener, index: Path, seed: int) -> None:
    """SQLite keeps no checksums, so a wrong letter in a value may be shown; nothing fails, and reindexing mends it."""
    whole = index.read_bytes()
    truth = snapshot(open_tree())
    rng = random.Random(f"{seed} index")
    right = 0
    for number in range(max(40, FLIPS // 25)):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 8, 64, 500))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        put(index, bytes(data))
        store = open_tree()
        with suppress(TypeError):  # a number where a name was cannot be sorted here: shown wrong, but shown
            right += snapshot(store) == truth
        if number % 10 == 0:
            store.reindex()
            assert snapshot(store) == truth
        store.close()
    assert right > 8


def damage_chunk(uri: str, key: str, harm: Callable[[bytes], bytes]) -> None:
    path = uri.removeprefix("sqlite:///")
    with sqlite3.connect(path) as connection:
        rows = connection.execute("SELECT rid, start, data FROM chunks WHERE key = ? ORDER BY start", [key]).fetchall()
        rid, start, data = rows[len(rows) // 2]
        connection.execute(
            "UPDATE chunks SET data = ? WHERE rid = ? AND key = ? AND start = ?", [harm(data), rid, key, start]
        )
    connection.close()


HARMS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "last byte": lambda data: data[:-1] + bytes([data[-1] ^ 1]),
    "first byte": lambda data: bytes([data[0] ^ 2]) + data[1:],
    "noise": lambda data: random.Random(1).randbytes(len(data)),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_a_damaged_chunk_is_named_and_everything_else_goes_on(
    open_database: Callable[[], DatabaseStore], database_uri: str, harm: Callable[[bytes], bytes]
) -> None:
    store = open_database()
    run, other = new_run(store), new_run(store)
    for step in range(40):
        log(store, run, [("hurt/손실", step / 3, step), ("well", step / 3, step)])
        log(store, other, [("hurt/손실", step / 3, step)])
    whole = history(store, run, "well")
    damage_chunk(database_uri, "hurt/손실", lambda data: data)  # rewritten as it is: nothing happens
    assert history(store, run, "hurt/손실") == whole
    rids = [run, other]
    damage_chunk(database_uri, "hurt/손실", harm)
    hurt = [found for found in rids if not readable(store, found)]
    assert len(hurt) == 1
    with pytest.raises(DataDamaged, match="hurt/손실") as raised:
        history(store, hurt[0], "hurt/손실")
    assert "checksum" in str(raised.value) or "version" in str(raised.value)
    assert set(search(store)) == {run, other}
    assert get(store, hurt[0]).data.metrics["hurt/손실"] == 39 / 3
    assert history(store, run, "well") == whole
    assert store.read(queries.DescribeStore()).runs == 2
    for step in range(40, 240):  # more than enough for small chunks to be merged
        log(store, hurt[0], [("hurt/손실", step / 3, step)])
    assert get(store, hurt[0]).data.metrics["hurt/손실"] == 239 / 3


def readable(store: DatabaseStore, run: str) -> bool:
    try:
        return len(history(store, run, "hurt/손실")) == 40
    except DataDamaged:
        return False
