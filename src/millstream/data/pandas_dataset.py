"""A pandas DataFrame as a dataset."""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING, Any

from millstream.data.dataset import Dataset
from millstream.data.dataset_source import DatasetSource
from millstream.data.sources import resolve
from millstream.formats.signature import Schema
from millstream.models.infer import infer_schema
from millstream.values.errors import InvalidValue

if TYPE_CHECKING:
    import pandas


class PandasDataset(Dataset):
    """A frame, and which of its columns are targets and predictions."""

    def __init__(
        self,
        df: pandas.DataFrame,
        source: DatasetSource,
        targets: str | None = None,
        name: str | None = None,
        digest: str | None = None,
        predictions: str | None = None,
    ) -> None:
        """Hold the frame; InvalidValue when a named column is not there."""
        if not (hasattr(df, "columns") and hasattr(df, "dtypes")):
            raise InvalidValue(f"from_pandas takes a DataFrame; got {type(df).__name__}.")
        for role, column in (("targets", targets), ("predictions", predictions)):
            if column is not None and column not in df.columns:
                raise InvalidValue(f"The frame has no column {column!r} for {role}; it has {list(df.columns)[:20]}.")
        super().__init__(source, name, digest)
        self.df = df
        self.targets = targets
        self.predictions = predictions

    def _compute_digest(self) -> str:
        """Of every cell, the index, the names and types of the columns: the head of a frame says too little."""
        whole = sha256()
        for column, dtype in self.df.dtypes.items():
            whole.update(f"{column!r} {dtype} ".encode(errors="replace"))
        whole.update(_cells(self.df))
        return whole.hexdigest()[:8]

    @property
    def schema(self) -> Schema | None:
        """The columns and their types, None when one has none."""
        try:
            return infer_schema(self.df)
        except InvalidValue:
            return None

    def _schema_fields(self) -> Any:
        schema = self.schema
        return None if schema is None else {"mlflow_colspec": schema.to_dict()}

    @property
    def profile(self) -> dict[str, Any]:
        """How many rows and cells."""
        return {"num_rows": len(self.df), "num_elements": int(self.df.size)}


def from_pandas(
    df: pandas.DataFrame,
    source: Any = None,
    targets: str | None = None,
    name: str | None = None,
    digest: str | None = None,
    predictions: str | None = None,
) -> PandasDataset:
    """A frame as a dataset. `source` is a path, URL or URI; the running program when None."""
    return PandasDataset(df, resolve(source), targets, name, digest, predictions)


def _cells(frame: pandas.DataFrame) -> bytes:
    hashed = import_module("pandas").util.hash_pandas_object
    try:
        rows = hashed(frame, index=True)
    except TypeError:
        # Lists, dictionaries and arrays in cells have no hash of their own.
        rows = hashed(frame.map(repr), index=True)
    content: bytes = rows.to_numpy().tobytes()
    return content
