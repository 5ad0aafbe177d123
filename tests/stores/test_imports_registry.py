"""Imports of registered models: followed, merged, of the same name, in part, behind servers, cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports import registered as importing
from millstream.stores.locations import version_files
from millstream.stores.open import close_stores, open_store
from millstream.values import ops, queries
from millstream.values.errors import BadRequest
from millstream.values.paths import RelPath
from tests.stores.calls import T0, new_experiment, new_run
from tests.stores.suites.registry import add, by_alias, find_versions, move, name_alias, register, registered, version
from tests.stores.test_imports import bring
from tests.stores.test_imports_servers import RUN, FakeServer
from tests.stores.test_imports_servers import bring as bring_served

PROMPT = "mlflow.prompt.is_prompt"


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    yield open_store(f"sqlite:///{tmp_path}/새 곳/runs.db")
    close_stores()


def counts(summary: Any) -> tuple[int, ...]:
    parts = ("created", "extended", "unchanged")
    return tuple(
        getattr(summary, f"{what}_{part}") for what in ("registered_models", "model_versions") for part in parts
    )


def test_what_is_new_comes_and_what_moved_follows(store: EmbeddedStore, target: Store) -> None:
    register(store, tags={"t": "1"})
    register(store, "프롬프트", tags={PROMPT: "true"})
    add(store, tags={"k": "1"})
    add(store, time=T0 + 1)
    name_alias(store, "champ", 1)
    assert counts(bring(store.root, target)) == (2, 0, 0, 2, 0, 0)
    assert counts(bring(store.root, target)) == (0, 0, 2, 0, 0, 2)
    add(store, time=T0 + 5)
    move(store, 1, "Staging", time=T0 + 6)
    name_alias(store, "champ", 3)
    name_alias(store, "new", 2)
    store.write(ops.UpdateModelVersion(name=registered(store).name, version=2, description="판", time=T0 + 7))
    store.write(ops.SetModelVersionTag(name=registered(store).name, version=1, key="u", value="2"))
    store.write(ops.SetRegisteredModelTag(name=registered(store).name, key="u", value="2"))
    summary = bring(store.root, target)
    assert (counts(summary), summary.notes) == ((0, 1, 1, 1, 2, 0), [])
    assert registered(target) == registered(store)
    for number in (1, 2, 3):
        assert version(target, number) == version(store, number)
    assert counts(bring(store.root, target)) == (0, 0, 2, 0, 0, 3)


def test_what_was_changed_here_stays_unless_said_otherwise(store: EmbeddedStore, target: Store) -> None:
    name = register(store, tags={"t": "theirs"}).name
    add(store)
    add(store)
    name_alias(store, "champ", 1)
    bring(store.root, target)
    move(target, 1, "Production", time=T0 + 9)
    target.write(ops.SetRegisteredModelTag(name=name, key="t", value="mine"))
    add(target, source="s3://mine", time=T0 + 9)
    name_alias(target, "champ", 3)
    summary = bring(store.root, target)
    assert (counts(summary), summary.problems) == ((0, 0, 1, 0, 0, 2), [])
    for word in ("'t' differs", "current_stage differs", "'champ' stands for version 3"):
        assert [word in note for note in summary.notes].count(True) == 1
    assert counts(bring(store.root, target, overwrite=True)) == (0, 1, 0, 0, 1, 1)
    assert (registered(target).tags, by_alias(target, "champ"), version(target, 1)) == (
        {"t": "theirs"}, 1, version(store, 1)
    )  # fmt: skip
    assert version(target, 3).source == "s3://mine"


def test_another_version_of_a_number_is_left_alone(store: EmbeddedStore, target: Store) -> None:
    register(store)
    add(store)
    bring(store.root, target)
    mine = add(target, source="s3://mine", time=T0 + 50)
    add(store, time=T0 + 60)
    add(store, time=T0 + 61)
    name_alias(store, "second", 2)
    summary = bring(store.root, target)
    assert counts(summary) == (0, 1, 0, 1, 0, 1)
    (problem,) = summary.problems
    assert "version 2: another one of this number" in problem
    assert any("'second' is left out" in note for note in summary.notes)
    assert (version(target, 2), version(target, 3).source) == (mine, "s3://bucket/m")
    assert registered(target).aliases == {}


def test_another_model_of_a_name_is_left_alone(store: EmbeddedStore, target: Store) -> None:
    name = register(store).name
    add(store)
    store.write(ops.CreateRegisteredModel(name="b", time=T0))
    store.write(ops.CreateModelVersion(name="b", source=f"models:/{name}/1", time=T0))
    mine = register(target, time=T0 + 5)
    (problem,) = bring(store.root, target).problems
    assert "another one of this name" in problem
    assert (registered(target), find_versions(target)) == (mine, [("b", 1)])
    assert counts(bring(store.root, target, prefix="옛 ")) == (2, 0, 0, 2, 0, 0)
    copy = version(target, 1, "옛 b")
    assert (copy.source, copy.storage_location) == (f"models:/옛 {name}/1", "s3://bucket/m")


def test_versions_lead_where_their_files_are(store: EmbeddedStore, target: Store) -> None:
    run = new_run(store)
    store.artifacts(run).put_bytes(b"x", RelPath.parse("모델 a/MLmodel"))
    register(store)
    source = str(store.artifacts(run).location / "모델 a")
    add(store, source=source, run_id=run)
    add(store, source=source)  # Nobody said whose it is.
    bring(store.root, target, artifacts="none")
    assert version(target, 1).source == source
    assert counts(bring(store.root, target)) == (0, 1, 0, 0, 2, 0)
    for number in (1, 2):
        found = version(target, number)
        assert found.source == str(target.artifacts(run).location / "모델 a")
        artifacts, path = version_files(target, found)
        with artifacts.open(path / "MLmodel") as file:
            assert file.read() == b"x"
    assert counts(bring(store.root, target)) == (0, 0, 1, 0, 0, 2)


def test_only_some_experiments(store: EmbeddedStore, target: Store) -> None:
    wanted, other = new_run(store, new_experiment(store, "wanted")), new_run(store, new_experiment(store, "other"))
    for name, runs in (("a", (wanted, other)), ("b", (other,))):
        register(store, name)
        for run in runs:
            add(store, name, run_id=run)
    name_alias(store, "x", 2, "a")
    assert counts(bring(store.root, target, experiments=("wanted",))) == (1, 0, 0, 1, 0, 0)
    assert (find_versions(target), registered(target, "a").aliases) == ([("a", 1)], {})


def test_what_no_store_can_keep_is_named(store: EmbeddedStore, target: Store) -> None:
    name = register(store, tags={"ok": "1"}).name
    add(store)
    add(store)
    home = store.root / "models" / name
    (home / "tags" / "bad").write_text("x" * 100_001)
    (home / "aliases").mkdir()
    (home / "aliases" / "latest").write_text("1")
    meta = home / "version-2" / "meta.yaml"
    meta.write_text(meta.read_text().replace("s3://bucket/m", "s3://" + "x" * 3000))
    summary = bring(store.root, target)
    assert counts(summary) == (1, 0, 0, 1, 0, 0)
    for word in ("'bad'", "'latest'", "version 2"):
        assert any(word in problem for problem in summary.problems), (word, summary.problems)
    assert registered(target).tags == {"ok": "1"}


def test_an_import_that_was_cut_off_goes_on(
    store: EmbeddedStore, target: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(store)
    for number in range(7):
        add(store, time=T0 + number)
    name_alias(store, "champ", 2)
    monkeypatch.setattr(importing, "PIECE", 2)
    written = target.write
    left = 2

    def write(op: Any) -> Any:
        nonlocal left
        if isinstance(op, ops.ImportRegisteredModel):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return written(op)

    monkeypatch.setattr(target, "write", write)
    with pytest.raises(KeyboardInterrupt):
        bring(store.root, target)
    monkeypatch.setattr(target, "write", written)
    assert len(find_versions(target)) == 4
    assert counts(bring(store.root, target)) == (0, 1, 0, 3, 0, 4)
    assert registered(target) == structs.replace(registered(store), latest_versions=[version(target, 7)])
    assert by_alias(target, "champ") == 2


MODEL = {
    "name": "it's",
    "creation_timestamp": "5",
    "last_updated_timestamp": 6,
    "aliases": [{"alias": "a", "version": "1"}],
}
VERSION = {
    "name": "it's", "version": "1", "creation_timestamp": 5, "run_id": "abc", "status": "READY",
    "source": "mlflow-artifacts:/7/abc/artifacts/m",
}  # fmt: skip


def test_a_server_is_understood(target: Store) -> None:
    asked: list[str] = []

    def models(parameters: dict[str, Any]) -> Any:
        if "filter" in parameters:
            raise BadRequest("no such filter")
        return {"registered_models": [MODEL, {"creation_timestamp": 1}]}

    def versions(parameters: dict[str, Any]) -> Any:
        asked.append(parameters["filter"])
        far = {**VERSION, "version": 2, "run_id": "", "source": "mlflow-artifacts:/elsewhere"}
        meant = {**VERSION, "version": 3, "source": "models:/other/1", "current_stage": "Staging"}
        return {"model_versions": [meant, VERSION, far, {**VERSION, "version": "x"}, {**VERSION, "name": "IT'S"}]}

    place = {"artifact_uri": "s3://bucket/other"}
    run = {**RUN, "info": {**RUN["info"], "artifact_uri": "mlflow-artifacts:/7/abc/artifacts"}}
    server = FakeServer(
        runs__search={"runs": [run]}, **{"registered-models/search": models, "model-versions/search": versions},
        **{"model-versions/get-download-uri": place},
    )  # fmt: skip
    summary = bring_served(server, target)
    assert (counts(summary), len(summary.problems)) == ((1, 0, 0, 3, 0, 0), 2)
    assert asked == ['name = "it\'s"']
    assert any("stay with the server" in note for note in summary.notes)
    one, two, three = (version(target, number, "it's") for number in (1, 2, 3))
    assert (one.source, one.aliases) == (str(target.artifacts("abc").location / "m"), ["a"])
    assert (two.source, three.storage_location) == ("mlflow-artifacts:/elsewhere", "s3://bucket/other")
    assert three.current_stage == "Staging"
    assert counts(bring_served(server, target)) == (0, 0, 1, 0, 0, 3)
    assert target.read(queries.GetRegisteredModel(name="it's")).last_updated_timestamp == 6
