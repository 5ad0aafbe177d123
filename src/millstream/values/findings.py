"""What `doctor` found wrong, and what it did about it."""

from __future__ import annotations

from msgspec import Struct


class Finding(Struct, frozen=True):
    """One thing that is wrong: `path` (or what else names it), `problem`, and what `remedy` would be or was.

    `remedy` is "" when nothing can be done here. `fixed` says whether it was done.
    """

    path: str
    problem: str
    remedy: str = ""
    fixed: bool = False
