"""The real MLflow as what runs come from (a server) and go to (an exported tree)."""

from __future__ import annotations

import json
import sqlite3
import tarfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.open import open_source
from millstream.stores.imports.summary import Summary
from millstream.stores.open import close_stores, open_store
from millstream.tracking.client import MlflowClient
from millstream.values import queries
from tests.golden import answers
from tests.golden.queries import BETTER_MODELS, MODEL_QUERIES
from tests.golden.test_golden import HERE, NEWEST, differences, load
from tests.golden.test_imports import placeless
from tests.golden.test_logged_models import DATABASE, check
from tests.golden.test_logged_models import placeless as models_placeless
from tests.golden.test_registry import check as check_registry
from tests.golden.test_registry import placeless as registry_placeless
from tests.interop.conftest import Peer, serving_theirs

NAME = f"{NEWEST}.sqlite"
MODELS = f"{NEWEST}.models.sqlite"
REGISTRY = f"{NEWEST}.registry.sqlite"


VERSIONS = (("model_versions", "source"), ("model_versions", "storage_location"))


@pytest.fixture
def golden_database(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The newest golden database, or the one that a test names, with its artifacts beside it."""
    with tarfile.open(HERE / f"mlflow-{getattr(request, 'param', NAME)}.tar.gz") as archive:
        archive.extractall(tmp_path / "옛 곳", filter="data")
    database = tmp_path / "옛 곳" / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        for table, column in (("runs", "artifact_uri"), ("logged_models", "artifact_location"), *VERSIONS):
            moved = f"UPDATE {table} SET {column} = replace({column}, '/tmp/golden', ?)"
            connection.execute(moved, [str(database.parent)])
    return database


@pytest.fixture
def address(golden_database: Path, mlflow_python: Path, tmp_path: Path) -> Iterator[str]:
    """MLflow's own server over the golden database."""
    with serving_theirs(mlflow_python, f"sqlite:///{golden_database}", golden_database.parent) as found:
        yield found
    close_stores()


def bring(source: str, target: str, **options: object) -> Summary:
    opened = open_source(source)
    try:
        return Importer(opened, open_store(target), Options(**options)).run()  # type: ignore[arg-type]
    finally:
        opened.close()


@pytest.mark.timeout(900)
def test_a_real_server_is_imported_again_and_again(address: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/새 곳.db"
    summary = bring(address, target)
    assert summary.problems == []
    assert (summary.runs_created, summary.files, summary.registered_models_created) == (19, 1, 2)
    # The other one is deleted, and no run names it.
    assert summary.logged_models_created == 1
    expected = placeless(load(f"mlflow-{NAME}.json")["world"])
    client = MlflowClient(tracking_uri=target)
    assert placeless(answers.describe(client)) == expected
    (run_id,) = [r for r, run in expected["runs"].items() if run["tags"]["mlflow.runName"] == "run-05"]
    log_more(address, run_id)
    again = bring(address, target)
    assert (again.runs_created, again.runs_extended, again.points, again.files) == (0, 1, 3, 1)
    assert [point.value for point in client.get_metric_history(run_id, "loss")][1:] == [0.5, 0.25, 0.125]
    local = client.download_artifacts(run_id, "깊은 곳/파일 하나.txt", str(tmp_path))
    assert Path(local).read_text(encoding="utf-8") == "안녕\n"
    assert bring(address, target).runs_unchanged == 19


def log_more(address: str, run_id: str) -> None:
    """Points and an artifact of a run under way, through the server."""
    start = 1_700_000_009_000
    points = [{"key": "loss", "value": 0.5 / 2**i, "timestamp": start + i, "step": i} for i in range(3)]
    call(f"{address}/api/2.0/mlflow/runs/log-batch", json.dumps({"run_id": run_id, "metrics": points}).encode())
    path = urllib.request.quote("깊은 곳/파일 하나.txt")
    folder, _, name = path.rpartition("/")
    call(f"{address}/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={folder}/{name}", "안녕\n".encode())


def call(url: str, body: bytes) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        assert response.status == 200


@pytest.mark.parametrize("through", ["tree", "sqlite"])
def test_mlflow_reads_what_was_exported(golden_database: Path, mlflow: Peer, tmp_path: Path, through: str) -> None:
    middle = f"sqlite:///{tmp_path}/중간.db" if through == "sqlite" else str(tmp_path / "중간")
    root = tmp_path / "내보낸 곳" / "mlruns"
    assert bring(str(golden_database), middle).problems == []
    assert bring(middle, str(root)).problems == []
    expected = placeless(load(f"mlflow-{NAME}.json")["world"])
    found = placeless(mlflow("describe", store=str(root)))
    if through == "sqlite":
        del expected["experiments"]["0"], found["experiments"]["0"]
    assert found["experiments"] == expected["experiments"]
    assert found["runs"] == expected["runs"]
    assert found["histories"] == expected["histories"]
    close_stores()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("golden_database", [MODELS], indirect=True)
def test_logged_models_of_a_real_server_are_imported(address: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/새 곳.db"
    summary = bring(address, target)
    assert (summary.logged_models_created, summary.files, summary.problems) == (6, 2, [])
    expected = load(f"mlflow-{MODELS}.json")
    check(MlflowClient(tracking_uri=target), expected, DATABASE)
    (gone,) = {item[0] for _, outputs in expected["links"].values() for item in outputs} - set(expected["models"])
    deleted = open_store(target).read(queries.GetLoggedModel(model_id=gone, deleted=True))
    assert (deleted.name, deleted.lifecycle_stage) == ("gone", "deleted")
    again = bring(address, target)
    assert (again.logged_models_unchanged, again.runs_unchanged, again.files) == (6, 3, 0)
    # No server gives out files of deleted models.
    assert ["deleted logged models" in note for note in again.notes] == [True]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("golden_database", [REGISTRY], indirect=True)
def test_the_registry_of_a_real_server_is_imported(address: str, tmp_path: Path) -> None:
    target = f"sqlite:///{tmp_path}/새 곳.db"
    summary = bring(address, target)
    assert (summary.registered_models_created, summary.model_versions_created, summary.problems) == (3, 5, [])
    check_registry(target, load(f"mlflow-{REGISTRY}.json")["registry"])
    again = bring(address, target)
    assert (again.registered_models_unchanged, again.model_versions_unchanged, again.notes) == (3, 5, [])


@pytest.mark.parametrize("golden_database", [REGISTRY], indirect=True)
@pytest.mark.parametrize("through", ["tree", "sqlite"])
def test_mlflow_reads_a_registry_that_was_exported(
    golden_database: Path, mlflow: Peer, tmp_path: Path, through: str
) -> None:
    middle = f"sqlite:///{tmp_path}/중간.db" if through == "sqlite" else str(tmp_path / "중간")
    root = tmp_path / "내보낸 곳" / "mlruns"
    assert bring(str(golden_database), middle).problems == []
    assert bring(middle, str(root)).model_versions_created == 5
    expected = load(f"mlflow-{REGISTRY}.json")["registry"]
    found = mlflow("describe_golden_registry", store=str(root))
    assert registry_placeless(found["registry"]) == registry_placeless(expected)
    whole = ("copy 한글/1", "digits 모델/1", "digits 모델/2", "digits 모델/3")
    assert found["files"] == dict.fromkeys(whole, "flavors: {}\n")
    close_stores()


@pytest.mark.parametrize("golden_database", [MODELS], indirect=True)
@pytest.mark.parametrize("through", ["tree", "sqlite"])
def test_mlflow_finds_logged_models_that_were_exported(
    golden_database: Path, mlflow: Peer, tmp_path: Path, through: str
) -> None:
    middle = f"sqlite:///{tmp_path}/중간.db" if through == "sqlite" else str(tmp_path / "중간")
    root = tmp_path / "내보낸 곳" / "mlruns"
    assert bring(str(golden_database), middle).problems == []
    assert bring(middle, str(root)).files == 2
    expected = load(f"mlflow-{MODELS}.json")
    found = mlflow("describe_golden_models", store=str(root), queries=MODEL_QUERIES)
    assert models_placeless(found["models"]) == models_placeless(expected["models"])
    assert found["links"] == expected["links"]
    assert (
        differences(
            [query | {"view": None} for query in MODEL_QUERIES], found["searches"], expected["searches"], BETTER_MODELS
        )
        == []
    )
    close_stores()
