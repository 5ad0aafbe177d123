"""From a URI to a store. Stores are shared: the same place gives the same store within a process."""

from __future__ import annotations

import atexit
import os
from pathlib import Path
from threading import Lock

from millstream.stores.base import Store
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.found import FoundTree, find_tree

__all__ = ["FoundTree", "close_stores", "find_tree", "open_store"]

_stores: dict[str, EmbeddedStore] = {}
_lock = Lock()


def open_store(uri: str | None = None) -> Store:
    """The store for a tracking URI (a directory or file: URI); without one the store that `find_tree` finds.

    Nothing is made on disk before the first write.
    """
    root = find_tree(uri).path
    key = os.path.realpath(root)
    with _lock:
        store = _stores.get(key)
        if store is None:
            store = _stores[key] = EmbeddedStore(Path(key))
        return store


def close_stores() -> None:
    """Close every store of this process; they open again when used."""
    with _lock:
        for store in _stores.values():
            store.close()


def _forget_after_fork() -> None:
    # A child must not share SQLite connections and locks with its parent; whoever holds a store keeps it.
    global _lock
    _lock = Lock()
    for store in _stores.values():
        store.after_fork()


os.register_at_fork(after_in_child=_forget_after_fork) if hasattr(os, "register_at_fork") else None
atexit.register(close_stores)
