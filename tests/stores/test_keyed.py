"""Ops with an id on a tree of files, and what is noted of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from millstream.drivers.files import intents
from millstream.drivers.files.intents import end_of_lines, left_of
from millstream.stores.embedded import EmbeddedStore, index_path
from millstream.values import ops
from millstream.values.entities import Metric, RunTag
from millstream.values.errors import KeyReused, NotFound, StorageFailed
from tests.stores.calls import T0, get, history, new_run

POINTS = tuple(Metric(key, value / 3, T0, value) for key in ("m", "n/하나") for value in range(5))


@pytest.fixture
def tree(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "나의 runs" / "mlruns")


def test_another_request_under_a_key_is_refused_and_a_refused_one_uses_none_up(tree: EmbeddedStore) -> None:
    create = ops.CreateExperiment(name="e", time=T0, op_id="k", op_digest="a")
    made = tree.write(create)
    assert tree.write(create) == made
    with pytest.raises(KeyReused):
        tree.write(structs.replace(create, name="f", op_digest="b"))
    with pytest.raises(NotFound):
        tree.write(ops.DeleteTag(run_id=new_run(tree), key="none", op_id="l", op_digest="c"))
    tree.write(ops.CreateExperiment(name="g", time=T0, op_id="l", op_digest="d"))


def test_equal_points_of_two_keys_are_two_points(tree: EmbeddedStore) -> None:
    run = new_run(tree)
    for key in ("a", "b", "a"):
        tree.write(ops.LogBatch(run_id=run, metrics=POINTS[:1], op_id=key))
    assert len(history(tree, run, "m")) == 2


def test_a_request_that_broke_off_is_settled_before_the_next_equal_one(
    tree: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tree)
    first, second = (ops.LogBatch(run_id=run, metrics=POINTS[:3], op_id=key) for key in "ab")
    with monkeypatch.context() as broken:
        broken.setattr(tree._runs, "append_lines", lambda *_: (_ for _ in ()).throw(StorageFailed("full")))
        with pytest.raises(StorageFailed):
            tree.write(first)
    tree.write(second)
    tree.write(first)
    tree.write(first)
    assert len(history(tree, run, "m")) == 6


def test_what_is_noted_lies_outside_of_the_tree_and_is_forgotten(
    tree: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tree)
    tree.write(ops.LogBatch(run_id=run, metrics=POINTS[:1]))
    notes = index_path(tree.root).with_suffix(".keys.db")
    assert not notes.exists()  # nothing has a key
    tree.write(ops.LogBatch(run_id=run, metrics=POINTS[:1], op_id="old"))
    assert notes.exists()
    monkeypatch.setattr(intents, "KEPT", -1)
    for number in range(intents.EVERY + 1):
        tree.write(ops.LogBatch(run_id=run, tags=(RunTag("t", str(number)),), op_id=f"new-{number}"))
    assert tree._keyed()._intents.find("old") is None
    assert get(tree, run).data.tags["t"] == str(intents.EVERY)


def test_notes_that_cannot_be_written_are_named_and_nothing_is_done(tree: EmbeddedStore) -> None:
    run = new_run(tree)
    notes = index_path(tree.root).with_suffix(".keys.db")
    notes.parent.mkdir(parents=True, exist_ok=True)
    notes.write_bytes(b"no database" * 500)
    with pytest.raises(StorageFailed, match="idempotency key") as caught:
        tree.write(ops.LogBatch(run_id=run, metrics=POINTS[:1], op_id="k"))
    assert str(notes) not in caught.value.told
    assert history(tree, run, "m") == []


@pytest.mark.parametrize(
    ("there", "left"),
    [
        (b"", b"a\nb\nb\n"),
        (b"a\nb\nb\n", b""),
        (b"a\nb\n", b"b\n"),
        (b"x\na\nb\nb\ny\n", b""),
        (b"a\na\nb\nb\n", b""),
        (b"za\nb\nb\n", b"a\nb\nb\n"),
        (b"a\nx\nb\nb\n", b"b\nb\n"),
        (b"a\nb", b"b\nb\n"),
    ],
)
def test_lines_are_looked_for_in_one_piece(tmp_path: Path, there: bytes, left: bytes) -> None:
    path = tmp_path / "m"
    assert left_of(str(path), 0, b"a\nb\nb\n") == b"a\nb\nb\n"
    path.write_bytes(b"a\nb\nb\n" + there)
    assert left_of(str(path), 6, b"a\nb\nb\n") == left


@pytest.mark.parametrize(
    ("text", "end"), [(b"", 0), (b"a\n", 2), (b"a\nb", 2), (b"a" * 9000, 0), (b"a\n" + b"b" * 9000, 2)]
)
def test_a_torn_line_is_not_the_end(tmp_path: Path, text: bytes, end: int) -> None:
    path = tmp_path / "m"
    assert end_of_lines(str(path)) == 0
    path.write_bytes(text)
    assert end_of_lines(str(path)) == end
