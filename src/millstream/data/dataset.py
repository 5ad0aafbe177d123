"""A dataset: the base of all kinds."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any

from millstream.data.dataset_source import DatasetSource
from millstream.values import entities
from millstream.values.errors import InvalidValue

DEFAULT_NAME = "dataset"


class Dataset(ABC):
    """Name, digest, source, and what is known of its shape. Two of one name and digest are the same dataset."""

    def __init__(self, source: DatasetSource, name: str | None = None, digest: str | None = None) -> None:
        """Come from `source`; the digest is computed when it is asked for and none is given."""
        if not isinstance(source, DatasetSource):
            raise InvalidValue(f"The source of a dataset must be a DatasetSource; got {type(source).__name__}.")
        self._source = source
        self._name = name
        self._digest = digest

    @abstractmethod
    def _compute_digest(self) -> str:
        """A text of at most 36 characters that changes with the data."""

    @property
    def name(self) -> str:
        """The name as given, else "dataset"."""
        return self._name or DEFAULT_NAME

    @property
    def digest(self) -> str:
        """The digest as given, else computed once."""
        if not self._digest:
            self._digest = self._compute_digest()
        return self._digest

    @property
    def source(self) -> DatasetSource:
        """Where it comes from."""
        return self._source

    @property
    def schema(self) -> Any:
        """Columns or tensors, None when they are not known."""
        return None

    @property
    def profile(self) -> dict[str, Any] | None:
        """Sizes, None when they are not known."""
        return None

    def _schema_fields(self) -> Any:
        """The schema as MLflow writes it into a run, None when it is not known."""
        return None

    def to_dict(self) -> dict[str, str]:
        """What a run keeps, all as text: name, digest, source, its type, and schema and profile where known."""
        fields = {
            "name": self.name,
            "digest": self.digest,
            "source": self.source.to_json(),
            "source_type": self.source._get_source_type(),
        }
        for name, value in (("schema", self._schema_fields()), ("profile", self.profile)):
            if value is not None:
                fields[name] = json.dumps(value, ensure_ascii=False)
        return fields

    def to_json(self) -> str:
        """`to_dict` as JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)

    def _to_mlflow_entity(self) -> entities.Dataset:
        """What a run keeps of it."""
        return entities.Dataset(**self.to_dict())

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.digest}>"
