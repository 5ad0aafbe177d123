"""The real MLflow client lives against our server, and our files and its answers say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.golden.queries import BETTER, EXPERIMENT_QUERIES, NEW_RUN_QUERIES, RUN_QUERIES
from tests.interop import generator
from tests.interop.conftest import Peer, Server
from tests.interop.test_trees import differences

QUERIES = [query for query in RUN_QUERIES + NEW_RUN_QUERIES if query["filter"] not in BETTER]


def passed_on(world: Any) -> Any:
    """What a tree says, with the places of artifacts as a server tells them that passes artifacts on."""
    for experiment_id, experiment in world["experiments"].items():
        if experiment["artifact_location"].startswith(("file:", "/")):
            experiment["artifact_location"] = f"mlflow-artifacts:/{experiment_id}"
    for run_id, run in world["runs"].items():
        info = run.get("info", run)
        if info["artifact_uri"].startswith(("file:", "/")):
            info["artifact_uri"] = f"mlflow-artifacts:/{info['experiment_id']}/{run_id}/artifacts"
    return world


def test_a_world_written_over_http_is_the_same_on_every_way(mlflow: Peer, millstream: Peer, server: Server) -> None:
    mlflow("write_world", store=server.address, root=server.root)
    served = mlflow("describe", store=server.address)
    assert len(served["runs"]) == 19
    assert served == passed_on(mlflow("describe", store=server.root))
    assert served == passed_on(millstream("describe", store=server.root))
    ask = {"runs": QUERIES, "experiments": EXPERIMENT_QUERIES}
    over_http = mlflow("search", store=server.address, **ask)
    from_files = millstream("search", store=server.root, **ask)  # equal to MLflow's own: test_trees
    assert differences(QUERIES, over_http["runs"], from_files["runs"]) == []
    assert differences(EXPERIMENT_QUERIES, over_http["experiments"], from_files["experiments"]) == []


def test_random_searches_over_http_agree_with_the_files(mlflow: Peer, millstream: Peer, server: Server) -> None:
    mlflow("write_rows", store=server.address, name="random", rows=generator.rows(11, 12))
    queries = generator.searches(11, 60)
    over_http = mlflow("search", store=server.address, runs=queries, experiments=[])
    from_files = millstream("search", store=server.root, runs=queries, experiments=[])
    assert differences(queries, over_http["runs"], from_files["runs"]) == []


def test_a_day_over_http_looks_like_a_day_on_files(mlflow: Peer, server: Server, tmp_path: Path) -> None:
    over_http = mlflow("fluent_day", store=server.address)
    on_files = mlflow("fluent_day", store=str(tmp_path / "theirs"))
    assert over_http == on_files


def test_artifacts_over_http_are_the_files_below_the_run(mlflow: Peer, millstream: Peer, server: Server) -> None:
    mlflow("call", store=server.address, method="search_experiments", arguments={})
    run_id = mlflow("call", store=server.address, method="create_run", arguments={"experiment_id": "0"})
    texts = {"a.txt": "a", "깊은 곳/나 나.txt": "한글\n", "deep/er/b.csv": "1,2\n", "empty": "", "100%.txt": "%41"}
    for path, text in texts.items():
        arguments = {"run_id": run_id, "text": text, "artifact_file": path}
        mlflow("call", store=server.address, method="log_text", arguments=arguments)
    expected = {path: [len(text.encode()), text] for path, text in texts.items()}
    assert mlflow("artifacts", store=server.address, run_id=run_id) == expected
    assert millstream("artifacts", store=server.root, run_id=run_id) == expected


def test_full_batches_and_long_histories_pass(mlflow: Peer, server: Server) -> None:
    assert mlflow("long_history", store=server.address) == {
        "steps": True,
        "latest": {"loss": 999 / 8},
        "params": 100,
        "tags": True,
    }


def test_refusals_carry_the_codes_that_clients_know(mlflow: Peer, server: Server) -> None:
    refused = mlflow("refusals", store=server.address)
    missing = {name for name, code in refused.items() if code == "RESOURCE_DOES_NOT_EXIST"}
    assert missing == {
        "unknown run",
        "unknown experiment",
        "run of an unknown experiment",
        "tag that is not there",
        "metric of an unknown run",
    }
    assert {name: code for name, code in refused.items() if name not in missing} == {
        "name taken": "RESOURCE_ALREADY_EXISTS",
        **{name: "INVALID_PARAMETER_VALUE" for name in refused if name not in missing and name != "name taken"},
    }
