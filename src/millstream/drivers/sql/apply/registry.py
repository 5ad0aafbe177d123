"""Ops on registered models and their versions. Whoever changes a model holds its row: its versions have one writer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, update

from millstream.drivers.sql import schema
from millstream.drivers.sql.apply.experiments import take_turn
from millstream.drivers.sql.apply.rows import insert_one, upsert
from millstream.drivers.sql.registry import (
    drop_registered,
    drop_versions,
    model_row,
    read_registered,
    read_versions,
    registered_row,
    tag_rows,
    version_id,
    version_row,
)
from millstream.drivers.sql.write import insert_rows
from millstream.values import ops, refusals
from millstream.values.entities import ARCHIVED, ModelVersion, RegisteredModel

_MODELS, _VERSIONS, _ALIASES = schema.registered_models, schema.model_versions, schema.registered_model_aliases
#: Ops whose answer is found again by what they name.
Answered = (
    ops.CreateRegisteredModel
    | ops.RenameRegisteredModel
    | ops.UpdateRegisteredModel
    | ops.UpdateModelVersion
    | ops.TransitionModelVersion
)


def create(connection: Connection, op: ops.CreateRegisteredModel, place: str) -> RegisteredModel:
    """Make a registered model."""
    take_turn(connection)
    model = RegisteredModel(op.name, op.time, op.time, op.description, dict(op.tags))
    mid = insert_one(connection, _MODELS, {**registered_row(model), "last_version": 0})
    if mid is None:
        raise refusals.registered_model_exists(op.name)
    insert_rows(connection, schema.registered_model_tags, tag_rows("mid", mid, op.tags))
    return model


def rename(connection: Connection, op: ops.RenameRegisteredModel, place: str) -> RegisteredModel:
    """Give a model another name."""
    take_turn(connection)
    mid = _require(connection, op.name, place).mid
    if model_row(connection, op.new_name) is not None:
        raise refusals.registered_model_exists(op.new_name)
    _change(connection, mid, name=op.new_name, last_updated_timestamp=op.time)
    return read_registered(connection, [mid])[0]


def change(connection: Connection, op: ops.UpdateRegisteredModel, place: str) -> RegisteredModel:
    """Set the description."""
    mid = _require(connection, op.name, place).mid
    _change(connection, mid, description=op.description, last_updated_timestamp=op.time)
    return read_registered(connection, [mid])[0]


def remove(connection: Connection, op: ops.DeleteRegisteredModel, place: str) -> None:
    """Remove a model with its versions."""
    _require(connection, op.name, place)
    drop_registered(connection, [op.name])


def set_tag(connection: Connection, op: ops.SetRegisteredModelTag, place: str) -> None:
    """Set or overwrite a tag."""
    mid = _require(connection, op.name, place).mid
    upsert(connection, schema.registered_model_tags, tag_rows("mid", mid, {op.key: op.value}))


def delete_tag(connection: Connection, op: ops.DeleteRegisteredModelTag, place: str) -> None:
    """Remove a tag, if it is there."""
    tags = schema.registered_model_tags
    mid = _require(connection, op.name, place).mid
    connection.execute(delete(tags).where(tags.c.mid == mid, tags.c.key == op.key))


def set_alias(connection: Connection, op: ops.SetModelAlias, place: str) -> None:
    """Let an alias stand for a version."""
    mid, _ = _require_version(connection, op, place)
    upsert(connection, _ALIASES, [{"mid": mid, "alias": op.alias, "version": op.version}])


def delete_alias(connection: Connection, op: ops.DeleteModelAlias, place: str) -> None:
    """Let an alias stand for nothing."""
    mid = _require(connection, op.name, place).mid
    connection.execute(delete(_ALIASES).where(_ALIASES.c.mid == mid, _ALIASES.c.alias == op.alias))


def create_version(connection: Connection, op: ops.CreateModelVersion, place: str) -> ModelVersion:
    """Make the next version; the model's row counts them."""
    row = _require(connection, op.name, place)
    version = ModelVersion(
        name=op.name,
        version=row.last_version + 1,
        creation_timestamp=op.time,
        last_updated_timestamp=op.time,
        source=op.source,
        description=op.description,
        user_id=op.user_id,
        run_id=op.run_id,
        run_link=op.run_link,
        model_id=op.model_id,
        storage_location=op.storage_location,
        tags=dict(op.tags),
    )
    statement = insert(_VERSIONS).values({**version_row(version), "mid": row.mid}).returning(_VERSIONS.c.vid)
    vid = connection.execute(statement).scalar_one()
    insert_rows(connection, schema.model_version_tags, tag_rows("vid", vid, op.tags))
    _change(connection, row.mid, last_version=version.version, last_updated_timestamp=op.time)
    return version


def change_version(connection: Connection, op: ops.UpdateModelVersion, place: str) -> ModelVersion:
    """Set the description."""
    _, vid = _require_version(connection, op, place)
    _change_versions(connection, _VERSIONS.c.vid == vid, description=op.description, last_updated_timestamp=op.time)
    return read_versions(connection, [vid])[0]


def transition(connection: Connection, op: ops.TransitionModelVersion, place: str) -> ModelVersion:
    """Set the stage, and archive others of it when that is asked for."""
    mid, vid = _require_version(connection, op, place)
    if op.archive:
        others = (_VERSIONS.c.mid == mid) & (_VERSIONS.c.current_stage == op.stage) & (_VERSIONS.c.vid != vid)
        _change_versions(connection, others, current_stage=ARCHIVED, last_updated_timestamp=op.time)
    _change_versions(connection, _VERSIONS.c.vid == vid, current_stage=op.stage, last_updated_timestamp=op.time)
    _change(connection, mid, last_updated_timestamp=op.time)
    return read_versions(connection, [vid])[0]


