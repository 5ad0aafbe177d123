"""Logged models of a directory: what others write is found, what is damaged is named, what moved still opens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.stores import models
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops, queries
from millstream.values.entities import ModelOutput
from millstream.values.errors import DataDamaged, StorageFailed
from millstream.values.paths import RelPath
from tests.stores.calls import T0, new_experiment, new_run
from tests.stores.suites.models import find, measure, model_of, new_model

Opener = Callable[[], EmbeddedStore]


@pytest.fixture(autouse=True)
def always_sweeping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every search looks at every model; those that must not say so."""
    monkeypatch.setattr(models, "SWEEP_SECONDS", 0)


def folder(store: EmbeddedStore, model_id: str, experiment_id: str = "0") -> Path:
    return store.root / experiment_id / "models" / model_id


def age(directory: Path) -> None:
    """Make everything in `directory` look old."""
    for path in (directory, *directory.rglob("*")):
        os.utime(path, (1e9, 1e9))


def test_what_another_program_writes_is_found(store: EmbeddedStore) -> None:
    model = new_model(store, name="one", tags={"t": "1"})
    place = folder(store, model)
    age(place)
    assert find(store, "tags.t = '1'") == find(store, "tags.t = '1'") == ["one"]
    (place / "tags" / "t").write_text("2")
    assert find(store, "tags.t = '2'") == ["one"]
    age(place)
    with (place / "metrics" / "acc").open("a") as file:
        file.write(f"{T0} 0.5 1 r\n{T0} 0.25 2 r d x\n{T0} 0.")
    assert find(store, "metrics.acc = 0.5") == find(store, "metrics.acc = 0.25") == ["one"]
    meta = place / "meta.yaml"
    meta.write_text(meta.read_text().replace("name: one", "name: 둘"))
    assert find(store) == ["둘"]
    shutil.copytree(place, place.with_name("m-2"))
    copied = place.with_name("m-2") / "meta.yaml"
    copied.write_text(copied.read_text().replace(model, "m-2"))
    assert find(store) == ["둘", "둘"]
    shutil.rmtree(place)
    assert [item.model_id for item in store.read(queries.SearchLoggedModels(experiment_ids=("0",)))] == ["m-2"]


def test_models_at_rest_are_asked_about_in_turn(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = new_model(store, name="one", tags={"t": "1"}), new_model(store, name="two", time=T0 - 1)
    for item in (model, other):
        age(folder(store, item))
    assert find(store) == ["one", "two"]
    monkeypatch.setattr(models, "SWEEP_SECONDS", 1000)
    looked: list[str] = []
    real = models.models.model_stamp
    monkeypatch.setattr(models.models, "model_stamp", lambda place: looked.append(Path(place).name) or real(place))
    assert find(store) == ["one", "two"]
    assert looked == []
    store.write(ops.SetLoggedModelTags(model_id=model, tags={"t": "2"}))
    assert find(store, "tags.t = '2'") == ["one"]
    run = new_run(store)
    measure(store, run, other, ("acc", 1.0))
    assert find(store, "metrics.acc = 1") == ["two"]
    assert set(looked) == {model, other}
    new_model(store, name="three", time=T0 - 2)
    assert find(store) == ["one", "two", "three"]


def test_two_processes_share_the_index(open_tree: Opener) -> None:
    one, two = open_tree(), open_tree()
    model = new_model(one, name="m")
    for number in range(5):
        writer, reader = (one, two) if number % 2 else (two, one)
        writer.write(ops.SetLoggedModelTags(model_id=model, tags={"n": str(number)}))
        assert find(reader, f"tags.n = '{number}'") == find(writer, f"tags.n = '{number}'") == ["m"]


def test_what_is_damaged_is_named_and_left_out(store: EmbeddedStore) -> None:
    good, bad = new_model(store, name="good"), new_model(store, name="bad", tags={"t": "1"})
    run = new_run(store)
    measure(store, run, good, ("acc", 1.0))
    with (folder(store, good) / "metrics" / "acc").open("a") as file:
        file.write("no point\n")
    (folder(store, bad) / "meta.yaml").write_text("model_id: [")
    assert find(store) == ["good"]
    problems = "\n".join(store.read(queries.DescribeStore()).problems)
    assert "1 line(s) are not points" in problems
    assert f"{bad}/meta.yaml" in problems
    with pytest.raises(DataDamaged, match=bad):
        model_of(store, bad)
    with pytest.raises(DataDamaged, match=bad):
        store.write(ops.SetLoggedModelTags(model_id=bad, tags={"t": "2"}))
    shutil.rmtree(folder(store, bad))
    (folder(store, good) / "metrics" / "acc").write_text(f"{T0} 1.0 0 r\n")
    assert find(store) == ["good"]
    assert store.read(queries.DescribeStore()).problems == ()


def test_files_of_a_tree_that_moved_are_found(store: EmbeddedStore, tmp_path: Path) -> None:
    run = new_run(store)
    model = new_model(store, name="m")
    store.model_artifacts(model).put_bytes(b"x", RelPath.parse("a/b.txt"))
    store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(model, 1),)))
    there = tmp_path / "다른 곳" / "mlruns"
    there.parent.mkdir()
    shutil.move(store.root, there)
    moved = EmbeddedStore(there)
    try:
        (entry,) = moved.read(queries.ListModelArtifacts(model_id=model, path="a"))
        assert entry.path == "a/b.txt"
        found = moved.logged_model(run, "m")
        assert found is not None
        with found.open(RelPath.parse("a/b.txt")) as file:
            assert file.read() == b"x"
    finally:
        moved.close()


def test_models_follow_their_experiment_to_the_trash_and_back(store: EmbeddedStore) -> None:
    made = new_experiment(store)
    model = new_model(store, made, name="m")
    store.write(ops.DeleteExperiment(experiment_id=made, time=T0))
    assert model_of(store, model).name == "m"
    store.write(ops.RestoreExperiment(experiment_id=made, time=T0))
    store.write(ops.SetLoggedModelTags(model_id=model, tags={"a": "1"}))
    assert find(store, "tags.a = '1'", ids=(made,)) == ["m"]


def test_a_lost_or_rebuilt_index_is_filled_again(store: EmbeddedStore, tmp_path: Path) -> None:
    new_model(store, name="m")
    assert find(store) == ["m"]
    store.reindex()
    assert find(store) == ["m"]
    for file in (tmp_path / "index").iterdir():
        file.unlink()
    assert find(store) == ["m"]
    for file in (tmp_path / "index").glob("*.db"):
        file.write_bytes(b"no database at all, not even nearly" * 100)
    store.close()
    assert find(store) == ["m"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_named(store: EmbeddedStore) -> None:
    model = new_model(store)
    place = folder(store, model)
    place.chmod(0o500)
    try:
        with pytest.raises(StorageFailed, match=model):
            store.write(ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0))
    finally:
        place.chmod(0o700)


def test_many_models_are_taken_in_whole(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "BATCH", 3)
    made = [new_model(store, name=f"m{number}", time=T0 + number) for number in range(10)]
    assert find(store) == [f"m{number}" for number in range(9, -1, -1)]
    for model in made[:4]:
        shutil.rmtree(folder(store, model))
    assert find(store) == [f"m{number}" for number in range(9, 3, -1)]
