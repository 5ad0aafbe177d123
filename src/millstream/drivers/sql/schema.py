"""The tables, once: for the index of an `mlruns` directory and for a database.

Runs have a small integer `rid` besides their public id, so that the wide tables below them stay small.
NaN has no place in SQL comparisons: a NaN value is stored as NULL with its `…_nan` flag set.
Texts are compared and sorted by code point, everywhere: PostgreSQL has to be told so.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()

_TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _string(length: int) -> String:
    return String(length).with_variant(String(length, collation="C"), "postgresql")


experiments = Table(
    "experiments",
    metadata,
    Column("experiment_id", _string(64), primary_key=True),
    Column("name", _TEXT, nullable=False),
    Column("artifact_location", _TEXT, nullable=False),
    Column("lifecycle_stage", _string(16), nullable=False),
    Column("creation_time", BigInteger),
    Column("last_update_time", BigInteger),
    Index("experiments_by_name", "name"),
)

experiment_tags = Table(
    "experiment_tags",
    metadata,
    Column("experiment_id", _string(64), primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("run_id", _string(256), nullable=False, unique=True),
    Column("experiment_id", _string(64), nullable=False),
    Column("run_name", _TEXT, nullable=False),
    Column("status", _string(16), nullable=False),
    Column("lifecycle_stage", _string(16), nullable=False),
    Column("user_id", _TEXT, nullable=False),
    Column("start_time", BigInteger),
    Column("end_time", BigInteger),
    Column("artifact_uri", _TEXT, nullable=False),
    Index("runs_by_experiment", "experiment_id", "lifecycle_stage", "start_time"),
    # SQLite reads runs by it in the order of their rids, in which the tables below lie: half the time of a search.
    Index("runs_of_experiment", "experiment_id", "lifecycle_stage"),
)

# `number` is the number that the text is; NULL for other text.
params = Table(
    "params",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    Column("number", Double),
    sqlite_with_rowid=False,
)

tags = Table(
    "tags",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# One row a metric of a run. `total` (the sum without NaN) is NULL when infinities cancel out. `first_*` is the first
# written point of the lowest step, `last_*` the last written of the highest; `last_source` the model and dataset that
# this was measured with (`formats/sources`). `small_chunks` is for a database, which keeps points.
series = Table(
    "series",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("nan_count", BigInteger, nullable=False),
    Column("total", Double),
    Column("last_value", Double),
    Column("last_nan", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("first_value", Double),
    Column("first_nan", Boolean, nullable=False),
    Column("first_step", BigInteger, nullable=False),
    Column("min_value", Double),
    Column("max_value", Double),
    Column("last_source", Text),
    Column("small_chunks", Integer, nullable=False, server_default="0"),
    sqlite_with_rowid=False,
)

dataset_inputs = Table(
    "dataset_inputs",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("name", _string(500), primary_key=True),
    Column("digest", _string(36), primary_key=True),
    Column("source_type", _TEXT, nullable=False),
    Column("source", _TEXT, nullable=False),
    Column("schema", _TEXT),
    Column("profile", _TEXT),
    Column("context", _TEXT),
    Column("tags", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# `direction` is "in" for models a run used, "out" for models it made.
model_links = Table(
    "model_links",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("model_id", _string(256), primary_key=True),
    Column("direction", _string(3), primary_key=True),
    Column("step", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

logged_models = Table(
    "logged_models",
    metadata,
    Column("model_id", _string(256), primary_key=True),
    Column("experiment_id", _string(64), nullable=False),
    Column("name", _TEXT, nullable=False),
    Column("artifact_location", _TEXT, nullable=False),
    Column("creation_timestamp", BigInteger, nullable=False),
    Column("last_updated_timestamp", BigInteger, nullable=False),
    Column("model_type", _TEXT),
    Column("source_run_id", _string(256)),
    Column("status", _string(16), nullable=False),
    Column("status_message", _TEXT),
    Column("lifecycle_stage", _string(16), nullable=False),
    Index("logged_models_by_experiment", "experiment_id", "lifecycle_stage", "creation_timestamp"),
)

logged_model_params = Table(
    "logged_model_params",
    metadata,
    Column("model_id", _string(256), primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

logged_model_tags = Table(
    "logged_model_tags",
    metadata,
    Column("model_id", _string(256), primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

# One row a metric and dataset ("" for none) of a logged model: its latest point, and the run that logged it.
logged_model_metrics = Table(
    "logged_model_metrics",
    metadata,
    Column("model_id", _string(256), primary_key=True),
    Column("key", _string(250), primary_key=True),
    Column("dataset_name", _string(500), primary_key=True),
    Column("dataset_digest", _string(36), primary_key=True),
    Column("last_value", Double),
    Column("last_nan", Boolean, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("last_time", BigInteger, nullable=False),
    Column("run_id", _string(256), nullable=False),
    sqlite_with_rowid=False,
)

# `mid` and `vid` stay when a model gets another name. `last_version` is the highest number ever given.
registered_models = Table(
    "registered_models",
    metadata,
    Column("mid", Integer, primary_key=True),
    Column("name", _string(256), nullable=False, unique=True),
    Column("creation_timestamp", BigInteger, nullable=False),
    Column("last_updated_timestamp", BigInteger, nullable=False),
    Column("description", _TEXT),
    Column("last_version", Integer, nullable=False),
)

registered_model_tags = Table(
    "registered_model_tags",
    metadata,
    Column("mid", Integer, primary_key=True, autoincrement=False),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

registered_model_aliases = Table(
    "registered_model_aliases",
    metadata,
    Column("mid", Integer, primary_key=True, autoincrement=False),
    Column("alias", _string(256), primary_key=True),
    Column("version", Integer, nullable=False),
    sqlite_with_rowid=False,
)

model_versions = Table(
    "model_versions",
    metadata,
    Column("vid", Integer, primary_key=True),
    Column("mid", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("creation_timestamp", BigInteger, nullable=False),
    Column("last_updated_timestamp", BigInteger, nullable=False),
    Column("source", _TEXT, nullable=False),
    Column("current_stage", _string(16), nullable=False),
    Column("description", _TEXT),
    Column("user_id", _TEXT),
    Column("run_id", _string(256)),
    Column("run_link", _TEXT),
    Column("status", _string(32), nullable=False),
    Column("status_message", _TEXT),
    Column("model_id", _string(256)),
    Column("storage_location", _TEXT),
    Index("model_versions_by_number", "mid", "version", unique=True),
    Index("model_versions_by_run", "run_id"),
)

model_version_tags = Table(
    "model_version_tags",
    metadata,
    Column("vid", Integer, primary_key=True, autoincrement=False),
    Column("key", _string(250), primary_key=True),
    Column("value", _TEXT, nullable=False),
    sqlite_with_rowid=False,
)

REGISTRY = (
    registered_models,
    registered_model_tags,
    registered_model_aliases,
    model_versions,
    model_version_tags,
)

LOGGED_MODELS = (logged_models, logged_model_params, logged_model_tags, logged_model_metrics)

for _table in (params, tags, series):
    Index(f"{_table.name}_by_key", _table.c.key, _table.c.rid)
