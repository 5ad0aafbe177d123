"""Searches in SQL against a plain-Python reading of the same rules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects import postgresql

from millstream.drivers.sql import schema
from millstream.drivers.sql.engine import postgresql_engine, sqlite_engine
from millstream.drivers.sql.search import runs_count, runs_statement
from millstream.formats.filters import (
    RUNS,
    Node,
    OrderKey,
    parse_filter,
    parse_order,
)
from tests import servers
from tests.drivers.worlds import World, filled, matches, order_keys, ordered, trees, worlds


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if request.param == "sqlite":
        found = sqlite_engine(tmp_path_factory.mktemp("search") / "index.db")
    else:
        found = postgresql_engine(servers.new_schema(request.getfixturevalue("postgresql")))
    schema.metadata.create_all(found)
    yield found
    found.dispose()


def search(
    connection: Connection,
    text: str = "",
    order: tuple[str, ...] = (),
    experiment_ids: tuple[str, ...] = ("1",),
    stages: tuple[str, ...] = ("active",),
) -> list[int]:
    statement = runs_statement(experiment_ids, parse_filter(text, RUNS), parse_order(order, RUNS), stages)
    return list(connection.execute(statement).scalars())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(
    runs=worlds,
    node=trees | st.none(),
    order=st.lists(order_keys, max_size=3, unique_by=lambda key: (key.entity, key.key, key.part)).map(tuple),
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
