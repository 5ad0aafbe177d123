"""The log of changes in a database: what is noted in it, and in which order it is read."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from millstream.drivers.sql import changelog
from millstream.stores.database import DatabaseStore
from millstream.values.changes import ReadChanges
from tests.stores.calls import finish, log, new_run

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


def noted(store: DatabaseStore) -> dict[str, int]:
    """By run id the numbers in the log."""
    table = changelog.run_changes.c
    with store._reading() as connection:
        return dict(map(tuple, connection.execute(select(table.run_id, table.number))))


@both
def test_points_of_running_runs_write_no_note(database: DatabaseStore) -> None:
    run, other = new_run(database), new_run(database)
    before = noted(database)
    for step in range(3):
        log(database, run, [("m", 1.0, step), ("손실", 2.0, step)])
    assert noted(database) == before
    log(database, run, params={"lr": "1"})
    with_param = noted(database)[run]
    log(database, run, [("m", 1.0, 9)], tags={"a": "b"})
    with_tag = noted(database)[run]
    finish(database, run)
    ended = noted(database)[run]
    log(database, run, [("late", 1.0, 0)])
    assert before[run] < with_param < with_tag < ended < noted(database)[run]
    assert noted(database)[other] == before[other]


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_write_that_ends_late_is_told_of(database: DatabaseStore) -> None:
    """Transactions have their numbers from their beginning, and are told of once they have ended."""
    slow, quick = new_run(database), new_run(database)
    position = database.read(ReadChanges()).position
    with database.engine().begin() as connection:
        changelog.note_runs(connection, [slow])
        bell = database.bell()
        bell.heed()
        log(database, quick, tags={"a": "b"})
        bell.wait()
        told = database.read(ReadChanges(since=position))
        assert [run.run_id for run in told.runs] == [quick]
        bell.heed()
    bell.wait()
    bell.close()
    late = database.read(ReadChanges(since=told.position))
    assert slow in {run.run_id for run in late.runs}


@both
def test_a_database_that_is_filled_tells_of_all_its_experiments(database: DatabaseStore) -> None:
    position = database.read(ReadChanges()).position
    database.fill(lambda _connection: None)
    assert database.read(ReadChanges(since=position)).experiments == ("0",)
