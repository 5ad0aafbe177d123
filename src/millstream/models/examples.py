"""Input examples beside a model: ``input_example.json`` and the request body that carries the same rows."""

from __future__ import annotations

import base64
import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from millstream.values.errors import InvalidValue

EXAMPLE_FILE = "input_example.json"
SERVING_FILE = "serving_input_example.json"


def write_example(directory: Path, example: Any) -> dict[str, Any]:
    """Write both files; return the ``saved_input_example_info`` of MLmodel. Raises InvalidValue for other kinds."""
    stored, serving, info = _forms(example)
    try:
        (directory / EXAMPLE_FILE).write_bytes(encode_json(stored))
        (directory / SERVING_FILE).write_bytes(encode_json(serving))
    except TypeError as error:
        raise InvalidValue(f"The input example cannot be written as JSON: {error}.") from error
    return {"artifact_path": EXAMPLE_FILE, "serving_input_path": SERVING_FILE, **info}


def _forms(example: Any) -> tuple[Any, Any, dict[str, Any]]:
    if hasattr(example, "columns") and hasattr(example, "to_dict"):
        split = {"columns": [str(name) for name in example.columns], "data": plain(example)}
        return split, {"dataframe_split": split}, {"type": "dataframe", "pandas_orient": "split"}
    if hasattr(example, "detach"):
        example = example.detach().cpu().numpy()
    if hasattr(example, "dtype") and hasattr(example, "tolist"):
        tensor = {"inputs": example.tolist()}
        return tensor, tensor, {"type": "ndarray", "format": "tf-serving"}
    if isinstance(example, Mapping) and example and all(hasattr(value, "tolist") for value in example.values()):
        tensor = {"inputs": {str(name): value.tolist() for name, value in example.items()}}
        return tensor, tensor, {"type": "ndarray", "format": "tf-serving"}
    return example, {"inputs": example}, {"type": "json_object"}


def plain(frame: Any) -> list[list[Any]]:
    """Rows of a frame as lists of plain Python values; a missing value is None."""
    missing = frame.isna()
    columns = []
    for position in range(frame.shape[1]):
        column = frame.iloc[:, position]
        values = column.tolist()
        if missing.iloc[:, position].any():
            gaps = missing.iloc[:, position].tolist()
            values = [None if gap else value for value, gap in zip(values, gaps, strict=True)]
        columns.append(values)
    return [list(row) for row in zip(*columns, strict=True)] if columns else [[] for _ in range(len(frame))]


def encode_json(value: Any) -> bytes:
    """JSON bytes; NumPy values become numbers and lists, dates ISO text, bytes base64. NaN becomes null."""
    return msgspec.json.encode(value, enc_hook=_encode_other)


def _encode_other(value: Any) -> Any:
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} has no JSON form")
