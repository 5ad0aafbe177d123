"""Runs at rest that the kernel tells of: nothing is asked about them, and nothing that happens to them is missed."""

from __future__ import annotations

import errno
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("inotify is Linux's", allow_module_level=True)

from millstream.drivers.files import stamps, watches
from millstream.stores import index
from millstream.stores.embedded import EmbeddedStore
from millstream.values.entities import Metric, RunTag
from millstream.values.ops import DeleteExperiment, LogBatch, MoveRuns, RestoreExperiment
from millstream.values.queries import SearchRuns
from tests.stores.told.watching import RUNS, A, B, C, Watching, age


def replace(path: Path, text: str) -> None:
    beside = path.with_name(".new")
    beside.write_text(text)
    beside.rename(path)


def append(path: Path) -> None:
    with path.open("a") as file:
        file.write("5 7.5 5\n")


def ended(run: Path) -> str:
    return (run / "meta.yaml").read_text().replace("end_time: 2", "end_time: 9")


def test_nothing_is_asked_about_watched_runs_not_even_in_a_sweep(watching: Watching, asked: list[str]) -> None:
    watching.look()
    watching.sweep()
    watching.sweep()
    assert asked == []


def test_a_process_that_searches_once_watches_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "Watches", None)
    store = EmbeddedStore(root)
    store.read(SearchRuns(experiment_ids=("0",)))
    store.read(SearchRuns(experiment_ids=("0",)))
    store.close()


