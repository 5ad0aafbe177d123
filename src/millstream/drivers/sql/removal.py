"""Rows of runs, logged models and experiments that go for good."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Connection, delete, select

from millstream.drivers.sql import changelog, ledger, schema
from millstream.drivers.sql.apply.rows import upsert
from millstream.drivers.sql.models import drop_models, model_ids
from millstream.drivers.sql.read import rid_of
from millstream.values import ops, refusals
from millstream.values.entities import ACTIVE
from millstream.values.paths import Location
from millstream.values.space import is_older, own_artifacts

# All that belongs to a run, chunks of points among it.
OF_RUN = tuple(table for table in ledger.TABLES if "rid" in table.c and table is not schema.runs)


def take_run(connection: Connection, op: ops.PurgeRun, place: str) -> Any:
    """Remove a run's rows and note its artifacts as still to be removed, if they are its own; returns its row."""
    runs = schema.runs
    row = connection.execute(select(runs).where(runs.c.run_id == op.run_id).with_for_update()).one_or_none()
    if row is None:
        raise refusals.no_run(op.run_id, place)
    if row.lifecycle_stage == ACTIVE:
        raise refusals.run_not_deleted(op.run_id)
    if not is_older(deleted_times(connection, [row]).get(row.rid), op.before):
        raise refusals.deleted_too_recently("Run", op.run_id)
    for table in (*OF_RUN, runs):
        connection.execute(delete(table).where(table.c.rid == row.rid))
    changelog.note_experiments(connection, [row.experiment_id])
    changelog.forget_runs(connection, [op.run_id])
    if own_artifacts(row.artifact_uri, op.run_id, locations(connection, row.experiment_id)) is not None:
        upsert(connection, ledger.purges, [{"run_id": op.run_id, "artifact_uri": row.artifact_uri, "time": _now()}])
    return row


def take_model(connection: Connection, op: ops.PurgeLoggedModel, place: str, *, whatever: bool) -> str:
    """Remove a logged model's rows and note its artifacts as still to be removed, if they are its own; where they are.

    What runs say of it stays. It must be deleted, unless it goes `whatever` it is.
    """
    models, experiments = schema.logged_models, schema.experiments
    row = connection.execute(select(models).where(models.c.model_id == op.model_id).with_for_update()).one_or_none()
    if row is None:
        raise refusals.no_model(op.model_id, place)
    if row.lifecycle_stage == ACTIVE and not whatever:
        raise refusals.model_not_deleted(op.model_id)
    if not is_older(row.last_updated_timestamp, op.before):
        raise refusals.deleted_too_recently("Logged model", op.model_id)
    location = select(experiments.c.artifact_location).where(experiments.c.experiment_id == row.experiment_id)
    home, uri = model_home(connection.execute(location).scalar() or ""), str(row.artifact_location)
    if own_artifacts(uri, op.model_id, [home]) is not None:
        upsert(connection, ledger.purges, [{"run_id": op.model_id, "artifact_uri": uri, "time": _now()}])
    drop_models(connection, [op.model_id])
    changelog.note_experiments(connection, [row.experiment_id])
    return uri


def take_experiment(connection: Connection, op: ops.PurgeExperiment, place: str) -> tuple[str, list[str], list[str]]:
    """Check that an experiment may go; its artifact location, and the ids of runs and logged models that it still has.

    When it has none, its rows are removed.
    """
    experiments, runs = schema.experiments, schema.runs
    named = experiments.c.experiment_id == op.experiment_id
    row = connection.execute(select(experiments).where(named).with_for_update()).one_or_none()
    if row is None:
        raise refusals.no_experiment(op.experiment_id, place)
    if row.lifecycle_stage == ACTIVE:
        raise refusals.experiment_still_active(op.experiment_id)
    if not is_older(row.last_update_time, op.before):
        raise refusals.deleted_too_recently("Experiment", op.experiment_id)
    ids = list(connection.execute(select(runs.c.run_id).where(runs.c.experiment_id == op.experiment_id)).scalars())
    models = model_ids(connection, op.experiment_id)
    if not ids and not models:
        for table in (schema.experiment_tags, experiments):
            connection.execute(delete(table).where(table.c.experiment_id == op.experiment_id))
        changelog.note_experiments(connection, [op.experiment_id])
    return row.artifact_location, ids, models


def model_home(location: str) -> str:
    """Where artifacts of logged models go in an experiment's artifact `location`."""
    return str(Location.parse(location) / "models") if location else ""


def unfinished(connection: Connection) -> list[tuple[str, str]]:
    """(id of a run or logged model, artifact URI) of artifacts still to be removed."""
    purges = ledger.purges.c
    return [tuple(row) for row in connection.execute(select(purges.run_id, purges.artifact_uri)).all()]


def is_there(connection: Connection, owner_id: str) -> bool:
    """Whether there is a run or logged model of this id."""
    models = schema.logged_models.c
    named = select(models.model_id).where(models.model_id == owner_id)
    return rid_of(connection, owner_id) is not None or connection.execute(named).first() is not None


def finish(connection: Connection, owner_id: str) -> None:
    """Note that the artifacts of a run or logged model are gone."""
    connection.execute(delete(ledger.purges).where(ledger.purges.c.run_id == owner_id))


def locations(connection: Connection, first: str) -> list[str]:
    """Artifact locations of all experiments, that of the experiment `first` before the others."""
    experiments = schema.experiments.c
    rows = connection.execute(select(experiments.experiment_id, experiments.artifact_location)).all()
    return [row.artifact_location for row in sorted(rows, key=lambda row: row.experiment_id != first)]


def deleted_times(connection: Connection, runs: Any) -> dict[int, int]:
    """`rid` to when a run was deleted: its own time, else that of its experiment, if that is deleted."""
    experiments, deleted = schema.experiments, ledger.deleted_runs
    gone = {
        row.experiment_id: row.last_update_time
        for row in connection.execute(select(experiments).where(experiments.c.lifecycle_stage != ACTIVE)).all()
    }
    own = {row.rid: row.time for row in connection.execute(select(deleted)).all()}
    times = {row.rid: own.get(row.rid, gone.get(row.experiment_id)) for row in runs}
    return {rid: time for rid, time in times.items() if time is not None}


def _now() -> int:
    return time.time_ns() // 1_000_000
