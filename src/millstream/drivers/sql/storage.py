"""How PostgreSQL is to keep the tables that are written all the time."""

from __future__ import annotations

from sqlalchemy import Connection

# Points come deflated: trying to compress them once more is in vain. What merging leaves behind (`chunks`), and what
# every batch replaces (`series`), is used again once it is vacuumed: after some per cent of a large table, not after a
# fifth. A page of `series` keeps some room, so that a new version of a row fits beside the old one and the indexes
# need not be touched.
_SETTINGS = (
    "ALTER TABLE chunks ALTER COLUMN data SET STORAGE EXTERNAL",
    "ALTER TABLE chunks SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500)",
    "ALTER TABLE chunks SET (toast.autovacuum_vacuum_scale_factor = 0.02, toast.autovacuum_vacuum_threshold = 500)",
    "ALTER TABLE series SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05)",
)


def set_storage(connection: Connection) -> None:
    """Say to PostgreSQL how to keep points and their summaries; nothing on SQLite."""
    if connection.dialect.name == "postgresql":
        for change in _SETTINGS:
            connection.exec_driver_sql(change)
