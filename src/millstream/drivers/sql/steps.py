"""The steps that lead a database from one version of the schema to the next.

A step says its tables itself: those of `schema` and `ledger` move on, and what a step does must not.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, MetaData, String, Table, Text
from sqlalchemy.schema import SchemaItem


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
