"""Experiment searches in SQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from millstream.drivers.sql import schema
from millstream.drivers.sql.engine import sqlite_engine
from millstream.drivers.sql.search import experiments_count, experiments_statement
from millstream.formats.filters import EXPERIMENTS, parse_filter, parse_order


@pytest.fixture
def experiments(tmp_path: Path) -> Iterator[Connection]:
    engine = sqlite_engine(tmp_path / "index.db")
    schema.metadata.create_all(engine)
    rows = [
        ("0", "Default", 10, "active"), ("2", "b", 20, "active"), ("10", "B", 20, "active"),
        ("3", "c", None, "active"), ("4", "gone", 50, "deleted"),
    ]  # fmt: skip
    with engine.connect() as connection:
        for experiment_id, name, time, stage in rows:
            values = {"experiment_id": experiment_id, "name": name, "artifact_location": "x", "lifecycle_stage": stage}
            connection.execute(
                insert(schema.experiments), [{**values, "creation_time": time, "last_update_time": time}]
            )
        connection.execute(insert(schema.experiment_tags), [{"experiment_id": "2", "key": "team", "value": "ㄱ"}])
        yield connection
        connection.rollback()
    engine.dispose()


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("", (), ["2", "10", "0", "3"]),
        ("", ("name",), ["10", "0", "2", "3"]),
        ("", ("creation_time",), ["0", "10", "2", "3"]),
        ("", ("creation_time DESC",), ["10", "2", "0", "3"]),
        ("", ("experiment_id",), ["0", "2", "3", "10"]),
        ("", ("experiment_id DESC",), ["10", "3", "2", "0"]),
        ("name ILIKE 'b'", (), ["2", "10"]),
        ("name LIKE 'b'", (), ["2"]),
        ("experiment_id NOT IN ('2', '3')", (), ["10", "0"]),
        ("creation_time != 10", (), ["2", "10"]),
        ("NOT creation_time != 10", (), ["0", "3"]),
        ("tags.team = 'ㄱ'", (), ["2"]),
        ("tags.team != 'x'", (), ["2"]),
        ("tag.team IS NULL AND name != 'c'", (), ["10", "0"]),
    ],
)
def test_experiments(experiments: Connection, text: str, order: tuple[str, ...], expected: list[str]) -> None:
    node = parse_filter(text, EXPERIMENTS)
    statement = experiments_statement(node, parse_order(order, EXPERIMENTS), ("active",))
    assert list(experiments.execute(statement).scalars()) == expected
    assert experiments.execute(experiments_count(node, ("active",))).scalar() == len(expected)


def test_deleted_experiments(experiments: Connection) -> None:
    assert list(experiments.execute(experiments_statement(None, (), ("deleted",))).scalars()) == ["4"]
