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

from millstream.stores.accounts import Accounts, find_database, now
from millstream.values import accounts
from millstream.values.accounts import DAY
from millstream.values.secrets import Secret
from tests import servers
from tests.server.started import Started, started

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10"))
"""So many random requests each operation gets, over a folder and PostgreSQL; a third over SQLite."""
SEED = os.environ.get("FUZZ_SEED", "20261123")
"""Other requests for another number; the same ones for the same, so that what is found can be found again."""

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


def attack(server: Started, folder: Path, known: dict[str, Any], *options: str, **environment: str) -> None:
    """Have schemathesis try the whole description; it fails when a check does."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", f"{server.address}/openapi.json",
            "--exclude-path", "/api/ui/changes",  # a stream has no end
            "--mode", "all", "--continue-on-failure", "--request-timeout", "30", "--seed", SEED,
            "--report-json-path", str(folder / "report.json"), "--generation-database", "none",
            "--suppress-health-check", "all", "--warnings", "off", "--no-color", *options,
        ],
        env={
            **os.environ,
            "HOSTILE_KNOWN": json.dumps(known),
            "SCHEMATHESIS_HOOKS": "tests.server.hostile",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            **environment,
        },
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    print(done.stdout[-20000:], done.stderr)
    assert done.returncode == 0
    assert "Traceback" not in server.errors.read_text()


@pytest.mark.timeout(600 + 60 * EXAMPLES)
def test_no_request_finds_a_fault(place: tuple[str, list[str]], tmp_path: Path, request: Any) -> None:
    uri, places = place
    # Most of the fixed requests are refused before the store hears of them; once is enough.
    phases = "coverage,fuzzing" if "embedded" in request.node.name else "fuzzing"
    # A SQLite file and a PostgreSQL server answer with the same code; those who log in ask a SQLite file besides.
    examples = str(max(2, EXAMPLES // 3) if "sqlite" in request.node.name else EXAMPLES)
    checks = ",".join(CHECKS)
    with started(uri, tmp_path) as server:
        known, told = fill(server), json.dumps(places)
        options = ("--phases", phases, "--checks", checks, "--max-examples", examples)
        attack(server, tmp_path, known, *options, HOSTILE_PLACES=told)
        assert server.ask("GET", "/api/ui/about")[0] == 200


@pytest.mark.timeout(600 + 60 * EXAMPLES)
@pytest.mark.parametrize("caller", ["admin", "stranger"])
def test_no_request_finds_a_fault_where_users_log_in(tmp_path: Path, caller: str) -> None:
    folder = tmp_path / "비밀"
    folder.mkdir()
    uri = f"sqlite:///{folder}/m.db"
    with started(uri, tmp_path) as server:
        known = fill(server)
    token = new_token(uri, caller)
    others = [text for name in ("run_id", "name", "model_id") for text in known[name]] if caller != "admin" else []
    with started(uri, tmp_path, "--auth", "--expose-prometheus") as server:
        login = {"Authorization": f"Bearer {token}"}
        before = server.ask("GET", "/api/ui/about", **login)
        checks = ",".join((*CHECKS, "nothing_of_others"))
        options = ("--phases", "fuzzing", "--checks", checks, "--max-examples", str(max(2, EXAMPLES // 3)))
        told = {"HOSTILE_PLACES": json.dumps([str(tmp_path), token]), "HOSTILE_OTHERS": json.dumps(others)}
        attack(server, tmp_path, known, "--header", f"Authorization: Bearer {token}", *options, **told)
        assert before[0] == server.ask("GET", "/api/ui/about", **login)[0] == 200
    if caller == "stranger":
        with started(uri, tmp_path) as server:
            runs = server.api("runs/search", experiment_ids=known["experiment_id"])["runs"]
            assert sorted(run["info"]["run_id"] for run in runs) == sorted(known["run_id"])
            assert all(len(run["data"].get("tags", [])) == len(runs[0]["data"].get("tags", [])) for run in runs)


def new_token(uri: str, name: str) -> str:
    """The token, with all rights of its user, of a new one; there is an administrator besides."""
    users = Accounts(find_database(uri, None))
    for each in dict.fromkeys(("admin", name)):  # the first of all is an administrator
        users.write(accounts.CreateUser(name=each, password=Secret("a password long enough"), time=now()))
    made = users.write(accounts.CreateToken(user=name, name="t", time=now(), expires=now() + DAY, scope="full"))
    users.close()
    return made.secret.reveal()
