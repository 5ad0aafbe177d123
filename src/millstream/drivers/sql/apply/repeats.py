"""Points that a series holds already.

MLflow's clients log points of a run once more for each model that they log, and its databases keep equal points once.
So a point that names a model is not added where an equal one is. What a series comes down to, and the digests of its
chunks, say of nearly all points that they are new; only chunks that may hold one are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, case, select

from millstream.drivers.sql import ledger, schema
from millstream.drivers.sql.apply.segments import digest_of
from millstream.formats.chunks import decode
from millstream.formats.segments import FIRST, HIGHEST, LAST, LOWEST, Digest
from millstream.values.entities import Metric
from millstream.values.errors import DataDamaged

#: What makes two points of one series equal: time, value (NaN is NaN, and 0.0 is not -0.0) and step.
Mark = tuple[int, str, int]

_CHUNKS = ledger.chunks.c
_SERIES = schema.series.c
_ENDS = select(_SERIES.first_step, _SERIES.last_step).where(
    _SERIES.rid == bindparam("of"), _SERIES.key == bindparam("named")
)
_OF = (_CHUNKS.rid == bindparam("of")) & (_CHUNKS.key == bindparam("named"))
_DIGESTS = select(_CHUNKS.start, _CHUNKS.digest, case((_CHUNKS.digest.is_(None), _CHUNKS.data))).where(_OF)
_DATA = select(_CHUNKS.data).where(_OF, _CHUNKS.start == bindparam("start"))


def mark_of(time: int, value: float, step: int) -> Mark:
    """The mark of a point."""
    return time, repr(value), step


def find_repeats(connection: Connection, rid: int, key: str, points: Iterable[Metric]) -> set[Mark]:
    """Marks of those of `points` that the series of a run holds; a damaged chunk holds none."""
    named = {"of": rid, "named": key}
    ends = connection.execute(_ENDS, named).one_or_none()
    if ends is None:
        return set()
    asked = [point for point in points if ends.first_step <= point.step <= ends.last_step]
    if not asked:
        return set()
    wanted = {mark_of(point.timestamp, point.value, point.step) for point in asked}
    found: set[Mark] = set()
    for start, packed, data in connection.execute(_DIGESTS, named).all():
        if packed is None:
            found |= wanted & _marks(data)
        elif _may_hold(digest_of(packed)[1], asked):
            found |= wanted & _marks(connection.execute(_DATA, {**named, "start": start}).scalar_one())
    return found


def _marks(data: bytes) -> set[Mark]:
    try:
        return {mark_of(*point) for point in decode(data)}
    except DataDamaged:
        return set()


def _may_hold(digest: Digest, points: Sequence[Metric]) -> bool:
    steps, times = digest.by_step, digest.by_time
    low, high = steps[LOWEST + 2], steps[HIGHEST + 2]
    return any(
        steps[FIRST] <= point.step <= steps[LAST]
        and times[FIRST + 1] <= point.timestamp <= times[LAST + 1]
        and (low <= point.value <= high or (point.value != point.value and digest.nan_count > 0))
        for point in points
    )
