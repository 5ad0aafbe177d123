"""The steps that lead a database from one version of the schema to the next.

A step says its tables itself: those of `schema` and `ledger` move on, and what a step does must not.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Connection, Double, Index, MetaData, String, Table, Text


def add_logged_models(connection: Connection) -> None:
    """Tables for logged models: themselves, their params, tags and latest metrics."""
    plain = connection.dialect.name == "sqlite"
    text = Text() if plain else Text(collation="C")
    metadata = MetaData()

    def string(length: int) -> String:
        return String(length) if plain else String(length, collation="C")

    Table(
        "logged_models",
        metadata,
        Column("model_id", string(256), primary_key=True),
        Column("experiment_id", string(64), nullable=False),
        Column("name", text, nullable=False),
        Column("artifact_location", text, nullable=False),
        Column("creation_timestamp", BigInteger, nullable=False),
        Column("last_updated_timestamp", BigInteger, nullable=False),
        Column("model_type", text),
        Column("source_run_id", string(256)),
        Column("status", string(16), nullable=False),
        Column("status_message", text),
        Column("lifecycle_stage", string(16), nullable=False),
        Index("logged_models_by_experiment", "experiment_id", "lifecycle_stage", "creation_timestamp"),
    )
    for name in ("logged_model_params", "logged_model_tags"):
        Table(
            name,
            metadata,
            Column("model_id", string(256), primary_key=True),
            Column("key", string(250), primary_key=True),
            Column("value", text, nullable=False),
            sqlite_with_rowid=False,
        )
    Table(
        "logged_model_metrics",
        metadata,
        Column("model_id", string(256), primary_key=True),
        Column("key", string(250), primary_key=True),
        Column("dataset_name", string(500), primary_key=True),
        Column("dataset_digest", string(36), primary_key=True),
        Column("last_value", Double),
        Column("last_nan", Boolean, nullable=False),
        Column("last_step", BigInteger, nullable=False),
        Column("last_time", BigInteger, nullable=False),
        Column("run_id", string(256), nullable=False),
        sqlite_with_rowid=False,
    )
    metadata.create_all(connection)
