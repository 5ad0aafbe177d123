"""`millstream runs`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from millstream.cli.options import (
    Command,
    checked,
    filter_option,
    find_experiment,
    json_option,
    note_gaps,
    open_store,
    order_option,
    search_experiments,
    view_number,
    view_option,
)
from millstream.cli.output import duration, echo_json, echo_table, local_time, number_text
from millstream.cli.placing import delete, move, restore
from millstream.cli.tailing import tail
from millstream.formats.filters import RUNS, parse_columns, parse_key
from millstream.values.entities import Run, ViewType
from millstream.values.names import MAX_RESULTS
from millstream.values.queries import CountRuns, Facet, FacetRuns, GetRun, RunTable, SearchRuns, TabulateRuns
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.stores.base import Store

run_id_option = click.option("-r", "--run-id", "run_id", required=True, help="Id of the run.")


def experiments_options(command: Command) -> Command:
    """Add `-x/--experiment-id` and `-n/--experiment-name`, each any number of times."""
    named = click.option("-n", "--experiment-name", "names", multiple=True, help="Only this experiment, by name.")
    given = "Only this experiment; may be given several times."
    return click.option("-x", "--experiment-id", "ids", multiple=True, help=given)(named(command))


@click.group()
def runs() -> None:
    """List, count, show, follow, move, delete and restore runs."""


@runs.command()
@experiments_options
@filter_option(RUNS)
@order_option(RUNS)
@view_option
@click.option("--max-results", type=click.IntRange(1, MAX_RESULTS), default=1000, show_default=True, help="At most.")
@click.option(
    "-c",
    "--column",
    "columns",
    multiple=True,
    metavar="KEY",
    callback=checked(lambda text: parse_columns((text,))),
    help="Show this too, e.g. metrics.loss, metrics.loss.min, 'params.*'; with --json, of the data this only.",
)
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
    note_gaps(store)
    chosen = _experiments(store, ids, names, view_number(view))
    shared: dict[str, Any] = {
        "experiment_ids": chosen, "filter": filter_text, "order_by": order_by, "view": view_number(view),
    }  # fmt: skip
    if as_json:
        query = SearchRuns(**shared, max_results=max_results, columns=columns or None)
        echo_json([run_dictionary(run) for run in store.read(query)])
        return
    table = store.read(TabulateRuns(**shared, limit=max_results, columns=columns))
    headers = {"Date": [local_time(value) for value in table.start_time], "Name": table.run_name, "ID": table.run_id}
    headers["Status"] = table.status
    headers["Duration"] = [duration(*times) for times in zip(table.start_time, table.end_time, strict=True)]
    for column in columns:
        headers |= _columns(table, column)
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


def _columns(table: RunTable, column: str) -> dict[str, list[str]]:
    """The column of a key such as ``metrics.loss``, or those of ``metrics.*``, as text."""
    if column.endswith(".*"):
        entity = RUNS.entity(column[:-2])
        data: Any = {} if entity is None else getattr(table, f"{entity.name}s")
        found: dict[str, list[Any]] = {f"{column[:-1]}{key}": values for key, values in data.items()}
    else:
        key = parse_key(column, RUNS, "columns")
        name = f"{key.key}.{key.part}" if key.part else key.key
        data = getattr(table, key.key) if key.entity == "attribute" else getattr(table, f"{key.entity}s")[name]
        found = {column: data}
    return {name: [_cell(value) for value in values] for name, values in found.items()}


def _cell(value: Any) -> str:
    return "" if value is None else number_text(value) if isinstance(value, float) else str(value)


@runs.command()
@experiments_options
@filter_option(RUNS)
@view_option
@json_option
def count(ids: tuple[str, ...], names: tuple[str, ...], filter_text: str, view: str, as_json: bool) -> None:
    """Print how many runs match, of the experiments that `search` would list."""
    store = open_store()
    note_gaps(store)
    number = view_number(view)
    query = CountRuns(experiment_ids=_experiments(store, ids, names, number), filter=filter_text, view=number)
    found = store.read(query)
    if as_json:
        echo_json({"count": found})
    else:
        click.echo(str(found))


def _facet_key(text: str) -> None:
    parse_key(text, RUNS, "keys")


@runs.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY…", callback=checked(_facet_key))
@experiments_options
@filter_option(RUNS)
@view_option
@click.option(
    "--max-values", type=click.IntRange(0, MAX_RESULTS), default=20, show_default=True, help="At most, a key."
)
@json_option
def facets(
    keys: tuple[str, ...],
    ids: tuple[str, ...],
    names: tuple[str, ...],
    filter_text: str,
    view: str,
    max_values: int,
    as_json: bool,
) -> None:
    """Print which values the matching runs have under each KEY, e.g. params.lr, metrics.loss.min or status."""
    store = open_store()
    note_gaps(store)
    number = view_number(view)
    chosen = _experiments(store, ids, names, number)
    query = FacetRuns(experiment_ids=chosen, keys=keys, filter=filter_text, view=number, limit=max_values)
    found = store.read(query)
    if as_json:
        echo_json(found)
        return
    rows = [row for facet in found for row in _facet_rows(facet)]
    echo_table(["Key", "Value", "Runs"], rows)


def _facet_rows(facet: Facet) -> list[tuple[str, str, str]]:
    rows = [(facet.key, value, str(number)) for value, number in facet.values]
    if facet.minimum is not None:
        bounds = f"{_cell(facet.minimum)} to {_cell(facet.maximum)}"
        rows.append((facet.key, f"(numbers from {bounds})", str(facet.present - facet.undefined)))
    return rows or [(facet.key, "(none)", str(facet.present))]


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


for _command in (tail, delete, restore, move):
    runs.add_command(_command)
