"""Bringing a database to the schema of this program: forward only, each step one transaction with its record.

A new database is made at the newest version at once; steps are for those that older programs made. Only what
carries our own record is touched: a database of MLflow, or anybody else's with tables of our names, is refused.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, inspect, select

from millstream.drivers.sql import changelog, ledger, schema
from millstream.drivers.sql.chunk_steps import add_digests
from millstream.drivers.sql.engine import writing
from millstream.drivers.sql.making import make_tables
from millstream.drivers.sql.steps import (
    add_logged_models,
    add_numbers_and_first_points,
    add_registry,
    find_old_ids,
    index_runs,
    note_requests,
)
from millstream.drivers.sql.storage import set_storage
from millstream.values import names
from millstream.values.entities import ACTIVE
from millstream.values.errors import NotSupported, StorageFailed
from millstream.values.paths import Location
from millstream.values.version import VERSION as PROGRAM

Step = Callable[[Connection], None]


def _note_purges(connection: Connection) -> None:
    """A table of artifacts still to be removed."""
    connection.exec_driver_sql(
        "CREATE TABLE purges "
        "(run_id VARCHAR(256) NOT NULL PRIMARY KEY, artifact_uri TEXT NOT NULL, time BIGINT NOT NULL)"
    )


def _log_changes(connection: Connection) -> None:
    """A table of which runs changed, in which order."""
    without = " WITHOUT ROWID" if connection.dialect.name == "sqlite" else ""
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS run_changes (run_id VARCHAR(256) NOT NULL, experiment_id VARCHAR(64) NOT NULL, "
        f"number BIGINT NOT NULL, made BIGINT, PRIMARY KEY (run_id, experiment_id)){without}"
    )
    connection.exec_driver_sql("CREATE INDEX IF NOT EXISTS run_changes_by_number ON run_changes (number)")


# STEPS[n] leads from version n to n + 1. A step never uses the tables of `schema` and `ledger`, which move on.
STEPS: Mapping[int, Step] = {
    1: add_logged_models,
    2: add_numbers_and_first_points,
    3: _note_purges,
    4: add_digests,
    5: find_old_ids,
    6: set_storage,
    7: add_registry,
    8: note_requests,
    9: _log_changes,
    10: index_runs,
}

# All programs that open a database at once wait for each other here.
_LOCK = 0x6D696C6C

_UNUSABLE = "The server's database cannot be used: its tables are not those of this version. Its log says why."


def prepare(
    engine: Engine, place: str, root: Location, steps: Mapping[int, Step] = STEPS, newest: int = ledger.VERSION
) -> None:
    """Make the tables, or take the steps that are missing, so that the schema is `newest`.

    `root` is where the default experiment keeps its artifacts, `place` names the database in errors.
    NotSupported for a newer schema and for a database that is not ours.
    """
    with engine.connect() as connection:
        version = _version(connection)
    if version == newest:
        return
    if version is not None and version < newest:
        _back_up(engine, version)
    while version != newest:
        # Looked at again under the lock: another program may have been quicker.
        with _alone(engine) as connection:
            version = _advance(connection, place, root, steps, newest)


def _advance(connection: Connection, place: str, root: Location, steps: Mapping[int, Step], newest: int) -> int:
    version = _version(connection)
    if version is None:
        _refuse_strangers(connection, place)
        _refuse_encoding(connection, place)
        _create(connection, root)
        version = newest
    elif version > newest:
        raise NotSupported(
            f"The database {place} has schema version {version}; this Millstream ({PROGRAM}) knows {newest} and older. "
            "Use the newer Millstream that made it.",
            told=_UNUSABLE,
        )
    elif version < newest:
        steps[version](connection)
        version += 1
    else:
        return version
    record = {"version": version, "time": time.time_ns() // 1_000_000, "program": PROGRAM}
    connection.execute(insert(ledger.schema_version), [record])
    return version


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))
        yield connection


def _version(connection: Connection) -> int | None:
    if not inspect(connection).has_table(ledger.schema_version.name):
        return None
    return connection.execute(select(func.max(ledger.schema_version.c.version))).scalar()


def _refuse_strangers(connection: Connection, place: str) -> None:
    present = set(inspect(connection).get_table_names())
    if "alembic_version" in present and "experiments" in present:
        raise mlflows_own(place)
    taken = sorted(present & {table.name for table in ledger.TABLES})
    if taken:
        raise NotSupported(
            f"The database {place} has tables that are not Millstream's but have the same names ({', '.join(taken)}). "
            "Name another database.",
            told=_UNUSABLE,
        )


def mlflows_own(place: str) -> NotSupported:
    """Refuses a database of MLflow, and says how to get at what is in it."""
    return NotSupported(
        f"The database {place} is MLflow's own; its tables cannot be used. Import its runs into a store of "
        f"Millstream, which leaves it as it is: millstream import {place} --into sqlite:///millstream.db",
        told=_UNUSABLE,
    )


def _refuse_encoding(connection: Connection, place: str) -> None:
    if connection.dialect.name == "postgresql":
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
        if encoding != "UTF8":
            raise NotSupported(
                f"The database {place} has the encoding {encoding}, which cannot hold every text. "
                "Make one with UTF8: CREATE DATABASE runs ENCODING 'UTF8' TEMPLATE template0;",
                told=_UNUSABLE,
            )


def _create(connection: Connection, root: Location) -> None:
    make_tables(connection, schema.metadata, ledger.metadata, changelog.metadata)
    connection.exec_driver_sql(ledger.UNIQUE_NAMES)
    set_storage(connection)
    connection.execute(insert(ledger.experiment_ids), [{"last": int(names.DEFAULT_EXPERIMENT_ID)}])
    now = time.time_ns() // 1_000_000
    default = {
        "experiment_id": names.DEFAULT_EXPERIMENT_ID,
        "name": names.DEFAULT_EXPERIMENT_NAME,
        "artifact_location": str(root / names.DEFAULT_EXPERIMENT_ID),
        "lifecycle_stage": ACTIVE,
        "creation_time": now,
        "last_update_time": now,
    }
    connection.execute(insert(schema.experiments), [default])


def _back_up(engine: Engine, version: int) -> None:
    """Copy a SQLite file beside itself, whole even while others use it."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    source = Path(engine.url.database)
    target = source.with_name(f"{source.name}.version-{version}-{time.strftime('%Y%m%d-%H%M%S')}.backup")
    try:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)
    except sqlite3.Error as error:
        target.unlink(missing_ok=True)
        raise StorageFailed(
            f"The database {str(source)!r} has an older schema and must be copied before it is brought up to date, "
            f"but {str(target)!r} cannot be written: {error}. Nothing was changed."
        ) from error
