"""The table of commands: complete, lazy, and with errors of one line."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import millstream
from millstream.cli.main import COMMANDS
from millstream.values.version import VERSION
from tests.cli.conftest import Cli

ROOT = Path(__file__).resolve().parents[2]


def run_module(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "millstream", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_there_is_one_version() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert millstream.__version__ == declared == VERSION


def test_version(cli: Cli) -> None:
    assert cli("--version").output == f"millstream, version {VERSION}\n"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_of_the_table_loads_and_has_help(cli: Cli, name: str) -> None:
    assert f" {name}" in cli("--help").stdout
    assert "Usage:" in cli(name, "--help").stdout


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_load_only_click(tmp_path: Path, option: str) -> None:
    program = (
        "import sys\n"
        f"sys.argv = ['millstream', {option!r}]\n"
        "from millstream.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code\n"
        "own = sorted(name for name in sys.modules if name.startswith('millstream'))\n"
        "print(own, [x for x in ('sqlalchemy', 'msgspec', 'yaml', 'importlib.metadata') if x in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    own = ["millstream", "millstream.cli", "millstream.cli.main", "millstream.values"]
    own += ["millstream.values.errors", "millstream.values.version"]
    assert done.stdout.splitlines()[-1] == f"{own} []"


def test_unknown_command_is_a_usage_error(cli: Cli) -> None:
    assert "No such command 'experimnts'" in cli("experimnts", code=2).stderr
    assert "No such option" in cli("runs", "list", "--nope", code=2).stderr


def test_an_error_is_one_line_on_stderr(tmp_path: Path) -> None:
    done = run_module(tmp_path, "runs", "describe", "--run-id", "0" * 32)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


def test_a_store_that_is_not_supported_is_an_error_of_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nope://x")
    done = run_module(tmp_path, "experiments", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert "nope" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "mlruns" / ".trash").mkdir(parents=True)
    with subprocess.Popen(
        [sys.executable, "-m", "millstream", "experiments", "list"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""


def test_a_terminal_without_korean_gets_escapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "latin-1")
    done = run_module(tmp_path, "experiments", "create", "-n", "한")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(r"Created experiment '\ud55c' with id ")


def test_reading_makes_no_directory(cli: Cli, tmp_path: Path) -> None:
    cli("experiments", "list")
    cli("runs", "list")
    cli("doctor")
    assert list(tmp_path.iterdir()) == []


def test_the_table_names_click_commands(cli: Cli) -> None:
    from millstream.cli.main import millstream as group

    context = click.Context(group)
    assert all(isinstance(group.get_command(context, name), click.Command) for name in COMMANDS)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("gc --older-than 3x", "--older-than"),
        ("gc --tracking-uri nope://x", "--backend-store-uri"),
        ("du --tracking-uri nope://x", "--backend-store-uri"),
        ("import mlruns --into nope://x", "--into"),
        ("restore backup --into nope://x", "--into"),
        ("backup nope://x target", "URI"),
        ("runs list --filter loss<", "--filter"),
        ("runs count --filter loss<", "--filter"),
        ("runs facets params.a --filter loss<", "--filter"),
        ("runs facets nope.a", "KEY"),
        ("runs list --order-by params.a,params.b", "--order-by"),
        ("runs list --column nope", "--column"),
        ("experiments list --filter nope=1", "--filter"),
        ("experiments list --order-by nope", "--order-by"),
        ("server --static-prefix nope", "--static-prefix"),
        ("server --artifacts-destination ftp://x", "--artifacts-destination"),
        ("server --allowed-hosts a,::", "--allowed-hosts"),
        ("ui --tracking-uri nope://x", "--backend-store-uri"),
    ],
)
def test_a_value_that_cannot_be_read_is_wrong_usage(cli: Cli, command: str, option: str) -> None:
    done = cli(*command.split(), code=2)
    assert done.stdout == ""
    assert re.search(rf"Error: Invalid value for '[^:]*{option}", done.stderr)


@pytest.mark.parametrize("other", ["--no-serve-artifacts", "--backend-store-uri=x"])
def test_options_that_contradict_each_other_are_wrong_usage(cli: Cli, other: str) -> None:
    done = cli("server", "--artifacts-only", other, code=2)
    assert other.partition("=")[0] in done.stderr
