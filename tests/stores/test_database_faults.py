"""What processes and servers that die leave behind in a database, and signals in the middle of a write."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from millstream.stores.database import DatabaseStore
from tests.stores.calls import T0, get, history, log, new_run
from tests.stores.test_database import points

Opener = Callable[[], DatabaseStore]

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)

WRITER = """
import sys
from millstream.stores.open import open_store
from millstream.values import ops
from millstream.values.entities import Metric
store = open_store(sys.argv[1])
step = 0
while True:
    metrics = tuple(Metric("m", float(step + place), 1, step + place) for place in range(5))
    store.write(ops.LogBatch(run_id=sys.argv[2], metrics=metrics, op_id=f"{sys.argv[3]}-{step}"))
    step += 5
    print(step, flush=True)
"""


@both
def test_what_a_killed_writer_was_told_is_there_is_there_once(
    open_database: Opener, database_uri: str, tmp_path: Path
) -> None:
    store = open_database()
    run = new_run(store)
    for number in range(3):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, database_uri, run, f"w{number}"],
            stdout=subprocess.PIPE, text=True, cwd=tmp_path,
        )  # fmt: skip
        assert writer.stdout is not None
        for _ in range(30 + number):
            told = int(writer.stdout.readline())
        writer.kill()
        told = int(([str(told), *writer.stdout.read().split()])[-1])
        writer.wait()
        writer.stdout.close()
        steps = [step for step, _, _ in history(store, run, "m")]
        kept = len(steps)
        assert kept % 5 == 0
        assert told <= kept <= told + 5  # whole batches, at most one of which nobody was told of
        assert steps == list(range(kept))
        # The next process goes on where the last one cannot know that it got; the ids sort it out.
        store.write(points(run, 0, 5, op_id=f"w{number}-0"))
        assert len(history(store, run, "m")) == kept
        run = new_run(store)


@both
def test_a_signal_handler_may_write_in_the_middle_of_a_write(
    database: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when SIGTERM ends a run whose metrics are being written: neither waits for the other, neither is lost."""
    run, other = new_run(database), new_run(database)
    log(database, run, [("m", 0.0)])
    original: Any = database._applier.apply_batches
    interrupted: list[int] = []

    def apply(connection: Connection, op: Any) -> Any:
        result = original(connection, op)
        if not interrupted:
            interrupted.append(1)
            signal.raise_signal(signal.SIGUSR1)
        return result

    def handle(_number: int, _frame: object) -> None:
        log(database, run, [("handler", 1.0)])
        log(database, other, [("handler", 1.0)])

    monkeypatch.setattr(database._applier, "apply_batches", apply)
    before = signal.signal(signal.SIGUSR1, handle)
    try:
        log(database, run, [("m", 1.0, 1)], {"p": "1"})
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert interrupted
    assert get(database, run).data.metrics == {"m": 1.0, "handler": 1.0}
    assert [step for step, _, _ in history(database, run, "m")] == [0, 1]
    assert get(database, run).data.params == {"p": "1"}
    assert get(database, other).data.metrics == {"handler": 1.0}


INTERRUPTED = """
import signal, sys
from millstream.stores.open import close_stores, open_store
from millstream.values import ops
from millstream.values.entities import Metric

def log(run, key):
    store.write(ops.LogBatch(run_id=run, metrics=(Metric(key, 1.0, 1),)))

def handle(*_):
    log(other, "handler")
    if where == "sleep":
        log(run, "handler")
    holder.rollback()

def apply(connection, group):
    result = original(connection, group)
    if where == "sleep" and not slept:
        slept.append(1)
        connection.exec_driver_sql("SELECT pg_sleep(600)")
    return result

uri, run, other, where = sys.argv[1:]
store, slept = open_store(uri), []
log(other, "first")
holder = store.engine().connect()
if where == "lock":
    holder.exec_driver_sql("SELECT 1 FROM runs WHERE run_id = %s FOR UPDATE", (run,))
original = store._applier.apply_batches
store._applier.apply_batches = apply
signal.signal(signal.SIGALRM, handle)
signal.setitimer(signal.ITIMER_REAL, 0.5)
log(run, "m")
close_stores()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs timers that send signals")
@pytest.mark.parametrize("where", ["sleep", "lock"])
@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_signal_handler_may_write_while_the_server_works_on_a_statement_of_its_thread(
    database: DatabaseStore, database_uri: str, where: str, tmp_path: Path
) -> None:
    """The driver holds a lock then, which the handler must not wait for; the server holds the run."""
    run, other = new_run(database), new_run(database)
    # Without an end of the statement: who waits for it, or for the lock, is stopped by the deadline.
    subprocess.run(
        [sys.executable, "-c", INTERRUPTED, database_uri, run, other, where], timeout=120, check=True, cwd=tmp_path
    )
    handled = {"handler": 1.0} if where == "sleep" else {}
    assert get(database, run).data.metrics == {"m": 1.0, **handled}
    assert len(history(database, run, "m")) == 1
    assert get(database, other).data.metrics == {"first": 1.0, "handler": 1.0}


@both
def test_reading_goes_on_while_a_write_is_under_way(database: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
    run = new_run(database)
    log(database, run, [("m", 1.0)])
    original: Any = database._applier.apply_batches
    inside, go_on = threading.Event(), threading.Event()

    def apply(connection: Connection, op: Any) -> Any:
        result = original(connection, op)
        inside.set()
        go_on.wait(60)
        return result

    monkeypatch.setattr(database._applier, "apply_batches", apply)
    writer = threading.Thread(target=log, args=(database, run, [("m", 2.0, 1)]))
    writer.start()
    assert inside.wait(60)
    assert get(database, run).data.metrics == {"m": 1.0}
    go_on.set()
    writer.join()
    assert get(database, run).data.metrics == {"m": 2.0}


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_lost_connections_are_replaced(database: DatabaseStore, postgresql: str) -> None:
    import psycopg

    run = new_run(database)
    others = "pid <> pg_backend_pid() AND datname IS NOT NULL"
    kill = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    for step in range(3):
        with psycopg.connect(postgresql, autocommit=True) as connection:
            connection.execute(kill)
        log(database, run, [("m", float(step), step, T0)])
    assert len(history(database, run, "m")) == 3


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
def test_a_connection_lost_in_the_middle_of_a_write_loses_and_doubles_nothing(
    database: DatabaseStore, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    run = new_run(database)
    original: Any = database._applier.apply_batches
    killed: list[int] = []

    def apply(connection: Connection, op: Any) -> Any:
        if not killed:
            pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            with psycopg.connect(postgresql, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
            killed.append(pid)
        return original(connection, op)

    monkeypatch.setattr(database._applier, "apply_batches", apply)
    database.write(points(run, 0, 3))
    assert killed
    assert len(history(database, run, "m")) == 3
