"""Entities into tables. Each function replaces what the tables say of its things, inside the caller's transaction."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

import msgspec
from sqlalchemy import Column, Connection, Dialect, Table, bindparam, delete, func, insert, select

from millstream.drivers.sql import schema
from millstream.formats.mlruns.points import Summary
from millstream.values.entities import DatasetInput, Experiment, ModelInput, ModelOutput, RunInfo
from millstream.values.numbers import number_in

OF_RUN = (schema.params, schema.tags, schema.series, schema.dataset_inputs, schema.model_links)
CONTEXT_TAG = "mlflow.data.context"
# Made once: what SQLAlchemy does to know a statement again takes longer than SQLite takes for it.
_KNOWN = select(schema.runs.c.run_id, schema.runs.c.rid).where(
    schema.runs.c.run_id.in_(bindparam("ids", expanding=True))
)
_HIGHEST = select(func.max(schema.runs.c.rid))


class RunRecord(msgspec.Struct):
    """All that the tables keep of a run."""

    info: RunInfo
    params: dict[str, str]
    tags: dict[str, str]
    series: dict[str, Summary]
    datasets: list[DatasetInput]
    models_in: list[ModelInput]
    models_out: list[ModelOutput]


def put_experiment(connection: Connection, experiment: Experiment) -> None:
    """Store an experiment and its tags."""
    drop_experiment(connection, experiment.experiment_id)
    row = experiment.to_dictionary()
    tags = row.pop("tags")
    insert_rows(connection, schema.experiments, [row])
    rows = [{"experiment_id": experiment.experiment_id, "key": key, "value": value} for key, value in tags.items()]
    insert_rows(connection, schema.experiment_tags, rows)


def drop_experiment(connection: Connection, experiment_id: str) -> None:
    """Forget an experiment and its tags, not its runs."""
    for table in (schema.experiments, schema.experiment_tags):
        delete_rows(connection, table.c.experiment_id, [experiment_id])


def put_runs(connection: Connection, records: Sequence[RunRecord]) -> list[int]:
    """Store runs whole; returns their `rid`s, which they keep for good."""
    ids = [record.info.run_id for record in records]
    runs = schema.runs
    known: dict[str, int] = {row.run_id: row.rid for row in connection.execute(_KNOWN, {"ids": ids})}
    highest = connection.execute(_HIGHEST).scalar() or 0
    drop_runs(connection, known.values())
    rids = []
    for run_id in ids:
        if run_id not in known:
            highest += 1
        rids.append(known.get(run_id, highest))
    pairs = list(zip(rids, records, strict=True))
    insert_rows(connection, runs, [{"rid": rid, **record.info.to_dictionary()} for rid, record in pairs])
    insert_rows(
        connection, schema.params, [param_row(rid, *item) for rid, record in pairs for item in record.params.items()]
    )
    insert_rows(
        connection,
        schema.tags,
        [{"rid": rid, "key": key, "value": value} for rid, record in pairs for key, value in record.tags.items()],
    )
    insert_rows(
        connection,
        schema.series,
        [series_row(rid, key, s) for rid, record in pairs for key, s in record.series.items()],
    )
    insert_rows(
        connection, schema.dataset_inputs, [row for rid, record in pairs for row in dataset_rows(rid, record.datasets)]
    )
    insert_rows(
        connection,
        schema.model_links,
        [row for rid, record in pairs for row in link_rows(rid, record.models_in, record.models_out)],
    )
    return rids


def drop_runs(connection: Connection, rids: Iterable[int]) -> None:
    """Forget runs and all of their data."""
    rids = list(rids)
    for table in (*OF_RUN, schema.runs):
        delete_rows(connection, table.c.rid, rids)


def delete_rows(connection: Connection, column: Column[Any], values: Iterable[Any]) -> None:
    """Delete the rows whose `column` is one of `values`."""
    rows = [(value,) for value in values]
    if rows:
        statement, names = _delete_from(connection.dialect, column.table, column.name)
        connection.exec_driver_sql(statement, rows if names is None else [{names: value} for (value,) in rows])


@lru_cache(maxsize=64)
def _delete_from(dialect: Dialect, table: Table, name: str) -> tuple[str, str | None]:
    """The statement, and what it calls the value; None when it takes values by their places."""
    statement = delete(table).where(table.c[name] == bindparam("wanted"))
    compiled: Any = statement.compile(dialect=dialect)
    return str(compiled), None if compiled.positional else "wanted"


def insert_rows(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    """Insert `rows`, which name the same columns, in one go."""
    if rows:
        statement, names = _insert_into(connection.dialect, table, tuple(rows[0]))
        # Handed to the driver as they are: none of the tables' types needs SQLAlchemy's look at every value.
        connection.exec_driver_sql(statement, rows if names is None else _in_order(rows, names))


def _in_order(rows: list[dict[str, Any]], names: tuple[str, ...]) -> Any:
    return list(map(itemgetter(*names), rows)) if len(names) > 1 else [(row[names[0]],) for row in rows]


@lru_cache(maxsize=256)
def _insert_into(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> tuple[str, tuple[str, ...] | None]:
    """The statement, and in which order it wants its values; None when it wants them by name."""
    compiled: Any = insert(table).compile(dialect=dialect, column_keys=list(columns))
    return str(compiled), compiled.positiontup and tuple(compiled.positiontup)


def param_row(rid: int, key: str, value: str) -> dict[str, Any]:
    """The row of `params` for a param."""
    return {"rid": rid, "key": key, "value": value, "number": number_in(value)}


def series_row(rid: int, key: str, summary: Summary) -> dict[str, Any]:
    """The row of `series` that says `summary`."""
    is_nan = math.isnan(summary.last_value)
    return {
        "rid": rid,
        "key": key,
        "count": summary.count,
        "nan_count": summary.nan_count,
        "total": None if math.isnan(summary.total) else summary.total,
        "last_value": None if is_nan else summary.last_value,
        "last_nan": is_nan,
        "last_step": summary.last_step,
        "last_time": summary.last_time,
        "first_value": None if math.isnan(summary.first_value) else summary.first_value,
        "first_nan": math.isnan(summary.first_value),
        "first_step": summary.first_step,
        "min_value": summary.min_value,
        "max_value": summary.max_value,
        "last_source": summary.last_source,
    }


def summary_of(row: Any) -> Summary:
    """The summary that a row of `series` holds."""
    return Summary(
        count=row.count_,
        nan_count=row.nan_count,
        total=math.nan if row.total is None else row.total,
        last_value=math.nan if row.last_nan else row.last_value,
        last_step=row.last_step,
        last_time=row.last_time,
        first_value=math.nan if row.first_nan else row.first_value,
        first_step=row.first_step,
        min_value=row.min_value,
        max_value=row.max_value,
        last_source=row.last_source,
    )


def dataset_rows(rid: int, datasets: Iterable[DatasetInput]) -> Iterable[dict[str, Any]]:
    """Rows of `dataset_inputs`; a dataset given twice has one."""
    sources = {(source.dataset.name, source.dataset.digest): source for source in datasets}
    for source in sources.values():
        tags = source.tag_values
        text = msgspec.json.encode(tags).decode()
        yield {"rid": rid, **source.dataset.to_dictionary(), "context": tags.get(CONTEXT_TAG), "tags": text}


def link_rows(rid: int, models_in: Iterable[ModelInput], models_out: Iterable[ModelOutput]) -> Iterable[dict[str, Any]]:
    """Rows of `model_links` for models that a run used and made."""
    links = {(model.model_id, "in"): 0 for model in models_in}
    links |= {(model.model_id, "out"): model.step for model in models_out}
    for (model_id, direction), step in links.items():
        yield {"rid": rid, "model_id": model_id, "direction": direction, "step": step}
