"""`millstream experiments`."""

from __future__ import annotations

import csv
import time
from datetime import UTC, datetime
from typing import TextIO

import click

from millstream.cli.options import (
    filter_option,
    find_experiment,
    json_option,
    note_gaps,
    one_experiment,
    open_store,
    order_option,
    search_experiments,
    view_number,
    view_option,
)
from millstream.cli.output import echo_json, echo_table, local_time, number_text
from millstream.formats.filters import EXPERIMENTS
from millstream.values.entities import ACTIVE, DELETED, Experiment
from millstream.values.ops import CreateExperiment, DeleteExperiment, RenameExperiment, RestoreExperiment
from millstream.values.queries import GetExperiment, RunTable, TabulateRuns

ALL_RUNS = 2**31 - 1


@click.group()
def experiments() -> None:
    """Create, list, rename, delete and export experiments."""


@experiments.command()
@click.option("-n", "--experiment-name", "name", required=True, help="Name of the new experiment.")
@click.option("-l", "--artifact-location", "location", help="Directory or URI for the files of its runs.")
@json_option
def create(name: str, location: str | None, as_json: bool) -> None:
    """Create an experiment."""
    op = CreateExperiment(name=name, time=_now(), artifact_location=location)
    experiment_id = open_store().write(op)
    if as_json:
        echo_json({"experiment_id": experiment_id, "name": name})
    else:
        click.echo(f"Created experiment '{name}' with id {experiment_id}")


@experiments.command()
@view_option
@filter_option(EXPERIMENTS)
@order_option(EXPERIMENTS)
@click.option("--max-results", type=click.IntRange(min=1), help="Show at most so many (default: all).")
@json_option
def search(view: str, filter_text: str, order_by: tuple[str, ...], max_results: int | None, as_json: bool) -> None:
    """List experiments, the newest first."""
    store = open_store()
    note_gaps(store)
    found = search_experiments(store, view_number(view), filter_text, order_by, max_results)
    if as_json:
        echo_json(found)
        return
    rows = [(item.experiment_id, item.name, item.artifact_location) for item in found]
    echo_table(("Experiment Id", "Name", "Artifact Location"), rows)


experiments.add_command(search, "list")


@experiments.command()
@one_experiment
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="Form of the answer.")
@json_option
def get(experiment_id: str | None, name: str | None, output: str, as_json: bool) -> None:
    """Show one experiment."""
    found = find_experiment(open_store(), experiment_id, name)
    if as_json or output == "json":
        echo_json(found)
        return
    echo_table(("Field", "Value"), _fields(found))


def _fields(found: Experiment) -> list[tuple[str, str]]:
    return [
        ("Experiment Id", found.experiment_id),
        ("Name", found.name),
        ("Artifact Location", found.artifact_location),
        ("Lifecycle Stage", found.lifecycle_stage),
        ("Created", local_time(found.creation_time)),
        ("Changed", local_time(found.last_update_time)),
        *((f"Tag {key}", value) for key, value in sorted(found.tags.items())),
    ]


@experiments.command()
@click.option("-x", "--experiment-id", "experiment_id", required=True, help="Id of the experiment.")
@click.option("--new-name", required=True, help="Its new name.")
@json_option
def rename(experiment_id: str, new_name: str, as_json: bool) -> None:
    """Give an experiment another name."""
    open_store().write(RenameExperiment(experiment_id=experiment_id, name=new_name, time=_now()))
    if as_json:
        echo_json({"experiment_id": experiment_id, "name": new_name})
    else:
        click.echo(f"Experiment with id {experiment_id} has been renamed to '{new_name}'.")


@experiments.command()
@one_experiment
@json_option
def delete(experiment_id: str | None, name: str | None, as_json: bool) -> None:
    """Mark an experiment and its runs as deleted; `restore` brings them back, `gc` removes them for good."""
    store = open_store()
    found = find_experiment(store, experiment_id, name)
    store.write(DeleteExperiment(experiment_id=found.experiment_id, time=_now()))
    if as_json:
        echo_json({"experiment_id": found.experiment_id, "lifecycle_stage": DELETED})
    else:
        click.echo(f"Experiment with ID {found.experiment_id} has been deleted.")


@experiments.command()
@one_experiment
@json_option
def restore(experiment_id: str | None, name: str | None, as_json: bool) -> None:
    """Bring a deleted experiment and its runs back."""
    store = open_store()
    found = find_experiment(store, experiment_id, name)
    store.write(RestoreExperiment(experiment_id=found.experiment_id, time=_now()))
    if as_json:
        echo_json({"experiment_id": found.experiment_id, "lifecycle_stage": ACTIVE})
    else:
        click.echo(f"Experiment with id {found.experiment_id} has been restored.")


@experiments.command("csv")
@click.option("-x", "--experiment-id", "experiment_id", required=True, help="Id of the experiment.")
@click.option(
    "-o",
    "--filename",
    "target",
    type=click.File("w", encoding="utf-8", atomic=True),
    default="-",
    help="File to write (default: standard output).",
)
def export(experiment_id: str, target: TextIO) -> None:
    """Export the runs of an experiment, with metrics, params and tags, as CSV."""
    store = open_store()
    note_gaps(store)
    store.read(GetExperiment(experiment_id=experiment_id))
    table = store.read(TabulateRuns(experiment_ids=(experiment_id,), limit=ALL_RUNS))
    columns = _columns(table)
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    if target.name != "-" and target.name != "<stdout>":
        click.echo(f"Experiment with ID {experiment_id} has been exported as a CSV to file: {target.name}.")


def _columns(table: RunTable) -> dict[str, list[str]]:
    """Columns in the order of MLflow's data frames, as text; "" where a run has no value."""
    columns = {
        "run_id": table.run_id,
        "experiment_id": table.experiment_id,
        "status": table.status,
        "artifact_uri": table.artifact_uri,
        "start_time": [_timestamp(value) for value in table.start_time],
        "end_time": [_timestamp(value) for value in table.end_time],
    }
    for key, numbers in table.metrics.items():
        columns[f"metrics.{key}"] = ["" if value is None else number_text(value) for value in numbers]
    for prefix, texts in (("params", table.params), ("tags", table.tags)):
        for key, values in texts.items():
            columns[f"{prefix}.{key}"] = [value or "" for value in values]
    return columns


def _timestamp(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "milliseconds")
    except (OverflowError, OSError, ValueError):
        return str(milliseconds)


def _now() -> int:
    return time.time_ns() // 1_000_000
