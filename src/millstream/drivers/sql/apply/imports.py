"""Ops that bring experiments and runs from elsewhere, with their ids, times and stages."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import structs
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply import experiments
from millstream.drivers.sql.apply.points import append_metrics
from millstream.drivers.sql.apply.rows import insert_new, insert_one, upsert
from millstream.drivers.sql.apply.runs import ARTIFACTS, locked
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import dataset_rows, link_rows, param_row, put_experiment
from millstream.values import ops, refusals
from millstream.values.entities import DELETED, RunInfo
from millstream.values.names import DEFAULT_EXPERIMENT_ID
from millstream.values.paths import Location

RUNS = schema.runs
_COUNTS = select(schema.series.c.key, schema.series.c.count.label("count_")).where(
    schema.series.c.rid == bindparam("of"), schema.series.c.key.in_(bindparam("keys", expanding=True))
)


def create_experiment(connection: Connection, op: ops.ImportExperiment, place: str, root: Location) -> str:
    """Make an experiment; its id and artifact location are chosen when they are empty."""
    given = op.experiment
    if given.experiment_id != DEFAULT_EXPERIMENT_ID:
        experiments.create_first(connection, given.creation_time or 0, root)
    experiment_id = experiments.take_name(connection, given.name, given.experiment_id)
    location = given.artifact_location or str(root / experiment_id)
    put_experiment(connection, structs.replace(given, experiment_id=experiment_id, artifact_location=location))
    return experiment_id


def put_run(connection: Connection, op: ops.ImportRun, place: str) -> RunInfo:
    """Make a run, or add to one that is there."""
    info = op.info
    if op.known is None:
        rid, info = _create(connection, info, place)
    else:
        rid = locked(connection, info.run_id, place).rid
        _check_counts(connection, rid, info.run_id, op.known)
        connection.execute(update(RUNS).where(RUNS.c.rid == rid).values(**info.to_dictionary()))
        connection.execute(delete(ledger.deleted_runs).where(ledger.deleted_runs.c.rid == rid))
    if info.lifecycle_stage == DELETED and op.deleted_time is not None:
        connection.execute(insert(ledger.deleted_runs), [{"rid": rid, "time": op.deleted_time}])
    insert_new(connection, schema.params, [param_row(rid, *item) for item in op.params.items()])
    upsert(connection, schema.tags, [{"rid": rid, "key": k, "value": v} for k, v in op.tags.items()])
    if op.metrics:
        append_metrics(connection, rid, op.metrics)
    insert_new(connection, schema.dataset_inputs, list(dataset_rows(rid, op.inputs.dataset_inputs)))
    insert_new(connection, schema.model_links, list(link_rows(rid, op.inputs.model_inputs, op.outputs.model_outputs)))
    return info


def _create(connection: Connection, info: RunInfo, place: str) -> tuple[int, RunInfo]:
    experiment = experiments.require(connection, info.experiment_id, place)
    if not info.artifact_uri:
        location = Location.parse(experiment.artifact_location)
        info = structs.replace(info, artifact_uri=str(location / info.run_id / ARTIFACTS))
    rid = insert_one(connection, RUNS, info.to_dictionary())
    if rid is None:
        raise refusals.run_exists(info.run_id, place)
    return rid, info


def _check_counts(connection: Connection, rid: int, run_id: str, known: Mapping[str, int]) -> None:
    found: dict[str, int] = {}
    for keys in batches(list(known)):
        found |= {row.key: row.count_ for row in connection.execute(_COUNTS, {"of": rid, "keys": keys})}
    for key, count in known.items():
        if found.get(key, 0) != count:
            raise refusals.run_moved_on(run_id, key, found.get(key, 0), count)
