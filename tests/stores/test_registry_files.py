"""The registry of a directory: what others write is found, what is damaged is named, what is cut off leaves no half."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from millstream.drivers.files import registry as registry_files
from millstream.stores import registry
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.locations import version_files
from millstream.stores.repairs import repair
from millstream.values import ops, queries
from millstream.values.errors import DataDamaged, NotFound, StorageFailed
from millstream.values.paths import RelPath
from tests.stores.calls import T0, experiment_names, new_run
from tests.stores.suites.models import new_model
from tests.stores.suites.registry import (
    NAME,
    add,
    by_alias,
    find_models,
    find_versions,
    move,
    name_alias,
    register,
    registered,
    version,
)

Opener = Callable[[], EmbeddedStore]


def folder(store: EmbeddedStore, name: str = NAME) -> Path:
    return store.root / "models" / name


def problems(store: EmbeddedStore) -> str:
    find_models(store)
    return "\n".join(store.read(queries.DescribeStore()).problems)


def edit(path: Path, **changes: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **changes}, allow_unicode=True))


def age(directory: Path) -> None:
    """Make everything in `directory` look old."""
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (1e9, 1e9))


def test_files_are_where_mlflow_has_them(store: EmbeddedStore) -> None:
    register(store, tags={"팀/하나": "가"}, description="d")
    add(store, tags={"k": "v"}, run_id="r1")
    name_alias(store, "champ", 1)
    found = sorted(path.relative_to(folder(store)).as_posix() for path in folder(store).rglob("*") if path.is_file())
    assert found == ["aliases/champ", "meta.yaml", "tags/팀/하나", "version-1/meta.yaml", "version-1/tags/k"]
    assert (folder(store) / "aliases" / "champ").read_text() == "1"
    meta = yaml.safe_load((folder(store) / "meta.yaml").read_text())
    assert meta == {
        "aliases": {"champ": "1"},
        "creation_timestamp": T0,
        "deployment_job_id": None,
        "deployment_job_state": None,
        "description": "d",
        "last_updated_timestamp": T0,
        "name": NAME,
        "workspace": "default",
    }
    meta = yaml.safe_load((folder(store) / "version-1" / "meta.yaml").read_text())
    assert (meta["version"], meta["current_stage"], meta["status"], meta["run_id"]) == (1, "None", "READY", "r1")
    assert meta["storage_location"] == meta["source"] == "s3://bucket/m"
    store.write(ops.DeleteModelVersion(name=NAME, version=1, time=T0))
    meta = yaml.safe_load((folder(store) / "version-1" / "meta.yaml").read_text())
    assert meta["current_stage"] == "Deleted_Internal"


def test_what_a_file_says_besides_stays(store: EmbeddedStore) -> None:
    register(store)
    add(store)
    for place in (folder(store), folder(store) / "version-1"):
        edit(place / "meta.yaml", foreign="kept")
    store.write(ops.UpdateRegisteredModel(name=NAME, description="d", time=T0))
    move(store, 1, "Staging")
    for place in (folder(store), folder(store) / "version-1"):
        assert yaml.safe_load((place / "meta.yaml").read_text())["foreign"] == "kept"


def test_what_another_program_writes_is_found(store: EmbeddedStore) -> None:
    register(store, tags={"t": "1"})
    add(store, tags={"t": "1"})
    age(folder(store))
    assert find_models(store, "tags.t = '1'") == [NAME]
    (folder(store) / "tags" / "t").write_text("2")
    assert find_models(store, "tags.t = '2'") == [NAME]
    age(folder(store))
    find_versions(store)
    (folder(store) / "version-1" / "tags" / "t").write_text("3")
    assert find_versions(store, "tags.t = '3'") == [(NAME, 1)]
    edit(folder(store) / "version-1" / "meta.yaml", current_stage="Production")
    assert find_versions(store, "current_stage = 'Production'") == [(NAME, 1)]
    shutil.copytree(folder(store), folder(store, "copy"))
    assert find_models(store) == ["copy", NAME]
    assert registered(store, "copy").name == "copy"
    shutil.copytree(folder(store) / "version-1", folder(store) / "version-2")
    edit(folder(store) / "version-2" / "meta.yaml", version=2)
    assert find_versions(store, f"name = '{NAME}'", "version_number") == [(NAME, 1), (NAME, 2)]
    shutil.rmtree(folder(store))
    assert find_models(store) == ["copy"]


def test_models_are_looked_at_closely_in_turn_and_all_of_them_now_and_then(
    store: EmbeddedStore, open_tree: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    every = [f"m{number}" for number in range(6)]
    for name in every:
        register(store, name, tags={"t": "1"})
        add(store, name)
        age(folder(store, name))
    monkeypatch.setattr(registry, "SWEEP_SECONDS", math.inf)
    assert len(find_models(store)) == 6
    monkeypatch.setattr(registry, "CLOSE_LOOKS", 4)
    looked: list[str] = []
    real = registry.registered.close_stamp
    monkeypatch.setattr(
        registry.registered, "close_stamp", lambda place: looked.append(os.path.basename(place)) or real(place)
    )
    for _ in range(3):
        find_models(store)
    assert sorted(looked) == every
    looked.clear()
    monkeypatch.setattr(registry, "SWEEP_SECONDS", 0.0)
    monkeypatch.setattr(registry, "SWEEP_SHARE", math.inf)
    again = open_tree()
    for times in (1, 2):
        assert len(find_models(again)) == 6
        assert sorted(looked) == sorted(every * times)
    store.write(ops.SetRegisteredModelTag(name="m5", key="t", value="2"))
    assert find_models(store, "tags.t = '2'") == ["m5"]


def test_two_processes_share_the_index(open_tree: Opener) -> None:
    one, two = open_tree(), open_tree()
    register(one)
    for number in range(1, 6):
        writer, reader = (one, two) if number % 2 else (two, one)
        add(writer, tags={"n": str(number)})
        assert find_versions(reader, f"tags.n = '{number}'") == find_versions(writer, f"tags.n = '{number}'")
        assert by_alias(reader, "latest") == number
        store_tag = ops.SetModelVersionTag(name=NAME, version=1, key="last", value=str(number))
        writer.write(store_tag)
        assert find_versions(reader, f"tags.last = '{number}'") == [(NAME, 1)]


def test_what_is_damaged_is_named_and_left_out(store: EmbeddedStore) -> None:
    for name in ("good", "bad"):
        register(store, name)
        for _ in range(3):
            add(store, name)
    (folder(store, "bad") / "meta.yaml").write_bytes((folder(store, "bad") / "meta.yaml").read_bytes()[:30] + b"\n: [")
    cut = folder(store, "good") / "version-2" / "meta.yaml"
    cut.write_bytes(b"")
    name_alias(store, "champ", 3, "good")
    (folder(store, "good") / "aliases" / "odd").write_text("three")
    (folder(store, "good") / "tags").mkdir()
    (folder(store, "good") / "tags" / "k").write_bytes(b"\xff")
    assert find_models(store) == ["good"]
    assert sorted(find_versions(store)) == [("good", 1), ("good", 3)]
    told = problems(store)
    for path in ("bad/meta.yaml", "good/version-2/meta.yaml", "good/aliases/odd", "good/tags/k"):
        assert path in told, told
    # It is about experiments and runs.
    assert store.read(queries.DescribeStore()).left_out == 0
    assert [found.version for found in registered(store, "good").latest_versions] == [3]
    for call in (
        lambda: registered(store, "bad"),
        lambda: version(store, 2, "good"),
        lambda: move(store, 2, "Staging", "good"),
        lambda: add(store, "bad"),
    ):
        with pytest.raises(DataDamaged, match=r"meta\.yaml"):
            call()
    assert add(store, "good").version == 4
    (folder(store, "good") / "version-4" / "meta.yaml").unlink()
    assert by_alias(store, "latest", "good") == 3
    assert add(store, "good").version == 5
    store.write(ops.DeleteRegisteredModel(name="bad"))
    edit_back = {"version": 2, "source": "s3://x", "name": "good"}
    cut.write_text(yaml.safe_dump(edit_back))
    (folder(store, "good") / "aliases" / "odd").unlink()
    (folder(store, "good") / "tags" / "k").write_text("v")
    assert problems(store) == ""
    assert version(store, 2, "good").source == "s3://x"


@pytest.mark.parametrize(
    "fields",
    [{"version": 7}, {"current_stage": "Nowhere"}, {"status": "odd"}, {"source": ["a"]}, {"creation_timestamp": "x"}],
)
def test_a_version_that_makes_no_sense_is_left_out(store: EmbeddedStore, fields: dict[str, object]) -> None:
    register(store)
    for _ in range(2):
        add(store)
    edit(folder(store) / "version-1" / "meta.yaml", **fields)
    assert find_versions(store) == [(NAME, 2)]
    assert "version-1/meta.yaml" in problems(store)


def test_leftovers_of_others_are_no_models(store: EmbeddedStore) -> None:
    register(store)
    add(store)
    home = folder(store).parent
    for name in ("empty", ".millstream-gone-1", f"{NAME}/version-2", f"{NAME}/version-x", f"{NAME}/version-03"):
        (home / name).mkdir()
    (home / "file").write_text("x")
    os.mkdir(os.fsencode(home) + b"/\xff")
    os.symlink("circle", home / "circle")
    assert find_models(store) == [NAME]
    assert find_versions(store) == [(NAME, 1)]
    assert add(store).version == 3
    assert register(store, "empty").name == "empty"
    assert experiment_names(store) == []
    for nothing in ("file", "circle"):
        with pytest.raises(NotFound):
            registered(store, nothing)


def test_a_version_that_could_not_be_filled_is_not_there(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    register(store)
    real = registry_files.replace_file

    def full(path: str, data: bytes, scratch: str) -> None:
        if path.endswith("tags/last"):
            raise StorageFailed("no space")
        real(path, data, scratch)

    monkeypatch.setattr(registry_files, "replace_file", full)
    with pytest.raises(StorageFailed):
        add(store, tags={"first": "1", "last": "2"})
    with pytest.raises(StorageFailed):
        register(store, "other", tags={"last": "2"})
    assert sorted(path.name for path in folder(store).parent.iterdir()) == [NAME]
    assert sorted(path.name for path in folder(store).iterdir()) == ["meta.yaml"]
    monkeypatch.undo()
    assert add(store).version == 1


def test_a_number_that_another_program_takes_meanwhile_is_left_to_it(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(store)
    real = registry_files.write_fields

    def slow(directory: str, fields: dict[str, object], scratch: str) -> None:
        real(directory, fields, scratch)
        for number in (1, 2):
            (folder(store) / f"version-{number}").mkdir(exist_ok=True)

    monkeypatch.setattr(registry_files, "write_fields", slow)
    assert add(store).version == 3
    assert version(store, 3).version == 3


def test_the_rest_of_a_model_that_was_being_removed_goes_with_the_next(store: EmbeddedStore) -> None:
    register(store)
    register(store, "next")
    add(store)
    folder(store).rename(folder(store, ".millstream-gone-1"))
    assert find_models(store) == ["next"]
    store.write(ops.DeleteRegisteredModel(name="next"))
    assert list(folder(store).parent.iterdir()) == []


def test_gc_completes_the_removal_of_a_model(store: EmbeddedStore) -> None:
    register(store)
    register(store, "next")
    add(store)
    folder(store).rename(folder(store, ".millstream-gone-1"))
    assert "gc completes it" in repair(store, fix=False)[0][0].remedy
    freed = store.write(ops.FinishPurges(time=T0))
    assert freed.size > 100
    assert (freed.runs, freed.experiments, repair(store, fix=False)) == (0, 0, ([], None))
    assert [path.name for path in folder(store).parent.iterdir()] == ["next"]


def test_a_registered_model_is_no_run_and_no_experiment(store: EmbeddedStore) -> None:
    register(store, "m1")
    with pytest.raises(NotFound):
        store.read(queries.GetRunInfo(run_id="m1"))
    new_run(store)
    assert experiment_names(store) == ["Default"]
    assert problems(store) == ""


def test_files_of_a_tree_that_moved_are_found(store: EmbeddedStore, tmp_path: Path) -> None:
    run, logged = new_run(store), new_model(store)
    store.artifacts(run).put_bytes(b"r", RelPath.parse("모 델/w"))
    store.model_artifacts(logged).put_bytes(b"l", RelPath.parse("w"))
    register(store)
    add(store, source=str(store.artifacts(run).location / "모 델"), run_id=run)
    add(store, source=f"models:/{logged}")
    add(store, source=f"runs:/{run}/모 델", run_id=run)
    there = tmp_path / "다른 곳" / "mlruns"
    there.parent.mkdir()
    shutil.move(store.root, there)
    moved = EmbeddedStore(there)
    try:
        for number, expected in ((1, b"r"), (2, b"l"), (3, b"r")):
            artifacts, path = version_files(moved, version(moved, number))
            with artifacts.open(path / "w") as file:
                assert file.read() == expected, number
    finally:
        moved.close()


def test_a_lost_or_rebuilt_index_is_filled_again(store: EmbeddedStore, tmp_path: Path) -> None:
    register(store)
    add(store)
    name_alias(store, "champ", 1)
    assert find_models(store) == [NAME]
    store.reindex()
    assert (find_models(store), find_versions(store)) == ([NAME], [(NAME, 1)])
    for file in (tmp_path / "index").glob("*.db"):
        file.write_bytes(b"no database at all, not even nearly" * 100)
    store.close()
    assert find_models(store) == [NAME]
    query = queries.SearchRegisteredModels()
    assert store.read(query) == [registered(store)]
    assert store.read(queries.SearchModelVersions()) == [version(store, 1)]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(store: EmbeddedStore) -> None:
    register(store)
    folder(store).chmod(0o500)
    try:
        with pytest.raises(StorageFailed, match="분류기"):
            add(store)
    finally:
        folder(store).chmod(0o700)


def test_doctor_mends_the_registry(store: EmbeddedStore) -> None:
    for name in ("good", "torn", "lost"):
        register(store, name, tags={"t": "1"})
        for _ in range(3):
            add(store, name)
    name_alias(store, "champ", 1, "torn")
    (folder(store, "torn") / "meta.yaml").write_bytes(b"{ half")
    (folder(store, "lost") / "meta.yaml").unlink()
    (folder(store, "good") / "version-2" / "meta.yaml").write_bytes(b"")
    (folder(store, "good") / "version-3" / "meta.yaml").unlink()
    for leftover in ("good/version-4", "empty", "good/.millstream-1-2-abcdef.tmp"):
        (folder(store, leftover)).mkdir()
    found = repair(store, fix=False)[0]
    assert len(found) == 3  # Nobody knows yet whether the others are being made.
    for leftover in ("good/version-4", "empty", "good/.millstream-1-2-abcdef.tmp"):
        os.utime(folder(store, leftover), (1e9, 1e9))
    (folder(store, "good") / "version-3" / "tags").mkdir()
    assert len(repair(store, fix=False)[0]) == 7
    mended, quarantine = repair(store, fix=True)
    assert quarantine is not None
    assert [finding for finding in mended if not finding.fixed] == []
    assert repair(store, fix=True) == ([], None)
    assert find_models(store) == ["good", "lost", "torn"]
    assert problems(store) == ""
    assert (registered(store, "torn").tags, registered(store, "torn").aliases) == ({"t": "1"}, {"champ": 1})
    assert find_versions(store, "name = 'good'") == [("good", 1)]
    assert len(find_versions(store, "name != 'good'")) == 6
    assert add(store, "good").version == 4
    assert (quarantine / "models" / "torn" / "meta.yaml").read_bytes() == b"{ half"
