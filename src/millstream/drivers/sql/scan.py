"""Tables that only the index of a directory has: what was seen of each file when it was last read."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, MetaData, String, Table, Text

metadata = MetaData()

# Raised whenever the tables or the meaning of a column change: an index of another version is made anew.
VERSION = 12

# One row: `generation` counts the changes, so that a process knows when another one changed the index.
state = Table(
    "index_state",
    metadata,
    Column("generation", BigInteger, nullable=False),
    Column("root", Text, nullable=False),
)

scanned_experiments = Table(
    "scanned_experiments",
    metadata,
    Column("experiment_id", String(64), primary_key=True),
    Column("stamp", Text, nullable=False),
)

# `rid` is NULL for a directory that is no readable run; it is looked at again when its stamp changes. `generation` is
# that of the index since the row is as it is.
scanned_runs = Table(
    "scanned_runs",
    metadata,
    Column("experiment_id", String(64), primary_key=True),
    Column("run_id", String(256), primary_key=True),
    Column("rid", Integer),
    Column("stamp", Text, nullable=False),
    Column("deep", Text, nullable=False),
    Column("directories", Text, nullable=False),
    Column("watched", BigInteger, nullable=False),
    Column("generation", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

scanned_models = Table(
    "scanned_models",
    metadata,
    Column("experiment_id", String(64), primary_key=True),
    Column("model_id", String(256), primary_key=True),
    Column("stamp", Text, nullable=False),
    sqlite_with_rowid=False,
)

# `versions` is how many versions the registered model had; `close` covers every file, `quick` few of them.
scanned_registered = Table(
    "scanned_registered",
    metadata,
    Column("name", String(256), primary_key=True),
    Column("quick", Text, nullable=False),
    Column("close", Text, nullable=False),
    Column("versions", Integer, nullable=False),
    sqlite_with_rowid=False,
)

scanned_series = Table(
    "scanned_series",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("inode", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("tail", BigInteger, nullable=False),
    Column("time", BigInteger, nullable=False),
    Column("segmented", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Stretches of long metric files, from `offset` on. Short files have none.
segments = Table(
    "segments",
    metadata,
    Column("rid", Integer, primary_key=True),
    Column("key", String(250), primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("crc", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

problems = Table(
    "problems",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)
