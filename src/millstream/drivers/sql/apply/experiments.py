"""Ops on experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.rows import upsert
from millstream.drivers.sql.write import insert_rows
from millstream.values import ops, refusals
from millstream.values.entities import ACTIVE, DELETED
from millstream.values.errors import NotFound
from millstream.values.names import DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME
from millstream.values.paths import Location

TABLE = schema.experiments


def create(connection: Connection, op: ops.CreateExperiment, place: str, root: Location) -> str:
    """Make an experiment; ids count up. Returns the id."""
    create_first(connection, op.time, root)
    experiment_id = take_name(connection, op.name, op.experiment_id)
    location = (
        root / experiment_id if op.artifact_location is None else Location.parse(op.artifact_location, base=Path.cwd())
    )
    _insert(connection, experiment_id, op.name, location, op.time)
    tags = [{"experiment_id": experiment_id, "key": key, "value": value} for key, value in op.tags.items()]
    insert_rows(connection, schema.experiment_tags, tags)
    return experiment_id


def _insert(connection: Connection, experiment_id: str, name: str, location: Location, time: int) -> None:
    row = {
        "experiment_id": experiment_id,
        "name": name,
        "artifact_location": str(location),
        "lifecycle_stage": ACTIVE,
        "creation_time": time,
        "last_update_time": time,
    }
    connection.execute(insert(TABLE), [row])


def create_first(connection: Connection, time: int, root: Location) -> None:
    """Make the default experiment again when all were removed for good."""
    take_turn(connection)
    if connection.execute(select(TABLE.c.experiment_id).limit(1)).one_or_none() is None:
        _insert(connection, DEFAULT_EXPERIMENT_ID, DEFAULT_EXPERIMENT_NAME, root / DEFAULT_EXPERIMENT_ID, time)


def require_goal(connection: Connection, experiment_id: str, place: str, time: int, root: Location) -> Any:
    """As `require_active`, for what is to be made there: the default experiment comes back when it was removed."""
    try:
        return require_active(connection, experiment_id, place)
    except NotFound:
        if experiment_id != DEFAULT_EXPERIMENT_ID:
            raise
    take_turn(connection)
    if _row(connection, experiment_id) is None:
        _check_name_is_free(connection, DEFAULT_EXPERIMENT_NAME)
        _insert(connection, experiment_id, DEFAULT_EXPERIMENT_NAME, root / experiment_id, time)
    return require_active(connection, experiment_id, place)


def take_name(connection: Connection, name: str, experiment_id: str | None) -> str:
    """The id of an experiment to be made in this transaction; AlreadyExists when `name` or the id is taken."""
    take_turn(connection)
    _check_name_is_free(connection, name)
    experiment_id = experiment_id or _next_id(connection)
    if _row(connection, experiment_id) is not None:
        raise refusals.id_taken(experiment_id)
    return experiment_id


def rename(connection: Connection, op: ops.RenameExperiment, place: str) -> None:
    """Give an experiment another name."""
    take_turn(connection)
    require_active(connection, op.experiment_id, place, change=True)
    _check_name_is_free(connection, op.name, but=op.experiment_id)
    _change(connection, op.experiment_id, name=op.name, last_update_time=op.time)


def remove(connection: Connection, op: ops.DeleteExperiment, place: str) -> None:
    """Mark an experiment and its runs as deleted."""
    if require(connection, op.experiment_id, place, change=True).lifecycle_stage != ACTIVE:
        raise refusals.experiment_deleted_already(op.experiment_id)
    _change(connection, op.experiment_id, lifecycle_stage=DELETED, last_update_time=op.time)
    runs = schema.runs
    active = (runs.c.experiment_id == op.experiment_id, runs.c.lifecycle_stage == ACTIVE)
    # Locked before they are listed: each run has its time or is not deleted.
    rids = connection.execute(select(runs.c.rid).where(*active).order_by(runs.c.rid).with_for_update()).scalars().all()
    insert_rows(connection, ledger.deleted_runs, [{"rid": rid, "time": op.time} for rid in rids])
    connection.execute(update(runs).where(*active).values(lifecycle_stage=DELETED))


def restore(connection: Connection, op: ops.RestoreExperiment, place: str) -> None:
    """Bring an experiment and its runs back."""
    if require(connection, op.experiment_id, place, change=True).lifecycle_stage == ACTIVE:
        raise refusals.experiment_not_deleted(op.experiment_id)
    _change(connection, op.experiment_id, lifecycle_stage=ACTIVE, last_update_time=op.time)
    runs, deleted = schema.runs, ledger.deleted_runs
    connection.execute(
        delete(deleted).where(deleted.c.rid.in_(select(runs.c.rid).where(runs.c.experiment_id == op.experiment_id)))
    )
    connection.execute(update(runs).where(runs.c.experiment_id == op.experiment_id).values(lifecycle_stage=ACTIVE))


def set_tag(connection: Connection, op: ops.SetExperimentTag, place: str) -> None:
    """Set or overwrite a tag."""
    require_active(connection, op.experiment_id, place)
    row = {"experiment_id": op.experiment_id, "key": op.key, "value": op.value}
    upsert(connection, schema.experiment_tags, [row])


def delete_tag(connection: Connection, op: ops.DeleteExperimentTag, place: str) -> None:
    """Remove a tag; NotFound when there is none."""
    require_active(connection, op.experiment_id, place)
    tags = schema.experiment_tags
    found = delete(tags).where(tags.c.experiment_id == op.experiment_id, tags.c.key == op.key)
    if connection.execute(found).rowcount == 0:
        raise refusals.no_experiment_tag(op.experiment_id, op.key)


def require_active(connection: Connection, experiment_id: str, place: str, *, change: bool = False) -> Any:
    """The experiment's row, which stays as it is until the transaction ends; NotFound or InvalidState otherwise."""
    row = require(connection, experiment_id, place, change=change)
    if row.lifecycle_stage != ACTIVE:
        raise refusals.experiment_deleted(experiment_id, row.name)
    return row


def require(connection: Connection, experiment_id: str, place: str, *, change: bool = False) -> Any:
    """The experiment's row, whatever its stage, which stays as it is until the transaction ends; else NotFound."""
    statement = select(TABLE).where(TABLE.c.experiment_id == experiment_id).with_for_update(read=not change)
    row = connection.execute(statement).one_or_none()
    if row is None:
        raise refusals.no_experiment(experiment_id, place)
    return row


def _row(connection: Connection, experiment_id: str) -> Any:
    return connection.execute(select(TABLE.c.name).where(TABLE.c.experiment_id == experiment_id)).one_or_none()


def _change(connection: Connection, experiment_id: str, **values: Any) -> None:
    connection.execute(update(TABLE).where(TABLE.c.experiment_id == experiment_id).values(**values))


def _check_name_is_free(connection: Connection, name: str, but: str | None = None) -> None:
    taken = connection.execute(select(TABLE).where(TABLE.c.name == name)).one_or_none()
    if taken is not None and taken.experiment_id != but:
        raise refusals.name_taken(name, taken.lifecycle_stage, taken.experiment_id)


def take_turn(connection: Connection) -> None:
    """Names and ids are given to one writer at a time."""
    connection.execute(select(ledger.experiment_ids.c.last).with_for_update())


def _next_id(connection: Connection) -> str:
    last: int = connection.execute(select(ledger.experiment_ids.c.last)).scalar_one()
    while True:
        last += 1
        if _row(connection, str(last)) is None:
            break
    connection.execute(update(ledger.experiment_ids).values(last=last))
    return str(last)
