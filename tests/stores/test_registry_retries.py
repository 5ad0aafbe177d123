"""Ops on the registry of a directory that are sent again, because their answer was lost or their writer died."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from millstream.drivers.files import registry as registry_files
from millstream.formats.mlruns.registry import MOST_MADE
from millstream.stores.embedded import EmbeddedStore
from millstream.values import ops
from millstream.values.errors import NotFound, StorageFailed
from tests.stores.calls import T0
from tests.stores.suites.registry import NAME, add, find_models, register, registered, version


def folder(store: EmbeddedStore, name: str = NAME) -> Path:
    return store.root / "models" / name


def test_of_very_many_ops_the_last_are_remembered(store: EmbeddedStore) -> None:
    register(store)
    for number in range(1, MOST_MADE + 3):
        assert add(store, op_id=f"'{number}'").version == number
    assert add(store, op_id=f"'{MOST_MADE}'").version == MOST_MADE
    path = folder(store) / "meta.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "millstream_made": ["nonsense"]}))
    assert add(store, op_id="x").version == MOST_MADE + 3


def test_a_number_that_was_meant_for_another_version_is_no_answer(
    store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first try of an op was killed before its version was there, and another op got the number."""

    def killed(staged: str, place: str) -> bool:
        raise StorageFailed("as good as killed")

    register(store)
    with monkeypatch.context() as patch:
        patch.setattr(registry_files, "place_version", killed)
        with pytest.raises(StorageFailed):
            add(store, source="s3://first", op_id="first")
    assert add(store, source="s3://second", op_id="second").version == 1
    again = add(store, source="s3://first", op_id="first")
    assert (again.version, again.source, version(store, 1).source) == (2, "s3://first", "s3://second")


def test_a_model_that_another_one_began_to_make_has_none_of_its_tags(store: EmbeddedStore) -> None:
    (folder(store) / "tags").mkdir(parents=True)
    (folder(store) / "tags" / "theirs").write_text("1")
    assert register(store, tags={"mine": "1"}).tags == registered(store).tags == {"mine": "1"}


def test_a_renaming_that_was_cut_off_is_completed(store: EmbeddedStore) -> None:
    register(store)
    add(store)
    folder(store).rename(folder(store, "new"))
    assert store.write(ops.RenameRegisteredModel(name=NAME, new_name="new", time=T0 + 1)).name == "new"
    for place in ("meta.yaml", "version-1/meta.yaml"):
        assert yaml.safe_load((folder(store, "new") / place).read_text())["name"] == "new"
    assert registered(store, "new").last_updated_timestamp == T0 + 1
    with pytest.raises(NotFound):
        store.write(ops.RenameRegisteredModel(name=NAME, new_name="new", time=T0))
    shutil.copytree(folder(store, "new"), folder(store, "copy"))
    assert store.write(ops.RenameRegisteredModel(name="copy", new_name="copy 2", time=T0)).name == "copy 2"
    assert sorted(find_models(store)) == ["copy 2", "new"]
