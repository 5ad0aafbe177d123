"""The step that gives chunks of points their digests; see `steps`."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    insert,
    literal,
    select,
    tuple_,
    update,
)

from millstream.formats.chunks import decode_columns
from millstream.formats.segments import WORTH_A_DIGEST, digest, pack

# So many chunks of points are held at once.
_BATCH = 200


def add_digests(connection: Connection) -> None:
    """Chunks get a digest, and a place for the model and dataset that points were measured with."""
    old = _chunks("chunks", Column("low_step", BigInteger), Column("high_step", BigInteger))
    new = _chunks("new_chunks", Column("source", Text), Column("digest", LargeBinary))
    connection.exec_driver_sql("ALTER TABLE series ADD COLUMN last_source TEXT")
    if connection.dialect.name == "sqlite":
        # Made anew: a column added at the end would be read through the bytes of all points.
        new.create(connection)
        for rows in _every(connection, old):
            connection.execute(insert(new), rows)
        old.drop(connection)
        connection.exec_driver_sql("ALTER TABLE new_chunks RENAME TO chunks")
        return
    for change in (
        "DROP COLUMN low_step",
        "DROP COLUMN high_step",
        "ADD COLUMN source TEXT",
        "ADD COLUMN digest BYTEA",
    ):
        connection.exec_driver_sql(f"ALTER TABLE chunks {change}")
    table = _chunks("chunks", Column("digest", LargeBinary))
    columns = table.c
    keys = (columns.rid == bindparam("of"), columns.key == bindparam("named"), columns.start == bindparam("first"))
    statement = update(table).where(*keys).values(digest=bindparam("made"))
    for rows in _every(connection, table):
        some = [
            {"of": row["rid"], "named": row["key"], "first": row["start"], "made": row["digest"]}
            for row in rows
            if row["digest"] is not None
        ]
        if some:
            connection.execute(statement, some)


def _chunks(name: str, *columns: Column[Any]) -> Table:
    return Table(
        name,
        MetaData(),
        Column("rid", Integer, primary_key=True, autoincrement=False),
        Column("key", String(250), primary_key=True),
        Column("start", BigInteger, primary_key=True, autoincrement=False),
        Column("count", Integer, nullable=False),
        *columns,
        Column("data", LargeBinary, nullable=False),
    )


def _every(connection: Connection, table: Table) -> Any:
    """All chunks with their digests, some at a time."""
    columns = table.c
    place = (columns.rid, columns.key, columns.start)
    found = select(*place, columns["count"].label("points"), columns.data).order_by(*place).limit(_BATCH)
    rows = connection.execute(found).all()
    while rows:
        yield [
            {"rid": rid, "key": key, "start": start, "count": count, "digest": _digest(data), "data": data}
            for rid, key, start, count, data in rows
        ]
        last = [literal(value, column.type) for value, column in zip(rows[-1], place, strict=False)]
        rows = connection.execute(found.where(tuple_(*place) > tuple_(*last))).all()


def _digest(data: bytes) -> bytes | None:
    columns = decode_columns(data)
    return None if len(columns.values) < WORTH_A_DIGEST else data[-4:] + pack(digest(columns))
