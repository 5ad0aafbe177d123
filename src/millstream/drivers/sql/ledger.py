"""Tables that only a database has, where SQL is the truth: points, what was applied, the version of the schema."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

from millstream.drivers.sql import schema

metadata = MetaData()

# Raised with every change of these tables or of those in `schema`, together with a step in `migrations`.
VERSION = 11

# One row a schema version that the database has had; the highest is what it has now.
schema_version = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
    Column("program", String(64), nullable=False),
)

# Points of a series, in the order they were written: `start` is how many come before this chunk. How many small
# ones stand in a row at the end of a series, `series` says in `small_chunks`. `source` is what model and dataset all
# points of the chunk were measured with; `digest` what they come down to, NULL for a few points. Both stand before
# `data`, so that SQLite reads them without it.
chunks = Table(
    "chunks",
    metadata,
    Column("rid", Integer, primary_key=True, autoincrement=False),
    Column("key", String(250), primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("count", Integer, nullable=False),
    Column("source", Text),
    Column("digest", LargeBinary),
    Column("data", LargeBinary, nullable=False),
)

# Ops that were carried out, so that a second try has no effect. `result` is what cannot be found otherwise, `digest`
# what was asked. They are forgotten after a week.
applied = Table(
    "applied",
    metadata,
    Column("op_id", String(256), primary_key=True),
    Column("time", BigInteger, nullable=False),
    Column("result", Text),
    Column("digest", String(64)),
    Index("applied_by_time", "time"),
    sqlite_with_rowid=False,
)

# When deleted runs were deleted; a restored run has no row.
deleted_runs = Table(
    "deleted_runs",
    metadata,
    Column("rid", Integer, primary_key=True, autoincrement=False),
    Column("time", BigInteger, nullable=False),
)

# Artifacts of runs that are gone, still to be removed: a directory of exactly that run.
purges = Table(
    "purges",
    metadata,
    Column("run_id", String(256), primary_key=True),
    Column("artifact_uri", Text, nullable=False),
    Column("time", BigInteger, nullable=False),
)

# One row: its lock is what taking a name or an id waits for.
experiment_ids = Table(
    "experiment_ids",
    metadata,
    Column("last", BigInteger, nullable=False),
)

# A name belongs to one experiment, deleted ones included. The index of a directory cannot ask that of its files.
UNIQUE_NAMES = "CREATE UNIQUE INDEX experiments_names_are_taken_once ON experiments (name)"

TABLES = (*schema.metadata.sorted_tables, *metadata.sorted_tables)
