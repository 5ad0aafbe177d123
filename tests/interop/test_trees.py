"""One mlruns tree, two libraries: what either writes, the other reads, and the bytes are the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from millstream.stores.embedded import EmbeddedStore
from millstream.stores.repairs import repair
from tests.golden.queries import BETTER, EXPERIMENT_QUERIES, NEW_RUN_QUERIES, RUN_QUERIES
from tests.interop import generator
from tests.interop.conftest import Peer
from tests.interop.tree import contents

QUERIES = [query for query in RUN_QUERIES + NEW_RUN_QUERIES if query["filter"] not in BETTER]


@pytest.fixture(params=["mlflow", "millstream"])
def writer(request: pytest.FixtureRequest) -> Peer:
    """Either library."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def root(tmp_path: Path) -> str:
    """Where a tree will be."""
    return str(tmp_path / "두 집" / "mlruns")


def differences(queries: list[Any], ours: list[Any], theirs: list[Any]) -> list[Any]:
    return [(query, {"ours": a, "theirs": b}) for query, a, b in zip(queries, ours, theirs, strict=True) if a != b]


def compare_searches(mlflow: Peer, millstream: Peer, root: str, runs: list[Any], experiments: list[Any]) -> None:
    ours = millstream("search", store=root, runs=runs, experiments=experiments)
    theirs = mlflow("search", store=root, runs=runs, experiments=experiments)
    assert differences(runs, ours["runs"], theirs["runs"]) == []
    assert differences(experiments, ours["experiments"], theirs["experiments"]) == []


def test_both_read_what_either_wrote(mlflow: Peer, millstream: Peer, writer: Peer, root: str) -> None:
    writer("write_world", store=root, root=root)
    assert millstream("describe", store=root) == mlflow("describe", store=root)
    compare_searches(mlflow, millstream, root, QUERIES, EXPERIMENT_QUERIES)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_searches_over_random_runs_agree(mlflow: Peer, millstream: Peer, root: str, seed: int) -> None:
    writer = mlflow if seed % 2 else millstream
    writer("write_rows", store=root, name="random", rows=generator.rows(seed, 20))
    assert millstream("describe", store=root) == mlflow("describe", store=root)
    compare_searches(mlflow, millstream, root, generator.searches(seed, 100), [])