CHANGES: dict[str, tuple[Callable[[Path], object], Callable[[Any], object], object]] = {
    "a tag comes": (lambda run: (run / "tags/b").write_text("2"), lambda run: run.data.tags["b"], "2"),
    "a tag is overwritten": (lambda run: (run / "tags/a").write_text("2"), lambda run: run.data.tags["a"], "2"),
    "a tag is replaced": (lambda run: replace(run / "tags/a", "2"), lambda run: run.data.tags["a"], "2"),
    "a tag goes": (lambda run: (run / "tags/a").unlink(), lambda run: "a" in run.data.tags, False),
    "a param comes": (lambda run: (run / "params/p").write_text("1"), lambda run: run.data.params, {"p": "1"}),
    "points come": (
        lambda run: append(run / "metrics/m"),
        lambda run: run.data.metrics["m"],
        7.5,
    ),
    "deep points come": (
        lambda run: append(run / "metrics/n/x"),
        lambda run: run.data.metrics["n/x"],
        7.5,
    ),
    "a deep metric comes": (
        lambda run: ((run / "metrics/n/o").mkdir(), (run / "metrics/n/o/p").write_text("5 7.5 5\n")),
        lambda run: run.data.metrics["n/o/p"],
        7.5,
    ),
    "meta.yaml is overwritten": (
        lambda run: (run / "meta.yaml").write_text(ended(run)),
        lambda run: run.info.end_time,
        9,
    ),
    "meta.yaml is replaced": (
        lambda run: replace(run / "meta.yaml", ended(run)),
        lambda run: run.info.end_time,
        9,
    ),
    "a folder goes": (lambda run: shutil.rmtree(run / "metrics/n"), lambda run: run.data.metrics, {"m": 1.0}),
    "a folder is exchanged": (
        lambda run: (
            shutil.copytree(run / "tags", run / "new"),
            (run / "tags").rename(run / "old"),
            (run / "new/z").write_text("2"),
            (run / "new").rename(run / "tags"),
        ),
        lambda run: run.data.tags["z"],
        "2",
    ),
    "it is made anew": (
        lambda run: (
            shutil.copytree(run, run.parent.parent / "copy"),
            shutil.rmtree(run),
            (run.parent.parent / "copy").rename(run),
            (run / "tags/z").write_text("2"),
        ),
        lambda run: run.data.tags["z"],
        "2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_what_another_program_does_is_seen_at_once(
    name: str, watching: Watching, root: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stamps, "RACY_NS", 0)
    change, seen, expected = CHANGES[name]
    change(root / "0" / B)
    assert seen(watching.look()[B]) == expected
    assert {run.strip("!") for run in asked} == {B}
    # When it is at rest again the kernel tells of it again.
    age(root / "0" / B)
    watching.look()
    watching.sweep()
    watching.sweep()
    assert watching.watched() == set(RUNS)
    asked.clear()
    assert seen(watching.look()[B]) == expected
    assert asked == []


def test_what_is_overwritten_is_looked_at_until_it_is_known(watching: Watching, root: Path, asked: list[str]) -> None:
    tag = root / "0" / A / "tags/a"
    before = tag.stat()
    for value in ("2", "3", "4"):
        # A clock that stands still: the file says nothing of having changed but while it is young.
        tag.write_text(value)
        assert watching.look()[A].data.tags["a"] == value
    os.utime(tag, ns=(before.st_atime_ns, before.st_mtime_ns))
    watching.look()
    assert f"{A}!" in asked


def test_runs_come_and_go(watching: Watching, root: Path, asked: list[str]) -> None:
    shutil.copytree(root / "0" / A, root / "copy")
    shutil.rmtree(root / "0" / A)
    assert set(watching.look()) == {B, C}
    (root / "copy").rename(root / "0" / A)
    assert set(watching.look()) == {A, B, C}
    (root / "0" / B).rename(root / "0" / "not.a.run")
    (root / "0" / B).write_text("no directory")
    assert {A, C} <= set(watching.look())
    assert B not in watching.look()
    assert C not in asked
    assert f"{C}!" not in asked


def test_runs_change_places(watching: Watching, root: Path) -> None:
    (root / "0" / A).rename(root / "swap")
    (root / "0" / B).rename(root / "0" / A)
    (root / "swap").rename(root / "0" / B)
    for name in (A, B):
        meta = root / "0" / name / "meta.yaml"
        other = B if name == A else A
        meta.write_text(meta.read_text().replace(other, name).replace("end_time: 2", f"end_time: {ord(name[0])}"))
    found = watching.look()
    assert [found[name].info.end_time for name in (A, B, C)] == [97, 98, 2]


def test_runs_move_to_another_experiment(watching: Watching, root: Path) -> None:
    other = EmbeddedStore(root)
    other.write(MoveRuns(run_ids=(A,), experiment_id="7"))
    found = watching.look()
    assert (found[A].info.experiment_id, found[B].info.experiment_id) == ("7", "0")
    other.write(LogBatch(run_id=A, tags=(RunTag("late", "1"),)))
    assert watching.look()[A].data.tags["late"] == "1"
    other.close()


def test_experiments_go_to_the_trash_and_back(watching: Watching, root: Path) -> None:
    other = EmbeddedStore(root)
    for op in (DeleteExperiment(experiment_id="0", time=5), RestoreExperiment(experiment_id="0", time=6)):
        other.write(op)
        home = root / ".trash/0" if type(op) is DeleteExperiment else root / "0"
        (home / A / "tags" / type(op).__name__).write_text("1")
        assert type(op).__name__ in watching.look()[A].data.tags
        age(home)
        watching.sweep()
        watching.sweep()
        assert watching.watched() == set(RUNS)
        (home / B / "tags/a").write_text(type(op).__name__)
        assert watching.look()[B].data.tags["a"] == type(op).__name__
        age(home)
    other.close()


@pytest.mark.parametrize("place", ["0", "."])
def test_a_directory_above_is_exchanged(place: str, watching: Watching, root: Path) -> None:
    """The watches are those of the old directories, which stay as they are."""
    home = root / place
    shutil.copytree(home, root.parent / "copy", copy_function=shutil.copy2)
    new = root.parent / "copy" / ("0" if place == "." else ".") / A / "tags/new"
    new.write_text("1")
    home.resolve().rename(root.parent / "old")
    (root.parent / "copy").rename(home.resolve())
    assert "new" in watching.look()[A].data.tags
    watching.sweep()
    (root / "0" / B / "tags/newer").write_text("1")
    assert "newer" in watching.look()[B].data.tags


def test_a_change_right_after_asking_is_seen(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(root, monkeypatch)
    watching.sentries.close()
    shallow = stamps.shallow_stamp

    def change_after(directory: str, names: tuple[str, ...]) -> stamps.Stamp:
        stamp = shallow(directory, names)
        Path(directory, "tags/a").write_text("right after")
        return stamp

    with monkeypatch.context() as patch:
        patch.setattr(stamps, "shallow_stamp", change_after)
        watching.sweep()
    assert watching.watched() == set(RUNS)
    assert {run.data.tags["a"] for run in watching.look().values()} == {"right after"}


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_what_was_heard_and_could_not_be_taken_in_is_not_forgotten(
    watching: Watching, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "0" / A / "tags/a").write_text("2")
    with monkeypatch.context() as patch:
        patch.setattr(index, "Intake", full_disk)
        with pytest.raises(OSError, match="No space"):
            watching.look()
    assert watching.look()[A].data.tags["a"] == "2"


def test_two_processes_each_hear_of_it(watching: Watching, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = Watching(root, monkeypatch)
    (root / "0" / A / "tags/a").write_text("2")
    assert watching.look()[A].data.tags["a"] == "2"
    (root / "0" / B / "tags/a").write_text("3")
    assert [other.look()[run].data.tags["a"] for run in RUNS] == ["2", "3", "1"]
    assert [watching.look()[run].data.tags["a"] for run in RUNS] == ["2", "3", "1"]
    assert C in watching.watched() & other.watched()
    other.store.close()


def test_what_this_process_writes_is_found_at_once(watching: Watching) -> None:
    watching.store.write(LogBatch(run_id=A, tags=(RunTag("c", "3"),), metrics=(Metric("m", 5.0, 2, 2),)))
    found = watching.look()[A]
    assert (found.data.tags["c"], found.data.metrics["m"]) == ("3", 5.0)


def test_a_child_asks_about_all_and_its_parent_still_hears(watching: Watching, root: Path) -> None:
    (root / "0" / A / "tags/a").write_text("2")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            looker = watching.store._searches()._index._looker
            code = 0 if looker._sentries.listen() is None and looker._sentries.listen() == [] else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert watching.look()[A].data.tags["a"] == "2"


def test_a_closed_store_keeps_nothing(watching: Watching, root: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    watching.store.close()
    assert len(before) > len(set(os.listdir("/proc/self/fd")))
    assert watching.watched() == set()
    (root / "0" / A / "tags/b").write_text("2")
    assert "b" in watching.look()[A].data.tags
