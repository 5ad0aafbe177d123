"""Opening databases: new ones, old ones, strangers, unreachable ones; and what errors say, and do not say."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from importlib import import_module
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, inspect

import millstream
from millstream.drivers.sql import ledger, migrations, schema, steps
from millstream.drivers.sql.engine import postgresql_engine, sqlite_engine
from millstream.stores.database import DatabaseStore
from millstream.stores.open import close_stores, find_store, open_store
from millstream.values import ops, queries
from millstream.values.databases import DatabaseUri
from millstream.values.errors import DataDamaged, MissingDependency, NotSupported, StorageFailed, Unavailable
from millstream.values.paths import Location
from tests.stores.calls import T0, get, history, log, new_experiment, new_run, search

Opener = Callable[[], DatabaseStore]

both = pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)


def at(path: Path) -> DatabaseStore:
    return DatabaseStore(DatabaseUri("sqlite", f"sqlite:///{path}", path), Location("file", "", "/nowhere"))


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        found: int = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
        return found


# --- by URI ---


def test_a_relative_uri_is_taken_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = open_store("sqlite:///새 폴더/runs.db")
    assert not (tmp_path / "새 폴더").exists()
    assert store.read(queries.DescribeStore()).exists is False
    run = new_run(store)
    assert (tmp_path / "새 폴더" / "runs.db").is_file()
    assert store.artifacts(run).location.local == tmp_path / "새 폴더/mlartifacts/0" / run / "artifacts"
    assert open_store(store.uri) is store
    assert open_store(f"sqlite:///{tmp_path}/새 폴더/runs.db") is store
    close_stores()


def test_the_functions_log_to_the_database_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/t.db")
    monkeypatch.setenv("MLFLOW_DEFAULT_ARTIFACT_ROOT", str(tmp_path / "root"))
    millstream.set_experiment("고양이")
    with millstream.start_run() as run:
        millstream.log_metric("m", 1.0)
        millstream.log_text("안녕", "a.txt")
    found = millstream.search_runs(experiment_names=["고양이"], filter_string="metrics.m = 1", output_format="list")
    assert [item.info.run_id for item in found] == [run.info.run_id]
    assert (tmp_path / "root" / "1" / run.info.run_id / "artifacts" / "a.txt").is_file()
    close_stores()


def test_how_a_database_was_chosen_is_said_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "postgresql://anna:geheim@h/db")
    found = find_store()
    assert found.uri == "postgresql://anna:geheim@h/db"
    assert "geheim" not in found.how + found.public
    assert "postgresql://***@h/db" in found.public


def test_doctor_and_the_server_name_a_database_without_its_password(
    postgresql: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests.servers import new_schema

    monkeypatch.setenv("MLFLOW_TRACKING_URI", new_schema(postgresql))
    command = [sys.executable, "-m", "millstream", "doctor", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True)
    assert "geheim" not in done.stdout + done.stderr
    report = json.loads(done.stdout)["store"]
    assert (report["kind"], report["experiments"], report["error"]) == ("PostgreSQL database", 1, None)


# --- schema versions ---


@both
def test_a_new_database_has_the_newest_version_and_a_record_of_it(open_database: Opener) -> None:
    store = open_database()
    new_run(store)
    open_database().read(queries.DescribeStore())  # opening again records nothing
    with store._reading() as connection:
        record = connection.execute(ledger.schema_version.select()).one()
    assert (record.version, record.program) == (ledger.VERSION, millstream.__version__)


def versions(connection: Connection) -> list[int]:
    return [row[0] for row in connection.exec_driver_sql("SELECT version FROM schema_version ORDER BY 1")]


def engine_of(store: DatabaseStore) -> Engine:
    path = store.database.path
    if path is None:
        return postgresql_engine(store.uri)
    path.parent.mkdir()
    return sqlite_engine(path)


def make_old(engine: Engine) -> None:
    """A database as version 1 of some program left it, with data."""
    with engine.begin() as connection:
        columns = "version INTEGER PRIMARY KEY, time BIGINT, program TEXT"
        connection.exec_driver_sql(f"CREATE TABLE schema_version ({columns})")
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (1, 0, 'old')")
        connection.exec_driver_sql("CREATE TABLE notes (text TEXT)")
        connection.exec_driver_sql("INSERT INTO notes VALUES ('하나')")


def widen(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE notes ADD COLUMN length INTEGER")


def fill(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE notes SET length = length(text)")


def fail(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE notes SET length = 99")
    raise RuntimeError("cut off")


@both
def test_an_old_database_is_brought_forward_step_by_step(database: DatabaseStore) -> None:
    engine = engine_of(database)
    make_old(engine)
    root = Location("file", "", "/nowhere")
    with pytest.raises(RuntimeError):
        migrations.prepare(engine, "place", root, {1: widen, 2: fail}, newest=3)
    with engine.connect() as connection:  # the first step stands with its record, the second left nothing
        assert connection.exec_driver_sql("SELECT text, length FROM notes").all() == [("하나", None)]
        assert versions(connection) == [1, 2]
    migrations.prepare(engine, "place", root, {1: widen, 2: fill}, newest=3)
    migrations.prepare(engine, "place", root, {1: widen, 2: fill}, newest=3)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT text, length FROM notes").all() == [("하나", 2)]
        assert [row[0] for row in connection.exec_driver_sql("SELECT version FROM schema_version ORDER BY 1")] == [
            1,
            2,
            3,
        ]
    engine.dispose()


def test_a_file_is_copied_beside_itself_before_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "내 runs.db"
    engine = sqlite_engine(path)
    make_old(engine)
    migrations.prepare(engine, "place", Location("file", "", "/nowhere"), {1: widen}, newest=2)
    engine.dispose()
    (copy,) = tmp_path.glob("내 runs.db.version-1-*.backup")
    assert (version(copy), version(path)) == (1, 2)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT * FROM notes").fetchall() == [("하나",)]


@both
def test_a_database_of_version_2_gets_numbers_and_first_points(open_database: Opener) -> None:
    store = open_database()
    run = new_run(store)
    nan = float("nan")
    points = [("m", 3.0, 5), ("m", nan, -1), ("m", 2.0, -1), ("o", 4.0, 3), ("o", 2.0, 1), ("o", 9.0, 1), ("n", nan)]
    log(store, run, points, {"p": "1e1"})
    with store._open().engine.begin() as connection:
        series = schema.series
        expected = connection.execute(series.select().order_by(series.c.key)).all()
        connection.exec_driver_sql("ALTER TABLE params DROP COLUMN number")
        for column in ("first_value", "first_nan", "first_step"):
            connection.exec_driver_sql(f"ALTER TABLE series DROP COLUMN {column}")
        connection.exec_driver_sql("ALTER TABLE chunks ADD COLUMN low_step BIGINT")
        for key, low in (("m", -1), ("o", 1), ("n", 0)):
            connection.exec_driver_sql(f"UPDATE chunks SET low_step = {low} WHERE key = '{key}'")
        steps.add_numbers_and_first_points(connection)
        assert connection.execute(series.select().order_by(series.c.key)).all() == expected
    assert search(store, "params.p = 10 AND metrics.m.first = nan AND metrics.o.first = 2") == [run]


def test_steps_lead_from_the_first_version_to_the_newest() -> None:
    assert list(migrations.STEPS) == list(range(1, ledger.VERSION))


GOLDEN = Path(__file__).parents[1] / "golden"


def tables(connection: Connection) -> dict[str, set[str]]:
    look = inspect(connection)
    return {name: {column["name"] for column in look.get_columns(name)} for name in look.get_table_names()}


@both
def test_a_database_of_version_1_is_brought_forward_with_its_points(
    database: DatabaseStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Callable[[], int]
) -> None:
    monkeypatch.setattr("millstream.drivers.sql.chunk_steps._BATCH", 2)
    engine = engine_of(database)
    with engine.begin() as connection:
        text = (GOLDEN / f"version-1.{engine.dialect.name}.sql").read_text(encoding="utf-8")
        for statement in text.split(";\n"):
            if statement:
                connection.exec_driver_sql(statement)
    run = "a" * 32
    found = history(database, run, "loss")
    assert (len(found), found[77], found[-1]) == (303, (77, 9.0, T0 + 770), (2, 1.0, T0 + 5000))
    assert get(database, run).data.metrics == {"loss": 0.005, "한 점": 0.5}
    before = reads()
    log(database, run, [("loss", 0.25, 300, T0)])
    envelope = database.read(queries.MetricEnvelope(run_id=run, key="loss", width=1))
    assert (envelope.count, envelope.max, envelope.max_x, envelope.nan_count) == ([304], [9.0], [77], [1])
    assert reads() - before == 4  # single points; the 300 have a digest
    assert new_run(database) != run
    with engine.connect() as connection:
        migrated = tables(connection)
    engine.dispose()
    fresh = sqlite_engine(tmp_path / "fresh.db")
    migrations.prepare(fresh, "place", Location("file", "", "/nowhere"))
    with fresh.connect() as connection:
        assert migrated == tables(connection)
    fresh.dispose()


@both
def test_a_newer_database_is_refused_and_left_alone(open_database: Opener) -> None:
    store = open_database()
    run = new_run(store)
    with store._open().engine.begin() as connection:
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (999, 0, '9.9')")
    with pytest.raises(NotSupported, match="schema version 999"):
        new_run(open_database())
    assert get(store, run).info.run_id == run


def test_a_database_of_mlflow_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "mlflow.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("CREATE TABLE alembic_version (v TEXT); CREATE TABLE experiments (id INTEGER);")
    store = at(path)
    with pytest.raises(NotSupported, match="MLflow's own"):
        new_run(store)
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        names = {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert names == {"alembic_version", "experiments"}


def test_tables_of_the_same_names_are_not_touched_and_others_do_no_harm(tmp_path: Path) -> None:
    for table, refused in (("runs", True), ("books", False)):
        path = tmp_path / f"{table}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"CREATE TABLE {table} (id INTEGER)")
        store = at(path)
        if refused:
            with pytest.raises(NotSupported, match="runs"):
                new_run(store)
        else:
            new_run(store)
        store.close()


def test_a_server_database_that_cannot_hold_every_text_is_refused(postgresql: str, tmp_path: Path) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    uri = DatabaseUri.parse(postgresql.removesuffix("/postgres") + "/latin", tmp_path)
    assert uri is not None
    with pytest.raises(NotSupported, match="LATIN1"):
        new_run(DatabaseStore(uri, Location("file", "", "/nowhere")))


# --- what cannot be opened ---


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.db"
    path.write_text("no database at all, but long enough to be looked at " * 20)
    before = path.read_bytes()
    with pytest.raises(DataDamaged, match=r"notes\.db"):
        at(path).read(queries.SearchExperiments())
    assert path.read_bytes() == before


def test_a_folder_in_place_of_the_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="unable"):
        new_experiment(at(tmp_path))
    (tmp_path / "file").touch()
    with pytest.raises(StorageFailed, match="file"):
        new_experiment(at(tmp_path / "file" / "runs.db"))


def test_a_server_that_is_not_there_is_named_without_the_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    uri = DatabaseUri.parse("postgresql://anna:geheim@127.0.0.1:9/runs?connect_timeout=2", tmp_path)
    assert uri is not None
    store = DatabaseStore(uri, Location("file", "", "/nowhere"))
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1") as caught:
        new_run(store)
    assert "geheim" not in caught.value.message


def test_a_missing_driver_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependency, match=r"pip install 'psycopg\[binary\]'"):
        import_module("millstream.drivers.sql.engine").postgresql_engine("postgresql://u:geheim@h/d")


def test_a_lock_of_another_program_is_waited_for_and_then_said(
    database: DatabaseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("millstream.drivers.sql.engine.BUSY_SECONDS", 0)
    run = new_run(database)
    with closing(sqlite3.connect(str(database.database.path), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            log(database, run, [("m", 1.0)])
        assert get(database, run).data.metrics == {}  # reading goes on
        other.execute("COMMIT")
    log(database, run, [("m", 1.0)])
    assert database.write(ops.UpdateRun(run_id=run, status="FINISHED", end_time=T0)).status == "FINISHED"
