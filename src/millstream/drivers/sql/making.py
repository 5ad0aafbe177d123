"""Making tables: the statements are compiled once for a process, and a server gets them in one message."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects import registry
from sqlalchemy.schema import CreateIndex, CreateTable


def make_tables(connection: Connection, *collections: MetaData) -> None:
    """Make the tables of `collections` that are not there yet, and their indexes."""
    system = connection.dialect.name
    texts = [text for tables in collections for text in _texts(tables, system)]
    for text in texts if system == "sqlite" else [";\n".join(texts)]:
        connection.exec_driver_sql(text)


@cache
def _texts(tables: MetaData, system: str) -> list[str]:
    made: list[CreateTable | CreateIndex] = []
    for table in tables.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [CreateIndex(index, if_not_exists=True) for index in indexes]
    dialect = registry.load(system)()
    return [str(one.compile(dialect=dialect)).strip() for one in made]
