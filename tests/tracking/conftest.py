"""A process that has not logged yet: its store is found in a fresh working directory, no run is active."""

from __future__ import annotations

import contextvars
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millstream.stores.open import close_stores
from millstream.tracking import state
from millstream.tracking.places import set_registry_uri

Script = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory; an empty `mlruns` in it keeps the search for one from going further up."""
    folder = tmp_path / "내 작업 dir"
    (folder / "mlruns").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(autouse=True)
def fresh_state(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of one test reaches the next: settings, active experiment, runs, stores, environment."""
    environment = dict(os.environ)
    monkeypatch.setattr(sys, "argv", ["train.py"])
    state.set_uri(None)
    state.set_active_experiment(None)
    state._stack.set(())
    state._last_run_id.set(None)
    state._open_runs.clear()
    set_registry_uri("")
    yield
    set_registry_uri("")
    state._stack.set(())
    state._last_run_id.set(None)
    state._open_runs.clear()
    state.set_uri(None)
    state.set_active_experiment(None)
    close_stores()
    os.environ.clear()
    os.environ.update(environment)


@pytest.fixture
def elsewhere() -> Callable[[Callable[[], object]], object]:
    """Calls a function as another thread or task would see it: without the runs that are active here."""
    return lambda function: contextvars.Context().run(function)


@pytest.fixture
def script(here: Path) -> Script:
    """Runs a program as a user would, in the working directory; the result is checked by the test."""

    def run(program: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        (here / "train.py").write_text(program, encoding="utf-8")
        return subprocess.run(
            [sys.executable, "train.py", *arguments],
            cwd=here,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run
