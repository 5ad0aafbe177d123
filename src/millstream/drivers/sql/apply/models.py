"""Ops on logged models, and the points that a run logs for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import structs
from sqlalchemy import Connection, delete, select, update

from millstream.drivers.sql import schema
from millstream.drivers.sql.apply.experiments import require, require_goal
from millstream.drivers.sql.apply.rows import insert_new, insert_one, upsert
from millstream.drivers.sql.models import metric_row, model_row, point_of, read_models, text_rows
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows
from millstream.formats.mlruns.models import latest
from millstream.values import names, ops, refusals
from millstream.values.entities import ACTIVE, DELETED, LoggedModel, LoggedModelStatus, Metric
from millstream.values.paths import Location

TABLE = schema.logged_models
_STAY = ("model_id", "experiment_id")
_Answered = ops.CreateLoggedModel | ops.FinalizeLoggedModel | ops.SetLoggedModelTags


def create(connection: Connection, op: ops.CreateLoggedModel, place: str, root: Location) -> LoggedModel:
    """Make a logged model; one of this id that is there already is left as it is and returned."""
    experiment = require_goal(connection, op.experiment_id, place, op.time, root)
    model = LoggedModel(
        model_id=op.model_id,
        experiment_id=op.experiment_id,
        name=op.name or names.random_name(),
        artifact_location=str(Location.parse(experiment.artifact_location) / "models" / op.model_id / "artifacts"),
        creation_timestamp=op.time,
        last_updated_timestamp=op.time,
        model_type=op.model_type,
        source_run_id=op.source_run_id,
        status=LoggedModelStatus.PENDING,
        tags=dict(op.tags),
        params=dict(op.params),
    )
    if insert_one(connection, TABLE, model_row(model)) is None:
        return made_before(connection, op)
    insert_rows(connection, schema.logged_model_params, text_rows(op.model_id, op.params))
    insert_rows(connection, schema.logged_model_tags, text_rows(op.model_id, op.tags))
    return model


def made_before(connection: Connection, op: _Answered) -> LoggedModel:
    """The model that an earlier op of the same id made or changed."""
    found = read_models(connection, [op.model_id])
    if not found:
        raise refusals.gone_again("logged model", op.model_id)
    return found[0]


def finalize(connection: Connection, op: ops.FinalizeLoggedModel, place: str) -> LoggedModel:
    """Set the final status."""
    _require(connection, op.model_id, place)
    values = {"status": str(op.status), "last_updated_timestamp": op.time}
    connection.execute(update(TABLE).where(TABLE.c.model_id == op.model_id).values(**values))
    return read_models(connection, [op.model_id])[0]


def remove(connection: Connection, op: ops.DeleteLoggedModel, place: str) -> None:
    """Mark as deleted; deleting a deleted model changes nothing."""
    if _locked(connection, op.model_id, place).lifecycle_stage == ACTIVE:
        values = {"lifecycle_stage": DELETED, "last_updated_timestamp": op.time}
        connection.execute(update(TABLE).where(TABLE.c.model_id == op.model_id).values(**values))


def set_tags(connection: Connection, op: ops.SetLoggedModelTags, place: str) -> LoggedModel:
    """Set or overwrite tags."""
    _require(connection, op.model_id, place)
    upsert(connection, schema.logged_model_tags, text_rows(op.model_id, op.tags))
    return read_models(connection, [op.model_id])[0]


def delete_tag(connection: Connection, op: ops.DeleteLoggedModelTag, place: str) -> None:
    """Remove a tag; NotFound when there is none."""
    _require(connection, op.model_id, place)
    tags = schema.logged_model_tags
    found = delete(tags).where(tags.c.model_id == op.model_id, tags.c.key == op.key)
    if connection.execute(found).rowcount == 0:
        raise refusals.no_model_tag(op.model_id, op.key)


def log_params(connection: Connection, op: ops.LogLoggedModelParams, place: str) -> None:
    """Add params, all or none."""
    _require(connection, op.model_id, place)
    table = schema.logged_model_params
    present: dict[str, str] = {}
    for keys in batches(list(op.params)):
        statement = select(table.c.key, table.c.value).where(table.c.model_id == op.model_id, table.c.key.in_(keys))
        present.update((key, value) for key, value in connection.execute(statement))
    for key, value in op.params.items():
        if present.get(key, value) != value:
            raise refusals.model_param_changed(op.model_id, key, present[key], value)
    added = {key: value for key, value in op.params.items() if key not in present}
    insert_rows(connection, table, text_rows(op.model_id, added))


def put_model(connection: Connection, op: ops.ImportLoggedModel, place: str) -> LoggedModel:
    """Make a logged model as it was elsewhere, or add to one that is there."""
    model = op.model
    if op.known:
        _locked(connection, model.model_id, place)
        values = {key: value for key, value in model_row(model).items() if key not in _STAY}
        connection.execute(update(TABLE).where(TABLE.c.model_id == model.model_id).values(**values))
    else:
        experiment = require(connection, model.experiment_id, place)
        if not model.artifact_location:
            location = Location.parse(experiment.artifact_location) / "models" / model.model_id / "artifacts"
            model = structs.replace(model, artifact_location=str(location))
        if insert_one(connection, TABLE, model_row(model)) is None:
            raise refusals.model_exists(model.model_id, place)
    insert_new(connection, schema.logged_model_params, text_rows(model.model_id, model.params))
    upsert(connection, schema.logged_model_tags, text_rows(model.model_id, model.tags))
    _keep_latest(connection, model.model_id, model.metrics)
    return read_models(connection, [model.model_id])[0]


def take_points(connection: Connection, run_id: str, metrics: Iterable[Metric], place: str) -> None:
    """Keep the latest of the points that name a model, for that model; NotFound when it is not there."""
    by_model: dict[str, list[Metric]] = {}
    for metric in metrics:
        if metric.model_id:
            by_model.setdefault(metric.model_id, []).append(structs.replace(metric, run_id=run_id))
    # Always in one order, so that two writers never wait for each other.
    for model_id, points in sorted(by_model.items()):
        _require(connection, model_id, place)
        _keep_latest(connection, model_id, points)


def _keep_latest(connection: Connection, model_id: str, points: Iterable[Metric]) -> None:
    """Of the model's points and `points`, which come after them."""
    # A digest without a name says nothing.
    points = [point if point.dataset_name else structs.replace(point, dataset_digest=None) for point in points]
    table = schema.logged_model_metrics
    known: list[Metric] = []
    for batch in batches(list({point.key for point in points})):
        statement = select(table).where(table.c.model_id == model_id, table.c.key.in_(batch))
        known += [point_of(row) for row in connection.execute(statement).all()]
    upsert(connection, table, [metric_row(model_id, point) for point in latest([*known, *points])])


def _require(connection: Connection, model_id: str, place: str) -> Any:
    row = _locked(connection, model_id, place)
    if row.lifecycle_stage != ACTIVE:
        raise refusals.model_deleted(model_id)
    return row


def _locked(connection: Connection, model_id: str, place: str) -> Any:
    statement = select(TABLE.c.lifecycle_stage).where(TABLE.c.model_id == model_id).with_for_update()
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise refusals.no_model(model_id, place)
    return row