def remove_version(connection: Connection, op: ops.DeleteModelVersion, place: str) -> None:
    """Remove a version and its aliases; its number is not given again."""
    mid, vid = _require_version(connection, op, place)
    connection.execute(delete(_ALIASES).where(_ALIASES.c.mid == mid, _ALIASES.c.version == op.version))
    drop_versions(connection, [vid])
    _change(connection, mid, last_updated_timestamp=op.time)


def set_version_tag(connection: Connection, op: ops.SetModelVersionTag, place: str) -> None:
    """Set or overwrite a tag of a version."""
    _, vid = _require_version(connection, op, place)
    upsert(connection, schema.model_version_tags, tag_rows("vid", vid, {op.key: op.value}))


def delete_version_tag(connection: Connection, op: ops.DeleteModelVersionTag, place: str) -> None:
    """Remove a tag of a version, if it is there."""
    tags = schema.model_version_tags
    _, vid = _require_version(connection, op, place)
    connection.execute(delete(tags).where(tags.c.vid == vid, tags.c.key == op.key))


def put_model(connection: Connection, op: ops.ImportRegisteredModel, place: str) -> RegisteredModel:
    """Make a model as it was elsewhere, or add to one that is there."""
    model = op.model
    if op.known:
        row = _require(connection, model.name, place)
        mid, last = row.mid, row.last_version
    else:
        take_turn(connection)
        mid, last = insert_one(connection, _MODELS, {**registered_row(model), "last_version": 0}), 0
        if mid is None:
            raise refusals.registered_model_exists(model.name)
    for version in op.versions:
        vid = insert_one(connection, _VERSIONS, {**version_row(version), "mid": mid})
        if vid is None:
            raise refusals.version_exists(model.name, version.version)
        insert_rows(connection, schema.model_version_tags, tag_rows("vid", vid, version.tags))
    for version in op.changed:
        vid = version_id(connection, mid, version.version)
        if vid is None:
            raise refusals.no_version(model.name, version.version)
        _change_versions(connection, _VERSIONS.c.vid == vid, **version_row(version))
        upsert(connection, schema.model_version_tags, tag_rows("vid", vid, version.tags))
    for alias, number in model.aliases.items():
        if version_id(connection, mid, number) is None:
            raise refusals.no_version(model.name, number)
        upsert(connection, _ALIASES, [{"mid": mid, "alias": alias, "version": number}])
    upsert(connection, schema.registered_model_tags, tag_rows("mid", mid, model.tags))
    last = max(last, op.last, *(version.version for version in op.versions), 0)
    _change(connection, mid, **registered_row(model), last_version=last)
    return read_registered(connection, [mid])[0]


def made_before(connection: Connection, op: Answered, place: str) -> RegisteredModel | ModelVersion:
    """The model or version that an earlier op of the same id made or changed."""
    if isinstance(op, ops.UpdateModelVersion | ops.TransitionModelVersion):
        _, vid = _require_version(connection, op, place)
        return read_versions(connection, [vid])[0]
    name = op.new_name if isinstance(op, ops.RenameRegisteredModel) else op.name
    return read_registered(connection, [_require(connection, name, place).mid])[0]


def version_made_before(connection: Connection, op: ops.CreateModelVersion, number: int, place: str) -> ModelVersion:
    """The version `number`, which an earlier op of the same id made."""
    mid = _require(connection, op.name, place).mid
    vid = version_id(connection, mid, number)
    if vid is None:
        raise refusals.no_version(op.name, number)
    return read_versions(connection, [vid])[0]


def _require(connection: Connection, name: str, place: str) -> Row[Any]:
    row = model_row(connection, name, change=True)
    if row is None:
        raise refusals.no_registered_model(name, place)
    return row


def _require_version(connection: Connection, op: Any, place: str) -> tuple[int, int]:
    mid: int = _require(connection, op.name, place).mid
    vid = version_id(connection, mid, op.version)
    if vid is None:
        raise refusals.no_version(op.name, op.version)
    return mid, vid


def _change(connection: Connection, mid: int, **values: Any) -> None:
    connection.execute(update(_MODELS).where(_MODELS.c.mid == mid).values(**values))


def _change_versions(connection: Connection, condition: Any, **values: Any) -> None:
    connection.execute(update(_VERSIONS).where(condition).values(**values))


WRITERS: dict[type, Callable[..., Any]] = {
    ops.CreateRegisteredModel: create,
    ops.RenameRegisteredModel: rename,
    ops.UpdateRegisteredModel: change,
    ops.DeleteRegisteredModel: remove,
    ops.SetRegisteredModelTag: set_tag,
    ops.DeleteRegisteredModelTag: delete_tag,
    ops.SetModelAlias: set_alias,
    ops.DeleteModelAlias: delete_alias,
    ops.CreateModelVersion: create_version,
    ops.UpdateModelVersion: change_version,
    ops.TransitionModelVersion: transition,
    ops.DeleteModelVersion: remove_version,
    ops.SetModelVersionTag: set_version_tag,
    ops.DeleteModelVersionTag: delete_version_tag,
    ops.ImportRegisteredModel: put_model,
}
