"""Signatures from examples, column by column and never cell by cell: the cost does not grow with Python objects."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from millstream.formats.signature import (
    AnyType,
    Array,
    ColSpec,
    ColumnType,
    ModelSignature,
    Object,
    ParamSchema,
    ParamSpec,
    Property,
    Schema,
    TensorSpec,
)
from millstream.values.errors import InvalidValue

if TYPE_CHECKING:
    import numpy as np

# Object columns are looked at here and at the end; numbers and dates are known from their dtype alone.
_FIRST, _LAST = 1000, 100
_MAX_DEPTH = 16


def infer_signature(
    model_input: Any = None, model_output: Any = None, params: Mapping[str, Any] | None = None
) -> ModelSignature:
    """The signature of a model that takes `model_input` and gives `model_output`, called with `params`.

    Frames, series, dictionaries and records become columns; arrays (NumPy, SciPy, PyTorch) become tensors whose
    first length is free. A column with missing values is optional. Raises InvalidValue for what has no type.
    """
    return ModelSignature(
        None if model_input is None else infer_schema(model_input),
        None if model_output is None else infer_schema(model_output),
        infer_params(params) if params else None,
    )


def infer_schema(data: Any) -> Schema:
    """The schema of one example."""
    if hasattr(data, "columns") and hasattr(data, "dtypes"):
        return Schema(_frame_column(data[name], str(name)) for name in data.columns)
    if hasattr(data, "isna") and hasattr(data, "dtype"):
        name = None if data.name is None else str(data.name)
        return Schema([_frame_column(data, name)])
    tensor = _as_array(data)
    if tensor is not None:
        return Schema([TensorSpec(tensor.dtype.name, (-1, *tensor.shape[1:]))])
    if isinstance(data, Mapping):
        arrays = {str(name): array for name, value in data.items() if (array := _as_array(value)) is not None}
        if data and len(arrays) == len(data):
            return Schema(TensorSpec(it.dtype.name, (-1, *it.shape[1:]), name) for name, it in arrays.items())
        return Schema(ColSpec(_value_type(value, 0), str(name)) for name, value in data.items())
    if isinstance(data, Sequence) and not isinstance(data, str | bytes):
        return _list_schema(data)
    return Schema([ColSpec(_value_type(data, 0))])


def infer_params(params: Mapping[str, Any]) -> ParamSchema:
    """Parameters of `predict` from their default values: scalars, or flat lists of one scalar type."""
    specs = []
    for name, value in params.items():
        if isinstance(value, list | tuple):
            kind = _merge([_value_type(item, 0) for item in value]) if value else "string"
            specs.append(ParamSpec(name, _scalar(kind, name), list(value), (-1,)))
        else:
            specs.append(ParamSpec(name, _scalar(_value_type(value, 0), name), value))
    return ParamSchema(specs)


def _scalar(kind: ColumnType, name: str) -> str:
    if not isinstance(kind, str):
        raise InvalidValue(f"The parameter {name!r} must be a number, text, truth value or a flat list of those.")
    return kind


def _as_array(data: Any) -> np.ndarray[Any, Any] | None:
    """`data` as something with `dtype` and `shape` when it is an array of any library, else None."""
    if hasattr(data, "detach") and hasattr(data, "cpu"):
        data = data.detach().cpu().numpy()
    if hasattr(data, "dtype") and hasattr(data, "shape") and not hasattr(data, "isna") and len(data.shape) > 0:
        return data  # type: ignore[no-any-return]
    return None


def _list_schema(data: Sequence[Any]) -> Schema:
    if not data:
        raise InvalidValue("An empty list has no type; give an example with at least one value.")
    sample = [*data[:_FIRST], *data[_FIRST:][-_LAST:]]
    if not all(isinstance(item, Mapping) for item in sample):
        return Schema([ColSpec(_merge([_value_type(item, 0) for item in sample]))])
    names = list(dict.fromkeys(str(name) for record in sample for name in record))
    columns = []
    for name in names:
        values = [record.get(name) for record in sample]
        kinds = [_value_type(value, 0) for value in values if value is not None]
        columns.append(ColSpec(_merge(kinds) if kinds else AnyType(), name, None not in values))
    return Schema(columns)


def _frame_column(column: Any, name: str | None) -> ColSpec:
    required = not bool(column.isna().any())
    dtype = column.dtype
    kind = _dtype_type(getattr(dtype, "numpy_dtype", dtype))
    if kind is None and hasattr(dtype, "categories"):
        kind = _dtype_type(dtype.categories.dtype)
    if kind is None:
        present = column.dropna()
        sample = [*present.iloc[:_FIRST].tolist(), *present.iloc[_FIRST:].iloc[-_LAST:].tolist()]
        try:
            kind = _merge([_value_type(value, 0) for value in sample]) if sample else AnyType()
        except InvalidValue as error:
            raise InvalidValue(f"Column {name!r}: {error}") from error
    return ColSpec(kind, name, required)


def _dtype_type(dtype: Any) -> ColumnType | None:
    """Column type of a NumPy or pandas dtype, None when only the values can tell."""
    kind, size = getattr(dtype, "kind", "O"), getattr(dtype, "itemsize", 8)
    if kind == "b":
        return "boolean"
    if kind == "M":
        return "datetime"
    if kind == "S":
        return "binary"
    if kind == "U" or str(dtype) in ("str", "string"):
        return "string"
    if kind == "i" or (kind == "u" and size < 8):
        return "integer" if size < 4 or (kind == "i" and size == 4) else "long"
    if kind == "f" and size <= 8:
        return "float" if size <= 4 else "double"
    if kind in "iufcmV":
        raise InvalidValue(f"Values of type {dtype} have no column type; convert them to a number, text or date.")
    return None


def _value_type(value: Any, depth: int) -> ColumnType:
    if depth > _MAX_DEPTH:
        raise InvalidValue(f"The example nests lists or mappings deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bytes | bytearray):
        return "binary"
    if isinstance(value, datetime.date):
        return "datetime"
    if isinstance(value, Mapping):
        return Object(tuple(Property(str(key), _value_type(item, depth + 1)) for key, item in sorted(value.items())))
    if isinstance(value, list | tuple):
        return Array(_merge([_value_type(item, depth + 1) for item in value]) if value else AnyType())
    dtype = getattr(value, "dtype", None)
    if dtype is not None and (kind := _dtype_type(dtype)) is not None:
        return Array(kind) if getattr(value, "shape", ()) else kind
    if isinstance(value, int):
        return "long"
    if isinstance(value, float):
        return "double"
    raise InvalidValue(f"A value of type {type(value).__name__} has no column type.")


def _merge(kinds: list[ColumnType]) -> ColumnType:
    """The one type of several values: equal ones, or whole and fractional numbers together as ``double``."""
    distinct = list(dict.fromkeys(kinds))
    if len(distinct) == 1:
        return distinct[0]
    if set(distinct) <= {"integer", "long", "float", "double"}:
        return "double" if {"float", "double"} & set(distinct) else "long"
    if all(isinstance(kind, Object) for kind in distinct):
        return _merge_objects([kind for kind in distinct if isinstance(kind, Object)])
    if all(isinstance(kind, Array) for kind in distinct):
        items: list[ColumnType] = [
            kind.items for kind in distinct if isinstance(kind, Array) and not isinstance(kind.items, AnyType)
        ]
        return Array(_merge(items) if items else AnyType())
    words = ", ".join(sorted({kind if isinstance(kind, str) else type(kind).__name__.lower() for kind in distinct}))
    raise InvalidValue(f"The values mix types that do not go together ({words}); make them one type.")


def _merge_objects(kinds: list[Object]) -> Object:
    found: dict[str, list[ColumnType]] = {}
    for kind in kinds:
        for entry in kind.properties:
            found.setdefault(entry.name, []).append(entry.type)
    entries = sorted(found.items())
    return Object(tuple(Property(name, _merge(types), len(types) == len(kinds)) for name, types in entries))
