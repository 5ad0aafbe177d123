"""Answers of changes that were sent under an idempotency key: inside a transaction of the caller's."""

from __future__ import annotations

from msgspec import Struct
from sqlalchemy import Connection, delete, select, update

from millstream.drivers.sql.accounts.tables import kept
from millstream.drivers.sql.apply.rows import insert_one

FOR = 7 * 24 * 60 * 60 * 1000
"""How long keys are remembered, in ms."""


class Kept(Struct, frozen=True):
    """What was carried out under a key: a digest of the request, and the answer in JSON (None: there is none)."""

    digest: str
    answer: str | None


def begin(connection: Connection, op_id: str, digest: str, now: int) -> bool:
    """Note that the op of this id is carried out; False when it was before. Keys of long ago are forgotten."""
    connection.execute(delete(kept).where(kept.c.time < now - FOR))
    return insert_one(connection, kept, {"op_id": op_id, "digest": digest, "time": now}) is not None


def finish(connection: Connection, op_id: str, answer: str) -> None:
    """Keep the answer, in JSON, of the op of this id."""
    connection.execute(update(kept).where(kept.c.op_id == op_id).values(answer=answer))


def find(connection: Connection, op_id: str) -> Kept | None:
    """What was carried out as the op of this id."""
    row = connection.execute(select(kept.c.digest, kept.c.answer).where(kept.c.op_id == op_id)).one_or_none()
    return None if row is None else Kept(row.digest, row.answer)
