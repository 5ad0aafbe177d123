"""Ops on runs: their life, tags, inputs and outputs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from millstream.drivers.sql import changelog, ledger, read, schema
from millstream.drivers.sql.apply import points
from millstream.drivers.sql.apply.experiments import require_active, require_goal
from millstream.drivers.sql.apply.rows import insert_new, insert_one, upsert
from millstream.drivers.sql.write import dataset_rows, insert_rows, link_rows
from millstream.values import names, ops, refusals
from millstream.values.entities import ACTIVE, DELETED, Run, RunData, RunInfo
from millstream.values.paths import Location

TABLE = schema.runs
ARTIFACTS = "artifacts"
# Built once: every batch of points asks it.
_LOCKED = select(TABLE.c.rid, TABLE.c.lifecycle_stage).where(TABLE.c.run_id == bindparam("named")).with_for_update()


def create(connection: Connection, op: ops.CreateRun, place: str, root: Location) -> Run:
    """Start a run; one of this id that is there already is left as it is and returned."""
    experiment = require_goal(connection, op.experiment_id, place, op.start_time, root)
    location = Location.parse(experiment.artifact_location)
    name = op.run_name or op.tags.get(names.RUN_NAME_TAG) or names.random_name()
    info = RunInfo(
        run_id=op.run_id,
        experiment_id=op.experiment_id,
        user_id=op.user_id,
        status="RUNNING",
        start_time=op.start_time,
        end_time=None,
        lifecycle_stage=ACTIVE,
        artifact_uri=str(location / op.run_id / ARTIFACTS),
        run_name=name,
    )
    rid = insert_one(connection, TABLE, info.to_dictionary())
    if rid is None:
        return made_before(connection, op)
    tags = {**op.tags, names.RUN_NAME_TAG: name}
    insert_rows(connection, schema.tags, [{"rid": rid, "key": key, "value": value} for key, value in tags.items()])
    return Run(info, RunData(tags=tags))


def made_before(connection: Connection, op: ops.CreateRun) -> Run:
    """The run that an earlier op of the same id made; AlreadyExists when it lies in another experiment."""
    rid = connection.execute(select(TABLE.c.rid).where(TABLE.c.run_id == op.run_id)).scalar_one_or_none()
    if rid is None:
        raise refusals.gone_again("run", op.run_id)
    (run,) = read.runs(connection, [rid])
    if run.info.experiment_id != op.experiment_id:
        raise refusals.run_exists(op.run_id, f"experiment {run.info.experiment_id}")
    return Run(run.info, RunData(tags=run.data.tags))


def change(connection: Connection, op: ops.UpdateRun, place: str) -> RunInfo:
    """Change status, end time and name, whichever are given."""
    row = require_writable(connection, op.run_id, place)
    values: dict[str, Any] = {}
    if op.status:
        values["status"] = op.status
    if op.end_time is not None:
        values["end_time"] = op.end_time
    if op.run_name:
        values["run_name"] = op.run_name
        upsert(connection, schema.tags, [{"rid": row.rid, "key": names.RUN_NAME_TAG, "value": op.run_name}])
    if values:
        connection.execute(update(TABLE).where(TABLE.c.rid == row.rid).values(**values))
    return read.info(connection.execute(select(TABLE).where(TABLE.c.rid == row.rid)).one())


def seal(connection: Connection, run_id: str, after: str) -> str | None:
    """Merge small chunks of some series with keys beyond `after`; the key to go on after, None when there are no more.

    A run that is deleted or gone has none.
    """
    row = connection.execute(_LOCKED, {"named": run_id}).one_or_none()
    return None if row is None or row.lifecycle_stage != ACTIVE else points.seal(connection, row.rid, after)


def remove(connection: Connection, op: ops.DeleteRun, place: str) -> None:
    """Mark as deleted; deleting a deleted run changes nothing."""
    row = locked(connection, op.run_id, place)
    if row.lifecycle_stage == ACTIVE:
        connection.execute(update(TABLE).where(TABLE.c.rid == row.rid).values(lifecycle_stage=DELETED))
        connection.execute(insert(ledger.deleted_runs), [{"rid": row.rid, "time": op.time}])


def restore(connection: Connection, op: ops.RestoreRun, place: str) -> None:
    """Mark as active; restoring an active run changes nothing."""
    experiments = schema.experiments
    statement = (
        select(experiments.c.experiment_id, experiments.c.lifecycle_stage)
        .where(experiments.c.experiment_id.in_(select(TABLE.c.experiment_id).where(TABLE.c.run_id == op.run_id)))
        .with_for_update(read=True)
    )
    experiment = connection.execute(statement).one_or_none()
    row = locked(connection, op.run_id, place)
    if experiment is not None and experiment.lifecycle_stage != ACTIVE:
        raise refusals.run_of_deleted_experiment(op.run_id, experiment.experiment_id)
    if row.lifecycle_stage != ACTIVE:
        connection.execute(update(TABLE).where(TABLE.c.rid == row.rid).values(lifecycle_stage=ACTIVE))
        connection.execute(delete(ledger.deleted_runs).where(ledger.deleted_runs.c.rid == row.rid))


def move(connection: Connection, op: ops.MoveRuns, place: str) -> None:
    """Give runs to another experiment; their artifacts stay where they are."""
    require_active(connection, op.experiment_id, place)
    statement = select(TABLE).where(TABLE.c.run_id.in_(op.run_ids)).order_by(TABLE.c.rid).with_for_update()
    found = {row.run_id: row for row in connection.execute(statement)}
    for run_id in op.run_ids:
        if run_id not in found:
            raise refusals.no_run(run_id, place)
        if found[run_id].lifecycle_stage != ACTIVE:
            raise refusals.run_deleted(run_id)
    rids = [row.rid for row in found.values()]
    connection.execute(update(TABLE).where(TABLE.c.rid.in_(rids)).values(experiment_id=op.experiment_id))
    changelog.note_moved(connection, op, {row.experiment_id for row in found.values()})


def delete_tag(connection: Connection, op: ops.DeleteTag, place: str) -> None:
    """Remove a tag; NotFound when there is none."""
    rid = require_writable(connection, op.run_id, place).rid
    tags = schema.tags
    if connection.execute(delete(tags).where(tags.c.rid == rid, tags.c.key == op.key)).rowcount == 0:
        raise refusals.no_tag(op.run_id, op.key)


def log_inputs(connection: Connection, op: ops.LogInputs, place: str) -> None:
    """Note datasets and models that the run used."""
    rid = require_writable(connection, op.run_id, place).rid
    insert_new(connection, schema.dataset_inputs, list(dataset_rows(rid, op.datasets)))
    insert_new(connection, schema.model_links, list(link_rows(rid, op.models, ())))


def log_outputs(connection: Connection, op: ops.LogOutputs, place: str) -> None:
    """Note models that the run made."""
    rid = require_writable(connection, op.run_id, place).rid
    insert_new(connection, schema.model_links, list(link_rows(rid, (), op.models)))


def require_writable(connection: Connection, run_id: str, place: str) -> Any:
    """`rid` and stage of an active run that nobody else writes to until the transaction ends."""
    row = locked(connection, run_id, place)
    if row.lifecycle_stage != ACTIVE:
        raise refusals.run_deleted(run_id)
    return row


def locked(connection: Connection, run_id: str, place: str) -> Any:
    """`rid` and stage of a run that nobody else writes to until the transaction ends; NotFound for none."""
    row = connection.execute(_LOCKED, {"named": run_id}).one_or_none()
    if row is None:
        raise refusals.no_run(run_id, place)
    return row
