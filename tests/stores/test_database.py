"""The database store keeps what every store promises, over SQLite and over PostgreSQL, and its own promises."""

from __future__ import annotations

import pytest

from millstream.stores.database import DatabaseStore
from tests.stores.suite import StoreSuite


@pytest.fixture
def store(database: DatabaseStore) -> DatabaseStore:
    return database


@pytest.mark.parametrize("database_uri", ["sqlite"], indirect=True)
class TestSqlite(StoreSuite):
    """A file."""


@pytest.mark.parametrize("database_uri", ["postgresql"], indirect=True)
class TestPostgresql(StoreSuite):
    """A server."""
