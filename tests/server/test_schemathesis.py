"""Schemathesis over the whole description, against a server as users start it: whatever is sent, it is not at fault."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.server.started import Started, started

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
"""So many random requests each operation gets, over each kind of store."""

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "unsupported_method",
    "allow_header_conformance",
    "no_internals",
)
FILTERS = ("", "metrics.m > 1", "params.p LIKE '%1%'", "attributes.status = 'RUNNING'", "tags.`a b` != 'x'")
ORDERS: tuple[list[str], ...] = ([], ["metrics.m DESC"], ["attributes.start_time", "params.p ASC"])


def fill(server: Started) -> dict[str, list[Any]]:
    """Make something of everything; known values by the name of their field."""
    experiments = [str(server.api("experiments/create", name=name)["experiment_id"]) for name in ("실험 a", "b")]
    runs = []
    for index in range(3):
        run = server.api("runs/create", experiment_id=experiments[0], run_name=f"r{index}")["run"]["info"]["run_id"]
        points = [{"key": "m", "value": value, "timestamp": 1, "step": value} for value in range(20)]
        pair = [{"key": "p", "value": "1"}]
        server.api("runs/log-batch", run_id=run, metrics=points, params=pair, tags=pair)
        runs.append(run)
    made = [server.api("logged-models", experiment_id="0", name=f"m{index}") for index in range(3)]
    models = [item["model"]["info"]["model_id"] for item in made]
    named = {"name": "분류 c"}
    server.api("registered-models/create", **named, tags=[{"key": "p", "value": "1"}])
    for _ in range(3):
        server.api("model-versions/create", **named, source=f"runs:/{runs[0]}/a", run_id=runs[0])
    server.api("registered-models/alias", **named, alias="champ", version="1")
    return {
        "name": ["분류 c"],
        "version": ["1", 2],
        "alias": ["champ", "latest"],
        "stage": ["Production"],
        "source": [f"runs:/{runs[0]}/a", "models:/분류 c/1"],
        "run_id": runs,
        "run_ids": [runs, runs[:1]],
        "experiment_id": ["0", *experiments],
        "experiment_ids": [["0", *experiments]],
        "model_id": models,
        "metric_key": ["m"],
        "filter": list(FILTERS),
        "order_by": list(ORDERS),
        "path": ["a", "a/b.txt"],
        "page_token": [""],
    }


@pytest.fixture(params=["embedded", "sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, list[str]]]:
    """URI of an empty store, and what of it nobody outside may learn."""
    if request.param == "postgresql":
        uri = servers.new_schema(request.getfixturevalue("postgresql"))
        yield uri, [str(tmp_path), "127.0.0.1", "geheim", "postgresql"]
    else:
        folder = tmp_path / "비밀"
        folder.mkdir()
        yield str(folder / "mlruns") if request.param == "embedded" else f"sqlite:///{folder}/m.db", [str(tmp_path)]


@pytest.mark.timeout(600 + 60 * EXAMPLES)
def test_no_request_finds_a_fault(place: tuple[str, list[str]], tmp_path: Path, request: Any) -> None:
    uri, places = place
    report = tmp_path / "report.json"
    # Most of the fixed requests are refused before the store hears of them; once is enough.
    phases = "coverage,fuzzing" if "embedded" in request.node.name else "fuzzing"
    with started(uri, tmp_path) as server:
        environment = {
            **os.environ,
            "HOSTILE_KNOWN": json.dumps(fill(server)),
            "HOSTILE_PLACES": json.dumps(places),
            "SCHEMATHESIS_HOOKS": "tests.server.hostile",
            "PYTHONPATH": str(Path(__file__).parents[2]),
        }
        done = subprocess.run(
            [
                sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/openapi.json",
                "--exclude-path", "/api/ui/changes",  # a stream has no end
                "--phases", phases, "--mode", "all", "--checks", ",".join(CHECKS), "--continue-on-failure",
                "--max-examples", str(EXAMPLES), "--request-timeout", "30", "--report-json-path", str(report),
                "--generation-database", "none", "--suppress-health-check", "all", "--warnings", "off", "--no-color",
            ],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(done.stdout[-20000:], done.stderr)
        assert done.returncode == 0
        assert server.ask("GET", "/api/ui/about")[0] == 200
    assert "Traceback" not in server.errors.read_text()
