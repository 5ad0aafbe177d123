"""What time does to a database: small chunks are merged, ids of ops are forgotten, tables get an index."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import Connection, delete, insert, inspect

from millstream.drivers.sql import ledger
from millstream.drivers.sql.apply import ids
from millstream.stores.database import DatabaseStore
from tests.stores.calls import T0, finish, get, history, log, new_run
from tests.stores.test_database import chunks, points, rows

Opener = Callable[[], DatabaseStore]

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


@both
def test_a_run_that_ends_leaves_full_chunks(database: DatabaseStore) -> None:
    run, other = new_run(database), new_run(database)
    for step in range(20):
        log(database, run, [(f"손실 {number}", float(step), step) for number in range(30)])
        log(database, other, [("m", float(step), step)])
    finish(database, run, "KILLED")
    assert chunks(database) == [(start, 1) for start in range(20)] + [(0, 20)] * 30
    for number in range(30):
        assert [step for step, _, _ in history(database, run, f"손실 {number}")] == list(range(20))
    for step in range(20, 90):  # it goes on after all
        log(database, run, [("손실 0", float(step), step)])
    assert [step for step, _, _ in history(database, run, "손실 0")] == list(range(90))
    finish(database, run)
    assert chunks(database) == [(start, 1) for start in range(20)] + [(0, 90)] + [(0, 20)] * 29


def test_a_damaged_chunk_stops_neither_logging_nor_the_end_of_a_run(database: DatabaseStore) -> None:
    run = new_run(database)
    for step in range(10):
        log(database, run, [("m", 1.0, step), ("other", 1.0, step)])
    with database._open().engine.begin() as connection:
        table = ledger.chunks
        connection.execute(table.update().where(table.c.key == "m", table.c.start == 3).values(data=b"\x01 damaged"))
    for step in range(10, 80):
        log(database, run, [("m", 1.0, step)])
    finish(database, run)
    assert get(database, run).info.status == "FINISHED"
    assert len(history(database, run, "other")) == 10
    assert sum(count for _, count in chunks(database)) == 90


@both
def test_ids_are_forgotten_after_a_week_and_not_before(
    database: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(database)
    now = [T0]
    monkeypatch.setattr(database._applier, "clock", lambda: now[0])
    for number in range(ids.EVERY):
        database.write(points(run, number, 1, op_id=f"old-{number}"))
    now[0] += ids.KEPT
    database.write(points(run, 0, 1, op_id="old-0"))  # in time, just
    for number in range(ids.EVERY):
        database.write(points(run, 1000 + number, 1, op_id=f"new-{number}"))
    assert rows(database, "applied") == 2 * ids.EVERY
    now[0] += 1
    for number in range(ids.EVERY):
        database.write(points(run, 2000 + number, 1, op_id=f"newest-{number}"))
    assert rows(database, "applied") == 2 * ids.EVERY
    assert len(history(database, run, "m")) == 3 * ids.EVERY
    database.write(points(run, 0, 1, op_id="old-0"))  # too late: nobody remembers
    assert len(history(database, run, "m")) == 3 * ids.EVERY + 1


def call_it(connection: Connection, version: int) -> None:
    """Make the database one of `version` in name, and without what all of them lack."""
    connection.exec_driver_sql("DROP INDEX runs_of_experiment")
    connection.execute(delete(ledger.schema_version))
    connection.execute(insert(ledger.schema_version), [{"version": version, "time": T0, "program": "0"}])


@both
def test_a_database_of_version_5_gets_the_index_by_age(open_database: Opener) -> None:
    first = open_database()
    run = new_run(first)
    with first._open().engine.begin() as connection:
        connection.exec_driver_sql("DROP INDEX applied_by_time")
        call_it(connection, 5)
    second = open_database()
    log(second, run, [("m", 1.0)])
    with second._reading() as connection:
        assert "applied_by_time" in {index["name"] for index in inspect(connection).get_indexes("applied")}
    assert history(second, run, "m") == [(0, 1.0, T0)]


def kept(store: DatabaseStore) -> list[tuple[object, ...]]:
    """How PostgreSQL keeps points and their summaries."""
    statement = (
        "SELECT relname, reloptions, attstorage FROM pg_class LEFT JOIN pg_attribute ON attrelid = oid AND "
        "attname = 'data' WHERE oid = 'chunks'::regclass OR oid = 'series'::regclass OR "
        "oid = (SELECT reltoastrelid FROM pg_class WHERE oid = 'chunks'::regclass) ORDER BY relname"
    )
    with store._reading() as connection:
        return [(name[:8], options, storage) for name, options, storage in connection.exec_driver_sql(statement)]


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_database_of_version_6_keeps_points_as_a_new_one_does(open_database: Opener) -> None:
    first = open_database()
    run = new_run(first)
    new = kept(first)
    assert [(name, storage) for name, _, storage in new] == [("chunks", "e"), ("pg_toast", None), ("series", None)]
    assert all(options for _, options, _ in new)
    with first._open().engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE chunks ALTER COLUMN data SET STORAGE EXTENDED")
        for name, options, _ in new[::2]:
            named = [option.split("=")[0] for option in options]
            connection.exec_driver_sql(f"ALTER TABLE {name} RESET ({', '.join(named)})")
        call_it(connection, 6)
    second = open_database()
    log(second, run, [("m", 1.0)])
    assert kept(second) == new
