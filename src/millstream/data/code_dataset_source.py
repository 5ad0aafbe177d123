"""Data that a program made: known by the program."""

from __future__ import annotations

from typing import Any

from millstream.data.dataset_source import DatasetSource
from millstream.tracking.context import default_tags
from millstream.values.errors import NotSupported


class CodeDatasetSource(DatasetSource):
    """The tags that say which program it was: user, file, git commit."""

    def __init__(self, tags: dict[str, str] | None = None) -> None:
        """Keep `tags`; those of the running program when None."""
        self.tags = default_tags() if tags is None else tags

    def _get_source_type(self) -> str:
        return "code"

    def load(self, dst_path: str | None = None) -> Any:
        """NotSupported: the program has to be run again."""
        name = self.tags.get("mlflow.source.name", "a program")
        raise NotSupported(f"The data was made by {name}; run that again, nothing of the data was kept.")

    def to_dict(self) -> dict[str, Any]:
        """``{"tags": {…}}``."""
        return {"tags": self.tags}

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> CodeDatasetSource:
        """The source that `to_dict` described."""
        return cls({str(key): str(value) for key, value in (fields.get("tags") or {}).items()})
