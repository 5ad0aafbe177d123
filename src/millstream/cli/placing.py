"""`millstream runs delete | restore | move`: for one run or several."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from millstream.cli.options import find_experiment, json_option, one_experiment, open_store
from millstream.cli.output import echo_json
from millstream.cli.progress import show_progress
from millstream.values.entities import ACTIVE, DELETED
from millstream.values.ops import DeleteRun, MoveRuns, RestoreRun
from millstream.values.queries import GetRunInfo

Command = TypeVar("Command", bound=Callable[..., Any])


def several_runs(command: Command) -> Command:
    """Add run ids as arguments and as `-r/--run-id`, to be read by `chosen`."""
    option = click.option("-r", "--run-id", "options", multiple=True, help="Id of a run; may be given several times.")
    return click.argument("arguments", nargs=-1, metavar="[RUN_ID]...")(option(command))


def chosen(options: Sequence[str], arguments: Sequence[str]) -> list[str]:
    """The run ids given, each once; a usage error when there are none."""
    ids = list(dict.fromkeys([*options, *arguments]))
    if not ids:
        raise click.UsageError("Name at least one run, as an argument or with --run-id.")
    return ids


@click.command()
@several_runs
@json_option
def delete(options: tuple[str, ...], arguments: tuple[str, ...], as_json: bool) -> None:
    """Mark runs as deleted; `restore` brings them back, `gc` removes them for good."""
    ids = chosen(options, arguments)
    store = open_store()
    for run_id in ids:
        store.read(GetRunInfo(run_id=run_id))
    for run_id in show_progress(ids, "Deleting"):
        store.write(DeleteRun(run_id=run_id, time=time.time_ns() // 1_000_000))
    _say(ids, DELETED, "Run with ID {} has been deleted.", as_json)


@click.command()
@several_runs
@json_option
def restore(options: tuple[str, ...], arguments: tuple[str, ...], as_json: bool) -> None:
    """Bring deleted runs back."""
    ids = chosen(options, arguments)
    store = open_store()
    for run_id in ids:
        store.read(GetRunInfo(run_id=run_id))
    for run_id in show_progress(ids, "Restoring"):
        store.write(RestoreRun(run_id=run_id))
    _say(ids, ACTIVE, "Run with id {} has been restored.", as_json)


@click.command()
@several_runs
@one_experiment
@json_option
def move(
    options: tuple[str, ...],
    arguments: tuple[str, ...],
    experiment_id: str | None,
    name: str | None,
    as_json: bool,
) -> None:
    """Give runs to another experiment, which is there and active; they may be written to meanwhile."""
    ids = chosen(options, arguments)
    store = open_store()
    target = find_experiment(store, experiment_id, name)
    store.write(MoveRuns(run_ids=tuple(ids), experiment_id=target.experiment_id))
    if as_json:
        echo_json([{"run_id": run_id, "experiment_id": target.experiment_id} for run_id in ids])
        return
    for run_id in ids:
        click.echo(f"Run with id {run_id} has been moved to experiment {target.experiment_id} ('{target.name}').")


def _say(ids: Sequence[str], stage: str, sentence: str, as_json: bool) -> None:
    if as_json:
        echo_json([{"run_id": run_id, "lifecycle_stage": stage} for run_id in ids])
        return
    for run_id in ids:
        click.echo(sentence.format(run_id))
