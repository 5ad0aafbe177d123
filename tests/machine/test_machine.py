"""Random work of several hands on every kind of store, compared with a model after each step.

`MILLSTREAM_TEST_STEPS` says how many steps a store must stand (20,000); a failure prints the steps that lead to it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from millstream.drivers.files import runs
from millstream.values import changes, outlines, overviews, queries, rules
from tests import servers
from tests.machine.machine import StoreMachine
from tests.machine.places import Place, Postgresql, Sqlite, Tree
from tests.stores.telling import tell_of_all_runs
from tests.stores.test_embedded import every

pytestmark = pytest.mark.timeout(1800)

STEPS = int(os.environ.get("MILLSTREAM_TEST_STEPS", "20000"))
STEPS_OF_A_STORE = 100
# Every rule comes about in so many steps.
ENOUGH_FOR_ALL = 5000
# Questions about files beside the runs, which the suite and the golden trees are about.
OF_FILES = {queries.ListArtifacts, queries.ListModelArtifacts, queries.SignArtifact}
# What servers ask for themselves; the suite is about these too.
OF_SERVERS = {changes.ReadChanges, changes.CountPoints, changes.ReadSteps, queries.WasDone}
# Tables of runs and charts of many: made of what is asked here by other questions; the suite is about these too.
OF_TABLES = {
    outlines.ListKeys,
    outlines.OutlineRuns,
    overviews.ListExperiments,
    overviews.FindRuns,
    queries.MetricCurves,
}
SETTINGS = settings(
    stateful_step_count=STEPS_OF_A_STORE,
    deadline=None,
    database=None,
    phases=(Phase.generate, *([Phase.shrink] if "MILLSTREAM_TEST_SHRINK" in os.environ else [])),
    suppress_health_check=list(HealthCheck),
)


def stand(place: Place, steps: int = STEPS) -> None:
    """Run the machine until `steps` steps have been made."""
    StoreMachine.place = place
    StoreMachine.steps_made = 0
    StoreMachine.ops_made, StoreMachine.queries_asked = set(), set()
    while StoreMachine.steps_made < steps:
        missing = steps - StoreMachine.steps_made
        examples = max(1, missing // STEPS_OF_A_STORE)
        run_state_machine_as_test(StoreMachine, settings=settings(SETTINGS, max_examples=examples))
    if steps >= ENOUGH_FOR_ALL:
        assert set(rules.RULES) - StoreMachine.ops_made == set()
        assert every(queries.Query) - StoreMachine.queries_asked == OF_FILES | OF_SERVERS | OF_TABLES


def test_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    # A writer notices at once what another hand did to its run, else the model would have to know the time.
    monkeypatch.setattr(runs, "STATE_SECONDS", 0.0)
    stand(Tree(tmp_path))


def test_a_directory_that_the_kernel_tells_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    monkeypatch.setattr(runs, "STATE_SECONDS", 0.0)
    tell_of_all_runs(monkeypatch)
    stand(Tree(tmp_path), STEPS // 5)


def test_a_sqlite_file(tmp_path: Path) -> None:
    stand(Sqlite(tmp_path))


def test_a_postgresql_server(tmp_path: Path, postgresql: str) -> None:
    place = Postgresql(tmp_path, servers.new_schema(postgresql))
    try:
        stand(place)
    finally:
        place.close()
