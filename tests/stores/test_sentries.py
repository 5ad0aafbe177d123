"""Runs at rest that the kernel tells of: nothing is asked about them, and nothing that happens to them is missed."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

if not sys.platform.startswith("linux"):
    pytest.skip("inotify is Linux's", allow_module_level=True)

from millstream.drivers.files import mounts, stamps, watches
from millstream.stores import changes, index, sentries
from millstream.stores.embedded import EmbeddedStore
from millstream.values.entities import Metric, RunTag, ViewType
from millstream.values.ops import (
    CreateExperiment,
    CreateRun,
    DeleteExperiment,
    LogBatch,
    MoveRuns,
    RestoreExperiment,
    UpdateRun,
)
from millstream.values.queries import SearchRuns

RUNS = tuple(letter * 32 for letter in "abc")
A, B, C = RUNS


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every run is worth a watch, and files are looked at closely only where something happened."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setattr(changes, "CLOSE_LOOKS", 0)
    monkeypatch.setattr(sentries, "WORTH_IT", 1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with runs that ended long ago."""
    store = EmbeddedStore(tmp_path / "내 mlruns")
    store.write(CreateExperiment(name="다른 것", time=1, experiment_id="7"))
    for run in RUNS:
        store.write(CreateRun(run_id=run, experiment_id="0", start_time=1, tags={"a": "1"}))
        store.write(LogBatch(run_id=run, metrics=(Metric("m", 1.0, 1, 1), Metric("n/x", 1.0, 1, 1))))
        store.write(UpdateRun(run_id=run, status="FINISHED", end_time=2))
    store.close()
    age(store.root)
    return store.root


def age(folder: Path) -> None:
    long_ago = time.time() - 3600
    for home, _, files in os.walk(folder):
        for name in files:
            os.utime(os.path.join(home, name), (long_ago, long_ago))
        os.utime(home, (long_ago, long_ago))


class Watching:
    """A store that has searched for a while, as another process would be; from then on it sweeps no more."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.store = EmbeddedStore(root)
        self._patch = monkeypatch
        self.look()
        self.sweep()

    def look(self) -> dict[str, Any]:
        """All runs."""
        self._patch.setattr(changes, "SWEEP_SECONDS", 3600.0)
        found = self.store.read(SearchRuns(experiment_ids=("0", "7"), view=ViewType.ALL))
        return {run.info.run_id: run for run in found}

    def sweep(self) -> None:
        """Search when it is time to sweep."""
        self._patch.setattr(changes, "SWEEP_SECONDS", 0.0)
        self.store.read(SearchRuns(experiment_ids=("0",)))
        self._patch.setattr(changes, "SWEEP_SECONDS", 3600.0)

    def watched(self, experiment_id: str = "0") -> set[str]:
        """Runs that the kernel tells of."""
        return set(self.sentries.watched(experiment_id))

    @property
    def sentries(self) -> sentries.Sentries:
        found: sentries.Sentries = self.store._searches()._index._looker._sentries
        return found


@pytest.fixture
def watching(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watching]:
    made = Watching(root, monkeypatch)
    assert made.watched() == set(RUNS)
    yield made
    made.store.close()


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that were asked about, closely with a mark."""
    found: list[str] = []
    shallow, deep = stamps.shallow_stamp, stamps.deep_stamp

    def note_shallow(directory: str, names: tuple[str, ...]) -> stamps.Stamp:
        found.append(os.path.basename(directory))
        return shallow(directory, names)

    def note_deep(directory: str) -> stamps.Stamp:
        found.append(os.path.basename(directory) + "!")
        return deep(directory)

    monkeypatch.setattr(stamps, "shallow_stamp", note_shallow)
    monkeypatch.setattr(stamps, "deep_stamp", note_deep)
    return found


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
