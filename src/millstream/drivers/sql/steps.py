"""The steps that lead a database from one version of the schema to the next.

A step says its tables itself: those of `schema` and `ledger` move on, and what a step does must not.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    func,
    inspect,
    select,
    table,
    update,
)
from sqlalchemy import column as column_of
from sqlalchemy.schema import SchemaItem

from millstream.formats.chunks import Point, decode
from millstream.values.numbers import number_in


def add_logged_models(connection: Connection) -> None:
    """Tables for logged models: themselves, their params, tags and latest metrics."""
    metadata = MetaData()
    plain = connection.dialect.name == "sqlite"
    text = Text() if plain else Text(collation="C")
    id_, short = (String(length, None if plain else "C") for length in (256, 16))
    columns: list[SchemaItem] = [
        Column("model_id", id_, primary_key=True),
        Column("experiment_id", String(64, None if plain else "C"), nullable=False),
        *(Column(name, text, nullable=False) for name in ("name", "artifact_location")),
        *(Column(name, BigInteger, nullable=False) for name in ("creation_timestamp", "last_updated_timestamp")),
        Column("model_type", text),
        Column("source_run_id", id_),
        Column("status", short, nullable=False),
        Column("status_message", text),
        Column("lifecycle_stage", short, nullable=False),
        Index("logged_models_by_experiment", "experiment_id", "lifecycle_stage", "creation_timestamp"),
    ]
    Table("logged_models", metadata, *columns)
    for name in ("logged_model_params", "logged_model_tags"):
        keys = _keys(plain, {"model_id": 256, "key": 250})
        Table(name, metadata, *keys, Column("value", text, nullable=False), sqlite_with_rowid=False)
    point: list[SchemaItem] = [
        *_keys(plain, {"model_id": 256, "key": 250, "dataset_name": 500, "dataset_digest": 36}),
        Column("last_value", Double),
        Column("last_nan", Boolean, nullable=False),
        Column("last_step", BigInteger, nullable=False),
        Column("last_time", BigInteger, nullable=False),
        Column("run_id", id_, nullable=False),
    ]
    Table("logged_model_metrics", metadata, *point, sqlite_with_rowid=False)
    metadata.create_all(connection)


def _keys(plain: bool, lengths: dict[str, int]) -> list[Column[str]]:
    return [Column(name, String(n, None if plain else "C"), primary_key=True) for name, n in lengths.items()]


def add_numbers_and_first_points(connection: Connection) -> None:
    """Params get the numbers that they are, series their first points, found in the chunks."""
    for column in (
        "params ADD COLUMN number DOUBLE PRECISION",
        "series ADD COLUMN first_value DOUBLE PRECISION",
        "series ADD COLUMN first_nan BOOLEAN NOT NULL DEFAULT FALSE",
        "series ADD COLUMN first_step BIGINT NOT NULL DEFAULT 0",
    ):
        connection.exec_driver_sql(f"ALTER TABLE {column}")
    for rid in connection.execute(select(table("runs", column_of("rid")))).scalars().all():
        _fill_numbers(connection, rid)
        _fill_first_points(connection, rid)


def _fill_numbers(connection: Connection, rid: int) -> None:
    params = table("params", *map(column_of, ("rid", "key", "value", "number")))
    rows = connection.execute(select(params.c.key, params.c.value).where(params.c.rid == rid)).all()
    numbers = [{"of": rid, "named": row.key, "number": number_in(row.value)} for row in rows]
    if numbers:
        statement = update(params).where(params.c.rid == bindparam("of"), params.c.key == bindparam("named"))
        connection.execute(statement.values(number=bindparam("number")), numbers)


def _fill_first_points(connection: Connection, rid: int) -> None:
    """From the chunks with the lowest step of each series."""
    chunks = table("chunks", *map(column_of, ("rid", "key", "start", "low_step", "data")))
    beside = chunks.alias()
    lowest = select(func.min(beside.c.low_step)).where(beside.c.rid == chunks.c.rid, beside.c.key == chunks.c.key)
    statement = select(chunks).where(chunks.c.rid == rid, chunks.c.low_step == lowest.scalar_subquery())
    points: dict[str, list[Point]] = {}
    for row in connection.execute(statement.order_by(chunks.c.start)).all():
        points.setdefault(row.key, []).extend(decode(row.data))
    rows = []
    for key, some in points.items():
        _, value, step = min(some, key=lambda point: point[2])
        nan = value != value
        rows.append({"of": rid, "named": key, "value": None if nan else value, "nan": nan, "at": step})
    if rows:
        first = {"first_value": "value", "first_nan": "nan", "first_step": "at"}
        series = table("series", *map(column_of, ("rid", "key", *first)))
        named = update(series).where(series.c.rid == bindparam("of"), series.c.key == bindparam("named"))
        connection.execute(named.values({column: bindparam(name) for column, name in first.items()}), rows)


def add_registry(connection: Connection) -> None:
    """Tables for registered models: themselves, their tags and aliases, their versions and the tags of those."""
    metadata = MetaData()
    plain = connection.dialect.name == "sqlite"
    text = Text() if plain else Text(collation="C")
    collation = None if plain else "C"
    times = ("creation_timestamp", "last_updated_timestamp")
    model: list[SchemaItem] = [
        Column("mid", Integer, primary_key=True),
        Column("name", String(256, collation), nullable=False, unique=True),
        *(Column(name, BigInteger, nullable=False) for name in times),
        Column("description", text),
        Column("last_version", Integer, nullable=False),
    ]
    Table("registered_models", metadata, *model)
    version: list[SchemaItem] = [
        Column("vid", Integer, primary_key=True),
        *(Column(name, Integer, nullable=False) for name in ("mid", "version")),
        *(Column(name, BigInteger, nullable=False) for name in times),
        Column("source", text, nullable=False),
        Column("current_stage", String(16, collation), nullable=False),
        *(Column(name, text) for name in ("description", "user_id")),
        Column("run_id", String(256, collation)),
        Column("run_link", text),
        Column("status", String(32, collation), nullable=False),
        Column("status_message", text),
        Column("model_id", String(256, collation)),
        Column("storage_location", text),
        Index("model_versions_by_number", "mid", "version", unique=True),
        Index("model_versions_by_run", "run_id"),
    ]
    Table("model_versions", metadata, *version)
    for name, owner, key, length, value in (
        ("registered_model_tags", "mid", "key", 250, Column("value", text, nullable=False)),
        ("registered_model_aliases", "mid", "alias", 256, Column("version", Integer, nullable=False)),
        ("model_version_tags", "vid", "key", 250, Column("value", text, nullable=False)),
    ):
        owned = Column(owner, Integer, primary_key=True, autoincrement=False)
        Table(name, metadata, owned, *_keys(plain, {key: length}), value, sqlite_with_rowid=False)
    metadata.create_all(connection)


def find_old_ids(connection: Connection) -> None:
    """Ids of ops are found by their age."""
    connection.exec_driver_sql("CREATE INDEX applied_by_time ON applied (time)")


def note_requests(connection: Connection) -> None:
    """What was asked is noted with the id of an op."""
    if "digest" not in {column["name"] for column in inspect(connection).get_columns("applied")}:
        connection.exec_driver_sql("ALTER TABLE applied ADD COLUMN digest VARCHAR(64)")


def index_runs(connection: Connection) -> None:
    """Runs of an experiment are found in the order in which they were made."""
    connection.exec_driver_sql("CREATE INDEX runs_of_experiment ON runs (experiment_id, lifecycle_stage)")
