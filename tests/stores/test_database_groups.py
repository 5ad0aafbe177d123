"""Batches that many threads and processes write to a database at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from millstream.drivers.sql.queues import SUFFIX, Queue
from millstream.stores.database import DatabaseStore
from millstream.values import names, ops, queries
from millstream.values.entities import Metric, Param
from millstream.values.errors import NotFound, Unavailable
from tests.stores.calls import T0, get, history, log, new_run
from tests.stores.test_database import chunks, points, rows

Opener = Callable[[], DatabaseStore]

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


class Together:
    """Batches written by a thread each, which all find the database busy and then share one transaction."""

    def __init__(self, database: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.database = database
        self.sizes: list[int] = []
        self._original: Any = database._applier.apply_batches
        self._busy, self._go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(database._applier, "apply_batches", self._apply)

    def _apply(self, connection: Connection, group: Sequence[ops.LogBatch]) -> Any:
        self.sizes.append(len(group))
        if len(self.sizes) == 1:
            self._busy.set()
            assert self._go_on.wait(60)
        return self._original(connection, group)

    def write(self, batches: Sequence[ops.LogBatch]) -> list[BaseException | None]:
        """What each raised; the run of the first exists."""
        waiting = self.database._open().groups._waiting
        with ThreadPoolExecutor(len(batches) + 1) as pool:
            pool.submit(log, self.database, batches[0].run_id, [("first", 1.0)])
            assert self._busy.wait(60)
            written: list[Future[None]] = []
            for batch in batches:
                written.append(pool.submit(self.database.write, batch))
                while len(waiting) < len(written):
                    threading.Event().wait(0.001)
            self._go_on.set()
            return [one.exception(60) for one in written]


@pytest.fixture
def together(database: DatabaseStore, monkeypatch: pytest.MonkeyPatch) -> Together:
    return Together(database, monkeypatch)


@both
def test_batches_that_wait_share_a_transaction_and_keep_their_order(
    database: DatabaseStore, together: Together
) -> None:
    runs = [new_run(database) for _ in range(3)]
    batches = [points(runs[number % 3], 10 * number, 10) for number in range(9)]
    assert together.write(batches) == [None] * 9
    assert together.sizes == [1, 9]
    for place, run in enumerate(runs):
        steps = [step for step, _, _ in history(database, run, "m")]
        assert steps == [10 * number + step for number in range(place, 9, 3) for step in range(10)]
        assert get(database, run).data.metrics["m"] == steps[-1]
    assert chunks(database) == [(0, 1), *[(0, 30)] * 3]  # one a series


@both
def test_an_id_that_comes_twice_in_a_group_and_again_later_lands_once(
    database: DatabaseStore, together: Together
) -> None:
    run = new_run(database)
    batch, missing = points(run, 0, 5, op_id="w-1"), points("unknown", 0, 1, op_id="w-2")
    found = together.write([batch, missing, batch, points(run, 5, 5, op_id="w-2")])
    assert [type(error) for error in found] == [type(None), NotFound, type(None), type(None)]
    assert together.sizes == [1, 4]
    for again in (batch, points(run, 5, 5, op_id="w-2")):
        database.write(again)
    assert [step for step, _, _ in history(database, run, "m")] == list(range(10))
    assert rows(database, "applied") == 2


@both
def test_a_bad_batch_in_a_group_fails_alone_and_leaves_nothing(database: DatabaseStore, together: Together) -> None:
    run, deleted = new_run(database), new_run(database)
    database.write(ops.DeleteRun(run_id=deleted, time=T0))
    metric = (Metric("bad", 1.0, T0),)
    found = together.write(
        [
            points(run, 0, 1, op_id="w-0"),
            ops.LogBatch(run_id=run, params=(Param("p", "1"), Param("q", "1"))),
            ops.LogBatch(run_id=run, params=(Param("new", "1"), Param("p", "2")), metrics=metric, op_id="w-1"),
            ops.LogBatch(run_id=deleted, metrics=metric, op_id="w-2"),
            ops.LogBatch(run_id=names.new_run_id(), metrics=metric),
            ops.LogBatch(run_id=run, params=(Param("p", "1"),), metrics=(Metric("m", 1.0, T0, 1),)),
        ]
    )
    assert together.sizes == [1, 6]
    assert [type(error).__name__ for error in found] == [
        "NoneType", "NoneType", "InvalidValue", "InvalidState", "NotFound", "NoneType"
    ]  # fmt: skip
    kept = get(database, run).data
    assert kept.params == {"p": "1", "q": "1"}
    assert kept.metrics == {"first": 1.0, "m": 1.0}
    assert rows(database, "applied") == 1


@both
def test_a_batch_for_a_model_that_is_missing_leaves_nothing_for_another(
    database: DatabaseStore, together: Together
) -> None:
    run = new_run(database)
    database.write(ops.CreateLoggedModel(model_id="m-a", name="a", experiment_id="0", time=T0))
    bad = tuple(Metric("m", 1.0, T0, 1, model_id=model) for model in ("m-a", "m-b"))
    good = (Metric("m", 2.0, T0, 2, model_id="m-a"),)
    found = together.write([ops.LogBatch(run_id=run, metrics=bad), ops.LogBatch(run_id=run, metrics=good)])
    assert [type(error) for error in found] == [NotFound, type(None)]
    model = database.read(queries.GetLoggedModel(model_id="m-a"))
    assert [(point.step, point.value) for point in model.metrics] == [(2, 2.0)]
    assert history(database, run, "m") == [(2, 2.0, T0)]


@both
def test_when_a_group_fails_as_a_whole_only_the_guilty_one_does(
    database: DatabaseStore, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(database)
    original: Any = database._applier.apply_batches

    def apply(connection: Connection, group: Sequence[ops.LogBatch]) -> Any:
        answer = original(connection, group)
        if any(op.op_id == "w-1" for op in group):
            connection.execute(text("SELECT 1 FROM nowhere"))
        return answer

    monkeypatch.setattr(database._applier, "apply_batches", apply)
    found = together.write([points(run, 3 * number, 3, op_id=f"w-{number}") for number in range(4)])
    assert [error is None for error in found] == [True, False, True, True]
    assert "nowhere" in str(found[1])
    steps = sorted(step for step, _, _ in history(database, run, "m"))
    assert steps == [0, 1, 2, 6, 7, 8, 9, 10, 11]


@both
def test_when_nobody_knows_whether_a_group_was_committed_only_ids_are_tried_again(
    database: DatabaseStore, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(database)
    transactions = database._open().transactions
    original: Any = transactions.write
    lost: list[int] = []

    def write(work: Any, **options: Any) -> Any:
        answer = original(work, **options)
        if len(together.sizes) == 2 and not lost:
            lost.append(1)
            raise Unavailable("lost")
        return answer

    monkeypatch.setattr(transactions, "write", write)
    found = together.write([points(run, 0, 3, op_id="w-1"), points(run, 3, 3), points(run, 6, 3, op_id="w-2")])
    assert [type(error) for error in found] == [type(None), Unavailable, type(None)]
    assert [step for step, _, _ in history(database, run, "m")] == list(range(9))


@both
def test_a_database_that_is_out_of_reach_is_not_asked_for_each_that_waits(
    database: DatabaseStore, together: Together, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(database)
    transactions = database._open().transactions
    original: Any = transactions.write
    asked: list[int] = []

    def write(work: Any, **options: Any) -> Any:
        asked.append(1)
        if len(asked) > 1:
            raise Unavailable("gone")
        return original(work, **options)

    monkeypatch.setattr(transactions, "write", write)
    found = together.write([points(run, 0, 1, op_id=f"w-{number}") for number in range(5)])
    assert [type(error) for error in found] == [Unavailable] * 5
    assert len(asked) == 2
    monkeypatch.setattr(transactions, "write", original)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(database.write, points(run, 0, 1)).result(60)  # the next one leads again
    assert len(history(database, run, "m")) == 1


@both
def test_signals_and_finalizers_may_write_while_many_threads_do(
    database: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(database)
    original: Any = database._applier.apply_batches
    nested: set[int] = set()

    def apply(connection: Connection, group: Sequence[ops.LogBatch]) -> Any:
        answer = original(connection, group)
        thread = threading.get_ident()
        if thread not in nested:
            nested.add(thread)
            if thread == threading.main_thread().ident:
                signal.raise_signal(signal.SIGUSR1)
            else:
                log(database, run, [("finalizer", 1.0)])
        return answer

    def write(number: int) -> None:
        for step in range(10):
            log(database, run, [("m", 1.0, 100 * number + step)])

    monkeypatch.setattr(database._applier, "apply_batches", apply)
    before = signal.signal(signal.SIGUSR1, lambda *_: log(database, run, [("handler", 1.0)]))
    try:
        with ThreadPoolExecutor(4) as pool:
            others = [pool.submit(write, number) for number in range(1, 5)]
            write(0)
            for other in others:
                other.result(60)
    finally:
        signal.signal(signal.SIGUSR1, before)
    steps = sorted(step for step, _, _ in history(database, run, "m"))
    assert steps == [100 * number + step for number in range(5) for step in range(10)]
    assert len(history(database, run, "handler")) == 1
    assert len(history(database, run, "finalizer")) == len(nested) - 1


# --- processes ---

WRITER = """
import sys
from millstream.stores.open import open_store
from millstream.values import ops
from millstream.values.entities import Metric
store = open_store(sys.argv[1])
number = int(sys.argv[4])
for step in range(40):
    for run, key in ((sys.argv[2], "m"), (sys.argv[3], "own")):
        store.write(ops.LogBatch(run_id=run, metrics=(Metric(key, 0.5, 1, 100 * number + step),)))
