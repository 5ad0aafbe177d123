"""The command line in a directory of its own, and a store filled with two experiments."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner, Result

from millstream.cli.main import millstream
from millstream.stores.base import Store
from millstream.stores.open import close_stores, open_store
from millstream.values.entities import Metric, Param, RunTag
from millstream.values.ops import CreateExperiment, CreateRun, LogBatch, UpdateRun

START = 1_700_000_000_000
Cli = Callable[..., Result]


class Filled(NamedTuple):
    """A store with an experiment of two runs, the second still running."""

    store: Store
    experiment_id: str
    ended: str
    running: str


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Call the command line in `tmp_path`; checks the exit code (`code`, 0 unless given)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(millstream, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        assert "Traceback" not in result.output
        return result

    yield call
    close_stores()


@pytest.fixture
def filled(cli: Cli, tmp_path: Path) -> Filled:
    """Runs written beside the command line."""
    store = open_store(str(tmp_path / "mlruns"))
    experiment_id = store.write(CreateExperiment(name="실험 하나", time=START))
    for number, run_id in enumerate(("a" * 32, "b" * 32)):
        store.write(
            CreateRun(run_id=run_id, experiment_id=experiment_id, start_time=START + number, run_name=f"run {number}")
        )
    nan = Metric("loss", float("nan"), START, 1)
    store.write(
        LogBatch(
            run_id="a" * 32,
            metrics=(Metric("loss", 0.5, START, 0), nan, Metric("한글", 2.0, START, 0)),
            params=(Param("lr", "0,1"),),
            tags=(RunTag("note", 'says "hi"'),),
        )
    )
    store.write(UpdateRun(run_id="a" * 32, status="FINISHED", end_time=START + 61_000))
    return Filled(store, experiment_id, "a" * 32, "b" * 32)
