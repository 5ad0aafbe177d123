"""Texts that no log, error or traceback may show."""

from __future__ import annotations

import hmac


class Secret:
    """A password or token. It shows as ``***`` wherever it is printed; `reveal` gives the text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        """Keep `text`."""
        self._text = text

    def reveal(self) -> str:
        """The text itself; only for checking it, and for whoever it belongs to."""
        return self._text

    def __repr__(self) -> str:
        """Three stars."""
        return "***"

    def __eq__(self, other: object) -> bool:
        """Whether both are the same text; the time it takes does not tell how much of it is."""
        return isinstance(other, Secret) and hmac.compare_digest(self._bytes(), other._bytes())

    def __hash__(self) -> int:
        """Hash of the text."""
        return hash(self._text)

    def __reduce__(self) -> str:
        """Secrets do not travel in pickles."""
        raise TypeError("A secret cannot be pickled.")

    def _bytes(self) -> bytes:
        return self._text.encode("utf-8", "surrogatepass")
