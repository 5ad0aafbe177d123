"""Experiments with what goes on in them, and runs across experiments: one statement each, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, or_, select

from millstream.drivers.sql import schema, tables
from millstream.drivers.sql.conditions import of_seen
from millstream.drivers.sql.functions import AsciiLower, Contains
from millstream.formats.filters import Columns
from millstream.values.entities import ACTIVE, RunStatus
from millstream.values.names import NOTE_TAG
from millstream.values.overviews import NOTE_START, ExperimentColumns
from millstream.values.queries import RunTable
from millstream.values.rights import Seen

_RUNNING = RunStatus.to_string(RunStatus.RUNNING)
_NO_DATA = Columns(params=(), metrics=(), tags=(), all_metrics=False)


def experiments(connection: Connection, stages: Sequence[str], seen: Seen) -> ExperimentColumns:
    """All experiments of `stages` that are `seen`, the newest first."""
    table, note = schema.experiments, schema.experiment_tags
    noted = and_(note.c.experiment_id == table.c.experiment_id, note.c.key == NOTE_TAG)
    statement = (
        select(
            table.c.experiment_id,
            table.c.name,
            table.c.lifecycle_stage,
            table.c.creation_time,
            func.coalesce(func.substr(note.c.value, 1, NOTE_START), ""),
        )
        .select_from(table.outerjoin(note, noted))
        .where(table.c.lifecycle_stage.in_(list(stages)), *of_seen(table.c.experiment_id, seen))
        .order_by(table.c.creation_time.desc().nulls_last(), func.length(table.c.experiment_id), table.c.experiment_id)
    )
    found = connection.execute(statement).all()
    counted = {row[0]: (row[1], row[2]) for row in connection.execute(_counts(seen))}
    last: dict[str, tuple[Any, ...]] = {row[0]: tuple(row)[1:] for row in connection.execute(_last_runs(seen))}
    ends = [last.get(row[0], (None,) * 4) for row in found]
    counts = [counted.get(row[0], (0, 0)) for row in found]
    return ExperimentColumns(
        experiment_id=[row[0] for row in found],
        name=[row[1] for row in found],
        lifecycle_stage=[row[2] for row in found],
        creation_time=[row[3] for row in found],
        note=[row[4] for row in found],
        runs=[runs for runs, _ in counts],
        running=[running for _, running in counts],
        last_run=[end[0] for end in ends],
        last_name=[end[1] for end in ends],
        last_status=[end[2] for end in ends],
        last_start=[end[3] for end in ends],
    )


def _counts(seen: Seen) -> Select[Any]:
    runs = schema.runs.c
    return (
        select(runs.experiment_id, func.count(), func.count().filter(runs.status == _RUNNING))
        .where(runs.lifecycle_stage == ACTIVE, *of_seen(runs.experiment_id, seen))
        .group_by(runs.experiment_id)
    )


def _last_runs(seen: Seen) -> Select[Any]:
    """Of each experiment the run that started last; where several did at once, one of them."""
    runs = schema.runs.c
    latest = (
        select(runs.experiment_id, func.max(runs.start_time).label("start_time"))
        .where(runs.lifecycle_stage == ACTIVE, *of_seen(runs.experiment_id, seen))
        .group_by(runs.experiment_id)
        .subquery()
    )
    is_last = and_(
        runs.experiment_id == latest.c.experiment_id,
        runs.lifecycle_stage == ACTIVE,
        runs.start_time == latest.c.start_time,
    )
    return (
        select(runs.experiment_id, runs.run_id, runs.run_name, runs.status, runs.start_time)
        .select_from(schema.runs.join(latest, is_last))
        .order_by(runs.run_id)
    )


def runs(connection: Connection, text: str, status: str, limit: int, seen: Seen) -> RunTable:
    """Active runs of active experiments with the words of `text`: by name first, then the last to start."""
    columns, home = schema.runs.c, schema.experiments.c
    words = list(dict.fromkeys(text.split()))
    named = [Contains.word(columns.run_name, word) for word in words]
    conditions = [
        columns.lifecycle_stage == ACTIVE,
        columns.experiment_id.in_(select(home.experiment_id).where(home.lifecycle_stage == ACTIVE)),
        *of_seen(columns.experiment_id, seen),
        *(or_(by_name, _begins(columns.run_id, word)) for by_name, word in zip(named, words, strict=True)),
        *([columns.status == status] if status else []),
    ]
    # A short word begins many ids: whoever types one means a name.
    by_words = [case((and_(*named), 0), else_=1)] if named else []
    statement = (
        select(columns.rid)
        .where(*conditions)
        .order_by(*by_words, columns.start_time.desc().nulls_last(), columns.run_id.asc())
        .limit(limit)
    )
    rids = [row[0] for row in connection.execute(statement)]
    return tables.table(connection, rids, len(rids), _NO_DATA)


def _begins(run_id: ColumnElement[str], word: str) -> ColumnElement[bool]:
    return func.substr(AsciiLower(run_id), 1, len(word)) == word.lower()
