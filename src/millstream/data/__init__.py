"""Datasets: what a run learnt from, by name, digest, schema and source, noted with `log_input`.

Nothing of the data itself is stored. numpy and pandas are not imported before an object of theirs is handed over.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from millstream.data.dataset import Dataset
from millstream.data.dataset_source import DatasetSource
from millstream.data.file_dataset import from_file
from millstream.data.numpy_dataset import from_numpy
from millstream.data.pandas_dataset import from_pandas
from millstream.data.sources import get_source

__all__ = ["Dataset", "DatasetSource", "from_file", "from_numpy", "from_pandas", "get_source"]


def __getattr__(name: str) -> Any:
    raise import_module("millstream.values.later").missing("millstream.data", name)
