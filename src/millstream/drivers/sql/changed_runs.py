"""Changed runs as they are now, and how far their metrics are, from the tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.sql import ColumnElement

from millstream.drivers.sql import schema
from millstream.drivers.sql.changelog import Changed
from millstream.drivers.sql.read import INFO, batches
from millstream.values.changes import ChangedRun, PointCount, Steps
from millstream.values.entities import ACTIVE, RunStatus


def read_changed(connection: Connection, changed: Sequence[Changed]) -> tuple[ChangedRun, ...]:
    """Those of the runs that there are."""
    runs = schema.runs.c
    infos = {}
    for batch in batches([one.run_id for one in changed]):
        for row in connection.execute(select(runs.rid, *INFO).where(runs.run_id.in_(batch))):
            infos[row.run_id] = row
    rids = [row.rid for row in infos.values()]
    said = _said(connection, rids)
    series = _series(connection, rids)
    found = []
    for one in changed:
        if one.run_id not in infos or infos[one.run_id].experiment_id != one.experiment_id:
            continue
        row = infos[one.run_id]
        digest = hash((tuple(row), frozenset(said[row.rid])))
        found.append(
            ChangedRun(
                experiment_id=one.experiment_id,
                run_id=one.run_id,
                made=one.made,
                status=row.status,
                lifecycle_stage=row.lifecycle_stage,
                digest=digest,
                series=series.get(row.rid, {}),
            )
        )
    return tuple(found)


def count_points(
    connection: Connection, experiment_ids: Iterable[str] | None, run_ids: Iterable[str]
) -> dict[str, PointCount]:
    """By run id, those of the running runs of experiments (all when None) and of runs that have points."""
    runs, found = schema.runs.c, {}
    chosen: list[ColumnElement[bool] | None] = [None]
    if experiment_ids is not None:
        chosen = [runs.experiment_id.in_(batch) for batch in batches(sorted(experiment_ids))]
        chosen += [runs.run_id.in_(batch) for batch in batches(sorted(run_ids))]
    for condition in chosen:
        for row in connection.execute(_counting(condition)):
            found[row.run_id] = PointCount(row.experiment_id, int(row.points))
    return found


def _counting(condition: ColumnElement[bool] | None) -> Any:
    runs, series = schema.runs.c, schema.series.c
    statement = select(runs.run_id, runs.experiment_id, func.sum(series["count"]).label("points"))
    statement = statement.join(schema.series, series.rid == runs.rid)
    statement = statement.where(runs.status == RunStatus.to_string(RunStatus.RUNNING), runs.lifecycle_stage == ACTIVE)
    if condition is not None:
        statement = statement.where(condition)
    return statement.group_by(runs.rid, runs.run_id, runs.experiment_id)


def read_steps(connection: Connection, run_ids: Sequence[str]) -> dict[str, Steps]:
    """By run id, how far the metrics of runs are."""
    runs = schema.runs.c
    found: dict[str, Steps] = {}
    for batch in batches(run_ids):
        known = {
            row.rid: row.run_id
            for row in connection.execute(select(runs.rid, runs.run_id).where(runs.run_id.in_(batch)))
        }
        series = _series(connection, list(known))
        found |= {run_id: series.get(rid, {}) for rid, run_id in known.items()}
    return found


def _said(connection: Connection, rids: Sequence[int]) -> dict[int, list[tuple[object, ...]]]:
    """All rows of runs that are no points: params, tags, datasets, models."""
    found: defaultdict[int, list[tuple[object, ...]]] = defaultdict(list)
    for table in (schema.params, schema.tags, schema.dataset_inputs, schema.model_links):
        for batch in batches(rids):
            for row in connection.execute(select(table).where(table.c.rid.in_(batch))):
                found[row.rid].append((table.name, *row))
    return found


def _series(connection: Connection, rids: Sequence[int]) -> dict[int, Steps]:
    table = schema.series.c
    found: defaultdict[int, Steps] = defaultdict(dict)
    for batch in batches(rids):
        columns = (table.rid, table.key, table["count"], table.last_step)
        for rid, key, count, last_step in connection.execute(select(*columns).where(table.rid.in_(batch))):
            found[rid][key] = (count, last_step)
    return found
