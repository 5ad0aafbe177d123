"""Commands over HTTP: the same as over a directory, but for those that need the store itself."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from millstream.cli.main import millstream
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores
from tests.remotes import running
from tests.stores.calls import log, new_run


@pytest.fixture
def behind(tmp_path: Path) -> EmbeddedStore:
    return EmbeddedStore(tmp_path / "서버" / "mlruns")


@pytest.fixture
def address(behind: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a server of `behind`, which the environment names."""
    with running() as served:
        served.serve(behind)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address.replace("//", "//kim:geheim@"))
        yield served.address
        close_stores()
    behind.close()


def say(*words: str) -> Result:
    return CliRunner().invoke(millstream, words)


def told(*words: str) -> Any:
    result = say(*words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_commands_work_over_http(address: str, behind: EmbeddedStore, tmp_path: Path) -> None:
    assert say("experiments", "create", "-n", "실험 하나").exit_code == 0
    (made,) = (item for item in told("experiments", "search") if item["name"] == "실험 하나")
    experiment = made["experiment_id"]
    run = new_run(behind, experiment, run_name="첫째")
    log(behind, run, [("m", 0.5)], {"p": "1"})
    listed = say("runs", "list", "--experiment-id", experiment)
    assert listed.exit_code == 0, listed.output
    assert run in listed.stdout
    described = say("runs", "describe", "--run-id", run)
    assert json.loads(described.stdout)["data"]["metrics"] == {"m": 0.5}
    (tmp_path / "글.txt").write_text("안녕")
    assert say("artifacts", "log-artifact", "--run-id", run, "--local-file", str(tmp_path / "글.txt")).exit_code == 0
    assert "글.txt" in say("artifacts", "list", "--run-id", run).stdout
    for verb in ("delete", "restore"):
        result = say("runs", verb, "--run-id", run)
        assert result.exit_code == 0, result.output
    report = say("doctor")
    assert report.exit_code == 0
    assert "server of a directory" in report.stdout
    assert "geheim" not in report.output


@pytest.mark.parametrize(
    "words",
    [
        ("gc",),
        ("du",),
        ("doctor", "--check"),
        ("db", "reindex"),
        ("backup", "HERE", "elsewhere"),
        ("import", "some"),
        ("users", "list", "--backend-store-uri", "HERE"),
    ],
    ids=lambda words: words[0],
)
def test_what_needs_the_store_itself_says_so(address: str, words: tuple[str, ...], tmp_path: Path) -> None:
    here = address.replace("//", "//kim:geheim@")
    (tmp_path / "some").mkdir()
    given = [{"HERE": here, "some": str(tmp_path / "some"), "elsewhere": str(tmp_path / "b")}.get(w, w) for w in words]
    result = say(*given)
    assert result.exit_code in (1, 2), result.output
    assert "server" in result.output or "index" in result.output
    assert "Traceback" not in result.output
    assert "geheim" not in result.output


def test_a_server_shows_no_other_server(address: str) -> None:
    command = [sys.executable, "-m", "millstream", "server", "--port", "0", "--backend-store-uri", address]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert f"{address} is a server" in done.stderr
