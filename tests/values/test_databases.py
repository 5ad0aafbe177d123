"""URIs of databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.values.databases import POSTGRESQL, SQLITE, DatabaseUri, hidden
from millstream.values.errors import InvalidValue, NotSupported

BASE = Path("/tmp/내 일")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("sqlite:///x.db", "/tmp/내 일/x.db"),
        ("sqlite:///a b/가.db", "/tmp/내 일/a b/가.db"),
        ("sqlite:////abs/x.db", "/abs/x.db"),
        ("SQLite:///x.db", "/tmp/내 일/x.db"),
        ("sqlite+pysqlite:////abs/100%.db", "/abs/100%.db"),
        ("sqlite:///a:b.db", "/tmp/내 일/a:b.db"),
    ],
)
def test_sqlite_names_a_file(text: str, path: str) -> None:
    found = DatabaseUri.parse(text, BASE)
    assert found is not None
    assert (found.kind, str(found.path)) == (SQLITE, path)
    assert DatabaseUri.parse(found.text, Path("/elsewhere")) == found


@pytest.mark.parametrize(
    "text", ["sqlite://", "sqlite:///", "sqlite:x.db", "sqlite:///:memory:", "sqlite:///x.db?mode=ro", "sqlite:///../x"]
)
def test_what_names_no_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        DatabaseUri.parse(text, BASE)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_is_one(scheme: str) -> None:
    found = DatabaseUri.parse(f"{scheme}://u:p@h:5432/db?sslmode=require", BASE)
    assert found == DatabaseUri(POSTGRESQL, "postgresql://u:p@h:5432/db?sslmode=require")
    assert found.public == "postgresql://***@h:5432/db?sslmode=require"


@pytest.mark.parametrize("text", ["postgresql://", "postgresql:db", "postgresql://u:pw@h", "postgresql://u:pw@h:x/db"])
def test_a_postgresql_uri_without_a_database_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        DatabaseUri.parse(text, BASE)
    assert "pw" not in caught.value.message


@pytest.mark.parametrize("text", ["mysql://u:pw@h/d", "mssql+pyodbc://u:pw@h/d"])
def test_other_databases_are_not_supported(text: str) -> None:
    with pytest.raises(NotSupported) as caught:
        DatabaseUri.parse(text, BASE)
    assert "pw" not in caught.value.message


@pytest.mark.parametrize("text", ["/x/sqlite", "file:///x", "s3://b/x", "sqlite", "http://h", "", "C:\\x"])
def test_anything_else_is_no_database(text: str) -> None:
    assert DatabaseUri.parse(text, BASE) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://u:p@h/d", "postgresql://***@h/d"),
        ("postgresql://u:p@ss/w@h/d", "postgresql://***@h/d"),
        ("see postgresql://u:p@h/d and http://x/y", "see postgresql://***@h/d and http://x/y"),
        ("postgresql://h/d?user=u&password=geheim&x=1", "postgresql://h/d?user=u&password=***&x=1"),
        ("postgresql://h/d", "postgresql://h/d"),
        ("git@github.com:a/b", "git@github.com:a/b"),
    ],
)
def test_passwords_are_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown


def test_artifacts_lie_beside_a_file_or_in_the_working_directory() -> None:
    file, server = DatabaseUri.parse("sqlite:////d/x.db", BASE), DatabaseUri.parse("postgresql://h/d", BASE)
    assert file is not None
    assert server is not None
    assert file.artifact_root(None, BASE).path == "/d/mlartifacts"
    assert server.artifact_root(None, BASE).path == "/tmp/내 일/mlartifacts"
    assert str(server.artifact_root("s3://bucket/x", BASE)) == "s3://bucket/x"
