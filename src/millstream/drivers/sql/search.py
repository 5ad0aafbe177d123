"""Filter trees and sort keys → SQL expressions over the tables. No text of a filter ever becomes SQL.

A filter condition on a table below runs is one EXISTS; a sort key on one is one outer join. Every condition is true or
false, never NULL, so that NOT is the exact complement.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    Table,
    Text,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from millstream.drivers.sql import schema
from millstream.formats.filters import And, Comparison, Node, Not, Or, OrderKey
from millstream.values.names import INT64_MAX, INT64_MIN

# More ids than this are sent as one value.
MANY = 1000
Condition = ColumnElement[bool]


class Scope(Struct, frozen=True):
    """What is searched: its table, the column that rows below share with it, the tables of entities with free keys."""

    table: Table
    link: str
    below: Mapping[str, FromClause]


_RUNS = Scope(
    schema.runs,
    "rid",
    {"metric": schema.series, "param": schema.params, "tag": schema.tags, "dataset": schema.dataset_inputs},
)
_EXPERIMENTS = Scope(schema.experiments, "experiment_id", {"tag": schema.experiment_tags})


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
    return select(runs.rid).select_from(joined).where(*_run_conditions(experiment_ids, node, stages)).order_by(*order)


def runs_count(experiment_ids: Sequence[str], node: Node | None, stages: Sequence[str]) -> Select[int]:
    """How many runs `runs_statement` would name."""
    return select(func.count()).select_from(schema.runs).where(*_run_conditions(experiment_ids, node, stages))


def experiments_statement(node: Node | None, order_keys: Sequence[OrderKey], stages: Sequence[str]) -> Select[str]:
    """Id of every experiment in one of `stages` that meets `node`, in order.

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
    return select(columns.experiment_id).where(*_experiment_conditions(node, stages)).order_by(*order)


def experiments_count(node: Node | None, stages: Sequence[str]) -> Select[int]:
    """How many experiments `experiments_statement` would name."""
    return select(func.count()).select_from(schema.experiments).where(*_experiment_conditions(node, stages))


def _by_id(ascending: bool) -> list[ColumnElement[Any]]:
    """Experiment ids are digits most of the time: the shorter is the lower, as with numbers."""
    column = schema.experiments.c.experiment_id
    return [directed(func.length(column), ascending), directed(column, ascending)]


def _run_conditions(experiment_ids: Sequence[str], node: Node | None, stages: Sequence[str]) -> list[Condition]:
    runs = schema.runs.c
    conditions: list[Condition] = [
        among(runs.experiment_id, list(dict.fromkeys(experiment_ids))),
        runs.lifecycle_stage.in_(list(stages)),
    ]
    return conditions if node is None else [*conditions, condition(node, _RUNS)]


def _experiment_conditions(node: Node | None, stages: Sequence[str]) -> list[Condition]:
    conditions: list[Condition] = [schema.experiments.c.lifecycle_stage.in_(list(stages))]
    return conditions if node is None else [*conditions, condition(node, _EXPERIMENTS)]


def condition(node: Node, scope: Scope) -> Condition:
    """What a row of the scope's table must meet."""
    match node:
        case Comparison():
            return _comparison(node, scope)
        case And(clauses):
            return and_(*(condition(clause, scope) for clause in clauses))
        case Or(clauses):
            return or_(*(condition(clause, scope) for clause in clauses))
        case Not(clause):
            return not_(condition(clause, scope))


def _comparison(node: Comparison, scope: Scope) -> Condition:
    if node.entity == "attribute":
        column = scope.table.c[node.key]
        compared = _compare(column, node)
        return and_(column.is_not(None), compared) if column.nullable else compared
    table = scope.below[node.entity]
    conditions: list[Condition] = [table.c[scope.link] == scope.table.c[scope.link]]
    if node.entity != "dataset":
        conditions.append(table.c.key == node.key)
    if node.op == "IS NULL":
        return not_(exists().where(*conditions))
    if node.op != "IS NOT NULL":
        conditions.append(_below(table, node))
    return exists().where(*conditions)


def _below(table: FromClause, node: Comparison) -> Condition:
    if node.entity == "dataset":
        return _compare(table.c[node.key], node)
    if node.entity == "metric":
        return _compare_metric(table, node)
    return _compare(table.c.value, node)


def _compare_metric(table: FromClause, node: Comparison) -> Condition:
    """A metric whose latest value is NaN is unequal to every number and neither above nor below one.

    ``= nan`` asks for just those metrics, ``!= nan`` for the others.
    """
    assert isinstance(node.value, int | float)
    is_nan = table.c.last_nan
    if math.isnan(node.value):
        return {"=": is_nan.is_(True), "!=": is_nan.is_(False)}.get(node.op, false())
    compared = _compare(table.c.last_value, structs.replace(node, value=float(node.value)))
    return or_(is_nan.is_(True), compared) if node.op == "!=" else compared


