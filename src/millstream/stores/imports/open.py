"""Which kind of source a URI names."""

from __future__ import annotations

import os
from pathlib import Path

from millstream.drivers.rest.client import RestClient
from millstream.drivers.sql.foreign import MLFLOW, OURS, ForeignDatabase
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.base import Source
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.mlflow import MlflowSource
from millstream.stores.imports.servers import ServerSource
from millstream.stores.imports.trees import TreeSource
from millstream.stores.open import open_store
from millstream.stores.remote import RemoteStore
from millstream.values.databases import DatabaseUri, hidden
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location

_SQLITE_FILE = b"SQLite format 3\0"


def open_source(uri: str, artifact_root: Path | None = None) -> Source:
    """The source that `uri` names: a directory, a SQLite file, a database URI or a server's address.

    `artifact_root` is where artifacts lie now that are not where their URIs say.
    """
    database = DatabaseUri.parse(uri, Path.cwd())
    if database is None and _is_sqlite_file(uri):
        database = DatabaseUri.parse(f"sqlite:///{Path(uri).absolute()}", Path.cwd())
    if database is not None:
        return _database(database, artifact_root)
    if uri.lower().startswith(("http://", "https://")):
        return ServerSource(RestClient(uri))
    location = Location.parse(os.path.expanduser(uri), base=Path.cwd())
    if location.local is None:
        raise InvalidValue(
            f"{hidden(uri)!r} is nothing that runs can be imported from: name a directory, sqlite:///file.db, "
            "postgresql://… or http://…"
        )
    return TreeSource(location.local, artifact_root)


def check_apart(source: Source, uri: str, target: Store) -> None:
    """Raise InvalidValue when `source` and `target` are the same place, NotSupported when the target is a server."""
    if isinstance(target, RemoteStore):
        raise NotSupported(
            f"{target.public} is a server, which takes no imports. Import where its store is, into that store."
        )
    if isinstance(source, DatabaseSource) and isinstance(target, DatabaseStore):
        same = source.is_of(target)
    elif isinstance(source, TreeSource) and isinstance(target, EmbeddedStore):
        same = os.path.realpath(source.place) == os.path.realpath(target.root)
    else:
        same = False
    if same:
        raise InvalidValue(f"{hidden(uri)!r} is the store to import into as well; name two places.")


def _database(database: DatabaseUri, artifact_root: Path | None) -> Source:
    foreign = ForeignDatabase(database)
    kind = foreign.kind()
    if kind == MLFLOW:
        return MlflowSource(foreign, artifact_root)
    foreign.close()
    if kind != OURS:
        raise NotSupported(f"The database {database.public} has no tables of MLflow or Millstream; nothing to import.")
    store = open_store(database.text)
    assert isinstance(store, DatabaseStore)
    return DatabaseSource(store, artifact_root)


def _is_sqlite_file(path: str) -> bool:
    try:
        with open(os.path.expanduser(path), "rb") as file:
            return file.read(len(_SQLITE_FILE)) == _SQLITE_FILE
    except (OSError, ValueError):
        return False
