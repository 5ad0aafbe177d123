"""The database store keeps what every store promises, over SQLite and over PostgreSQL, and its own promises."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import func, select

from millstream.drivers.sql import ledger
from millstream.formats.chunks import FULL
from millstream.formats.tokens import encode_token
from millstream.stores.database import DatabaseStore
from millstream.values import names, ops, queries
from millstream.values.entities import Metric
from millstream.values.errors import AlreadyExists, InvalidState, InvalidValue, MillstreamError, NotFound
from tests.stores.calls import T0, finish, get, history, log, new_experiment, new_run, search
from tests.stores.suite import StoreSuite
from tests.stores.suites.models import new_model
from tests.stores.test_embedded import every

Opener = Callable[[], DatabaseStore]

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def store(database: DatabaseStore) -> DatabaseStore:
    return database


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
class TestSqlite(StoreSuite):
    """A file."""


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
class TestPostgresql(StoreSuite):
    """A server."""


def chunks(store: DatabaseStore) -> list[tuple[int, int]]:
    """(start, count) of every chunk."""
    table = ledger.chunks
    with store._reading() as connection:
        return [(row.start, row.count_) for row in connection.execute(
            select(table.c.start, table.c["count"].label("count_")).order_by(table.c.key, table.c.start)
        )]  # fmt: skip


def rows(store: DatabaseStore, table: str) -> int:
    with store._reading() as connection:
        return connection.execute(select(func.count()).select_from(ledger.metadata.tables[table])).scalar_one()


def points(run: str, first: int, count: int, key: str = "m", op_id: str = "") -> ops.LogBatch:
    metrics = tuple(Metric(key, float(step), T0 + step, step) for step in range(first, first + count))
    return ops.LogBatch(run_id=run, metrics=metrics, op_id=op_id)


def test_every_op_has_a_writer_and_every_query_a_reader(database: DatabaseStore) -> None:
    assert set(database._applier.writers) | set(database._purges.writers) == every(ops.Op)
    assert set(database._readers) == every(queries.Query)


@both
def test_ids_count_up_and_pass_over_those_that_are_taken(database: DatabaseStore) -> None:
    assert [new_experiment(database, name) for name in "ab"] == ["1", "2"]
    new_experiment(database, "c", experiment_id="4")
    assert [new_experiment(database, name) for name in "de"] == ["3", "5"]
    with pytest.raises(AlreadyExists):
        new_experiment(database, "d")
    assert new_experiment(database, "f") == "6"


@both
def test_artifacts_lie_below_the_root(database: DatabaseStore, tmp_path: Path) -> None:
    run = new_run(database, made := new_experiment(database))
    assert database.artifacts(run).location.local == tmp_path / "파일 root" / made / run / "artifacts"
    default = database.read(queries.GetExperiment(experiment_id="0"))
    assert default.artifact_location.endswith("/0")


@both
def test_another_process_sees_what_was_written(open_database: Opener) -> None:
    first, second = open_database(), open_database()
    run = new_run(first)
    log(second, run, [("m", 1.0)], {"p": "1"})
    finish(first, run)
    assert search(second, "metrics.m = 1 AND status = 'FINISHED'") == [run]
    with pytest.raises(InvalidValue, match="Changing param values"):
        log(first, run, params={"p": "2"})


@both
def test_a_run_id_belongs_to_one_experiment(database: DatabaseStore) -> None:
    run = new_run(database)
    made = new_experiment(database)
    with pytest.raises(AlreadyExists, match=run):
        new_run(database, made, run_id=run)


@both
def test_a_batch_that_fails_leaves_nothing(database: DatabaseStore) -> None:
    run = new_run(database)
    log(database, run, params={"p": "1"})
    batch = points(run, 0, 3, op_id="w-1")
    with pytest.raises(InvalidValue):
        log(database, run, [("m", 1.0)], {"new": "1", "p": "2"}, {"t": "1"})
    assert history(database, run, "m") == []
    with pytest.raises(NotFound):
        database.write(points("unknown", 0, 1, op_id="w-1"))
    database.write(batch)  # the id was not used up by the failure
    assert len(history(database, run, "m")) == 3


# --- once and only once ---


@both
def test_an_op_with_an_id_is_applied_once(open_database: Opener) -> None:
    first, second = open_database(), open_database()
    create = ops.CreateExperiment(name="e", time=T0, op_id="w-1")
    made = first.write(create)
    first.write(ops.RenameExperiment(experiment_id=made, name="other", time=T0, op_id="w-2"))
    assert second.write(create) == made
    begin = ops.CreateRun(run_id="r", experiment_id=made, start_time=T0, run_name="n", op_id="w-3")
    assert first.write(begin) == second.write(begin)
    batch = points("r", 0, 10, op_id="w-4")
    for store in (first, second, first):
        store.write(batch)
    log(first, "r", tags={"t": "later"})
    tag = ops.DeleteTag(run_id="r", key="t", op_id="w-5")
    first.write(tag)
    second.write(tag)  # without its id it would be NotFound
    end = ops.UpdateRun(run_id="r", status="FAILED", op_id="w-6")
    info = first.write(end)
    first.write(ops.UpdateRun(run_id="r", status="FINISHED"))
    assert info.status == "FAILED"
    assert second.write(end).status == "FINISHED"
    delete = ops.DeleteRun(run_id="r", time=T0, op_id="w-7")
    first.write(delete)
    first.write(ops.RestoreRun(run_id="r", op_id="w-8"))
    second.write(delete)
    assert get(first, "r").info.lifecycle_stage == "active"
    assert len(history(first, "r", "m")) == 10
    assert rows(first, "applied") == 8


@both
def test_an_op_without_an_id_is_applied_each_time(database: DatabaseStore) -> None:
    run = new_run(database)
    for _ in range(2):
        database.write(points(run, 0, 2))
    assert len(history(database, run, "m")) == 4
    assert rows(database, "applied") == 0


@both
def test_the_same_op_from_many_threads_at_once_lands_once(open_database: Opener) -> None:
    stores = [open_database(), open_database()]
    run = new_run(stores[0])
    batches = [points(run, 10 * number, 10, op_id=f"w-{number}") for number in range(5)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: stores[number % 2].write(batches[number % 5]), range(40)))
    assert sorted(step for step, _, _ in history(stores[0], run, "m")) == list(range(50))


# --- many writers ---


@both
def test_eight_threads_lose_no_point_and_get_no_error(open_database: Opener) -> None:
    stores = [open_database(), open_database()]
    shared = new_run(stores[0])
    own = [new_run(stores[0]) for _ in range(8)]

    def write(number: int) -> None:
        store = stores[number % 2]
        for step in range(20):
            log(store, shared, [("m", float(step), 100 * number + step)])
            log(store, own[number], [("m", float(step), step)], tags={"t": str(step)})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    steps = [step for step, _, _ in history(stores[0], shared, "m")]
    assert sorted(steps) == sorted(100 * number + step for number in range(8) for step in range(20))
    for number in range(8):  # each writer's points stay in its order
        assert [step for step in steps if step // 100 == number] == [100 * number + step for step in range(20)]
        assert len(history(stores[1], own[number], "m")) == 20
    assert get(stores[0], shared).data.metrics == {"m": 19.0}


@both
def test_one_name_asked_for_by_many_at_once_is_given_once(open_database: Opener) -> None:
    stores = [open_database() for _ in range(4)]  # each of them finds an empty database

    def create(store: DatabaseStore) -> str:
        try:
            return new_experiment(store, "하나")
        except AlreadyExists:
            return "taken"

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(create, stores)) == ["1", "taken", "taken", "taken"]


@both
def test_a_param_that_many_set_at_once_has_one_value(open_database: Opener) -> None:
    stores = [open_database() for _ in range(4)]
    run = new_run(stores[0])

    def set_param(number: int) -> bool:
        try:
            log(stores[number], run, params={"p": str(number)})
        except InvalidValue:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        won = list(pool.map(set_param, range(4)))
    assert won.count(True) == 1
    assert get(stores[0], run).data.params == {"p": str(won.index(True))}


@both
def test_deleting_an_experiment_while_runs_are_logged_to(open_database: Opener) -> None:
    stores = [open_database() for _ in range(3)]
    made = new_experiment(stores[0])
    runs = [new_run(stores[0], made) for _ in range(2)]

    def write(number: int) -> None:
        for step in range(15):
            try:
                log(stores[number], runs[number], [("m", 1.0, step)])
            except InvalidState:
                continue  # deleted just now

    with ThreadPoolExecutor(3) as pool:
        writers = [pool.submit(write, number) for number in range(2)]
        for time in range(5):
            stores[2].write(ops.DeleteExperiment(experiment_id=made, time=T0 + time))
            stores[2].write(ops.RestoreExperiment(experiment_id=made, time=T0 + time))
        for writer in writers:
            writer.result()
    log(stores[0], runs[0], [("m", 9.0, 99)])
    assert rows(stores[0], "deleted_runs") == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@both
def test_a_forked_child_and_its_parent_both_go_on(database: DatabaseStore) -> None:
    run = new_run(database)
    log(database, run, [("m", 1.0, 0)])
    child = os.fork()
    if child == 0:
        code = 1
        try:
            database.after_fork()
            log(database, run, [("m", 2.0, 1)])
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    log(database, run, [("m", 3.0, 2)])
    assert [value for _, value, _ in history(database, run, "m")] == [1.0, 2.0, 3.0]


# --- chunks ---


@both
def test_single_points_become_few_chunks_and_stay_in_order(database: DatabaseStore) -> None:
    run = new_run(database)
    for step in range(200):
        database.write(points(run, step, 1))
    found = chunks(database)
    assert len(found) < 70
    assert [start for start, _ in found] == [sum(count for _, count in found[:place]) for place in range(len(found))]
    assert [step for step, _, _ in history(database, run, "m")] == list(range(200))


def test_small_batches_are_merged_into_full_chunks(database: DatabaseStore) -> None:
    run = new_run(database)
    for number in range(130):
        database.write(points(run, 100 * number, 100))
    counts = [count for _, count in chunks(database)]
    assert FULL in counts
    assert len(counts) < 70
    assert sum(counts) == 13_000
    assert [step for step, _, _ in history(database, run, "m")] == list(range(13_000))


def test_a_large_batch_between_small_ones_keeps_the_order(database: DatabaseStore) -> None:
    run = new_run(database)
    sizes = [1] * 40 + [10_000] + [1] * 70 + [1500, 1]
    first = 0
    for size in sizes:
        database.write(points(run, first, size))
        first += size
    assert [step for step, _, _ in history(database, run, "m")] == list(range(sum(sizes)))
    assert max(count for _, count in chunks(database)) == FULL


@both
def test_any_window_of_a_history_is_found(database: DatabaseStore) -> None:
    run = new_run(database)
    for first, size in ((0, 1), (1, 5000), (5001, 1), (5002, 30)):
        database.write(points(run, first, size))
    for offset in (0, 1, 4096, 4097, 5000, 5001, 5031, 5032, 9999):
        for limit in (1, 2, 40, 5000):
            found = history(database, run, "m", max_results=limit, page_token=encode_token(offset))
            assert [step for step, _, _ in found] == list(range(5032))[offset : offset + limit]
    assert history(database, run, "m", max_results=9, page_token=encode_token(2**63 - 1)) == []
    part = queries.SampledHistories(run_ids=(run,), key="m", start_step=4096, end_step=4098)
    assert [point.step for point in database.read(part)] == [4096, 4097, 4098]
    assert database.read(queries.SampledHistories(run_ids=(run,), key="m", start_step=6000)) == []
    assert database.read(queries.SampledHistories(run_ids=(run,), key="other")) == []


def test_summaries_are_those_of_all_points(database: DatabaseStore) -> None:
    from millstream.drivers.sql import schema

    run = new_run(database)
    for values in ((3.0, -1.0), (float("nan"),), (float("inf"), 2.0), (-0.5,)):
        metrics = tuple(Metric("m", value, T0, 1) for value in values)
        database.write(ops.LogBatch(run_id=run, metrics=metrics))
    with database._reading() as connection:
        row = connection.execute(select(schema.series, schema.series.c["count"].label("count_"))).one()
    assert (row.count_, row.nan_count, row.min_value, row.max_value) == (6, 1, -1.0, float("inf"))
    assert (row.total, row.last_value, row.small_chunks) == (float("inf"), -0.5, 4)


def test_a_damaged_chunk_is_named_and_nothing_else_suffers(database: DatabaseStore) -> None:
    run = new_run(database)
    database.write(points(run, 0, 500))
    log(database, run, [("other", 1.0)])
    with database._open().engine.begin() as connection:
        connection.execute(
            ledger.chunks.update().where(ledger.chunks.c.key == "m").values(data=b"\x01 not what was written")
        )
    with pytest.raises(MillstreamError, match="damaged"):
        history(database, run, "m")
    assert history(database, run, "other") == [(0, 1.0, T0)]
    assert get(database, run).data.metrics == {"m": 499.0, "other": 1.0}


def test_names_of_runs_need_no_memory_of_ids(database: DatabaseStore) -> None:
    """A retry that carries the run's id makes no second run, with or without an op id."""
    op = ops.CreateRun(run_id=names.new_run_id(), experiment_id="0", start_time=T0)
    assert database.write(op).info == database.write(op).info
    assert len(search(database)) == 1


@both
def test_a_point_keeps_the_model_that_it_was_measured_of(database: DatabaseStore) -> None:
    run = new_run(database)
    models = [new_model(database), new_model(database)]
    points = [Metric("m", 1.0, T0, step, None, models[step % 2], "d", "1") for step in range(200)]
    for point in points:
        database.write(ops.LogBatch(run_id=run, metrics=(point,)))
    assert database.read(queries.MetricHistory(run_id=run, key="m")) == points
    assert get(database, run).data.latest == (points[-1],)
    with pytest.raises(InvalidValue, match="logged model"):
        database.write(ops.LogBatch(run_id=run, metrics=(Metric("m", 1.0, T0, 0, None, "a\x00b"),)))
