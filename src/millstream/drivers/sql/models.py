"""Logged models: tables into entities and entities into tables."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import structs
from sqlalchemy import Connection, delete, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows
from millstream.values.entities import ACTIVE, LoggedModel, LoggedModelStatus, Metric


def read_models(connection: Connection, ids: Sequence[str]) -> list[LoggedModel]:
    """The logged models with these ids, in this order, with all their data."""
    found: dict[str, LoggedModel] = {}
    for batch in batches(ids):
        params = _texts(connection, schema.logged_model_params, batch)
        tags = _texts(connection, schema.logged_model_tags, batch)
        points = _points(connection, batch)
        table = schema.logged_models
        for row in connection.execute(select(table).where(table.c.model_id.in_(batch))).all():
            found[row.model_id] = structs.replace(
                _model(row),
                tags=tags.get(row.model_id, {}),
                params=params.get(row.model_id, {}),
                metrics=tuple(points.get(row.model_id, ())),
            )
    return [found[model_id] for model_id in ids if model_id in found]


def model_ids(connection: Connection, experiment_id: str) -> list[str]:
    """Ids of the logged models of an experiment, deleted ones too, the oldest first."""
    table = schema.logged_models
    statement = select(table.c.model_id).where(table.c.experiment_id == experiment_id)
    return list(connection.execute(statement.order_by(table.c.creation_timestamp, table.c.model_id)).scalars())


def model_infos(connection: Connection, experiment_ids: Sequence[str] | None, ids: Sequence[str]) -> list[LoggedModel]:
    """Logged models without their data, deleted ones too: those of `ids`, and of some experiments, or of all (None)."""
    table = schema.logged_models
    if experiment_ids is None:
        rows = connection.execute(select(table)).all()
    else:
        rows = []
        for column, values in ((table.c.experiment_id, experiment_ids), (table.c.model_id, ids)):
            for batch in batches(values):
                rows += connection.execute(select(table).where(column.in_(batch))).all()
    return [_model(row) for row in rows]


def output_location(connection: Connection, rid: int, name: str) -> str | None:
    """Where the newest active logged model called `name` that the run made keeps its files; None for no such model."""
    table, links = schema.logged_models, schema.model_links
    statement = (
        select(table.c.artifact_location)
        .join(links, links.c.model_id == table.c.model_id)
        .where(links.c.rid == rid, links.c.direction == "out", table.c.name == name)
        .where(table.c.lifecycle_stage == ACTIVE)
        .order_by(table.c.creation_timestamp.desc(), table.c.model_id.desc())
        .limit(1)
    )
    return connection.execute(statement).scalar_one_or_none()


def put_models(connection: Connection, models: Sequence[LoggedModel]) -> None:
    """Store logged models whole, in place of what the tables say of them."""
    drop_models(connection, [model.model_id for model in models])
    insert_rows(connection, schema.logged_models, [model_row(model) for model in models])
    for table, name in ((schema.logged_model_params, "params"), (schema.logged_model_tags, "tags")):
        rows = [row for model in models for row in text_rows(model.model_id, getattr(model, name))]
        insert_rows(connection, table, rows)
    rows = [metric_row(model.model_id, point) for model in models for point in model.metrics]
    insert_rows(connection, schema.logged_model_metrics, rows)


def drop_models(connection: Connection, ids: Iterable[str]) -> None:
    """Forget logged models and all of their data."""
    for batch in batches(list(ids)):
        for table in schema.LOGGED_MODELS:
            connection.execute(delete(table).where(table.c.model_id.in_(batch)))


def model_row(model: LoggedModel) -> dict[str, Any]:
    """The row of `logged_models`."""
    return {column.name: getattr(model, column.name) for column in schema.logged_models.c} | {
        "status": model.status.value
    }


def text_rows(model_id: str, texts: dict[str, str]) -> list[dict[str, Any]]:
    """Rows of params or tags."""
    return [{"model_id": model_id, "key": key, "value": value} for key, value in texts.items()]


def metric_row(model_id: str, point: Metric) -> dict[str, Any]:
    """The row of `logged_model_metrics` that says `point`."""
    is_nan = math.isnan(point.value)
    return {
        "model_id": model_id,
        "key": point.key,
        "dataset_name": point.dataset_name or "",
        "dataset_digest": point.dataset_digest or "",
        "last_value": None if is_nan else point.value,
        "last_nan": is_nan,
        "last_step": point.step,
        "last_time": point.timestamp,
        "run_id": point.run_id or "",
    }


def point_of(row: Any) -> Metric:
    """The point that a row of `logged_model_metrics` holds."""
    return Metric(
        key=row.key,
        value=math.nan if row.last_nan else row.last_value,
        timestamp=row.last_time,
        step=row.last_step,
        run_id=row.run_id or None,
        model_id=row.model_id,
        dataset_name=row.dataset_name or None,
        dataset_digest=row.dataset_digest or None,
    )


def _model(row: Any) -> LoggedModel:
    facts = dict(row._mapping)
    facts["status"] = LoggedModelStatus(facts["status"])
    return LoggedModel(**facts)


def _points(connection: Connection, ids: list[str]) -> dict[str, list[Metric]]:
    table = schema.logged_model_metrics
    points: defaultdict[str, list[Metric]] = defaultdict(list)
    order = (table.c.model_id, table.c.key, table.c.dataset_name, table.c.dataset_digest)
    for row in connection.execute(select(table).where(table.c.model_id.in_(ids)).order_by(*order)).all():
        points[row.model_id].append(point_of(row))
    return points


def _texts(connection: Connection, table: Any, ids: list[str]) -> dict[str, dict[str, str]]:
    texts: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for row in connection.execute(select(table).where(table.c.model_id.in_(ids))).all():
        texts[row.model_id][row.key] = row.value
    return texts
