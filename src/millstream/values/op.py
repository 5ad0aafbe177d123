"""The base of all writes; the ops themselves are in `values/ops`."""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Op(Struct, Generic[T], frozen=True, kw_only=True, tag=True):
    """Base of all writes; `T` is what writing it returns."""

    op_id: str = ""
    op_digest: str = ""
