"""From what a caller or a run says of a source to the source."""

from __future__ import annotations

import json
import os
from typing import Any

from millstream.data.code_dataset_source import CodeDatasetSource
from millstream.data.dataset import Dataset
from millstream.data.dataset_source import DatasetSource
from millstream.data.filesystem_dataset_source import LOCAL, REMOTE, FileSystemDatasetSource
from millstream.data.http_dataset_source import HTTPDatasetSource
from millstream.values.errors import DataDamaged, InvalidValue, NotSupported


def resolve(source: Any) -> DatasetSource:
    """The source that a path, URL or URI names; the running program when None."""
    if source is None:
        return CodeDatasetSource()
    if isinstance(source, DatasetSource):
        return source
    if not isinstance(source, str | os.PathLike):
        raise InvalidValue(f"The source of a dataset is a path, a URL or a URI; got {type(source).__name__}.")
    text = os.fspath(source)
    if text.lower().startswith(("http://", "https://")):
        return HTTPDatasetSource(text)
    return FileSystemDatasetSource(text)


def get_source(dataset: Any) -> DatasetSource:
    """The source of a dataset: of one of ours, or of one that a run used (`run.inputs.dataset_inputs[0]`).

    NotSupported for a kind that this version does not know, DataDamaged when it cannot be read.
    """
    if isinstance(dataset, Dataset):
        return dataset.source
    entity = getattr(dataset, "dataset", dataset)
    kind, text = getattr(entity, "source_type", None), getattr(entity, "source", None)
    if not isinstance(kind, str) or not isinstance(text, str):
        raise InvalidValue(f"get_source takes a dataset or the input of a run; got {type(dataset).__name__}.")
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict):
            raise TypeError("it is no object")
        if kind == "http":
            return HTTPDatasetSource.from_dict(fields)
        if kind == "code":
            return CodeDatasetSource.from_dict(fields)
        if kind == LOCAL or kind in REMOTE:
            return FileSystemDatasetSource.from_dict(fields)
    except (ValueError, KeyError, TypeError) as error:
        raise DataDamaged(f"The {kind!r} source of the dataset cannot be read: {text[:200]!r} ({error}).") from error
    raise NotSupported(f"Sources of the kind {kind!r} are not known to this version; what was noted is {text[:200]!r}.")
