"""Logged models of the real MLflow, opened, or imported into any kind of store, are found as MLflow finds them."""

from __future__ import annotations

import copy
import tarfile
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import open_source
from millstream.stores.imports.summary import Summary
from millstream.stores.open import open_store
from millstream.tracking.client import MlflowClient
from millstream.values import queries
from tests.golden import answers
from tests.golden.queries import BETTER_MODELS, MODEL_QUERIES
from tests.golden.test_golden import HERE, NEWEST, contents, differences, load
from tests.golden.test_imports import target as target  # a fixture

KINDS = ["models", "models.sqlite"]
TREE, DATABASE = KINDS


def unpack(kind: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The tree or database below `folder`, and what its writer says of it."""
    with tarfile.open(HERE / f"mlflow-{NEWEST}.{kind}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    return folder / ("mlflow.db" if kind == DATABASE else "mlruns"), load(f"mlflow-{NEWEST}.{kind}.json")


def different(client: MlflowClient, expected: dict[str, Any], kind: str) -> list[Any]:
    """Searches that are answered otherwise than by the writer."""
    leave = BETTER_MODELS if kind == TREE else set()
    queries = [query | {"view": None} for query in MODEL_QUERIES]
    return differences(queries, answers.search_models(client, MODEL_QUERIES), expected["searches"], leave)


def models(client: MlflowClient) -> dict[str, Any]:
    return answers.describe_logged_models(client, [item.experiment_id for item in client.search_experiments()])


def placeless(found: dict[str, Any]) -> dict[str, Any]:
    """Without what belongs to the place; of each key and dataset the latest point only, which a tree answers."""
    found = copy.deepcopy(found)
    for model in found.values():
        del model["artifact_location"]
        latest = {(point[0], point[4]): point for point in sorted(model["metrics"], key=_age)}
        model["metrics"] = sorted(latest.values(), key=repr)
    return found


def _age(point: list[Any]) -> tuple[int, int]:
    return point[3], point[2]


def test_a_tree_is_opened_as_its_writer_sees_it(tmp_path: Path) -> None:
    root, expected = unpack(TREE, tmp_path / "다른 곳")
    client = MlflowClient(tracking_uri=root.as_uri())
    check(client, expected, TREE)


def bring(source: Path | str, target: str, **options: Any) -> Summary:
    opened = open_source(str(source))
    try:
        return Importer(opened, open_store(target), Options(**options)).run()
    finally:
        opened.close()


def check(client: MlflowClient, expected: dict[str, Any], kind: str) -> None:
    assert placeless(models(client)) == placeless(expected["models"])
    assert answers.describe_links(client) == expected["links"]
    assert different(client, expected, kind) == []
    (model_id,) = [key for key, model in expected["models"].items() if model["name"] == "나무"]
    assert sorted(item.path for item in client.list_logged_model_artifacts(model_id)) == ["MLmodel", "속"]
    (file,) = client.list_logged_model_artifacts(model_id, "속")
    assert (file.path, file.file_size) == ("속/weights.txt", 4)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_imported_is_found_as_its_writer_finds_it(kind: str, tmp_path: Path, target: str) -> None:
    source, expected = unpack(kind, tmp_path / "옛 곳")
    before = contents(source.parent)
    dry = bring(source, target, dry_run=True)
    summary = bring(source, target)
    for one in (dry, summary):
        assert (one.logged_models_created, one.runs_created, one.problems) == (6, 3, [])
    assert (summary.files, dry.files) == (2, 0)
    client = MlflowClient(tracking_uri=target)
    check(client, expected, kind)
    (gone,) = {item[0] for _, outputs in expected["links"].values() for item in outputs} - set(expected["models"])
    deleted = open_store(target).read(queries.GetLoggedModel(model_id=gone, deleted=True))
    assert (deleted.name, deleted.lifecycle_stage, deleted.status) == ("gone", "deleted", "READY")
    again = bring(source, target)
    counts = (again.logged_models_created, again.logged_models_extended, again.logged_models_unchanged)
    assert (counts, again.files, again.problems, again.notes) == ((0, 0, 6), 0, [], [])
    check(client, expected, kind)
    assert contents(source.parent) == before


@pytest.mark.parametrize("kind", KINDS)
def test_from_store_to_store_nothing_is_lost(kind: str, tmp_path: Path, target: str) -> None:
    source, expected = unpack(kind, tmp_path / "옛 곳")
    middle = f"sqlite:///{tmp_path}/중간.db" if target.startswith("file:") else str(tmp_path / "중간" / "mlruns")
    assert bring(source, middle).problems == []
    summary = bring(middle, target)
    assert (summary.logged_models_created, summary.files, summary.problems) == (6, 2, [])
    check(MlflowClient(tracking_uri=target), expected, kind)


def test_only_some_experiments(tmp_path: Path, target: str) -> None:
    source, _ = unpack(DATABASE, tmp_path / "옛 곳")
    summary = bring(source, target, experiments=("other models",), prefix="옛/")
    assert (summary.logged_models_created, summary.runs_created, summary.problems) == (1, 1, [])
    client = MlflowClient(tracking_uri=target)
    experiment = client.get_experiment_by_name("옛/other models")
    assert experiment is not None
    assert [model.name for model in client.search_logged_models([experiment.experiment_id])] == ["far"]
