"""Searches as SQL statements: which runs and experiments, in which order.

A sort key on a table below runs is one outer join; conditions are made in `conditions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from msgspec import structs
from sqlalchemy import ColumnElement, Connection, FromClause, Select, and_, case, func, literal, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import EXPERIMENTS, RUNS, Condition, among, condition, of_seen, part_of
from millstream.formats.filters import NUMBER, And, Comparison, Node, Not, Or, OrderKey
from millstream.values.rights import EVERYTHING, Seen

Named = TypeVar("Named", bound=Comparison | OrderKey)


def runs_statement(
    experiment_ids: Sequence[str], node: Node | None, order_keys: Sequence[OrderKey], stages: Sequence[str]
) -> Select[int]:
    """`rid` of every run of `experiment_ids` in one of `stages` that meets `node`, in order.

    Ties, and all runs when there are no `order_keys`, go by start time (newest first), then run id.
    """
    joined: FromClause = schema.runs
    order: list[ColumnElement[Any]] = []
    for key in order_keys:
        joined, terms = _sort_terms(joined, key)
        order += terms
    runs = schema.runs.c
    order += [runs.start_time.desc().nulls_last(), runs.run_id.asc()]
    return select(runs.rid).select_from(joined).where(*run_conditions(experiment_ids, node, stages)).order_by(*order)


def runs_count(experiment_ids: Sequence[str], node: Node | None, stages: Sequence[str]) -> Select[int]:
    """How many runs `runs_statement` would name."""
    return select(func.count()).select_from(schema.runs).where(*run_conditions(experiment_ids, node, stages))


def run_conditions(experiment_ids: Sequence[str], node: Node | None, stages: Sequence[str]) -> list[Condition]:
    """What holds for every run of `experiment_ids` in one of `stages` that meets `node`."""
    runs = schema.runs.c
    conditions: list[Condition] = [
        among(runs.experiment_id, list(dict.fromkeys(experiment_ids))),
        runs.lifecycle_stage.in_(list(stages)),
    ]
    return conditions if node is None else [*conditions, condition(node, RUNS)]


def experiments_statement(
    node: Node | None, order_keys: Sequence[OrderKey], stages: Sequence[str], seen: Seen = EVERYTHING
) -> Select[str]:
    """Id of every `seen` experiment in one of `stages` that meets `node`, in order.

    Without `order_keys` the newest come first, then the lower id; ties of `order_keys` go to the higher id.
    """
    columns = schema.experiments.c
    order: list[ColumnElement[Any]] = []
    for key in order_keys:
        if key.key == "experiment_id":
            order += _by_id(key.ascending)
        else:
            order.append(directed(columns[key.key], key.ascending))
    order += _by_id(ascending=False) if order else [columns.creation_time.desc().nulls_last(), *_by_id(ascending=True)]
    conditions = [*_experiment_conditions(node, stages), *of_seen(columns.experiment_id, seen)]
    return select(columns.experiment_id).where(*conditions).order_by(*order)


def experiments_count(node: Node | None, stages: Sequence[str]) -> Select[int]:
    """How many experiments `experiments_statement` would name."""
    return select(func.count()).select_from(schema.experiments).where(*_experiment_conditions(node, stages))


def settle(
    connection: Connection, experiment_ids: Sequence[str], node: Node | None, keys: Sequence[OrderKey] = ()
) -> tuple[Node | None, tuple[OrderKey, ...]]:
    """`node` and `keys` with it decided what a bare ``metrics.a.min`` means.

    It means the metric ``a.min`` when a run of `experiment_ids` has one, as MLflow has it; else the lowest of ``a``.
    """
    named: list[Comparison | OrderKey] = [*_comparisons(node), *keys]
    asked = dict.fromkeys(_whole(item) for item in named if item.bare)
    taken = {name for name in asked if connection.execute(_has_metric(experiment_ids, name)).scalar() is not None}
    if not taken:
        return node, tuple(keys)
    return _settled_node(node, taken), tuple(_settled(key, taken) for key in keys)


def _has_metric(experiment_ids: Sequence[str], name: str) -> Select[int]:
    runs, series = schema.runs.c, schema.series.c
    joined = schema.series.join(schema.runs, runs.rid == series.rid)
    ids = list(dict.fromkeys(experiment_ids))
    return select(literal(1)).select_from(joined).where(series.key == name, among(runs.experiment_id, ids)).limit(1)


def _comparisons(node: Node | None) -> Iterable[Comparison]:
    match node:
        case Comparison():
            yield node
        case And(clauses) | Or(clauses):
            for clause in clauses:
                yield from _comparisons(clause)
        case Not(clause):
            yield from _comparisons(clause)


def _whole(item: Comparison | OrderKey) -> str:
    return f"{item.key}.{item.part}"


def _settled(item: Named, taken: set[str]) -> Named:
    whole = _whole(item)
    return structs.replace(item, key=whole, part="", bare=False) if item.bare and whole in taken else item


def _settled_node(node: Node | None, taken: set[str]) -> Any:
    match node:
        case Comparison():
            return _settled(node, taken)
        case And(clauses) | Or(clauses):
            return type(node)(tuple(_settled_node(clause, taken) for clause in clauses))
        case Not(clause):
            return Not(_settled_node(clause, taken))
    return node


def _by_id(ascending: bool) -> list[ColumnElement[Any]]:
    """Experiment ids are digits most of the time: the shorter is the lower, as with numbers."""
    column = schema.experiments.c.experiment_id
    return [directed(func.length(column), ascending), directed(column, ascending)]


def _experiment_conditions(node: Node | None, stages: Sequence[str]) -> list[Condition]:
    conditions: list[Condition] = [schema.experiments.c.lifecycle_stage.in_(list(stages))]
    return conditions if node is None else [*conditions, condition(node, EXPERIMENTS)]


def _sort_terms(joined: FromClause, key: OrderKey) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """`joined` with what `key` needs, and the ORDER BY terms.

    First numbers or texts, then NaN (or texts that are no numbers, when a param is sorted as one), then runs without
    the key.
    """
    if key.entity == "attribute":
        return joined, [directed(schema.runs.c[key.key], key.ascending)]
    table = RUNS.below[key.entity].alias()
    joined = joined.outerjoin(table, and_(table.c.rid == schema.runs.c.rid, table.c.key == key.key))
    if key.entity == "metric":
        value, unordered = part_of(table, key.part)
    elif key.part == NUMBER:
        value, unordered = table.c.number, table.c.number.is_(None)
    else:
        return joined, [directed(table.c.value, key.ascending)]
    rank = case((table.c.rid.is_(None), 2), (unordered, 1), else_=0)
    return joined, [rank, directed(value, key.ascending)]


def directed(column: ColumnElement[Any], ascending: bool) -> ColumnElement[Any]:
    """The ORDER BY term; NULL is last in both directions."""
    return (column.asc() if ascending else column.desc()).nulls_last()
