"""Trees and databases that real MLflow versions wrote, imported into every kind of store, give MLflow's answers."""

from __future__ import annotations

import copy
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import open_source
from millstream.stores.imports.summary import Summary
from millstream.stores.open import close_stores, open_store
from millstream.tracking.client import MlflowClient
from tests import servers
from tests.golden import answers
from tests.golden.queries import BETTER, EXPERIMENT_QUERIES, NEW_RUN_QUERIES, RUN_QUERIES
from tests.golden.test_golden import HERE, NEWEST, VERSIONS, contents, differences, load

SOURCES = [f"{version}{kind}" for version in VERSIONS for kind in ("", ".sqlite")]


class Imported:
    """A golden tree or database, a store that it was imported into, and what the newest MLflow says of it."""

    def __init__(self, name: str, folder: Path, target: str) -> None:
        with tarfile.open(HERE / f"mlflow-{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
        self.name = name
        self.source = folder / ("mlflow.db" if name.endswith(".sqlite") else "mlruns")
        newest = f"mlflow-{name}.json" if name.startswith(NEWEST) else f"mlflow-{name}.read-by-{NEWEST}.json"
        self.expected: dict[str, Any] = load(newest)
        # By their writer: 1.x left "active" in the files of a deleted experiment, and only 3.x believes it.
        writer = load(f"mlflow-{name}.json")
        self.expected["world"]["experiments"] = writer["world"]["experiments"]
        self.registry: dict[str, Any] = writer.get("registry", {})
        self.before = contents(folder)
        self.folder = folder
        self.target = target
        self.client = MlflowClient(tracking_uri=target)

    def again(self, **options: Any) -> Summary:
        source = open_source(str(self.source))
        try:
            return Importer(source, open_store(self.target), Options(**options)).run()
        finally:
            source.close()


@pytest.fixture(params=["tree", "sqlite", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URI of a store where nothing is yet."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "새 artifacts"))
    if request.param == "postgresql":
        yield servers.new_schema(request.getfixturevalue("postgresql"))
    else:
        new = tmp_path / "새 곳"
        yield (new / "mlruns").as_uri() if request.param == "tree" else f"sqlite:///{new}/runs.db"
    close_stores()


@pytest.fixture(params=SOURCES)
def imported(request: pytest.FixtureRequest, tmp_path: Path, target: str) -> Imported:
    """One golden thing in one kind of store."""
    return Imported(request.param, tmp_path / "옛 곳", target)


def placeless(world: dict[str, Any]) -> dict[str, Any]:
    """A description without what belongs to the place: artifact locations, and the times of the default experiment."""
    world = copy.deepcopy(world)
    for experiment in world["experiments"].values():
        del experiment["artifact_location"]
    for name in ("creation_time", "last_update_time"):
        del world["experiments"]["0"][name]
    for run in world["runs"].values():
        del run["info"]["artifact_uri"]
    return world


def test_answers_are_mlflows_and_a_second_import_changes_nothing(imported: Imported) -> None:
    summary = imported.again()
    assert summary.problems == []
    assert summary.runs_created == len(imported.expected["world"]["runs"]) == 19
    assert summary.files == 1
    check(imported)
    before = placeless(answers.describe(imported.client))
    again = imported.again()
    assert (again.runs_created, again.runs_extended, again.points, again.files) == (0, 0, 0, 0)
    assert (again.runs_unchanged, again.experiments_created, again.problems, again.notes) == (19, 0, [], [])
    assert placeless(answers.describe(imported.client)) == before
    assert contents(imported.folder) == imported.before


def check(imported: Imported) -> None:
    expected, client = imported.expected, imported.client
    found = placeless(answers.describe(client))
    wanted = placeless(expected["world"])
    assert found["experiments"] == wanted["experiments"]
    assert found["runs"] == wanted["runs"]
    assert found["histories"] == wanted["histories"]
    queries = RUN_QUERIES + NEW_RUN_QUERIES
    answered = answers.search_runs(client, queries)
    assert differences(queries, answered, expected["runs"] + expected["new_runs"], BETTER) == []
    answered = [without_default(answer) for answer in answers.search_experiments(client, EXPERIMENT_QUERIES)]
    experiments = [without_default(answer) for answer in expected["experiments"]]
    assert differences(EXPERIMENT_QUERIES, answered, experiments, set()) == []
    (run_id,) = [r for r, run in expected["world"]["runs"].items() if run["tags"]["mlflow.runName"] == "run-00"]
    (entry,) = client.list_artifacts(run_id, "notes")
    assert (entry.path, entry.file_size) == ("notes/hello.txt", 13)


def without_default(answer: Any) -> Any:
    """An answer without the default experiment, which is as old as the store that it is in."""
    if isinstance(answer, dict):
        return answer
    return [name for page in answer for name in page if name != "Default"]


def test_the_registry_is_that_of_its_writer(imported: Imported) -> None:
    registry = imported.registry
    versions = sum(len(model["versions"]) for model in registry.values())
    for dry_run in (True, False):
        summary = imported.again(dry_run=dry_run)
        assert summary.runs_created == 19
        assert (summary.registered_models_created, summary.model_versions_created) == (len(registry), versions)
    found = answers.describe_registry(imported.client)
    for model in found.values():
        for version in model["versions"].values():
            # Where the run's artifacts are now.
            uri = imported.client.get_run(version["run_id"]).info.artifact_uri
            assert version.pop("source") == f"{uri}/model"
    for model in registry.values():
        for version in model["versions"].values():
            del version["source"]
    assert found == registry
    again = imported.again()
    assert (again.registered_models_unchanged, again.model_versions_unchanged) == (len(registry), versions)
    assert (again.registered_models_extended, again.model_versions_created, again.notes) == (0, 0, [])
