"""What SQLAlchemy compiles, kept for all stores of a process: a new store of a test asks what the last one asked."""

from __future__ import annotations

from typing import Any

import sqlalchemy
from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import LRUCache

from millstream.drivers.sql import engine as engines

# Of each database system, the first engine that has been connected, so that its dialect knows the server's version.
_first: dict[str, Engine] = {}


def share() -> None:
    """From now on engines of one database system share their compiled statements; of each other they know nothing."""
    engines.create_engine = _create_engine  # type: ignore[attr-defined]


def _create_engine(*given: Any, **more: Any) -> Engine:
    made = sqlalchemy.create_engine(*given, **more)
    first = _first.get(made.dialect.name)
    if first is None:
        event.listen(made, "engine_connect", _note, once=True)
    else:
        # Compiled statements are found by their dialect.
        made.dialect, made._compiled_cache = first.dialect, first._compiled_cache
    return made


def _note(connection: Connection) -> None:
    made = connection.engine
    made._compiled_cache = LRUCache(5000)
    _first.setdefault(made.dialect.name, made)
