"""The index finds every change that others make to the files, and says the same as one made from nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from millstream.drivers.files import stamps
from millstream.stores import changes
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import ViewType
from millstream.values.errors import NotFound
from tests.stores.calls import T0, experiment_names, finish, get, log, new_experiment, new_run, search
from tests.stores.snapshots import snapshot, tick

Change = Callable[..., Path]


@pytest.fixture
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trust every stamp at once and look closely at nothing: what is found is found by its stamp."""
    monkeypatch.setattr(stamps, "RACY_NS", 0)
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 0)


@pytest.fixture
def reader(settled: None, store: EmbeddedStore, root: Path) -> Iterator[EmbeddedStore]:
    """The store whose index is tested; in the end an index made from nothing must give the same answers."""
    root.mkdir(parents=True)
    yield store
    before = snapshot(store)
    store.reindex()
    assert snapshot(store) == before


@pytest.fixture
def other(open_tree: Callable[[], EmbeddedStore]) -> EmbeddedStore:
    """Another process that writes to the tree."""
    return open_tree()


def rewrite_meta(directory: Path, **fields: object) -> None:
    """Rewrite a meta.yaml in place, as MLflow does with a run's."""
    path = directory / "meta.yaml"
    known = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump(known | fields, allow_unicode=True), encoding="utf-8")


def test_points_appended_to_a_running_run(reader: EmbeddedStore, other: EmbeddedStore, tmp_path: Path) -> None:
    run = new_run(other)
    for step in range(5):
        log(other, run, [("m", float(step), step)])
        assert search(reader, f"metrics.m = {step}") == [run]
        tick(tmp_path)


def test_points_appended_to_a_finished_run(reader: EmbeddedStore, other: EmbeddedStore, tmp_path: Path) -> None:
    run = new_run(other)
    log(other, run, [("m", 0.0)])
    finish(other, run)
    for step in range(1, 6):
        assert search(reader, f"metrics.m = {step - 1}") == [run]
        tick(tmp_path)
        log(other, run, [("m", float(step), step)])
    assert search(reader, "metrics.m = 5") == [run]


def test_points_appended_by_a_writer_that_does_not_know_yet_that_the_run_ended(
    reader: EmbeddedStore, other: EmbeddedStore, open_tree: Callable[[], EmbeddedStore], tmp_path: Path
) -> None:
    run = new_run(other)
    log(other, run, [("m", 0.0)])
    finish(open_tree(), run)
    assert search(reader, "metrics.m = 0") == [run]
    tick(tmp_path)
    log(other, run, [("m", 1.0, 1)])
    assert search(reader, "metrics.m = 1") == [run]


def test_a_file_of_a_finished_run_changed_in_place_is_found_in_turn_or_when_it_is_opened(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(other, tags={"t": "old"})
    log(other, run, [("m", 0.0)])
    finish(other, run)
    meta = root / "0" / run / "meta.yaml"
    os.utime(meta, ns=(0, meta.stat().st_mtime_ns - 10**10))
    assert search(reader, "tags.t = 'old'") == [run]
    tick(tmp_path)
    (root / "0" / run / "tags/t").write_text("new")
    with (root / "0" / run / "metrics/m").open("a") as file:
        file.write("5 7.0 5\n")
    assert get(reader, run).data.tags["t"] == "new"
    assert search(reader, "tags.t = 'new' AND metrics.m = 7") == [run]
    tick(tmp_path)
    (root / "0" / run / "tags/t").write_text("newer")
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 16)
    assert search(reader, "tags.t = 'newer'") == [run]


def test_every_run_has_its_turn(reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path) -> None:
    runs = [new_run(other, tags={"t": "old"}) for _ in range(7)]
    for run in runs:
        finish(other, run)
        meta = root / "0" / run / "meta.yaml"
        os.utime(meta, ns=(0, meta.stat().st_mtime_ns - 10**10))
    assert len(search(reader)) == 7
    tick(tmp_path)
    for run in runs:
        (root / "0" / run / "tags/t").write_text("new")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(changes, "CLOSE_LOOKS", 3)
        for _ in range(3):
            found = search(reader, "tags.t = 'new'")
    assert set(found) == set(runs)


