"""Cells of a foreign database as what they must be; ValueError says what they are not."""

from __future__ import annotations

from typing import Any

from millstream.values import names
from millstream.values.entities import ACTIVE, DELETED


def stage(value: object) -> str:
    """A life-cycle stage; NULL is the active one."""
    word = ACTIVE if value is None else str(value)
    if word not in (ACTIVE, DELETED):
        raise ValueError(f"its lifecycle_stage is {word!r:.60}, neither {ACTIVE!r} nor {DELETED!r}")
    return word


def whole(value: Any) -> int | None:
    """A whole number of 64 bits, None for NULL."""
    if value is None:
        return None
    try:
        number = int(value)
    except (TypeError, ValueError):
        raise ValueError(f"one of its times or numbers is {value!r:.60}, which is not a number") from None
    if not names.INT64_MIN <= number <= names.INT64_MAX:
        raise ValueError(f"one of its times or numbers is {number}, which does not fit in 64 bits")
    return number
