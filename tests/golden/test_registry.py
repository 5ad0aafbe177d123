"""The registry of the real MLflow, opened, or imported into any kind of store, is what MLflow says it is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from millstream.formats.model_uris import parse_model_uri
from millstream.stores.locations import find_version, version_files
from millstream.stores.open import open_store
from millstream.tracking.client import MlflowClient
from millstream.values.errors import NotFound
from tests.golden import answers
from tests.golden.test_golden import contents
from tests.golden.test_imports import target as target  # a fixture
from tests.golden.test_logged_models import bring, unpack

KINDS = ["registry", "registry.sqlite"]
TREE, DATABASE = KINDS


def unpacked(kind: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The tree or database below `folder`, and what its writer says of its registry."""
    _, expected = unpack(kind, folder)
    return folder / ("mlflow.db" if kind == DATABASE else "mlruns"), expected["registry"]


def placeless(registry: dict[str, Any]) -> dict[str, Any]:
    """Without the places that belong to runs; MLflow's two stores write the versions of aliases differently."""
    registry = copy.deepcopy(registry)
    for model in registry.values():
        model["aliases"] = {alias: int(number) for alias, number in model["aliases"].items()}
        for version in model["versions"].values():
            if "/artifacts/" in version["source"]:
                version["source"] = unquote(version["source"].partition(f"/{version['run_id']}/")[2])
    return registry


def check(target: str, expected: dict[str, Any]) -> None:
    """Everything is said of the registry of `target`, and its versions' files are below `target`'s own places."""
    client = MlflowClient(tracking_uri=target)
    assert placeless(answers.describe_registry(client)) == placeless(expected)
    store = open_store(target)
    for uri in ("digits 모델/1", "digits 모델/2", "digits 모델/3", "copy 한글/1", "digits 모델@champion"):
        version = find_version(store, parse_model_uri(f"models:/{uri}"))
        home = "model" if version.model_id else "run"
        owner = version.model_id or version.run_id or ""
        root = store.model_artifacts(owner) if home == "model" else store.artifacts(owner)
        artifacts, path = version_files(store, version)
        assert artifacts.location == root.location
        assert version.location == str(root.location / path), uri
        with artifacts.open(path / "MLmodel") as file:
            assert file.read() == b"flavors: {}\n"
    with pytest.raises(NotFound):
        client.get_model_version("digits 모델", "5")


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_imported_is_what_its_writer_says(kind: str, tmp_path: Path, target: str) -> None:
    source, expected = unpacked(kind, tmp_path / "옛 곳")
    before = contents(source.parent)
    for dry_run in (True, False):
        summary = bring(source, target, dry_run=dry_run)
        assert (summary.registered_models_created, summary.model_versions_created, summary.problems) == (3, 5, [])
    check(target, expected)
    again = bring(source, target)
    assert (again.registered_models_unchanged, again.model_versions_unchanged) == (3, 5)
    assert (again.registered_models_extended, again.problems, again.notes) == (0, [], [])
    check(target, expected)
    assert contents(source.parent) == before
    # The number of the version that was deleted there is not given again.
    client = MlflowClient(tracking_uri=target)
    assert int(client.create_model_version("digits 모델", "s3://bucket/new").version) == 6


@pytest.mark.parametrize("kind", KINDS)
def test_from_store_to_store_nothing_is_lost(kind: str, tmp_path: Path, target: str) -> None:
    source, expected = unpacked(kind, tmp_path / "옛 곳")
    middle = f"sqlite:///{tmp_path}/중간.db" if target.startswith("file:") else str(tmp_path / "중간" / "mlruns")
    assert bring(source, middle).problems == []
    summary = bring(middle, target)
    assert (summary.registered_models_created, summary.model_versions_created, summary.problems) == (3, 5, [])
    check(target, expected)
    client = MlflowClient(tracking_uri=target)
    assert int(client.create_model_version("digits 모델", "s3://bucket/new").version) == 6
