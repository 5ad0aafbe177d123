"""A dataset that nothing is known of but where it is."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from millstream.data.dataset import Dataset
from millstream.data.dataset_source import DatasetSource
from millstream.formats.signature import Schema


class MetaDataset(Dataset):
    """Name, source and, when given, schema; the digest is one of these, not of the data."""

    def __init__(
        self,
        source: DatasetSource,
        name: str | None = None,
        digest: str | None = None,
        schema: Schema | None = None,
    ) -> None:
        """Come from `source`."""
        super().__init__(source, name, digest)
        self._schema = schema

    def _compute_digest(self) -> str:
        facts = [self.name, self.source._get_source_type(), self.source.to_dict(), self._schema_fields()]
        return sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:8]

    @property
    def schema(self) -> Schema | None:
        """The schema as given."""
        return self._schema

    def _schema_fields(self) -> Any:
        return None if self._schema is None else {"mlflow_colspec": self._schema.to_dict()}
