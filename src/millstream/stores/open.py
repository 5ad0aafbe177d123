"""From a URI to a store. Stores are shared: the same place gives the same store within a process."""

from __future__ import annotations

import atexit
import os
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.found import FoundStore, find_store, on_this_side
from millstream.values.databases import DatabaseUri
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    from millstream.stores.database import DatabaseStore
    from millstream.stores.remote import RemoteStore

__all__ = ["FoundStore", "close_stores", "find_store", "on_this_side", "open_store"]

_stores: dict[str, EmbeddedStore | DatabaseStore | RemoteStore] = {}
_lock = Lock()


def open_store(uri: str | None = None, artifact_root: str | None = None) -> Store:
    """The store for a tracking URI (a directory, a database, a server); without one the one that `find_store` finds.

    `artifact_root` is where new experiments of a database keep artifacts; what a store was opened with first holds.
    Nothing is made on disk before the first write to a directory, the first use of a database.
    """
    found = find_store(uri)
    if found.database is not None:
        key = _database_key(found.database)
    else:
        key = os.path.realpath(found.path) if found.server is None else found.server.key
    with _lock:
        store = _stores.get(key)
        if store is None:
            store = _stores[key] = _opened(found, artifact_root)
        return store


def _opened(found: FoundStore, artifact_root: str | None) -> EmbeddedStore | DatabaseStore | RemoteStore:
    if found.database is not None:
        return _database(found.database, artifact_root)
    if found.server is not None:
        # Whoever writes to a directory needs no HTTP.
        remote: RemoteStore = import_module("millstream.stores.remote").RemoteStore(found.server)
        return remote
    return EmbeddedStore(Path(os.path.realpath(found.path)))


def close_stores() -> None:
    """Close every store of this process; they open again when used."""
    with _lock:
        for store in _stores.values():
            store.close()


def _database_key(database: DatabaseUri) -> str:
    return database.text if database.path is None else f"sqlite:{os.path.realpath(database.path)}"


def _database(database: DatabaseUri, artifact_root: str | None) -> DatabaseStore:
    # SQLAlchemy takes longer to import than many a training script to run; directories are written without it.
    root = database.artifact_root(artifact_root or text_setting("DEFAULT_ARTIFACT_ROOT"), Path.cwd())
    store: DatabaseStore = import_module("millstream.stores.database").DatabaseStore(database, root)
    return store


def _forget_after_fork() -> None:
    # A child must not share connections and locks with its parent; whoever holds a store keeps it.
    global _lock
    _lock = Lock()
    for store in _stores.values():
        store.after_fork()


os.register_at_fork(after_in_child=_forget_after_fork) if hasattr(os, "register_at_fork") else None
atexit.register(close_stores)
