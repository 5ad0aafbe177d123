"""Imports of logged models: followed, merged, damaged, hostile, behind servers, cut off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores, open_store
from millstream.values import ops, queries
from millstream.values.entities import LoggedModel, ModelOutput
from millstream.values.paths import RelPath
from tests.stores.calls import T0, new_experiment, new_run
from tests.stores.suites.models import measure, model_of, new_model
from tests.stores.test_imports import bring, change
from tests.stores.test_imports import database as database  # a fixture
from tests.stores.test_imports_servers import RUN, FakeServer
from tests.stores.test_imports_servers import bring as bring_served


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    """A new database."""
    yield open_store(f"sqlite:///{tmp_path}/새 곳/runs.db")
    close_stores()


def counts(summary: Any) -> tuple[int, int, int]:
    return (summary.logged_models_created, summary.logged_models_extended, summary.logged_models_unchanged)


def put(store: Store, model_id: str, path: str) -> None:
    store.model_artifacts(model_id).put_bytes(b"x", RelPath.parse(path))


def test_a_model_under_way_is_followed(store: EmbeddedStore, target: Store) -> None:
    experiment = new_experiment(store)
    run = new_run(store, experiment)
    model = new_model(store, experiment, name="하나", params={"a": "1"}, tags={"t": "x"}, source_run_id=run)
    measure(store, run, model, ("acc", 0.5, 1, T0), ("acc", 0.25, 1, T0, "train", "d1"))
    put(store, model, "MLmodel")
    first = bring(store.root, target)
    assert (counts(first), first.files, first.problems) == ((1, 0, 0), 1, [])
    assert model_of(target, model).status == "PENDING"
    measure(store, run, model, ("acc", 0.75, 1, T0 + 5), ("acc", 0.125, 0, T0, "train", "d1"), ("새", 1.0))
    store.write(ops.LogLoggedModelParams(model_id=model, params={"b": "2"}))
    store.write(ops.SetLoggedModelTags(model_id=model, tags={"u": "y"}))
    store.write(ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0 + 9))
    put(store, model, "data/weights 하나.bin")
    second = bring(store.root, target)
    assert (counts(second), second.files, second.notes) == ((0, 1, 0), 1, [])
    found, source = model_of(target, model), model_of(store, model)
    assert {**found.to_dictionary(), "artifact_location": "", "metrics": set(found.metrics)} == {
        **source.to_dictionary(),
        "artifact_location": "",
        "metrics": set(source.metrics),
    }
    third = bring(store.root, target)
    assert (counts(third), third.files, third.notes) == ((0, 0, 1), 0, [])


def test_what_was_changed_here_stays_unless_said_otherwise(store: EmbeddedStore, target: Store) -> None:
    run = new_run(store)
    model = new_model(store, name="theirs", params={"a": "1"}, tags={"t": "theirs"})
    measure(store, run, model, ("acc", 0.5, 1))
    store.write(ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0 + 1))
    bring(store.root, target)
    target.write(ops.SetLoggedModelTags(model_id=model, tags={"t": "mine", "own": "1"}))
    measure(target, run, model, ("acc", 0.125, 1), ("own", 2.0))
    target.write(ops.DeleteLoggedModel(model_id=model, time=T0 + 2))
    summary = bring(store.root, target)
    assert (counts(summary), summary.problems) == ((0, 0, 1), [])
    for word in ("'t' differs", "lifecycle_stage differs", "'acc' differs at step 1"):
        assert [word in note for note in summary.notes].count(True) == 1
    assert counts(bring(store.root, target, overwrite=True)) == (0, 1, 0)
    found = model_of(target, model)
    assert (found.tags, found.last_updated_timestamp) == ({"t": "theirs", "own": "1"}, T0 + 1)
    assert {point.key: point.value for point in found.metrics} == {"acc": 0.5, "own": 2.0}
    assert counts(bring(store.root, target)) == (0, 0, 1)


def test_another_model_of_the_same_id_is_left_alone(store: EmbeddedStore, target: Store) -> None:
    new_model(store, model_id="m-same", name="theirs", time=T0)
    new_model(target, model_id="m-same", name="mine", time=T0 + 1)
    (problem,) = bring(store.root, target).problems
    assert problem.startswith("logged model m-same: another logged model of this id")
    assert model_of(target, "m-same").name == "mine"


def test_a_deleted_model_comes_with_its_files(store: EmbeddedStore, target: Store) -> None:
    model = new_model(store, name="fort")
    put(store, model, "MLmodel")
    store.write(ops.DeleteLoggedModel(model_id=model, time=T0 + 7))
    summary = bring(store.root, target)
    assert (counts(summary), summary.files, summary.problems) == ((1, 0, 0), 1, [])
    found = target.read(queries.GetLoggedModel(model_id=model, deleted=True))
    assert (found.lifecycle_stage, found.last_updated_timestamp) == ("deleted", T0 + 7)
    back = open_store(str(store.root.parent / "zurück"))
    again = bring(target.uri, back)
    assert (counts(again), again.files, again.problems) == ((1, 0, 0), 1, [])
    assert counts(bring(target.uri, back)) == (0, 0, 1)


def test_links_and_nothing(store: EmbeddedStore, target: Store) -> None:
    model = new_model(store)
    put(store, model, "MLmodel")
    location = model_of(store, model).artifact_location
    assert bring(store.root, target, artifacts="link").files == 0
    assert model_of(target, model).artifact_location == location
    other = open_store(f"sqlite:///{store.root.parent}/other.db")
    assert bring(store.root, other, artifacts="none").files == 0
    assert model_of(other, model).artifact_location != location


def test_directories_not_named_after_the_model_are_not_copied(database: Path, target: Store, tmp_path: Path) -> None:
    secret = tmp_path / "home" / "secret"
    secret.mkdir(parents=True)
    (secret / "key").write_text("geheim")
    change(database, f"UPDATE logged_models SET artifact_location = '{secret}'")
    summary = bring(database, target)
    assert (counts(summary), summary.files, len(summary.problems)) == ((2, 0, 0), 1, 2)
    assert all("not named after it" in problem for problem in summary.problems)


def test_damaged_rows_are_named_and_left_out(database: Path, target: Store) -> None:
    model = "(SELECT model_id FROM logged_models WHERE name = '나무')"
    change(
        database,
        "UPDATE logged_models SET status = 99 WHERE name = 'gone'",
        f"INSERT INTO logged_model_tags VALUES ({model}, 1, '../up', 'x')",
        f"INSERT INTO logged_model_metrics VALUES ({model}, 'm', 5, 'x', 0.5, 1, 'r', NULL, NULL, NULL)",
        f"INSERT INTO logged_model_metrics VALUES ({model}, 'n', 5, 1, NULL, 1, 'r', NULL, 'two words', 'd 1')",
    )
    summary = bring(database, target)
    assert (counts(summary), len(summary.problems)) == ((1, 0, 0), 3)
    (model_id,) = [item.model_id for item in models_of(target, "1")]
    points = {point.key: (str(point.value), point.dataset_name) for point in model_of(target, model_id).metrics}
    assert points == {"accuracy": ("0.75", "train"), "n": ("nan", "two words")}


def test_a_dataset_that_is_no_word_stays_out_of_a_tree(database: Path, tmp_path: Path) -> None:
    change(database, "UPDATE logged_model_metrics SET dataset_name = 'two words'")
    tree = open_store(str(tmp_path / "tree"))
    (problem,) = bring(database, tree).problems
    assert "neither may contain white space" in problem
    assert [model.metrics for model in models_of(tree, "1")] == [()]


def models_of(store: Store, experiment_id: str) -> list[LoggedModel]:
    return list(store.read(queries.SearchLoggedModels(experiment_ids=(experiment_id,))))


def test_damaged_files_are_named_and_left_out(store: EmbeddedStore, target: Store) -> None:
    run = new_run(store)
    torn, lost = new_model(store, name="torn"), new_model(store, name="lost")
    measure(store, run, torn, ("acc", 0.5))
    store.close()
    home = store.root / "0" / "models"
    with (home / torn / "metrics" / "acc").open("a") as file:
        file.write(f"rubbish\n{T0} 3.")
    (home / lost / "meta.yaml").write_text("{")
    (home / "half made").mkdir()
    summary = bring(store.root, target)
    assert (counts(summary), len(summary.problems)) == ((1, 0, 0), 2)
    assert [point.value for point in model_of(target, torn).metrics] == [0.5]


def served(model_id: str, **info: Any) -> dict[str, Any]:
    known = {"model_id": model_id, "experiment_id": "7", "name": "가", "creation_timestamp_ms": T0}
    point = {"key": "acc", "value": 0.5, "timestamp": T0, "step": 1, "run_id": "abc", "dataset_name": "d"}
    data = {
        "params": [{"key": "p"}],
        "metrics": [{**point, "dataset_digest": "1"}, {**point, "value": "NaN", "step": 0}],
    }
    return {"info": {**known, "status": "LOGGED_MODEL_READY", **info}, "data": data}


def test_a_server_has_models_and_says_which_are_deleted(target: Store) -> None:
    outputs = [{"model_id": name, "step": 3} for name in ("m-1", "m-2", "m-3")]
    routes = {
        "logged-models/search": {"models": [served("m-1"), {"info": {}}]},
        "logged-models/m-2": {"model": served("m-2")},
        "logged-models/m-3": {"model": served("m-3", experiment_id="8")},
        "logged-models/m-1/artifacts/directories": {"files": [{"path": "MLmodel", "file_size": 7}]},
    }
    # MLflow's list of runs does not say which models they used; what it says of one run does.
    whole = {**RUN, "outputs": {"model_outputs": outputs[:3]}, "inputs": {"model_inputs": [{"model_id": "m-4"}]}}
    server = FakeServer(runs__get={"run": whole})
    server.replies |= routes
    summary = bring_served(server, target)
    assert (counts(summary), summary.files, len(summary.problems)) == ((2, 0, 0), 1, 1)
    found = model_of(target, "m-1")
    assert (found.status, found.params, found.source_run_id) == ("READY", {"p": ""}, None)
    (point,) = [item for item in found.metrics if item.dataset_digest]
    assert (point.value, point.run_id, point.dataset_name) == (0.5, "abc", "d")
    deleted = target.read(queries.GetLoggedModel(model_id="m-2", deleted=True))
    assert deleted.lifecycle_stage == "deleted"
    run = target.read(queries.GetRun(run_id="abc"))
    assert [item.model_id for item in run.outputs.model_outputs] == ["m-1", "m-2", "m-3"]
    assert [item.model_id for item in run.inputs.model_inputs] == ["m-4"]
    assert counts(bring_served(server, target)) == (0, 0, 2)


def test_links_to_models_come_with_runs(store: EmbeddedStore, target: Store) -> None:
    run = new_run(store)
    model = new_model(store)
    store.write(ops.LogOutputs(run_id=run, models=(ModelOutput(model, 2),)))
    put(store, model, "MLmodel")
    bring(store.root, target)
    found = target.logged_model(run, model_of(store, model).name)
    assert found is not None
    assert [item.path for item in found.list(RelPath())] == ["MLmodel"]
