"""The command `millstream`: a table of commands, each loaded when it is called."""

from __future__ import annotations

import os
import signal
import sys
from importlib import import_module
from types import FrameType
from typing import Any

import click

from millstream.values.errors import MillstreamError
from millstream.values.version import VERSION

# command: (module, its click command there, one line of help)
COMMANDS: dict[str, tuple[str, str, str]] = {
    "artifacts": ("millstream.cli.artifacts", "artifacts", "List, download and store files of runs."),
    "backup": ("millstream.cli.backup", "backup", "Copy a store, while others may write to it."),
    "db": ("millstream.cli.db", "db", "Rebuild the index."),
    "doctor": ("millstream.cli.doctor", "doctor", "Show the store, its problems and every setting."),
    "du": ("millstream.cli.space", "du", "Show what experiments and runs take up."),
    "experiments": ("millstream.cli.experiments", "experiments", "Create, list, rename, delete, export experiments."),
    "export": ("millstream.cli.imports", "export", "Write runs into an mlruns directory that MLflow reads."),
    "import": ("millstream.cli.imports", "import_", "Import runs from MLflow or another store."),
    "gc": ("millstream.cli.space", "gc", "Remove for good what was deleted."),
    "models": ("millstream.cli.models", "models", "Serve models and predict with them."),
    "restore": ("millstream.cli.backup", "restore", "Make a new store from a backup, or check one."),
    "run": ("millstream.cli.run", "run", "Run a project directory as a run."),
    "runs": ("millstream.cli.runs", "runs", "List, show, follow, move, delete and restore runs."),
    "server": ("millstream.cli.server", "server", "Start the tracking server."),
    "ui": ("millstream.cli.server", "ui", "Show runs in the browser."),
    "users": ("millstream.cli.users", "users", "Say who may log in to a server, and what they may do."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is called, and turns our errors into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, loaded now."""
        if cmd_name not in COMMANDS:
            return None
        module, attribute, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][2]) for name in sorted(COMMANDS)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error raised on purpose becomes `Error: …` and exit code 1."""
        try:
            return super().invoke(ctx)
        except MillstreamError as error:
            raise click.ClickException(error.message) from error


class Terminated(BaseException):
    """Somebody ended the process with SIGTERM."""


def _terminate(_number: int, _frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # a second one ends the process at once
    raise Terminated


@click.group(
    cls=LazyGroup,
    context_settings={"max_content_width": 100},
    epilog="Runs are kept in ./mlruns, or where MLFLOW_TRACKING_URI says; `doctor` shows the place.",
)
@click.version_option(VERSION, message="millstream, version %(version)s")
@click.option(
    "--env-file", type=click.Path(exists=True, dir_okay=False), help="Read environment variables from this file first."
)
def millstream(env_file: str | None) -> None:
    """Track experiments, run projects, serve models. Speaks MLflow's language."""
    if env_file is not None:
        from millstream.cli.environment import load

        load(env_file)


def main() -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage.

    SIGTERM ends it as Ctrl-C does, so that half-written files go, and then as the signal does.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a character gets its escape, not a traceback.
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    try:
        millstream()
    except Terminated:
        os.kill(os.getpid(), signal.SIGTERM)
