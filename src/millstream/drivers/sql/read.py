"""Tables into entities: the answers to queries, given a statement that says which runs, in which order."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain, islice, starmap
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, Table, exists, func, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.functions import Among
from millstream.drivers.sql.plain import translated
from millstream.formats.filters import Columns
from millstream.formats.sources import source_of
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
from millstream.values.readers import json_reader

# SQLite takes at most 32,766 values in one statement; smaller ones are prepared faster.
BATCH = 1000
SOME = 5000
EVERYTHING = Columns()
_read_tags = json_reader(dict[str, str])
INFO = tuple(schema.runs.c[name] for name in RunInfo.__struct_fields__)
# Most runs have neither datasets nor models: to know it saves two statements a page.
LINKED = tuple(
    exists().where(table.c.rid == schema.runs.c.rid) for table in (schema.dataset_inputs, schema.model_links)
)


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


def rids_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """The `rid`s of those of the runs that are there, by run id."""
    table = schema.runs
    found: dict[str, int] = {}
    for batch in batches(run_ids):
        rows = connection.execute(select(table.c.run_id, table.c.rid).where(table.c.run_id.in_(batch)))
        found.update((run_id, rid) for run_id, rid in rows)
    return found


def run_info(connection: Connection, run_id: str) -> RunInfo | None:
    """The run's info, None when there is no such run."""
    row = connection.execute(select(schema.runs).where(schema.runs.c.run_id == run_id)).one_or_none()
    return None if row is None else info(row)


def deleted_times(connection: Connection, run_ids: Sequence[str]) -> dict[str, int]:
    """When deleted runs of a database were deleted, by run id."""
    deleted, table = ledger.deleted_runs, schema.runs
    found: dict[str, int] = {}
    for batch in batches(run_ids):
        statement = select(table.c.run_id, deleted.c.time).where(
            deleted.c.rid == table.c.rid, table.c.run_id.in_(batch)
        )
        found.update((run_id, time) for run_id, time in connection.execute(statement))
    return found


def runs(connection: Connection, rids: Sequence[int], wanted: Columns = EVERYTHING) -> list[Run]:
    """The runs with these `rid`s, in this order, with the data that is wanted."""
    found: dict[int, Run] = {}
    for batch in batches(rids):
        named = select(schema.runs.c.rid, *LINKED, *INFO).where(Among.numbers(schema.runs.c.rid, batch))
        told_of = list(chain.from_iterable(rows(connection, named)))
        infos = {row[0]: RunInfo(*row[3:]) for row in told_of}
        params = _texts(connection, schema.params, batch, wanted.params)
        tags = _texts(connection, schema.tags, batch, wanted.tags)
        latest = _latest(connection, batch, None if wanted.all_metrics else [key.key for key in wanted.metrics])
        datasets = _datasets(connection, [row[0] for row in told_of if row[1]])
        used, made = _model_links(connection, [row[0] for row in told_of if row[2]])
        for rid, told in infos.items():
            points = tuple(latest.get(rid, ()))
            metrics = {point.key: point.value for point in points}
            found[rid] = Run(
                info=told,
                data=RunData(metrics=metrics, params=params.get(rid, {}), tags=tags.get(rid, {}), latest=points),
                inputs=RunInputs(tuple(datasets.get(rid, ())), tuple(used.get(rid, ()))),
                outputs=RunOutputs(tuple(made.get(rid, ()))),
            )
    return [found[rid] for rid in rids if rid in found]


def rows(connection: Connection, statement: Select[Any]) -> Iterator[Sequence[Any]]:
    """Rows as the driver gives them, some thousands at a time: SQLAlchemy's own cost as much again as reading them."""
    cursor = connection.execute(statement).cursor
    assert cursor is not None
    with translated(connection, connection.connection, cursor):
        while some := cursor.fetchmany(SOME):
            yield some


def count(connection: Connection, source: Table, *conditions: Any) -> int:
    """How many rows of `source` meet all `conditions`."""
    return int(connection.execute(select(func.count()).select_from(source).where(*conditions)).scalar_one())


def batches(items: Sequence[Any]) -> Iterator[list[Any]]:
    """`items` in lists short enough for one statement."""
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch


def info(row: Row[Any]) -> RunInfo:
    """The run info that a row of `runs` holds."""
    return RunInfo(*(getattr(row, name) for name in RunInfo.__struct_fields__))


def keyed(source: Table, rids: Sequence[int], keys: Sequence[str] | None) -> list[ColumnElement[bool]]:
    """What holds for the rows of `source` that belong to these runs and keys; None means all keys."""
    conditions: list[ColumnElement[bool]] = [Among.numbers(source.c.rid, rids)]
    return conditions if keys is None else [*conditions, source.c.key.in_(keys)]


def _texts(
    connection: Connection, source: Table, rids: list[int], keys: Sequence[str] | None
) -> dict[int, dict[str, str]]:
    texts: defaultdict[int, dict[str, str]] = defaultdict(dict)
    if keys == ():
        return texts
    statement = select(source.c.rid, source.c.key, source.c.value).where(*keyed(source, rids, keys))
    for rid, key, value in chain.from_iterable(rows(connection, statement)):
        texts[rid][key] = value
    return texts


def _latest(connection: Connection, rids: list[int], keys: Sequence[str] | None) -> dict[int, list[Metric]]:
    columns = schema.series.c
    statement = select(
        columns.rid,
        columns.key,
        columns.last_value,
        columns.last_nan,
        columns.last_time,
        columns.last_step,
        columns.last_source,
    ).where(*keyed(schema.series, rids, keys))
    latest: defaultdict[int, list[Metric]] = defaultdict(list)
    for rid, key, value, is_nan, time, step, source in chain.from_iterable(rows(connection, statement)):
        latest[rid].append(Metric(key, math.nan if is_nan else value, time, step, None, *source_of(source)))
    return latest


def _datasets(connection: Connection, rids: list[int]) -> dict[int, list[DatasetInput]]:
    datasets: defaultdict[int, list[DatasetInput]] = defaultdict(list)
    source = schema.dataset_inputs
    for row in connection.execute(select(source).where(Among.numbers(source.c.rid, rids))).all() if rids else ():
        dataset = Dataset(row.name, row.digest, row.source_type, row.source, row.schema, row.profile)
        tags = _read_tags(row.tags)
        datasets[row.rid].append(DatasetInput(dataset, tuple(starmap(InputTag, tags.items()))))
    return datasets


def _model_links(
    connection: Connection, rids: list[int]
) -> tuple[dict[int, list[ModelInput]], dict[int, list[ModelOutput]]]:
    used: defaultdict[int, list[ModelInput]] = defaultdict(list)
    made: defaultdict[int, list[ModelOutput]] = defaultdict(list)
    links = schema.model_links
    for row in connection.execute(select(links).where(Among.numbers(links.c.rid, rids))).all() if rids else ():
        if row.direction == "in":
            used[row.rid].append(ModelInput(row.model_id))
        else:
            made[row.rid].append(ModelOutput(row.model_id, row.step))
    return used, made
