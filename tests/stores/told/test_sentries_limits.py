"""Runs at rest that the kernel does not tell of, or not always: they are asked about."""

from __future__ import annotations

import errno
import shutil
import sys
from pathlib import Path

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("inotify is Linux's", allow_module_level=True)

from millstream.drivers.files import mounts, watches
from millstream.stores import changes, sentries
from millstream.stores.embedded import EmbeddedStore
from millstream.values.queries import SearchRuns
from tests.stores.told.watching import RUNS, A, B, C, Watching, age


def test_lost_events_make_it_ask_about_all(watching: Watching, root: Path, asked: list[str]) -> None:
    made = watching.sentries._watches
    assert made is not None
    watching._patch.setattr(made, "take", lambda: made.__class__.take(made) and None)
    (root / "0" / A / "tags/b").write_text("2")
    assert "b" in watching.look()[A].data.tags
    assert set(RUNS) <= set(asked)
    assert watching.watched() == set()
    age(root)
    watching.look()
    watching.sweep()
    watching.sweep()
    assert watching.watched() == set(RUNS)


@pytest.mark.parametrize(("at_a_time", "number"), [(3, 0), (1, 1)])
def test_when_this_user_has_no_more_watches_some_are_given_back(
    root: Path, monkeypatch: pytest.MonkeyPatch, at_a_time: int, number: int
) -> None:
    add = watches.Watches.add
    added = 0

    def add_some(self: watches.Watches, path: str) -> int:
        nonlocal added
        added += 1
        if added > 8:  # A run has five directories.
            raise OSError(errno.ENOSPC, "No space left on device")
        return add(self, path)

    monkeypatch.setattr(watches.Watches, "add", add_some)
    monkeypatch.setattr(sentries, "RUNS_A_LOOK", at_a_time)
    watching = Watching(root, monkeypatch)
    watching.sweep()
    watching.sweep()
    assert len(watching.watched()) == number
    assert len(watching.sentries._owners) == 5 * number
    assert added == 9
    for run in RUNS:
        (root / "0" / run / "tags/b").write_text("2")
    watching.sweep()
    assert all("b" in run.data.tags for run in watching.look().values())


@pytest.mark.parametrize(("quota", "number"), [(0, 0), (7, 1), (11, 2), (100, 3)])
def test_only_so_many_are_watched(root: Path, monkeypatch: pytest.MonkeyPatch, quota: int, number: int) -> None:
    monkeypatch.setattr(watches, "quota", lambda: quota)
    watching = Watching(root, monkeypatch)
    assert len(watching.watched()) == number
    for run in RUNS:
        (root / "0" / run / "tags/b").write_text("2")
    watching.sweep()
    assert all("b" in run.data.tags for run in watching.look().values())


def test_a_sweep_watches_so_many_runs_at_a_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentries, "RUNS_A_LOOK", 2)
    watching = Watching(root, monkeypatch)
    assert len(watching.watched()) == 2
    watching.look()
    assert len(watching.watched()) == 2
    watching.sweep()
    assert watching.watched() == set(RUNS)


def test_a_process_that_stays_has_all_watched_before_it_is_asked(
    root: Path, monkeypatch: pytest.MonkeyPatch, asked: list[str]
) -> None:
    monkeypatch.setattr(sentries, "RUNS_A_LOOK", 2)
    store = EmbeddedStore(root)
    assert store.settle()
    assert not store.settle()
    asked.clear()
    assert len(store.read(SearchRuns(experiment_ids=("0",)))) == len(RUNS)
    assert not set(asked) & set(RUNS)
    (root / "0" / A / "tags/b").write_text("2")
    assert {A} <= {run.info.run_id for run in store.read(SearchRuns(experiment_ids=("0",), filter="tags.b = '2'"))}
    store.close()


@pytest.mark.parametrize("why", ["setting", "quota", "no more"])
def test_a_process_that_stays_does_not_go_on_where_no_more_can_be_watched(
    root: Path, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sentries, "RUNS_A_LOOK", 1)
    if why == "setting":
        monkeypatch.setenv("MILLSTREAM_WATCH", "0")
    if why == "quota":
        monkeypatch.setattr(watches, "quota", lambda: 5)
    if why == "no more":
        monkeypatch.setattr(watches.Watches, "add", refuse)
    store = EmbeddedStore(root)
    assert [store.settle() for _ in RUNS][-1] is False
    store.close()