"""


@both
def test_processes_lose_nothing_and_get_no_error(open_database: Opener, database_uri: str, tmp_path: Path) -> None:
    store = open_database()
    shared, *own = [new_run(store) for _ in range(9)]
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, database_uri, shared, run, str(number)],
            stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        )
        for number, run in enumerate(own)
    ]  # fmt: skip
    assert [(writer.communicate()[1], writer.returncode) for writer in writers] == [("", 0)] * 8
    steps = [step for step, _, _ in history(store, shared, "m")]
    assert sorted(steps) == [100 * number + step for number in range(8) for step in range(40)]
    for number, run in enumerate(own):
        mine = [100 * number + step for step in range(40)]
        assert [step for step in steps if step // 100 == number] == mine
        assert [step for step, _, _ in history(store, run, "own")] == mine


HOLDER = """
import sys
from pathlib import Path
from millstream.drivers.sql.queues import Queue
with Queue(Path(sys.argv[1])).turn():
    print("mine", flush=True)
    sys.stdin.read()
"""


def test_a_process_that_is_killed_at_the_head_of_the_queue_holds_nobody_up(database: DatabaseStore) -> None:
    run = new_run(database)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(database.database.path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"mine\n"
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(database.write, points(run, 0, 1))
        assert not written.done()
        holder.kill()
        written.result(60)
    holder.communicate()
    assert len(history(database, run, "m")) == 1


def test_without_a_queue_writers_wait_as_sqlite_does(open_database: Opener) -> None:
    first, second = open_database(), open_database()
    path = first.database.path
    assert path is not None
    path.parent.mkdir(parents=True)
    path.with_name(path.name + SUFFIX).mkdir()  # nothing that could be opened
    run = new_run(first)
    with ThreadPoolExecutor(2) as pool:
        for store, number in ((first, 0), (second, 1)):
            pool.submit(store.write, points(run, 10 * number, 10)).result(60)
    assert len(history(first, run, "m")) == 20


def test_a_queue_may_be_entered_again_by_a_signal_handler(tmp_path: Path) -> None:
    queue = Queue(tmp_path / "하나.db")
    (tmp_path / "하나.db").touch()
    with queue.turn(), queue.turn():
        pass
    with queue.turn():
        pass
    queue.close()
    assert (tmp_path / f"하나.db{SUFFIX}").exists()
