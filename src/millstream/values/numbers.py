"""Which texts stand for numbers."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\s*[+-]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|inf(?:inity)?)\s*", re.I | re.A)


def number_in(text: str) -> float | None:
    """The number that `text` is (``0.1``, ``1e-3``, ``-inf``; spaces around it do not matter); None for other text.

    ``nan`` is none: a param that says so is not known.
    """
    return float(text) if _NUMBER.fullmatch(text) else None
