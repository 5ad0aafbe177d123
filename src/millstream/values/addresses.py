"""Addresses that were signed for somebody."""

from __future__ import annotations

from msgspec import Struct


class Signed(Struct, frozen=True):
    """An address that its holder may ask without a login while it is good; `size` of the file (bytes) if known."""

    url: str
    headers: dict[str, str] = {}
    size: int | None = None
