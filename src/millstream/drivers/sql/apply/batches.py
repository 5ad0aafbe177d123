"""LogBatch: params, points and tags of one run, all of them or none."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from millstream.drivers.sql import schema
from millstream.drivers.sql.apply.models import take_points
from millstream.drivers.sql.apply.points import append
from millstream.drivers.sql.apply.rows import upsert
from millstream.drivers.sql.apply.runs import require_writable
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows, param_row
from millstream.values import names, ops, refusals


def log_batch(connection: Connection, op: ops.LogBatch, place: str) -> None:
    """Store a batch; InvalidValue when a param has another value already."""
    rid = require_writable(connection, op.run_id, place).rid
    if op.params:
        _add_params(connection, rid, op)
    if op.metrics:
        append(connection, rid, op.metrics)
        take_points(connection, op.run_id, op.metrics, place)
    if op.tags:
        _set_tags(connection, rid, {tag.key: tag.value for tag in op.tags})


def _add_params(connection: Connection, rid: int, op: ops.LogBatch) -> None:
    given = {param.key: param.value for param in op.params}
    present: dict[str, str] = {}
    table = schema.params
    for keys in batches(list(given)):
        statement = select(table.c.key, table.c.value).where(table.c.rid == rid, table.c.key.in_(keys))
        present.update((key, value) for key, value in connection.execute(statement))
    for key, value in given.items():
        if present.get(key, value) != value:
            raise refusals.param_changed(op.run_id, key, present[key], value)
    rows = [param_row(rid, key, value) for key, value in given.items() if key not in present]
    insert_rows(connection, table, rows)


def _set_tags(connection: Connection, rid: int, tags: dict[str, str]) -> None:
    upsert(connection, schema.tags, [{"rid": rid, "key": key, "value": value} for key, value in tags.items()])
    name = tags.get(names.RUN_NAME_TAG)
    if name is not None:
        connection.execute(update(schema.runs).where(schema.runs.c.rid == rid).values(run_name=name))
