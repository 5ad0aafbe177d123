"""Entities into tables. Each function replaces what the tables say of one thing, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, delete, insert, select, update

from millstream.drivers.sql import schema
from millstream.values.entities import DatasetInput, Experiment, ModelInput, ModelOutput, RunInfo

OF_RUN = (schema.params, schema.tags, schema.series, schema.dataset_inputs, schema.model_links)
CONTEXT_TAG = "mlflow.data.context"


def put_experiment(connection: Connection, experiment: Experiment) -> None:
    """Store an experiment and its tags."""
    drop_experiment(connection, experiment.experiment_id)
    row = experiment.to_dictionary()
    tags = row.pop("tags")
    connection.execute(insert(schema.experiments), [row])
    rows = [{"experiment_id": experiment.experiment_id, "key": key, "value": value} for key, value in tags.items()]
    if rows:
        connection.execute(insert(schema.experiment_tags), rows)


def drop_experiment(connection: Connection, experiment_id: str) -> None:
    """Forget an experiment and its tags, not its runs."""
    for table in (schema.experiments, schema.experiment_tags):
        connection.execute(delete(table).where(table.c.experiment_id == experiment_id))


def put_run(connection: Connection, info: RunInfo) -> int:
    """Store a run's info; returns its `rid`, which a run keeps for good."""
    row = info.to_dictionary()
    rid = connection.execute(select(schema.runs.c.rid).where(schema.runs.c.run_id == info.run_id)).scalar()
    if rid is None:
        return int(connection.execute(insert(schema.runs).values(row)).inserted_primary_key[0])
    connection.execute(update(schema.runs).where(schema.runs.c.rid == rid).values(row))
    return int(rid)


def drop_run(connection: Connection, rid: int) -> None:
    """Forget a run and all of its data."""
    for table in (*OF_RUN, schema.runs):
        connection.execute(delete(table).where(table.c.rid == rid))


def put_texts(connection: Connection, table: Table, rid: int, texts: Mapping[str, str]) -> None:
    """Store all params or all tags (`table` says which) of a run."""
    replace_rows(connection, table, rid, [{"rid": rid, "key": key, "value": text} for key, text in texts.items()])


def put_inputs(
    connection: Connection, rid: int, datasets: Iterable[DatasetInput], used: Iterable[ModelInput], made: Iterable[ModelOutput]
) -> None:
    """Store all datasets and logged models of a run."""
    rows = {(source.dataset.name, source.dataset.digest): _dataset_row(rid, source) for source in datasets}
    replace_rows(connection, schema.dataset_inputs, rid, list(rows.values()))
    links = {(model.model_id, "in"): 0 for model in used} | {(model.model_id, "out"): model.step for model in made}
    link_rows = [
        {"rid": rid, "model_id": model_id, "direction": direction, "step": step}
        for (model_id, direction), step in links.items()
    ]
    replace_rows(connection, schema.model_links, rid, link_rows)


def _dataset_row(rid: int, source: DatasetInput) -> dict[str, Any]:
    return {
        "rid": rid,
        **source.dataset.to_dictionary(),
        "context": source.tags.get(CONTEXT_TAG),
        "tags": msgspec.json.encode(source.tags).decode(),
    }


def replace_rows(connection: Connection, table: Table, rid: int, rows: list[dict[str, Any]]) -> None:
    """Make `rows` all that `table` says of the run `rid`."""
    connection.execute(delete(table).where(table.c.rid == rid))
    if rows:
        connection.execute(insert(table), rows)