def among(column: ColumnElement[Any], ids: list[str]) -> Condition:
    """Whether `column` is one of `ids`, however many they are: a statement takes only so many values."""
    if len(ids) <= MANY:
        return column.in_(ids)
    return _Among(column, literal(json.dumps(ids), Text()))


def _compare_whole(column: ColumnElement[Any], op: str, value: float) -> Condition:
    """Whole numbers of 64 bits against a decimal, exactly; no database is asked to round."""
    if op in ("=", "!="):
        if value.is_integer() and INT64_MIN <= value <= INT64_MAX:
            return column == int(value) if op == "=" else column != int(value)
        return false() if op == "=" else true()
    upward = op in (">", ">=")
    if math.isinf(value):
        return true() if (value < 0) == upward else false()
    bound = math.floor(value) + 1 if op == ">" else math.ceil(value) - 1 if op == "<" else None
    if bound is None:
        bound = math.ceil(value) if upward else math.floor(value)
    if not INT64_MIN <= bound <= INT64_MAX:
        return true() if (bound < 0) == upward else false()
    return column >= bound if upward else column <= bound


def _compare(column: ColumnElement[Any], node: Comparison) -> Condition:
    value = node.value
    if isinstance(value, float) and isinstance(column.type, BigInteger):
        return _compare_whole(column, node.op, value)
    match node.op:
        case "=":
            return column == value
        case "!=":
            return column != value
        case ">":
            return column > value
        case ">=":
            return column >= value
        case "<":
            return column < value
        case "<=":
            return column <= value
        case "LIKE":
            return _Like(column, literal(value, Text()))
        case "ILIKE":
            return _Like(_Fold(column), _Fold(literal(value, Text())))
        case "IN" | "NOT IN":
            assert isinstance(value, tuple)
            listed = column.in_(list(dict.fromkeys(value)))
            return not_(listed) if node.op == "NOT IN" else listed
    raise ValueError(f"No comparator is called {node.op!r}.")


def _sort_terms(joined: FromClause, key: OrderKey) -> tuple[FromClause, list[ColumnElement[Any]]]:
    """`joined` with what `key` needs, and the ORDER BY terms: numbers or texts, then NaN, then rows without a value."""
    if key.entity == "attribute":
        return joined, [directed(schema.runs.c[key.key], key.ascending)]
    table = _RUNS.below[key.entity].alias()
    joined = joined.outerjoin(table, and_(table.c.rid == schema.runs.c.rid, table.c.key == key.key))
    if key.entity != "metric":
        return joined, [directed(table.c.value, key.ascending)]
    rank = case((table.c.last_nan.is_(False), 0), (table.c.last_nan.is_(True), 1), else_=2)
    return joined, [rank, directed(table.c.last_value, key.ascending)]


def directed(column: ColumnElement[Any], ascending: bool) -> ColumnElement[Any]:
    """The ORDER BY term; NULL is last in both directions."""
    return (column.asc() if ascending else column.desc()).nulls_last()


class _Fold(FunctionElement[str]):
    """Text without its case: `fold`, which every SQLite connection registers, or the database's own lower()."""

    type = Text()
    inherit_cache = True


class _Like(FunctionElement[bool]):
    """``text LIKE pattern``, case-sensitive, with % and _ and no escape character."""

    type = Boolean()
    inherit_cache = True


class _Among(FunctionElement[bool]):
    """``text IN (the texts of a JSON array)``."""

    type = Boolean()
    inherit_cache = True


@compiles(_Among)
def _render_among(element: _Among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, ids = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"({column} IN (SELECT jsonb_array_elements_text(CAST({ids} AS jsonb))))"


@compiles(_Among, "sqlite")
def _render_sqlite_among(element: _Among, compiler: SQLCompiler, **keywords: Any) -> str:
    column, ids = (compiler.process(clause, **keywords) for clause in element.clauses)
    # Both pieces are SQL already: a column and the mark of a bound value.
    return f"({column} IN (SELECT value FROM json_each({ids})))"  # noqa: S608


@compiles(_Fold)
def _render_fold(element: _Fold, compiler: SQLCompiler, **keywords: Any) -> str:
    # The columns sort by code point; the letters of all languages have a lower case only in the database's own order.
    return f'lower({compiler.process(element.clauses, **keywords)} COLLATE "default")'


@compiles(_Fold, "sqlite")
def _render_sqlite_fold(element: _Fold, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"fold({compiler.process(element.clauses, **keywords)})"


@compiles(_Like)
def _render_like(element: _Like, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"({_operands(element, compiler, keywords)} ESCAPE '')"


@compiles(_Like, "sqlite")
def _render_sqlite_like(element: _Like, compiler: SQLCompiler, **keywords: Any) -> str:
    # SQLite has no escape character unless asked for one, and refuses an empty one.
    return f"({_operands(element, compiler, keywords)})"


def _operands(element: _Like, compiler: SQLCompiler, keywords: dict[str, Any]) -> str:
    text, pattern = (compiler.process(clause, **keywords) for clause in element.clauses)
    return f"{text} LIKE {pattern}"