def test_tags_and_params_that_appear_change_and_go(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path
) -> None:
    run = new_run(other)
    finish(other, run)
    folder = root / "0" / run
    search(reader)
    tick(tmp_path)
    log(other, run, params={"a/b/c": "1"}, tags={"x/y": "1"})
    assert search(reader, "params.`a/b/c` = '1' and tags.`x/y` = '1'") == [run]
    tick(tmp_path)
    log(other, run, params={"a/b/d": "2"}, tags={"x/y": "2"})
    assert search(reader, "params.`a/b/d` = '2' and tags.`x/y` = '2'") == [run]
    tick(tmp_path)
    other.write(ops.DeleteTag(run_id=run, key="x/y"))
    (folder / "params/a/b/c").unlink()
    assert search(reader, "params.`a/b/c` IS NULL and tags.`x/y` IS NULL") == [run]
    tick(tmp_path)
    (folder / "params/by hand").write_text("값")
    assert search(reader, "params.`by hand` = '값'") == [run]


def test_a_run_that_goes_comes_back_or_moves(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path
) -> None:
    target = new_experiment(other)
    run = new_run(other)
    log(other, run, [("m", 1.0)])
    assert search(reader) == [run]
    tick(tmp_path)
    (root / "0" / run).rename(tmp_path / "aside")
    assert search(reader) == []
    with pytest.raises(NotFound):
        get(reader, run)
    tick(tmp_path)
    rewrite_meta(tmp_path / "aside", experiment_id=target)
    (tmp_path / "aside").rename(root / target / run)
    assert search(reader, ids=[target]) == [run]
    assert get(reader, run).data.metrics == {"m": 1.0}
    tick(tmp_path)
    shutil.rmtree(root / target / run)
    assert search(reader, ids=["0", target]) == []


def test_an_experiment_moved_to_the_trash_and_back_by_hand(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path
) -> None:
    made = new_experiment(other)
    run = new_run(other, made)
    assert set(experiment_names(reader)) == {"Default", "실험 하나"}
    for _ in range(2):
        tick(tmp_path)
        (root / made).rename(root / ".trash" / made)
        assert experiment_names(reader) == ["Default"]
        assert experiment_names(reader, view=ViewType.DELETED_ONLY) == ["실험 하나"]
        tick(tmp_path)
        (root / ".trash" / made).rename(root / made)
        assert set(experiment_names(reader)) == {"Default", "실험 하나"}
    assert search(reader, ids=[made]) == [run]
    tick(tmp_path)
    shutil.rmtree(root / made)
    assert experiment_names(reader, view=ViewType.ALL) == ["Default"]
    with pytest.raises(NotFound):
        get(reader, run)


def test_meta_files_rewritten_in_place(reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path) -> None:
    made = new_experiment(other)
    run = new_run(other, made)
    search(reader)
    tick(tmp_path)
    rewrite_meta(root / made / run, status=4, end_time=T0, run_name="다시 씀", lifecycle_stage="deleted")
    assert search(reader, "status = 'FAILED'", ids=[made], view=ViewType.DELETED_ONLY) == [run]
    assert get(reader, run).info.run_name == "다시 씀"
    tick(tmp_path)
    rewrite_meta(root / made / run, lifecycle_stage="active")
    assert search(reader, ids=[made]) == [run]
    tick(tmp_path)
    rewrite_meta(root / made, name="새 이름")
    (root / made / "tags").mkdir()
    (root / made / "tags/k").write_text("1")
    assert "새 이름" in experiment_names(reader, filter="tags.k = '1'")
    tick(tmp_path)
    (root / made / "tags/k").write_text("2")
    assert "새 이름" in experiment_names(reader, filter="tags.k = '2'")


