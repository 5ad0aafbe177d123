"""Trees that real MLflow versions wrote are read with the answers that MLflow gives."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from millstream.tracking.client import MlflowClient
from tests.golden import answers
from tests.golden.queries import BETTER, EXPERIMENT_QUERIES, NEW_RUN_QUERIES, RUN_QUERIES, WRONG_ONCE

HERE = Path(__file__).parent
NEWEST = "3.17.2"
VERSIONS = ["1.30.1", "2.22.5", NEWEST]


class Golden:
    """A tree, what its writer says of it, and what the newest MLflow says."""

    def __init__(self, version: str, root: Path) -> None:
        with tarfile.open(HERE / f"mlflow-{version}.tar.gz") as archive:
            archive.extractall(root, filter="data")
        self.version = version
        self.root = root / "mlruns"
        self.writer: dict[str, Any] = load(f"mlflow-{version}.json")
        self.newest = self.writer if version == NEWEST else load(f"mlflow-{version}.read-by-{NEWEST}.json")
        self.client = MlflowClient(tracking_uri=self.root.as_uri())


def load(name: str) -> dict[str, Any]:
    return json.loads((HERE / name).read_text(encoding="utf-8"))


@pytest.fixture(params=VERSIONS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Golden:
    """One golden tree, unpacked away from where it was made."""
    return Golden(request.param, tmp_path / "다른 곳")


def test_experiments_runs_and_histories_are_the_writers(golden: Golden) -> None:
    found = answers.describe(golden.client)
    # By their writer: 1.x left "active" in the files of a deleted experiment, and only 3.x believes it.
    assert found["experiments"] == golden.writer["world"]["experiments"]
    assert found["runs"] == golden.newest["world"]["runs"]
    assert found["histories"] == golden.newest["world"]["histories"] == golden.writer["world"]["histories"]


def differences(queries: list[Any], found: list[Any], expected: list[Any], leave: set[str]) -> list[Any]:
    return [
        (query["filter"], query["order_by"], query["view"], {"found": ours, "expected": theirs})
        for query, ours, theirs in zip(queries, found, expected, strict=True)
        if ours != theirs and query["filter"] not in leave
    ]


def test_searches_answer_as_the_newest_mlflow(golden: Golden) -> None:
    queries = RUN_QUERIES + NEW_RUN_QUERIES
    expected = golden.newest["runs"] + golden.newest["new_runs"]
    assert differences(queries, answers.search_runs(golden.client, queries), expected, BETTER) == []


def test_experiment_searches_answer_as_the_newest_mlflow(golden: Golden) -> None:
    found = answers.search_experiments(golden.client, EXPERIMENT_QUERIES)
    assert differences(EXPERIMENT_QUERIES, found, golden.newest["experiments"], set()) == []


def test_what_the_writer_could_answer_is_answered_alike(golden: Golden) -> None:
    known = [(q, a) for q, a in zip(RUN_QUERIES, golden.writer["runs"], strict=True) if isinstance(a, list)]
    queries, expected = [q for q, _ in known], [a for _, a in known]
    found = answers.search_runs(golden.client, queries)
    assert differences(queries, found, expected, BETTER | WRONG_ONCE) == []


def test_a_line_break_is_a_character_to_like(golden: Golden) -> None:
    (query,) = [query for query in RUN_QUERIES if query["filter"] in BETTER]
    [[pages]] = [answers.search_runs(golden.client, [query])]
    names = {golden.client.get_run(run_id).info.run_name for run_id in pages[0]}
    assert names == {"run-04", "run-05"}


def test_artifacts_are_found_where_the_tree_is_now(golden: Golden, tmp_path: Path) -> None:
    runs = golden.newest["world"]["runs"]
    (run_id,) = [run_id for run_id, run in runs.items() if run["tags"]["mlflow.runName"] == "run-00"]
    assert [entry.path for entry in golden.client.list_artifacts(run_id)] == ["notes"]
    (entry,) = golden.client.list_artifacts(run_id, "notes")
    assert (entry.path, entry.is_dir, entry.file_size) == ("notes/hello.txt", False, 13)
    target = tmp_path / "target"
    target.mkdir()
    local = golden.client.download_artifacts(run_id, "notes/hello.txt", str(target))
    assert Path(local).read_text(encoding="utf-8") == "hello\n한글\n"


def test_reading_changes_nothing(golden: Golden) -> None:
    before = contents(golden.root)
    answers.describe(golden.client)
    answers.search_runs(golden.client, RUN_QUERIES)
    assert contents(golden.root) == before


def contents(root: Path) -> dict[str, bytes | None]:
    """Every path below `root` with the bytes of files."""
    return {str(p.relative_to(root)): p.read_bytes() if p.is_file() else None for p in sorted(root.rglob("*"))}
