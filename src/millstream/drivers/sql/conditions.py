"""Filter trees → SQL conditions over the tables. No text of a filter ever becomes SQL.

A condition on a table below runs is one EXISTS. Every condition is true or false, never NULL, so that NOT is the
exact complement.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    exists,
    false,
    func,
    literal,
    not_,
    or_,
    true,
)

from millstream.drivers.sql import schema
from millstream.drivers.sql.functions import Among, Contains, Fold, Like, Matches
from millstream.formats.filters import And, Comparison, Node, Not, Or
from millstream.formats.filters.vocabulary import NUMERIC
from millstream.values.names import INT64_MAX, INT64_MIN
from millstream.values.rights import Seen

# More ids than this are sent as one value.
MANY = 1000
# A sum nearer to zero has the mean 0: one of the databases refuses to divide what would come out as zero.
_TINY = 1e-280
Condition = ColumnElement[bool]
# Rows of series are several times as wide as those of other tables: fewer fit on a page.
_EFFORTS = {"attribute": 0, "metric": 2}


class Scope(Struct, frozen=True):
    """What is searched: its table, the column that rows below share with it, the tables of entities with free keys."""

    table: FromClause
    link: str
    below: Mapping[str, FromClause]


RUNS = Scope(
    schema.runs,
    "rid",
    {"metric": schema.series, "param": schema.params, "tag": schema.tags, "dataset": schema.dataset_inputs},
)
EXPERIMENTS = Scope(schema.experiments, "experiment_id", {"tag": schema.experiment_tags})


def condition(node: Node, scope: Scope) -> Condition:
    """Whether a row of the scope's table meets `node`."""
    match node:
        case Comparison():
            return _comparison(node, scope)
        case And(clauses):
            return and_(*(condition(clause, scope) for clause in sorted(clauses, key=_effort)))
        case Or(clauses):
            return or_(*(condition(clause, scope) for clause in clauses))
        case Not(clause):
            return not_(condition(clause, scope))


def _effort(node: Node) -> int:
    """What it takes to look at one row: SQLite asks in the order it is told, and goes on only where that was true."""
    match node:
        case Comparison():
            return 2 if node.key == "text" and node.entity == "attribute" else _EFFORTS.get(node.entity, 1)
        case And(clauses) | Or(clauses):
            return max(map(_effort, clauses), default=0)
        case Not(clause):
            return _effort(clause)


def among(column: ColumnElement[Any], ids: list[str]) -> Condition:
    """Whether `column` is one of `ids`, however many they are: a statement takes only so many values."""
    if len(ids) <= MANY:
        return column.in_(ids)
    return Among.texts(column, ids)


def of_seen(column: ColumnElement[Any], seen: Seen) -> list[Condition]:
    """What holds for the rows whose `column` names a thing that is `seen`; nothing where everything is."""
    if seen.others and not seen.names:
        return []
    named = among(column, sorted(seen.names))
    return [not_(named) if seen.others else named]


def part_of(table: FromClause, part: str) -> tuple[ColumnElement[Any], ColumnElement[bool]]:
    """The number of a series that `part` names ("": the latest value), NULL for NaN; and whether it is NaN."""
    columns = table.c
    match part:
        case "" | "last":
            return columns.last_value, columns.last_nan.is_(True)
        case "first":
            return columns.first_value, columns.first_nan.is_(True)
        case "min" | "max":
            value = columns[f"{part}_value"]
            return value, value.is_(None)
        case "count":
            return columns["count"], false()
        case "mean":
            numbers = func.nullif(columns["count"] - columns.nan_count, 0)
            mean = case((func.abs(columns.total) < _TINY, numbers * 0.0), else_=columns.total / numbers)
            return mean, mean.is_(None)
    raise ValueError(f"A series has no part {part!r}.")


def _comparison(node: Comparison, scope: Scope) -> Condition:
    if node.key == "text" and node.entity == "attribute":
        return _anywhere(node)
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
    if node.op in NUMERIC and not isinstance(node.value, str):
        assert isinstance(node.value, int | float)
        # NULL, which a text has that is no number, is found by no comparison.
        return _compare(table.c.number, structs.replace(node, value=float(node.value)))
    return _compare(table.c.value, node)


def _compare_metric(table: FromClause, node: Comparison) -> Condition:
    """A metric whose value is NaN is unequal to every number and neither above nor below one.

    ``= nan`` asks for just those metrics, ``!= nan`` for the others.
    """
    assert isinstance(node.value, int | float)
    value, is_nan = part_of(table, node.part)
    if math.isnan(node.value):
        return {"=": is_nan, "!=": not_(is_nan)}.get(node.op, false())
    compared = _compare(value, structs.replace(node, value=float(node.value)))
    return or_(is_nan, compared) if node.op == "!=" else compared


def _anywhere(node: Comparison) -> Condition:
    """Whether every word is in the name, the id, a param or a tag of a run; not all have to be in the same one."""
    runs = schema.runs.c
    assert isinstance(node.value, str)
    return and_(
        *(
            or_(
                Contains.word(runs.run_name, word),
                Contains.word(runs.run_id, word),
                *(
                    exists().where(table.c.rid == runs.rid, Contains.word(table.c.value, word))
                    for table in (schema.params, schema.tags)
                ),
            )
            for word in dict.fromkeys(node.value.split())
        )
    )


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
    if isinstance(value, str):
        return _compare_text(column, node.op, value)
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
        case "IN" | "NOT IN":
            assert isinstance(value, tuple)
            listed = column.in_(list(dict.fromkeys(value)))
            return not_(listed) if node.op == "NOT IN" else listed
    raise ValueError(f"No comparator is called {node.op!r}.")


def _compare_text(column: ColumnElement[Any], op: str, value: str) -> Condition:
    match op:
        case "=":
            return column == value
        case "!=":
            return column != value
        case "LIKE":
            return Like(column, literal(value, Text()))
        case "ILIKE":
            return Like(Fold(column), Fold(literal(value, Text())))
        case "RLIKE":
            return Matches.pattern(column, value)
        case "CONTAINS":
            return and_(*(Contains.word(column, word) for word in dict.fromkeys(value.split())))
    raise ValueError(f"No comparator of texts is called {op!r}.")
