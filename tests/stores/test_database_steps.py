"""Steps of the schema lead to what a new database has."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Connection, inspect

from millstream.drivers.sql import changelog, ledger, migrations, schema
from millstream.drivers.sql.engine import writing
from millstream.drivers.sql.steps import add_logged_models, add_registry, note_requests
from millstream.stores.database import DatabaseStore


def described(connection: Connection, tables: tuple[Any, ...]) -> dict[str, Any]:
    """Columns, keys and indexes of tables, as the database has them."""
    seen = inspect(connection)
    return {
        table.name: (
            [(c["name"], repr(c["type"]), c["nullable"]) for c in seen.get_columns(table.name)],
            seen.get_pk_constraint(table.name)["constrained_columns"],
            [(index["name"], index["column_names"]) for index in seen.get_indexes(table.name)],
        )
        for table in tables
    }


@pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)
def test_logged_models_are_added_as_they_are_made(database: DatabaseStore) -> None:
    engine = database._open().engine
    with writing(engine) as connection:
        made = described(connection, schema.LOGGED_MODELS)
        schema.metadata.drop_all(connection, list(schema.LOGGED_MODELS))
        add_logged_models(connection)
        assert described(connection, schema.LOGGED_MODELS) == made


@pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)
def test_the_registry_is_added_as_it_is_made(database: DatabaseStore) -> None:
    engine = database._open().engine
    with writing(engine) as connection:
        made = described(connection, schema.REGISTRY)
        schema.metadata.drop_all(connection, list(schema.REGISTRY))
        add_registry(connection)
        assert described(connection, schema.REGISTRY) == made


@pytest.mark.parametrize("database_uri", ["sqlite", "postgresql"], indirect=True)
def test_requests_are_noted_as_in_a_new_database(database: DatabaseStore) -> None:
    engine = database._open().engine
    with writing(engine) as connection:
        made = described(connection, (ledger.applied,))
        connection.exec_driver_sql("ALTER TABLE applied DROP COLUMN digest")
        note_requests(connection)
        assert described(connection, (ledger.applied,)) == made


def test_the_log_of_changes_is_added_as_it_is_made(database: DatabaseStore) -> None:
    with writing(database._open().engine) as connection:
        made = described(connection, (changelog.run_changes,))
        changelog.metadata.drop_all(connection)
        migrations.STEPS[9](connection)
        assert described(connection, (changelog.run_changes,)) == made
