"""Where a dataset comes from: the base of all kinds of sources."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any


class DatasetSource(ABC):
    """A place that can be written down as JSON and, where Millstream can reach it, loaded again."""

    @abstractmethod
    def _get_source_type(self) -> str:
        """The word that runs keep for this kind, e.g. ``local``."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """What `from_dict` of the same class makes the source of again."""

    @abstractmethod
    def load(self, dst_path: str | None = None) -> Any:
        """The data on this machine: a path, below `dst_path` when given."""

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.to_json()})"
