"""`millstream runs`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from millstream.cli.options import (
    filter_option,
    find_experiment,
    json_option,
    note_missing_store,
    open_store,
    order_option,
    search_experiments,
    view_number,
    view_option,
)
from millstream.cli.output import duration, echo_json, echo_table, local_time, number_text
from millstream.cli.tailing import tail
from millstream.values.entities import Run, ViewType
from millstream.values.errors import InvalidValue
from millstream.values.names import MAX_RESULTS
from millstream.values.ops import DeleteRun, RestoreRun
from millstream.values.queries import GetRun, RunTable, SearchRuns, TabulateRuns
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.stores.base import Store

run_id_option = click.option("-r", "--run-id", "run_id", required=True, help="Id of the run.")


@click.group()
def runs() -> None:
    """List, show, follow, delete and restore runs."""


@runs.command()
@click.option("-x", "--experiment-id", "ids", multiple=True, help="Only this experiment; may be given several times.")
@click.option("-n", "--experiment-name", "names", multiple=True, help="Only this experiment, by name.")
@filter_option
@order_option
@view_option
@click.option("--max-results", type=click.IntRange(1, MAX_RESULTS), default=1000, show_default=True, help="At most.")
@click.option("-c", "--column", "columns", multiple=True, metavar="KEY", help="Show this too, e.g. metrics.loss.")
@json_option
def search(
    ids: tuple[str, ...],
    names: tuple[str, ...],
    filter_text: str,
    order_by: tuple[str, ...],
    view: str,
    max_results: int,
    columns: tuple[str, ...],
    as_json: bool,
) -> None:
    """List runs, the newest first: of the experiments given, else of MLFLOW_EXPERIMENT_ID or _NAME, else of all."""
    store = open_store()
    note_missing_store(store)
    chosen = _experiments(store, ids, names, view_number(view))
    shared: dict[str, Any] = {
        "experiment_ids": chosen, "filter": filter_text, "order_by": order_by, "view": view_number(view),
    }  # fmt: skip
    if as_json:
        echo_json([run_dictionary(run) for run in store.read(SearchRuns(**shared, max_results=max_results))])
        return
    table = store.read(TabulateRuns(**shared, limit=max_results))
    headers = {"Date": [local_time(value) for value in table.start_time], "Name": table.run_name, "ID": table.run_id}
    headers["Status"] = table.status
    headers["Duration"] = [duration(*times) for times in zip(table.start_time, table.end_time, strict=True)]
    for column in columns:
        headers[column] = _column(table, column)
    echo_table(list(headers), list(zip(*headers.values(), strict=True)))
    if table.total > len(table.run_id):
        click.echo(f"{len(table.run_id)} of {table.total} runs; --max-results shows more.", err=True)


runs.add_command(search, "list")


def _experiments(store: Store, ids: tuple[str, ...], names: tuple[str, ...], view: int) -> tuple[str, ...]:
    if not ids and not names:
        if setting := text_setting("EXPERIMENT_ID"):
            ids = (setting,)
        elif setting := text_setting("EXPERIMENT_NAME"):
            names = (setting,)
        else:
            stages = view if view == ViewType.ACTIVE_ONLY else ViewType.ALL
            return tuple(item.experiment_id for item in search_experiments(store, stages))
    found = [find_experiment(store, item, None) for item in ids] + [
        find_experiment(store, None, item) for item in names
    ]
    return tuple(item.experiment_id for item in found)


def _column(table: RunTable, column: str) -> list[str]:
    """The column of a key such as ``metrics.loss``; of "" when no run has it."""
    prefix, _, key = column.partition(".")
    missing = [""] * len(table.run_id)
    if prefix in ("metric", "metrics"):
        numbers = table.metrics.get(key)
        return missing if numbers is None else ["" if value is None else number_text(value) for value in numbers]
    if prefix in ("param", "params", "tag", "tags"):
        texts = (table.params if prefix.startswith("param") else table.tags).get(key)
        return missing if texts is None else [value or "" for value in texts]
    raise InvalidValue(f"There is no column {column!r}; write metrics.KEY, params.KEY or tags.KEY.")


@runs.command()
@run_id_option
@click.option("--json", is_flag=True, expose_value=False, help="Print JSON, which it always does.")
def describe(run_id: str) -> None:
    """Print everything about a run as JSON."""
    echo_json(run_dictionary(open_store().read(GetRun(run_id=run_id))))


def run_dictionary(run: Run) -> dict[str, Any]:
    """A run as nested plain data, named as in MLflow."""
    return {
        "info": {**run.info.to_dictionary(), "run_uuid": run.info.run_id},
        "data": run.data.to_dictionary(),
        "inputs": run.inputs,
        "outputs": run.outputs,
    }


@runs.command()
@run_id_option
def delete(run_id: str) -> None:
    """Mark a run as deleted; `restore` brings it back."""
    open_store().write(DeleteRun(run_id=run_id, time=time.time_ns() // 1_000_000))
    click.echo(f"Run with ID {run_id} has been deleted.")


@runs.command()
@run_id_option
def restore(run_id: str) -> None:
    """Bring a deleted run back."""
    open_store().write(RestoreRun(run_id=run_id))
    click.echo(f"Run with id {run_id} has been restored.")


runs.add_command(tail)