@pytest.mark.parametrize("last", ["meta.yaml", "metrics", "params", "artifacts"])
def test_a_run_that_arrives_bit_by_bit(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path, last: str
) -> None:
    run = new_run(other)
    log(other, run, [("m", 1.0)], {"p": "1"})
    finish(other, run)
    whole = root / "0" / run
    copy = tmp_path / "copy"
    whole.rename(copy)
    whole.mkdir()
    parts = sorted(os.listdir(copy), key=lambda name: (name == last, name))
    for part in parts:
        assert search(reader) == []
        tick(tmp_path)
        (copy / part).rename(whole / part)
    assert search(reader, "metrics.m = 1 and params.p = '1'") == [run]
    assert reader.read(queries.DescribeStore()).problems == ()


def test_a_copied_experiment(reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path) -> None:
    run = new_run(other)
    log(other, run, [("m", 1.0)])
    before = snapshot(reader)
    tick(tmp_path)
    shutil.copytree(root / "0", root / "123")
    after = snapshot(reader)
    assert (after["experiments"], after["runs"]) == (before["experiments"], before["runs"])
    assert any("/123/meta.yaml" in problem for problem in after["problems"])
    assert any(f"/123/{run}" in problem for problem in after["problems"])
    tick(tmp_path)
    rewrite_meta(root / "123", experiment_id="123", name="copy")
    rewrite_meta(root / "123" / run, experiment_id="123")
    after = snapshot(reader)
    assert (len(after["experiments"]), after["runs"]) == (2, before["runs"])
    assert any(run in problem and "same id" in problem for problem in after["problems"])
    tick(tmp_path)
    shutil.rmtree(root / "0" / run)
    assert search(reader, ids=["123"]) == [run]
    assert snapshot(reader)["problems"] == []


def test_a_metric_file_that_was_cut_replaced_or_removed(
    reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path
) -> None:
    run = new_run(other)
    log(other, run, [("m", float(step), step) for step in range(10)])
    path = root / "0" / run / "metrics/m"
    assert search(reader, "metrics.m = 9") == [run]
    tick(tmp_path)
    os.truncate(path, len("".join(path.read_text().splitlines(keepends=True)[:5])))
    assert search(reader, "metrics.m = 4") == [run]
    tick(tmp_path)
    path.write_text("1 100.0 1\n" * 50 + "1 50.0 2\n")  # longer than before, in the same file
    assert search(reader, "metrics.m = 50") == [run]
    tick(tmp_path)
    path.unlink()
    path.write_text("1 1.0 99999\n" * 200)
    assert search(reader, "metrics.m = 1") == [run]
    tick(tmp_path)
    path.unlink()
    assert get(reader, run).data.metrics == {}


def test_a_change_within_the_tick_of_the_last_look_is_found(other: EmbeddedStore, store: EmbeddedStore) -> None:
    """Stamps that are as young as the clock is coarse prove nothing."""
    run = new_run(other)
    finish(other, run)
    for number in range(200):
        log(other, run, tags={"t": f"{number:03}"})
        assert search(store, f"tags.t = '{number:03}'") == [run]


def test_what_has_settled_is_not_read_again(reader: EmbeddedStore, other: EmbeddedStore, tmp_path: Path) -> None:
    running, finished = new_run(other), new_run(other)
    log(other, running, [("m", 1.0)])
    finish(other, finished)
    other.write(ops.UpdateRun(run_id=running, run_name="x"))
    for run in (running, finished):
        meta = Path(other.artifacts(run).location.path).parent / "meta.yaml"
        os.utime(meta, ns=(0, meta.stat().st_mtime_ns - 10**10))
    tick(tmp_path)
    snapshot(reader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("millstream.stores.intake.Intake.runs", None)
        patch.setattr("millstream.stores.intake.Intake.experiments", None)
        assert len(search(reader)) == 2
        assert get(reader, running).data.metrics == {"m": 1.0}


def test_a_tree_that_goes_and_comes(reader: EmbeddedStore, other: EmbeddedStore, root: Path, tmp_path: Path) -> None:
    run = new_run(other)
    assert search(reader) == [run]
    root.rename(tmp_path / "moved")
    assert search(reader) == []
    (tmp_path / "moved").rename(root)
    assert search(reader) == [run]
