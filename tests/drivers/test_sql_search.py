"""Searches in SQL against a plain-Python reading of the same rules."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert
from sqlalchemy.dialects import postgresql

from millstream.drivers.sql import schema
from millstream.drivers.sql.engine import postgresql_engine, sqlite_engine
from millstream.drivers.sql.search import runs_count, runs_statement
from millstream.formats.filters import (
    RUNS,
    And,
    Comparison,
    Node,
    Not,
    Or,
    OrderKey,
    parse_filter,
    parse_order,
)
from tests import servers


class World(NamedTuple):
    """A run as the oracle sees it."""

    run_id: str
    attributes: dict[str, Any]
    metrics: dict[str, float]
    params: dict[str, str]
    tags: dict[str, str]
    datasets: list[dict[str, str | None]]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        found = sqlite_engine(tmp_path_factory.mktemp("search") / "index.db")
    else:
        found = postgresql_engine(servers.new_schema(request.getfixturevalue("postgresql")))
    schema.metadata.create_all(found)
    yield found
    found.dispose()


@contextmanager
def filled(engine: Engine, runs: list[World]) -> Iterator[Connection]:
    """A connection that sees `runs` (rid = place in the list); nothing of it stays."""
    with engine.connect() as connection:
        for rid, run in enumerate(runs):
            connection.execute(insert(schema.runs), [{"rid": rid, "run_id": run.run_id, **run.attributes}])
            for table, data in ((schema.params, run.params), (schema.tags, run.tags)):
                for key, value in data.items():
                    connection.execute(insert(table), [{"rid": rid, "key": key, "value": value}])
            for key, value in run.metrics.items():
                connection.execute(insert(schema.series), [series_row(rid, key, value)])
            for dataset in run.datasets:
                rest = {"source_type": "local", "source": "{}", "tags": "{}"}
                connection.execute(insert(schema.dataset_inputs), [{"rid": rid, **rest, **dataset}])
        yield connection
        connection.rollback()


def series_row(rid: int, key: str, value: float) -> dict[str, Any]:
    is_nan = math.isnan(value)
    kept = None if is_nan else value
    return {
        "rid": rid, "key": key, "count": 1, "nan_count": int(is_nan), "total": 0.0, "last_value": kept,
        "last_nan": is_nan, "last_step": 0, "last_time": 0, "min_value": kept, "max_value": kept,
    }  # fmt: skip


def search(
    connection: Connection,
    text: str = "",
    order: tuple[str, ...] = (),
    experiment_ids: tuple[str, ...] = ("1",),
    stages: tuple[str, ...] = ("active",),
) -> list[int]:
    statement = runs_statement(experiment_ids, parse_filter(text, RUNS), parse_order(order, RUNS), stages)
    return list(connection.execute(statement).scalars())


# --- the oracle ---


def like(text: str, pattern: str) -> bool:
    expression = "".join({"%": ".*", "_": "."}.get(character) or re.escape(character) for character in pattern)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def fold(text: str, dialect: str) -> str:
    """SQLite has our own folding; PostgreSQL turns letter by letter."""
    return text.casefold() if dialect == "sqlite" else text.lower()


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
        case Comparison(entity, key, op, value):
            found = value_of(run, entity, key)
            if op in ("IS NULL", "IS NOT NULL"):
                return (found is None) == (op == "IS NULL")
            return found is not None and compares(found, op, value, dialect)


def value_of(run: World, entity: str, key: str) -> Any:
    if entity == "attribute":
        return run.run_id if key == "run_id" else run.attributes[key]
    return {"metric": run.metrics, "param": run.params, "tag": run.tags}[entity].get(key)


def ordered(runs: dict[int, World], keys: tuple[OrderKey, ...]) -> list[int]:
    """Stable sorts from the least to the weightiest key."""
    places = sorted(runs, key=lambda place: runs[place].run_id)
    for key in (OrderKey("attribute", "start_time", False), *keys[::-1]):
        values = {place: value_of(runs[place], key.entity, key.key) for place in places}
        numbers = [p for p in places if values[p] is not None and values[p] == values[p]]
        nans = [p for p in places if values[p] is not None and values[p] != values[p]]
        missing = [p for p in places if values[p] is None]
        numbers.sort(key=lambda place: values[place], reverse=not key.ascending)
        places = numbers + nans + missing
    return places


# --- worlds, trees and orders small enough to meet each other ---

words = st.sampled_from(["", "x", "X", "xy", "é", "É", "ß", "SS", "x%y", "x_y", "x\\y", "한글", "x\ny", "1"])
patterns = words | st.sampled_from(["%", "_", "x%", "%Y", "_y", "x\\%", "%é%", "s_", "S%", "x__y"])
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
    metrics=st.dictionaries(keys, floats),
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
    if op.endswith("NULL"):
        return Comparison(entity.name, key, op, None)
    if op.endswith("IN"):
        return Comparison(entity.name, key, op, tuple(draw(st.lists(words, min_size=1, max_size=3))))
    if field.numeric:
        value: Any = draw(floats.filter(lambda number: number == number) | times | st.just(10**15))
        return Comparison(entity.name, key, op, value)
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
    st.builds(
        OrderKey, st.just("attribute"), st.sampled_from(RUNS.attribute.keys(sorting=True)), st.booleans()
    ),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    runs=worlds,
    node=trees | st.none(),
    order=st.lists(order_keys, max_size=3, unique_by=lambda key: (key.entity, key.key)).map(tuple),
    experiment_ids=st.sampled_from([(), ("1",), ("2", "1", "1"), ("9",)]),
    stages=st.sampled_from([("active",), ("deleted",), ("active", "deleted")]),
)
def test_searches_agree_with_the_oracle(
    engine: Engine,
    runs: list[World],
    node: Node | None,
    order: tuple[OrderKey, ...],
    experiment_ids: tuple[str, ...],
    stages: tuple[str, ...],
) -> None:
    expected = {
        place: run
        for place, run in enumerate(runs)
        if run.attributes["experiment_id"] in experiment_ids
        and run.attributes["lifecycle_stage"] in stages
        and (node is None or matches(run, node, engine.dialect.name))
    }
    with filled(engine, runs) as connection:
        found = list(connection.execute(runs_statement(experiment_ids, node, order, stages)).scalars())
        count = connection.execute(runs_count(experiment_ids, node, stages)).scalar()
    assert found == ordered(expected, order)
    assert count == len(expected)


# --- the rules one by one ---


def run(run_id: str, start_time: int | None = 0, **data: Any) -> World:
    attributes = {
        "experiment_id": "1", "run_name": "name", "status": "FINISHED", "lifecycle_stage": "active", "user_id": "u",
        "start_time": start_time, "end_time": None, "artifact_uri": "file:///x",
    }  # fmt: skip
    attributes |= data.pop("attributes", {})
    empty: dict[str, Any] = {"metrics": {}, "params": {}, "tags": {}, "datasets": []}
    return World(run_id, attributes, **(empty | data))


def test_a_row_without_the_key_matches_only_is_null(engine: Engine) -> None:
    with filled(engine, [run("a", params={"x": "1"}), run("b")]) as connection:
        assert search(connection, "params.x != '2'") == [0]
        assert search(connection, "params.x NOT IN ('2')") == [0]
        assert search(connection, "params.x IS NULL") == [1]
        assert search(connection, "params.x IS NOT NULL") == [0]
        assert search(connection, "NOT params.x = '1'") == [1]
        assert search(connection, "end_time < 5") == []


def test_nan_is_unequal_to_every_number_and_nothing_else(engine: Engine) -> None:
    with filled(engine, [run("a", metrics={"m": math.nan}), run("b", metrics={"m": 1.0}), run("c")]) as connection:
        assert search(connection, "metrics.m != 2") == [0, 1]
        assert search(connection, "metrics.m != 1") == [0]
        for op in ("=", ">", ">=", "<", "<="):
            assert 0 not in search(connection, f"metrics.m {op} 1")
        assert search(connection, "metrics.m = nan") == [0]
        assert search(connection, "metrics.m != nan") == [1]
        assert search(connection, "metrics.m > nan OR metrics.m <= nan") == []


@pytest.mark.parametrize(("direction", "numbers"), [("ASC", [2, 0, 4]), ("DESC", [4, 0, 2])])
def test_nan_sorts_after_numbers_and_missing_last_in_both_directions(
    engine: Engine, direction: str, numbers: list[int]
) -> None:
    values = [0.0, math.nan, -math.inf, None, math.inf, math.nan]
    runs = [run(str(i), metrics={} if value is None else {"m": value}) for i, value in enumerate(values)]
    with filled(engine, runs) as connection:
        assert search(connection, order=(f"metrics.m {direction}",)) == [*numbers, 1, 5, 3]


def test_default_order_is_newest_first_then_run_id(engine: Engine) -> None:
    with filled(engine, [run("b", 1), run("a", 1), run("c", 2), run("d", None)]) as connection:
        assert search(connection) == [2, 1, 0, 3]


def test_like_minds_case_and_ilike_folds_more_than_ascii(engine: Engine) -> None:
    runs = [run("a", tags={"t": "Straße"}), run("b", tags={"t": "STRASSE"}), run("c", tags={"t": "É%"})]
    with filled(engine, runs) as connection:
        assert search(connection, "tags.t LIKE 'str%'") == []
        sharp = [0, 1] if engine.dialect.name == "sqlite" else [1]
        assert search(connection, "tags.t ILIKE 'strasse'") == sharp
        assert search(connection, "tags.t ILIKE 'strAßE'") == ([0, 1] if engine.dialect.name == "sqlite" else [0])
        assert search(connection, "tags.t ILIKE 'é_'") == [2]
        assert search(connection, "tags.t LIKE 'É\\%'") == []


def test_filter_text_never_becomes_sql(engine: Engine) -> None:
    with filled(engine, [run("a", params={"x": "' OR 1=1 --"})]) as connection:
        assert search(connection, 'params.x = "\' OR 1=1 --"') == [0]
        assert search(connection, 'params.x = "\'; DROP TABLE runs; --"') == []
        assert search(connection, "params.`x' OR '1'='1` = 'y'") == []
        assert search(connection, order=("metrics.`m; DROP TABLE runs`",)) == [0]


def test_the_largest_search_allowed_runs(engine: Engine) -> None:
    text = " AND ".join(f"NOT metrics.m{i} > {i}" for i in range(64))
    order = tuple(f"metrics.m{i} DESC" for i in range(16))
    with filled(engine, [run("a"), run("b", metrics={"m5": 6.0})]) as connection:
        assert search(connection, text, order) == [0]


def test_postgresql_has_no_escape_in_like_either() -> None:
    node = parse_filter("tags.a ILIKE 'x' AND params.b LIKE '\\'", RUNS)
    sql = str(runs_statement(("1",), node, (), ("active",)).compile(dialect=postgresql.dialect()))
    assert sql.count("ESCAPE ''") == 2
    assert 'lower(tags.value COLLATE "default") LIKE lower(' in sql


def test_a_file_database_is_what_is_searched(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "공간 있는 이름.db")
    schema.metadata.create_all(engine)
    with filled(engine, [run("a")]) as connection:
        assert search(connection) == [0]
    engine.dispose()


@pytest.mark.parametrize(
    ("clause", "found"),
    [
        ("start_time > 1.5", [1]),
        ("start_time >= 1.5", [1]),
        ("start_time < 1.5", [0]),
        ("start_time <= 2.0", [0, 1]),
        ("start_time = 1.5", []),
        ("start_time = 2.0", [1]),
        ("start_time != 1.5", [0, 1]),
        ("start_time < 99999999999999999999999", [0, 1]),
        ("start_time > -99999999999999999999999", [0, 1]),
        ("start_time >= 99999999999999999999999", []),
        ("start_time != 99999999999999999999999", [0, 1]),
        ("start_time > -inf", [0, 1]),
        ("start_time >= inf", []),
    ],
)
def test_whole_numbers_are_compared_with_decimals_exactly(engine: Engine, clause: str, found: list[int]) -> None:
    with filled(engine, [run("a", 1), run("b", 2), run("c", None)]) as connection:
        assert sorted(search(connection, clause)) == found


def test_more_experiments_may_be_searched_than_a_statement_takes_values(engine: Engine) -> None:
    with filled(engine, [run("a")]) as connection:
        assert search(connection, experiment_ids=("1", *map(str, range(2, 70_000)))) == [0]
        assert search(connection, experiment_ids=tuple(map(str, range(2, 70_000)))) == []
