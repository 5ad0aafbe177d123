"""Stores that keep artifacts in one place, with runs of the same ids: `gc` of one takes nothing of the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.backups import back_up
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.base import Options
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.summary import Summary
from millstream.stores.imports.trees import TreeSource
from millstream.stores.restores import restore
from millstream.values import ops, queries
from millstream.values.databases import DatabaseUri
from millstream.values.errors import InvalidState, InvalidValue
from millstream.values.paths import Location, RelPath
from tests import servers
from tests.stores.calls import T0, finish, get, new_experiment, new_run
from tests.stores.suites.life import artifact_place, delete

Maker = Callable[..., DatabaseStore]
FILE = RelPath.parse("모델 dir/가중치.bin")
MODEL = "m-0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["sqlite", "postgresql"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Maker]:
    """Makes databases that keep artifacts in one directory, unless told otherwise."""
    opened: list[DatabaseStore] = []

    def maker(name: str, root: str = "파일 files") -> DatabaseStore:
        text = f"sqlite:///{tmp_path}/{name}.db"
        if request.param == "postgresql":
            text = servers.new_schema(request.getfixturevalue("postgresql"))
        uri = DatabaseUri.parse(text, tmp_path)
        assert uri is not None
        opened.append(DatabaseStore(uri, Location.parse(str(tmp_path / root))))
        return opened[-1]

    yield maker
    for store in opened:
        store.close()


def fill(store: Store, experiment_id: str) -> tuple[str, str]:
    """A run with a file and one without any, and the model `MODEL` with a file."""
    full, bare = (new_run(store, experiment_id) for _ in range(2))
    store.artifacts(full).put_bytes(b"x", FILE)
    model = ops.CreateLoggedModel(model_id=MODEL, experiment_id=experiment_id, name="나무", time=T0)
    store.write(model)
    store.model_artifacts(MODEL).put_bytes(b"m", FILE)
    for run in (full, bare):
        finish(store, run)
    return full, bare


def bring(source: Store, target: Store, **options: Any) -> Summary:
    opened = DatabaseSource(source) if isinstance(source, DatabaseStore) else None
    if opened is None:
        assert isinstance(source, EmbeddedStore)
        return Importer(TreeSource(source.root), target, Options(**options)).run()
    return Importer(opened, target, Options(**options)).run()


def remove_all(store: Store, run: str) -> tuple[str, ...]:
    """Remove a run, then its experiment with all that is left, for good; what was kept."""
    experiment_id = get(store, run).info.experiment_id
    delete(store, run)
    kept = store.write(ops.PurgeRun(run_id=run)).kept
    store.write(ops.DeleteExperiment(experiment_id=experiment_id, time=T0))
    return kept + store.write(ops.PurgeExperiment(experiment_id=experiment_id)).kept


def model_place(store: Store) -> Path:
    place = store.model_artifacts(MODEL).local_path(RelPath())
    assert place is not None
    return place


def read(store: Store, run: str) -> tuple[bytes, bytes]:
    return (artifact_place(store, run) / str(FILE)).read_bytes(), (model_place(store) / str(FILE)).read_bytes()


def test_imports_of_one_source_share_nothing(make: Maker, store: EmbeddedStore, tmp_path: Path) -> None:
    full, bare = fill(store, new_experiment(store))
    first, second, third = make("a"), make("b"), make("c")
    targets: list[Store] = [first, second, third]
    for target in targets:
        assert bring(store, target).files == 2
        assert bring(store, target).files == 0
    for run in (full, bare):
        assert len({artifact_place(target, run) for target in targets}) == 3
    assert len({model_place(target) for target in targets}) == 3
    assert artifact_place(first, full).parts[-4:-2] == ("파일 files", get(first, full).info.experiment_id)
    first.artifacts(bare).put_bytes(b"later", FILE)
    gone = artifact_place(second, full)
    assert remove_all(second, full) == ()
    assert not gone.exists()
    assert not list((tmp_path / "파일 files").rglob("imported-1"))
    for target in (first, third):
        assert read(target, full) == (b"x", b"m")
    assert (artifact_place(first, bare) / str(FILE)).read_bytes() == b"later"
    # The place that is free again may be had again.
    fourth = make("d")
    assert bring(store, fourth).files == 2
    assert remove_all(first, full) == ()
    assert read(fourth, full) == read(third, full) == (b"x", b"m")


def test_an_import_takes_no_place_of_its_source(make: Maker) -> None:
    source, target = make("a"), make("b")
    full, bare = fill(source, new_experiment(source))
    assert bring(source, target).files == 2
    # Nothing lies there yet, but will.
    assert artifact_place(target, bare) != artifact_place(source, bare)
    source.artifacts(bare).put_bytes(b"later", FILE)
    assert bring(source, target).files == 1
    assert remove_all(target, full) == ()
    assert read(source, full) == (b"x", b"m")
    assert (artifact_place(source, bare) / str(FILE)).read_bytes() == b"later"


def test_an_import_that_was_cut_off_after_it_took_a_place_is_done_again(make: Maker, store: EmbeddedStore) -> None:
    full, _ = fill(store, experiment := new_experiment(store))
    target = make("a")
    location = Location.parse(str(target.artifact_root / experiment)).local
    assert location is not None
    (location / full).mkdir(parents=True)
    assert bring(store, target).files == 2
    assert read(target, full) == (b"x", b"m")
    assert remove_all(target, full) == ()


def test_a_place_is_given_back_when_the_run_is_refused(make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = make("a"), make("b", "elsewhere")
    full, _ = fill(source, new_experiment(source))
    write = target.write

    def refuse(op: Any) -> Any:
        if isinstance(op, ops.ImportRun):
            raise InvalidValue("no")
        return write(op)

    monkeypatch.setattr(target, "write", refuse)
    assert len(bring(source, target).problems) == 2
    root = target.artifact_root.local
    assert root is not None
    assert list(root.rglob(full)) == []


def test_what_was_linked_stays(make: Maker) -> None:
    source, other = make("a"), make("b", "elsewhere")
    full, _ = fill(source, new_experiment(source))
    assert bring(source, other, artifacts="link").problems == []
    assert artifact_place(other, full) == artifact_place(source, full)
    assert len(remove_all(other, full)) == 2
    assert read(source, full) == (b"x", b"m")
    beside = make("c")
    problems = bring(source, beside, artifacts="link").problems
    assert len(problems) == 3
    assert all("keeps its own" in problem for problem in problems)


def test_a_backup_is_not_restored_into_the_places_of_its_store(make: Maker, tmp_path: Path) -> None:
    source = make("a")
    full, _ = fill(source, new_experiment(source))
    back_up(source, tmp_path / "bk")
    back_up(source, tmp_path / "bare", artifacts=False)
    before = sorted(tmp_path.joinpath("파일 files").rglob("*"))
    for home in ("bk", "bare"):
        with pytest.raises(InvalidState, match="--artifact-root"):
            restore(tmp_path / home, beside := make("b"))
        assert beside.read(queries.SearchRuns(experiment_ids=("0", "1"))) == []
        beside.close()
        (tmp_path / "b.db").unlink(missing_ok=True)
    assert sorted(tmp_path.joinpath("파일 files").rglob("*")) == before
    other, again = make("c", "elsewhere"), make("d", "elsewhere")
    restore(tmp_path / "bk", other)
    # The run without files has its place as well.
    with pytest.raises(InvalidState, match="there already"):
        restore(tmp_path / "bk", again)
    assert read(other, full) == (b"x", b"m")
    assert remove_all(other, full) == ()
    linked = make("e", "a third place")
    restore(tmp_path / "bare", linked)
    assert artifact_place(linked, full) == artifact_place(source, full)
    assert len(remove_all(linked, full)) == 2
    assert read(source, full) == (b"x", b"m")


def test_a_restoration_that_fails_leaves_no_places(make: Maker, tmp_path: Path) -> None:
    source = make("a")
    full, _ = fill(source, new_experiment(source))
    back_up(source, tmp_path / "bk")
    (damaged,) = tmp_path.glob(f"bk/artifacts/{full}/*/*.bin")
    damaged.write_bytes(b"y")
    with pytest.raises(Exception, match="damaged"):
        restore(tmp_path / "bk", make("b", "elsewhere"))
    assert not [path for path in (tmp_path / "elsewhere").rglob("*") if full in path.name or MODEL in path.name]


def test_trees_with_one_location_share_nothing(store: EmbeddedStore, tmp_path: Path) -> None:
    full, _ = fill(store, new_experiment(store))
    trees = [EmbeddedStore(tmp_path / name / "mlruns") for name in ("하나", "둘")]
    for tree in trees:
        new_experiment(tree, artifact_location=str(tmp_path / "밖 outside"))
        assert bring(store, tree).files == 2
    first, second = trees
    assert artifact_place(first, full).is_relative_to(first.root)
    assert remove_all(second, full) == ()
    assert read(first, full) == (b"x", b"m")


def test_a_restored_tree_removes_nothing_of_the_old_one(store: EmbeddedStore, tmp_path: Path) -> None:
    full, bare = fill(store, new_experiment(store, artifact_location=str(tmp_path / "밖 outside")))
    back_up(store, tmp_path / "bk")
    store.artifacts(bare).put_bytes(b"later", FILE)
    other = EmbeddedStore(tmp_path / "새 곳" / "mlruns")
    restore(tmp_path / "bk", other)
    delete(other, bare)
    assert artifact_place(other, bare).is_relative_to(other.root)
    assert other.write(ops.PurgeRun(run_id=bare)).kept == ()
    remove_all(other, full)
    assert read(store, full) == (b"x", b"m")
    assert (artifact_place(store, bare) / str(FILE)).read_bytes() == b"later"


@pytest.mark.parametrize("make", ["sqlite"], indirect=True)
@pytest.mark.parametrize("artifacts", [True, False])
def test_a_lost_database_comes_back_in_its_place(make: Maker, tmp_path: Path, *, artifacts: bool) -> None:
    source = make("a")
    full, _ = fill(source, new_experiment(source))
    place = artifact_place(source, full)
    back_up(source, tmp_path / "bk", artifacts=artifacts)
    source.close()
    for path in tmp_path.glob("a.db*"):
        path.unlink()
    if artifacts:
        (tmp_path / "파일 files").rename(tmp_path / "set aside")
    again = make("a")
    restore(tmp_path / "bk", again)
    assert artifact_place(again, full) == place
    assert read(again, full) == (b"x", b"m")
    assert remove_all(again, full) == ()
    assert not place.exists()
