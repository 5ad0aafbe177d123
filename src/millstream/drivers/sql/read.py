"""Tables into entities: the answers to queries, given a statement that says which runs, in which order."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, starmap
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Table, func, select

from millstream.drivers.sql import schema
from millstream.values.entities import (
    Dataset,
    DatasetInput,
    Experiment,
    InputTag,
    Metric,
    ModelInput,
    ModelOutput,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)
from millstream.values.queries import RunTable

# SQLite takes at most 32,766 values in one statement; smaller ones are prepared faster.
BATCH = 1000
INFO = tuple(schema.runs.c[name] for name in RunInfo.__struct_fields__)


def experiments(connection: Connection, ids: Sequence[str]) -> list[Experiment]:
    """The experiments with these ids, in this order."""
    table, tag_table = schema.experiments, schema.experiment_tags
    tags: defaultdict[str, dict[str, str]] = defaultdict(dict)
    found: dict[str, Experiment] = {}
    for batch in batches(ids):
        for row in connection.execute(select(tag_table).where(tag_table.c.experiment_id.in_(batch))).all():
            tags[row.experiment_id][row.key] = row.value
        for row in connection.execute(select(table).where(table.c.experiment_id.in_(batch))).all():
            found[row.experiment_id] = Experiment(**row._mapping, tags=tags.get(row.experiment_id, {}))
    return [found[experiment_id] for experiment_id in ids if experiment_id in found]


def experiment_ids_named(connection: Connection, name: str) -> list[str]:
    """Ids of the experiments with this name, active ones first."""
    table = schema.experiments
    statement = select(table.c.experiment_id).where(table.c.name == name).order_by(table.c.lifecycle_stage)
    return [row.experiment_id for row in connection.execute(statement).all()]


def rid_of(connection: Connection, run_id: str) -> int | None:
    """The run's `rid`, None when there is no such run."""
    return connection.execute(select(schema.runs.c.rid).where(schema.runs.c.run_id == run_id)).scalar()


def run_info(connection: Connection, run_id: str) -> RunInfo | None:
    """The run's info, None when there is no such run."""
    row = connection.execute(select(schema.runs).where(schema.runs.c.run_id == run_id)).one_or_none()
    return None if row is None else info(row)


def runs(connection: Connection, rids: Sequence[int]) -> list[Run]:
    """The runs with these `rid`s, in this order, with all their data."""
    found: dict[int, Run] = {}
    for batch in batches(rids):
        infos = {
            row.rid: row for row in connection.execute(select(schema.runs).where(schema.runs.c.rid.in_(batch))).all()
        }
        params = _texts(connection, schema.params, batch)
        tags = _texts(connection, schema.tags, batch)
        latest = _latest(connection, batch)
        datasets, used, made = _inputs(connection, batch)
        for rid, row in infos.items():
            points = tuple(latest.get(rid, ()))
            metrics = {point.key: point.value for point in points}
            found[rid] = Run(
                info=info(row),
                data=RunData(metrics=metrics, params=params.get(rid, {}), tags=tags.get(rid, {}), latest=points),
                inputs=RunInputs(tuple(datasets.get(rid, ())), tuple(used.get(rid, ()))),
                outputs=RunOutputs(tuple(made.get(rid, ()))),
            )
    return [found[rid] for rid in rids if rid in found]


def table(connection: Connection, rids: Sequence[int], total: int) -> RunTable:
    """The runs with these `rid`s as columns, in this order; `total` is passed on."""
    place = {rid: index for index, rid in enumerate(rids)}
    infos: list[Any] = [None] * len(rids)
    params: dict[str, list[str | None]] = {}
    tags: dict[str, list[str | None]] = {}
    metrics: dict[str, list[float | None]] = {}
    for batch in batches(rids):
        for row in connection.execute(select(schema.runs).where(schema.runs.c.rid.in_(batch))).all():
            infos[place[row.rid]] = row
        for source, columns in ((schema.params, params), (schema.tags, tags)):
            for rid, key, value in connection.execute(select(source).where(source.c.rid.in_(batch))).all():
                _column(columns, key, len(rids))[place[rid]] = value
        for rid, key, value, is_nan in connection.execute(_last_values(batch)).all():
            _column(metrics, key, len(rids))[place[rid]] = math.nan if is_nan else value
    rows = [row for row in infos if row is not None]
    facts: dict[str, Any] = {column.name: [getattr(row, column.name) for row in rows] for column in INFO}
    return RunTable(total=total, **facts, params=_sorted(params), metrics=_sorted(metrics), tags=_sorted(tags))


def count(connection: Connection, source: Table, *conditions: Any) -> int:
    """How many rows of `source` meet all `conditions`."""
    return int(connection.execute(select(func.count()).select_from(source).where(*conditions)).scalar_one())


def batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    """`items` in lists short enough for one statement."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def _column(columns: dict[str, list[Any]], key: str, length: int) -> list[Any]:
    column = columns.get(key)
    if column is None:
        column = columns[key] = [None] * length
    return column


def _sorted(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return dict(sorted(columns.items()))


def info(row: Row[Any]) -> RunInfo:
    """The run info that a row of `runs` holds."""
    return RunInfo(*(getattr(row, name) for name in RunInfo.__struct_fields__))


def _texts(connection: Connection, source: Table, rids: list[int]) -> dict[int, dict[str, str]]:
    texts: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for rid, key, value in connection.execute(select(source).where(source.c.rid.in_(rids))).all():
        texts[rid][key] = value
    return texts


def _last_values(rids: Iterable[int]) -> Any:
    columns = schema.series.c
    return select(columns.rid, columns.key, columns.last_value, columns.last_nan).where(columns.rid.in_(rids))


def _latest(connection: Connection, rids: list[int]) -> dict[int, list[Metric]]:
    columns = schema.series.c
    statement = select(
        columns.rid, columns.key, columns.last_value, columns.last_nan, columns.last_time, columns.last_step
    ).where(columns.rid.in_(rids))
    latest: defaultdict[int, list[Metric]] = defaultdict(list)
    for rid, key, value, is_nan, time, step in connection.execute(statement).all():
        latest[rid].append(Metric(key, math.nan if is_nan else value, time, step))
    return latest


def _inputs(
    connection: Connection, rids: list[int]
) -> tuple[dict[int, list[DatasetInput]], dict[int, list[ModelInput]], dict[int, list[ModelOutput]]]:
    datasets: defaultdict[int, list[DatasetInput]] = defaultdict(list)
    used: defaultdict[int, list[ModelInput]] = defaultdict(list)
    made: defaultdict[int, list[ModelOutput]] = defaultdict(list)
    source, links = schema.dataset_inputs, schema.model_links
    for row in connection.execute(select(source).where(source.c.rid.in_(rids))).all():
        dataset = Dataset(row.name, row.digest, row.source_type, row.source, row.schema, row.profile)
        tags = msgspec.json.decode(row.tags, type=dict[str, str])
        datasets[row.rid].append(DatasetInput(dataset, tuple(starmap(InputTag, tags.items()))))
    for row in connection.execute(select(links).where(links.c.rid.in_(rids))).all():
        if row.direction == "in":
            used[row.rid].append(ModelInput(row.model_id))
        else:
            made[row.rid].append(ModelOutput(row.model_id, row.step))
    return datasets, used, made