def no_inotify(_: watches.Watches) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


@pytest.mark.parametrize("why", ["setting", "network", "unknown mounts", "no inotify", "another system", "few runs"])
def test_where_the_kernel_does_not_tell_all_are_asked(why: str, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "setting":
        monkeypatch.setenv("MILLSTREAM_WATCH", "0")
    if why == "network":
        monkeypatch.setattr(mounts, "read_mounts", lambda: [("/", "ext4"), (str(root.parent), "nfs4")])
    if why == "unknown mounts":
        monkeypatch.setattr(mounts, "read_mounts", list)
    if why == "no inotify":
        monkeypatch.setattr(watches.Watches, "__init__", no_inotify)
    if why == "another system":
        monkeypatch.setattr(sys, "platform", "darwin")
    if why == "few runs":
        monkeypatch.setattr(sentries, "WORTH_IT", 4)
    watching = Watching(root, monkeypatch)
    assert watching.watched() == set()
    (root / "0" / A / "tags/b").write_text("2")
    watching.sweep()
    assert "b" in watching.look()[A].data.tags


def test_links_and_mounts_inside_are_not_watched(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "0" / A).rename(root.parent / "elsewhere")
    (root / "0" / A).symlink_to(root.parent / "elsewhere")
    (root / "0" / B / "params").rmdir()
    (root / "0" / B / "params").symlink_to(root.parent / "elsewhere/params")
    shutil.copytree(root / "7", root / "8")
    shutil.copytree(root / "0" / C, root / "8" / ("d" * 32))
    (root / "7").rename(root.parent / "7")
    (root / "7").symlink_to(root.parent / "7")
    age(root)
    real = [*mounts.read_mounts(), (str(root / "8" / "x"), "ext4")]
    monkeypatch.setattr(mounts, "read_mounts", lambda: real)
    watching = Watching(root, monkeypatch)
    assert watching.watched() == {C}
    assert watching.watched("8") == watching.watched("7") == set()
    (root.parent / "elsewhere/params/p").write_text("1")
    watching.sweep()
    assert watching.look()[A].data.params == watching.look()[B].data.params == {"p": "1"}


def test_runs_that_cannot_be_watched_do_not_keep_others_from_it(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = watches.Watches.add
    seen: dict[str, None] = {}

    def add_last(self: watches.Watches, path: str) -> int:
        seen[Path(path).relative_to(root).parts[1]] = None
        if len(seen) < len(RUNS):
            raise NotADirectoryError(path)
        return add(self, path)

    monkeypatch.setattr(watches.Watches, "add", add_last)
    monkeypatch.setattr(sentries, "RUNS_A_LOOK", 1)
    watching = Watching(root, monkeypatch)
    watching.sweep()
    watching.sweep()
    assert watching.watched() == {[*seen][-1]}


def test_a_run_that_the_index_knows_otherwise_is_watched_no_more(watching: Watching) -> None:
    looker, state = watching.store._searches()._index._looker, watching.store._searches()._index._state
    looker.learn(state, [("0", A), ("0", B)])
    assert watching.watched() == set(RUNS)
    state.runs["0"][A].stamp = ()
    looker.learn(state, [("0", A), ("0", B)])
    assert watching.watched() == {B, C}


def test_a_mount_that_comes_later_ends_the_watch(watching: Watching, root: Path) -> None:
    real = [*mounts.read_mounts(), (str(root / "0" / A), "nfs")]
    watching._patch.setattr(mounts, "read_mounts", lambda: real)
    watching.sweep()
    assert watching.watched() == set()


def test_one_directory_by_two_names_is_watched_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add = watches.Watches.add
    monkeypatch.setattr(watches.Watches, "add", lambda self, path: add(self, path.replace(B, A)))
    watching = Watching(root, monkeypatch)
    assert watching.watched() in ({A, C}, {B, C})


def test_one_watched_run_a_look_is_looked_at_closely_all_the_same(watching: Watching, asked: list[str]) -> None:
    watching._patch.setattr(changes, "CLOSE_LOOKS", 3)
    for _ in RUNS:
        watching.look()
    assert len(asked) == 6
    assert set(asked) == {*RUNS, *(f"{run}!" for run in RUNS)}
    watching.sentries.close()
    asked.clear()
    watching.look()
    assert set(asked) == {*RUNS, *(f"{run}!" for run in RUNS)}