def test_the_same_calls_leave_the_same_bytes(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    trees = []
    for peer in (mlflow, millstream):
        root = tmp_path / peer.library
        peer("write_world", store=str(root), root=str(root))
        trees.append(contents(root))
    theirs, ours = trees
    assert sorted(ours) == sorted(theirs)
    assert {path: (ours[path], theirs[path]) for path in theirs if ours[path] != theirs[path]} == {}


def test_points_with_a_dataset_leave_the_same_bytes(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    found = []
    for peer in (mlflow, millstream):
        root = str(tmp_path / peer.library)
        run_id = peer("log_dataset_points", store=root)
        metrics = Path(root, "0", run_id, "metrics")
        found.append({path.name: path.read_bytes() for path in sorted(metrics.iterdir())})
        assert mlflow("describe", store=root)["histories"] == millstream("describe", store=root)["histories"]
    assert found[0] == found[1]
    assert found[0]["one"] == b"1700000000000 0.5 0 train d1\n"


def test_a_day_with_the_fluent_functions_looks_the_same(mlflow: Peer, millstream: Peer, tmp_path: Path) -> None:
    theirs = mlflow("fluent_day", store=str(tmp_path / "theirs"))
    ours = millstream("fluent_day", store=str(tmp_path / "ours"))
    assert ours == theirs
    for name in ("ours", "theirs"):
        ours, theirs = theirs, artifacts(tmp_path / name)
    assert ours == theirs


def artifacts(root: Path) -> dict[str, Any]:
    """Bytes of artifacts by path; what dictionaries were logged as, parsed, because we leave Korean readable there."""
    found: dict[str, Any] = {path: data for path, data in contents(root).items() if "/artifacts/" in path}
    return {path: yaml.safe_load(data) if "/config." in path else data for path, data in found.items()}


def test_each_sees_what_the_other_just_wrote(mlflow: Peer, millstream: Peer, root: str) -> None:
    one, other = millstream, mlflow
    one("call", store=root, method="search_experiments", arguments={})
    experiment = one("call", store=root, method="create_experiment", arguments={"name": "같이"})
    run_id = other("call", store=root, method="create_run", arguments={"experiment_id": experiment})
    for method, arguments in [
        ("log_metric", {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0}),
        ("log_metric", {"key": "loss", "value": 0.25, "timestamp": 2, "step": 1}),
        ("log_metric", {"key": "loss", "value": 0.75, "timestamp": 2, "step": 1}),
        ("log_param", {"key": "p", "value": "하나"}),
        ("log_param", {"key": "p", "value": "하나"}),
        ("log_param", {"key": "q", "value": ""}),
        ("set_tag", {"key": "t", "value": "1"}),
        ("set_tag", {"key": "t", "value": "둘"}),
        ("set_tag", {"key": "u", "value": "x"}),
        ("delete_tag", {"key": "t"}),
        ("set_terminated", {"status": "FAILED", "end_time": 5}),
        ("delete_run", {}),
        ("restore_run", {}),
        ("update_run", {"name": "새 이름"}),
        ("log_text", {"text": "a", "artifact_file": "한글.txt"}),
        ("log_text", {"text": "bc", "artifact_file": "한글.txt"}),
    ]:
        one("call", store=root, method=method, arguments={"run_id": run_id, **arguments})
        seen = one("describe", store=root)
        assert seen == other("describe", store=root), f"after {method} by {one.library}"
        one, other = other, one
    assert one("artifacts", store=root, run_id=run_id) == other("artifacts", store=root, run_id=run_id)
    assert seen["runs"][run_id]["params"] == {"p": "하나", "q": ""}


def test_a_param_of_the_other_cannot_be_changed(mlflow: Peer, millstream: Peer, root: str) -> None:
    millstream("call", store=root, method="search_experiments", arguments={})
    run_id = mlflow("call", store=root, method="create_run", arguments={"experiment_id": "0"})
    for one, other in ((mlflow, millstream), (millstream, mlflow)):
        arguments = {"run_id": run_id, "key": one.library, "value": "1"}
        one("call", store=root, method="log_param", arguments=arguments)
        with pytest.raises(RuntimeError, match="Changing param values is not allowed"):
            other("call", store=root, method="log_param", arguments={**arguments, "value": "2"})


def test_both_log_one_metric_at_once(mlflow: Peer, millstream: Peer, root: str) -> None:
    mlflow("call", store=root, method="search_experiments", arguments={})
    run_id = mlflow("call", store=root, method="create_run", arguments={"experiment_id": "0"})
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(peer, "log_points", store=root, run_id=run_id, key="both", first=first, count=200)
            for peer, first in ((mlflow, 0), (millstream, 200))
        ]
        for job in jobs:
            job.result()
    found = millstream("describe", store=root)
    assert sorted(step for _, _, step in found["histories"][run_id]["both"]) == list(range(400))
    assert found == mlflow("describe", store=root)


def test_an_experiment_deleted_by_one_is_restored_by_the_other(mlflow: Peer, millstream: Peer, root: str) -> None:
    for one, other in ((mlflow, millstream), (millstream, mlflow)):
        rows = generator.rows(5, 3)
        one("write_rows", store=root, name=one.library, rows=rows)
        experiments = one("describe", store=root)["experiments"].values()
        (experiment,) = [e["experiment_id"] for e in experiments if e["name"] == one.library]
        for peer, method in ((one, "delete_experiment"), (other, "restore_experiment"), (other, "delete_experiment")):
            peer("call", store=root, method=method, arguments={"experiment_id": experiment})
            assert millstream("describe", store=root) == mlflow("describe", store=root), f"{peer.library} {method}"


def test_mlflow_lists_a_tree_that_was_mended(mlflow: Peer, millstream: Peer, root: str) -> None:
    rows = generator.rows(5, 3)
    millstream("write_rows", store=root, name="실험", rows=rows)
    before = mlflow("describe", store=root)
    odd = Path(root, "0", "no-run", "empty")
    odd.mkdir(parents=True)
    found, quarantine = repair(EmbeddedStore(Path(root)), fix=True)
    assert len(found) == 1
    assert quarantine is not None
    assert Path(root) in quarantine.parents
    assert mlflow("describe", store=root) == before == millstream("describe", store=root)
