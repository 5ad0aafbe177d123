"""Ids of ops that were carried out: noted with the op, forgotten after a week."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, delete, select

from millstream.drivers.sql import ledger

# A retry may come so late (ms).
KEPT = 7 * 24 * 3600 * 1000
# Every so many ops with an id, so many old ids at most are forgotten: more than come in.
EVERY = 64
AT_ONCE = 1024

_APPLIED = ledger.applied.c
# One that another process is just forgetting is left to it.
_OLD = (
    select(_APPLIED.op_id)
    .where(_APPLIED.time < bindparam("before"))
    .order_by(_APPLIED.time)
    .limit(AT_ONCE)
    .with_for_update(skip_locked=True)
)
_FORGET = delete(ledger.applied).where(_APPLIED.op_id.in_(_OLD))


def was_applied(connection: Connection, op_id: str, digest: str) -> bool:
    """Whether the op of this id was carried out, as the request with this digest."""
    found = select(_APPLIED.op_id).where(_APPLIED.op_id == op_id, _APPLIED.digest == digest)
    return connection.execute(found).first() is not None


class Ids:
    """Counts ops with an id in one process and forgets old ids in passing."""

    def __init__(self) -> None:
        """The first op forgets already: many processes live for a few ops only."""
        self._noted = EVERY

    def forget(self, connection: Connection, number: int, now: int) -> None:
        """Forget some that are too old at `now` (ms) when it is time; `number` are about to be noted."""
        self._noted += number
        if number and self._noted >= EVERY:
            self._noted = 0
            connection.execute(_FORGET, {"before": now - KEPT})
