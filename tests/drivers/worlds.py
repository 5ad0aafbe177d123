"""Runs as plain Python sees them: the rules of searches said a second time, and worlds of runs to try them on."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert

from millstream.drivers.sql import schema, write
from millstream.formats.filters import RUNS, And, Comparison, Node, Not, Or, OrderKey
from millstream.formats.filters.vocabulary import PARTS
from millstream.formats.mlruns.points import Summary


class World(NamedTuple):
    """A run as the oracle sees it."""

    run_id: str
    attributes: dict[str, Any]
    metrics: dict[str, float | tuple[float, ...]]  # all values of a series, in order
    params: dict[str, str]
    tags: dict[str, str]
    datasets: list[dict[str, str | None]]


@contextmanager
def filled(engine: Engine, runs: list[World]) -> Iterator[Connection]:
    """A connection that sees `runs` (rid = place in the list); nothing of it stays."""
    with engine.connect() as connection:
        for rid, run in enumerate(runs):
            connection.execute(insert(schema.runs), [{"rid": rid, "run_id": run.run_id, **run.attributes}])
            write.insert_rows(connection, schema.params, [write.param_row(rid, *item) for item in run.params.items()])
            tags = [{"rid": rid, "key": key, "value": value} for key, value in run.tags.items()]
            write.insert_rows(connection, schema.tags, tags)
            series = [write.series_row(rid, key, summary(values)) for key, values in run.metrics.items()]
            write.insert_rows(connection, schema.series, series)
            for dataset in run.datasets:
                rest = {"source_type": "local", "source": "{}", "tags": "{}"}
                connection.execute(insert(schema.dataset_inputs), [{"rid": rid, **rest, **dataset}])
        yield connection
        connection.rollback()


def summary(values: float | tuple[float, ...]) -> Summary:
    found = Summary()
    found.add([(0, value, step) for step, value in enumerate(points(values))])
    return found


def points(values: float | tuple[float, ...]) -> tuple[float, ...]:
    return values if isinstance(values, tuple) else (values,)


# --- the oracle ---


def like(text: str, pattern: str) -> bool:
    expression = "".join({"%": ".*", "_": "."}.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def fold(text: str, dialect: str) -> str:
    """SQLite has our own folding; PostgreSQL turns letter by letter."""
    return text.casefold() if dialect == "sqlite" else text.lower()


def contains(text: str, word: str, dialect: str) -> bool:
    if word.isascii():
        return word.lower() in "".join(letter.lower() if letter.isascii() else letter for letter in text)
    return fold(word, dialect) in fold(text, dialect)


def compares(found: Any, op: str, value: Any, dialect: str) -> bool:
    match op:
        case "=":
            return bool(found == value)
        case "!=":
            return bool(found != value)
        case ">":
            return bool(found > value)
        case ">=":
            return bool(found >= value)
        case "<":
            return bool(found < value)
        case "<=":
            return bool(found <= value)
        case "LIKE":
            return like(found, value)
        case "ILIKE":
            return like(fold(found, dialect), fold(value, dialect))
        case "IN":
            return found in value
        case "NOT IN":
            return found not in value
        case "RLIKE":
            return re.search(value, found, re.DOTALL) is not None
        case "CONTAINS":
            return all(contains(found, word, dialect) for word in value.split())
        case _:
            raise AssertionError(op)


def matches(run: World, node: Node, dialect: str) -> bool:
    match node:
        case And(clauses):
            return all(matches(run, clause, dialect) for clause in clauses)
        case Or(clauses):
            return any(matches(run, clause, dialect) for clause in clauses)
        case Not(clause):
            return not matches(run, clause, dialect)
        case Comparison("dataset", key, op, value):
            return any(data[key] is not None and compares(data[key], op, value, dialect) for data in run.datasets)
        case Comparison("attribute", "text", _, value):
            assert isinstance(value, str)
            texts = [run.run_id, run.attributes["run_name"], *run.params.values(), *run.tags.values()]
            return all(any(contains(text, word, dialect) for text in texts) for word in value.split())
        case Comparison("param", key, op, float() | int() as value):
            number = as_number(run.params.get(key))
            return number is not None and compares(number, op, value, dialect)
        case Comparison(entity, key, op, value, _, part):
            found = value_of(run, entity, key, part)
            if op in ("IS NULL", "IS NOT NULL"):
                return (found is None) == (op == "IS NULL")
            return found is not None and compares(found, op, value, dialect)


def value_of(run: World, entity: str, key: str, part: str = "") -> Any:
    if entity == "attribute":
        return run.run_id if key == "run_id" else run.attributes[key]
    if entity == "metric":
        return part_of(points(run.metrics[key]), part) if key in run.metrics else None
    text = {"param": run.params, "tag": run.tags}[entity].get(key)
    if part != "number" or text is None:
        return text
    number = as_number(text)
    return math.nan if number is None else number


def part_of(values: tuple[float, ...], part: str) -> float:
    numbers = [value for value in values if value == value]
    match part:
        case "" | "last":
            return values[-1]
        case "first":
            return values[0]
        case "count":
            return len(values)
    if not numbers:
        return math.nan
    total = sum(numbers)
    mean = total / len(numbers) if abs(total) >= 1e-280 else 0.0
    return {"min": min(numbers), "max": max(numbers), "mean": math.nan if total != total else mean}[part]


def as_number(text: str | None) -> float | None:
    try:
        number = float((text or "").replace("_", "x"))
    except ValueError:
        return None
    return None if number != number else number


def ordered(runs: dict[int, World], keys: tuple[OrderKey, ...]) -> list[int]:
    """Stable sorts from the least to the weightiest key."""
    places = sorted(runs, key=lambda place: runs[place].run_id)
    for key in (OrderKey("attribute", "start_time", False), *keys[::-1]):
        values = {place: value_of(runs[place], key.entity, key.key, key.part) for place in places}
        numbers = [p for p in places if values[p] is not None and values[p] == values[p]]
        nans = [p for p in places if values[p] is not None and values[p] != values[p]]
        missing = [p for p in places if values[p] is None]
        numbers.sort(key=lambda place: values[place], reverse=not key.ascending)
        places = numbers + nans + missing
    return places


# --- worlds, trees and orders small enough to meet each other ---

words = st.sampled_from(
    [
        "",
        "x",
        "X",
        "xy",
        "é",
        "É",
        "ß",
        "SS",
        "x%y",
        "x_y",
        "x\\y",
        "한글",
        "x\ny",
        "1",
        "1.0",
        "-2e-1",
        "inf",
        "nan",
        "1_0",
    ]
)
patterns = words | st.sampled_from(["%", "_", "x%", "%Y", "_y", "x\\%", "%é%", "s_", "S%", "x__y"])
expressions = st.sampled_from(
    ["x", "^x", "y$", ".y", "[xé]", "^$", "x|글", "(한|x)+", "\\d", "^[^x]*$", "x.{1,2}y", "X?1"]
)
floats = st.sampled_from([math.nan, math.inf, -math.inf, -1.5, -0.0, 0.0, 1.0, 2.0, 1e308, 5e-324])
times = st.integers(0, 3)
keys = st.sampled_from(["a", "A", "b c"])

run_worlds = st.builds(
    World,
    run_id=st.just(""),
    attributes=st.fixed_dictionaries(
        {
            "experiment_id": st.sampled_from(["1", "1", "2"]),
            "run_name": words,
            "status": st.sampled_from(["RUNNING", "FINISHED"]),
            "lifecycle_stage": st.sampled_from(["active", "active", "deleted"]),
            "user_id": words,
            "start_time": times | st.none(),
            "end_time": times | st.none(),
            "artifact_uri": words,
        }
    ),
    metrics=st.dictionaries(keys, floats | st.lists(floats, min_size=1, max_size=3).map(tuple)),
    params=st.dictionaries(keys, words),
    tags=st.dictionaries(keys, words),
    datasets=st.lists(
        st.fixed_dictionaries({"name": words, "digest": words, "context": words | st.none()}),
        max_size=2,
        unique_by=lambda data: (data["name"], data["digest"]),
    ),
)
worlds = st.lists(run_worlds, max_size=6).flatmap(
    lambda runs: st.permutations([f"r{place}" for place in range(len(runs))]).map(
        lambda ids: [run._replace(run_id=run_id) for run, run_id in zip(runs, ids, strict=True)]
    )
)


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    entity = draw(st.sampled_from(RUNS.entities))
    key = draw(st.sampled_from(sorted(entity.keys(sorting=False))))
    field = entity.fields[key]
    key = draw(keys) if key == "*" else key
    op = draw(st.sampled_from(field.comparators))
    part = draw(st.sampled_from(["", *entity.parts]))
    if op == "RLIKE":
        return Comparison(entity.name, key, op, draw(expressions))
    if op == "CONTAINS":
        return Comparison(
            entity.name, key, op, " ".join(draw(st.lists(words.filter(str.strip), min_size=1, max_size=2)))
        )
    if op.endswith("NULL"):
        return Comparison(entity.name, key, op, None)
    if op.endswith("IN"):
        return Comparison(entity.name, key, op, tuple(draw(st.lists(words, min_size=1, max_size=3))))
    if field.numeric or op in ("<", ">", "<=", ">=") or (field.numbers and op in ("=", "!=") and draw(st.booleans())):
        value: Any = draw(floats.filter(lambda number: number == number) | times | st.just(10**15))
        return Comparison(entity.name, key, op, value, part=part)
    ids = st.sampled_from(["r0", "r1", "R0", "r%"])
    return Comparison(entity.name, key, op, draw(patterns if "LIKE" in op else words | ids))


trees = st.recursive(
    comparisons(),
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(lambda clauses: And(tuple(clauses)))
        | st.lists(inner, min_size=2, max_size=3).map(lambda clauses: Or(tuple(clauses)))
        | inner.map(Not)
    ),
    max_leaves=5,
)
order_keys = st.one_of(
    st.builds(OrderKey, st.sampled_from(["metric", "param", "tag"]), keys, st.booleans()),
    st.builds(OrderKey, st.just("metric"), keys, st.booleans(), st.sampled_from(PARTS)),
    st.builds(OrderKey, st.just("param"), keys, st.booleans(), st.just("number")),
    st.builds(
        OrderKey, st.just("attribute"), st.sampled_from(RUNS.attribute.keys(sorting=True)), st.booleans()
    ),
)  # fmt: skip
