"""`millstream import` and `millstream export`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from millstream.cli.main import millstream
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores
from tests.stores.calls import log, new_experiment, new_run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a tree of one run."""
    monkeypatch.chdir(tmp_path)
    store = EmbeddedStore(tmp_path / "mlruns")
    log(store, new_run(store, new_experiment(store), run_id="abc"), [("loss", 0.5)])
    store.close()
    yield tmp_path
    close_stores()


def run(*arguments: str, code: int = 0) -> tuple[str, str]:
    result = CliRunner().invoke(millstream, arguments)
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def test_there_and_back(here: Path) -> None:
    out, err = run("import", "mlruns", "--into", "sqlite:///runs.db")
    assert "runs        1 new, 0 added to, 0 unchanged" in out
    assert err == ""
    out, _ = run("import", "mlruns", "--into", "sqlite:///runs.db", "--json")
    summary = json.loads(out)
    assert (summary["runs_created"], summary["runs_unchanged"], summary["points"]) == (0, 1, 0)
    run("export", "sqlite:///runs.db", "내보낸 곳")
    (metric,) = here.glob("내보낸 곳/*/abc/metrics/loss")
    assert metric.read_bytes() == next(here.glob("mlruns/*/abc/metrics/loss")).read_bytes()


def test_export_of_the_store_in_use(here: Path) -> None:
    out, _ = run("export", "out", "--dry-run")
    assert out.startswith("Would export from")
    assert not (here / "out").exists()
    run("export", "out")
    assert list(here.glob("out/*/abc/meta.yaml"))


def test_problems_are_named_and_counted(here: Path) -> None:
    next(here.glob("mlruns/*/abc/metrics/loss")).write_text("rubbish\n")
    out, err = run("import", "mlruns", "--into", "out", code=1)
    assert "1 new" in out
    assert err.startswith("Problem: ")
    assert "1 problem(s)" in err


def test_wrong_use_is_said(here: Path) -> None:
    assert "two places" in run("import", "mlruns", code=1)[1]
    assert "is no directory" in run("export", "sqlite:///a.db", code=2)[1]
    assert "got 3 places" in run("export", "a", "b", "c", code=2)[1]
    assert "There is no database" in run("import", "sqlite:///nirgends.db", "--into", "out", code=1)[1]
    assert not (here / "nirgends.db").exists()
