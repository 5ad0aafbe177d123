"""A model's schema against data in memory: order, names, and only the conversions that lose nothing.

Missing columns are an error, extra ones are dropped, the schema's order wins. ``integer`` may become ``long``,
``float`` ``double``, and whole numbers ``double`` where they are exact. Whole tables at a time, no cell is visited
unless there is an error to name.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millstream.formats.signature import ColSpec, ColumnType, ParamSchema, ParamSpec, Schema, TensorSpec
from millstream.values.errors import InvalidValue

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

DTYPES = {"boolean": "bool", "integer": "int32", "long": "int64", "float": "float32", "double": "float64"}
EXACT_IN_DOUBLE = 2**53
_INT32 = 2**31


def _pandas() -> Any:
    import pandas  # noqa: PLC0415  heavy: only a call with data needs it

    return pandas


def _numpy() -> Any:
    import numpy  # noqa: PLC0415  heavy: only a call with data needs it

    return numpy


def enforce_schema(data: Any, schema: Schema) -> Any:
    """`data` as the schema says: a frame for columns, an array or a dictionary of arrays for tensors.

    Raises InvalidValue that names the column, and the row where one value is to blame.
    """
    if schema.is_tensor_spec():
        return _enforce_tensors(data, schema)
    frame = _as_frame(data, schema)
    names = list(frame.columns)
    if schema.has_input_names():
        frame = _select(frame, names, schema)
    elif len(names) < len(schema):
        raise InvalidValue(f"The model takes {len(schema)} columns; the input has {len(names)}.")
    else:
        frame = frame.iloc[:, : len(schema)]
    return _convert(frame, schema)


def missing_columns(names: list[Any], schema: Schema) -> None:
    """Raise InvalidValue when a required column of `schema` is not among `names`."""
    there = set(names)
    missing = [name for name in schema.required_input_names() if name not in there]
    if missing:
        extra = [name for name in names if name not in set(schema.input_names())]
        hint = f" Not known to the model: {_some(extra)}." if extra else ""
        raise InvalidValue(f"The input lacks the column{'s' * (len(missing) > 1)} {_some(missing)}.{hint}")


def _some(names: list[Any]) -> str:
    shown = ", ".join(repr(str(name)[:60]) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _as_frame(data: Any, schema: Schema) -> pd.DataFrame:
    pd = _pandas()
    if isinstance(data, pd.DataFrame):
        return data
    if isinstance(data, pd.Series):
        nameless = data.name is None and schema.has_input_names()
        return data.to_frame(schema.input_names()[0]) if nameless else data.to_frame()
    if isinstance(data, Mapping):
        scalar = not any(isinstance(value, list | tuple) or getattr(value, "shape", ()) for value in data.values())
        return pd.DataFrame([dict(data)] if scalar else dict(data))
    if isinstance(data, list) and data and all(isinstance(item, Mapping) for item in data):
        return pd.DataFrame.from_records(data)
    if hasattr(data, "detach"):
        data = data.detach().cpu().numpy()
    if isinstance(data, list | tuple) or hasattr(data, "shape"):
        table = pd.DataFrame(data)
        # Nameless columns are taken by position when there are just as many.
        if schema.has_input_names():
            if table.shape[1] != len(schema):
                raise InvalidValue(f"The model takes {len(schema)} columns; the input has {table.shape[1]}.")
            table.columns = pd.Index([str(name) for name in schema.input_names()])
        return table
    raise InvalidValue(f"The model takes a frame, array, dictionary or list of rows, not {type(data).__name__}.")


def _select(frame: pd.DataFrame, names: list[Any], schema: Schema) -> pd.DataFrame:
    missing_columns(names, schema)
    if len(set(names)) < len(names):
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise InvalidValue(f"The input has the column {twice!r} twice.")
    wanted = [name for name in schema.input_names() if name in set(names)]
    return frame if wanted == names else frame[wanted]


def _convert(frame: pd.DataFrame, schema: Schema) -> pd.DataFrame:
    specs: dict[Any, ColSpec] = {
        name: spec for name, spec in zip(schema.input_names(), schema.inputs, strict=True) if isinstance(spec, ColSpec)
    }
    changed: dict[int, Any] = {}
    for position, name in enumerate(frame.columns):
        spec = specs[name] if schema.has_input_names() else specs[position]
        column = frame.iloc[:, position]
        converted = convert_column(column, spec.type, spec.required, str(name))
        if converted is not column:
            changed[position] = converted
    if not changed:
        return frame
    pd = _pandas()
    columns = [changed.get(position, frame.iloc[:, position]) for position in range(frame.shape[1])]
    made = pd.concat([pd.Series(column, index=frame.index) for column in columns], axis=1)
    made.columns = frame.columns
    return made


def convert_column(column: Any, kind: ColumnType, required: bool, name: str) -> Any:
    """`column` (a series) in the dtype of `kind`, the same object when it already is; InvalidValue when not."""
    dtype = column.dtype
    if not isinstance(kind, str) or str(dtype) == DTYPES.get(kind):
        return column
    if kind in ("string", "binary", "datetime"):
        return _convert_other(column, kind, required, name)
    if str(dtype) == "object" or hasattr(dtype, "numpy_dtype"):
        column, dtype = _unboxed(column, kind, required, name)
        if str(dtype) == DTYPES[kind]:
            return column
    source = getattr(dtype, "kind", "O")
    if source in "iu":
        return _from_integers(column, kind, name)
    if source == "f" and (kind == "double" or (kind == "float" and dtype.itemsize <= 4)):
        return column.astype(DTYPES[kind])
    if source == "f" and kind in ("integer", "long") and bool(column.isna().any()):
        if required:
            raise _missing(column, kind, name)
        # Whole numbers with gaps are floats in pandas, and pass as what they are.
        if bool((column.dropna() % 1 == 0).all()):
            return column
    raise InvalidValue(f"Column {name!r} must be {kind}; the input has {dtype}, which does not convert without loss.")


def _unboxed(column: Any, kind: str, required: bool, name: str) -> tuple[Any, Any]:
    """An object column of numbers as a numeric one."""
    missing = column.isna()
    present = column[~missing].tolist()
    whole: dict[str, set[type]] = {"boolean": {bool}, "integer": {int}, "long": {int}}
    allowed = whole.get(kind, {int, float})
    values = [value.item() if hasattr(value, "item") else value for value in present]
    if not set(map(type, values)) <= allowed:
        position = next(index for index, value in enumerate(values) if type(value) not in allowed)
        row = [index for index, gone in enumerate(missing.tolist()) if not gone][position]
        raise InvalidValue(f"Column {name!r}, row {row}: {kind} expected, got {type(values[position]).__name__}.")
    if bool(missing.any()):
        if required and kind in ("boolean", "integer", "long"):
            raise _missing(column, kind, name)
        if kind in ("boolean", "integer", "long"):
            return column, _numpy().dtype(DTYPES[kind])
        column = column.astype("float64")
    else:
        fractional = float in set(map(type, values))
        column = column.astype("bool" if kind == "boolean" else "float64" if fractional else "int64")
    return column, column.dtype


def _missing(column: Any, kind: str, name: str) -> InvalidValue:
    row = int(column.isna().to_numpy().argmax())
    return InvalidValue(f"Column {name!r}, row {row}: a value of type {kind} is required, none is given.")


def _from_integers(column: Any, kind: str, name: str) -> Any:
    if kind == "boolean":
        raise InvalidValue(f"Column {name!r} must be boolean; the input has {column.dtype}.")
    limit = {"integer": _INT32 - 1, "long": 2**63 - 1, "float": 2**24, "double": EXACT_IN_DOUBLE}[kind]
    if len(column) and (int(column.max()) > limit or int(column.min()) < -limit - 1):
        row = int(column.abs().to_numpy().argmax())
        raise InvalidValue(f"Column {name!r}, row {row}: the number is too large for {kind}.")
    return column.astype(DTYPES[kind])


def _convert_other(column: Any, kind: str, required: bool, name: str) -> Any:
    source = getattr(column.dtype, "kind", "O")
    if kind == "datetime" and source == "M":
        return column
    if source in "biufcM" or (kind != "string" and str(column.dtype) in ("str", "string") and kind != "datetime"):
        raise InvalidValue(f"Column {name!r} must be {kind}; the input has {column.dtype}.")
    if required and bool(column.isna().any()):
        raise _missing(column, kind, name)
    if kind == "datetime":
        pd = _pandas()
        try:
            return pd.to_datetime(column, format="ISO8601")
        except (ValueError, TypeError) as error:
            reason = str(error)[:120]
            raise InvalidValue(f"Column {name!r} must be datetime (ISO 8601 text or dates): {reason}.") from error
    wanted = str if kind == "string" else bytes
    if str(column.dtype) == "object":
        for row, value in enumerate(column.tolist()):
            if not isinstance(value, wanted) and not (value is None or value != value):
                raise InvalidValue(f"Column {name!r}, row {row}: {kind} expected, got {type(value).__name__}.")
    return column


def _enforce_tensors(data: Any, schema: Schema) -> Any:
    specs = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]
    if not schema.has_input_names():
        return enforce_tensor(_array_of(data, specs[0]), specs[0])
    if hasattr(data, "columns"):
        data = {str(name): data[name].to_numpy() for name in data.columns}
    if not isinstance(data, Mapping):
        names = _some(schema.input_names())
        raise InvalidValue(f"The model takes named tensors ({names}): give a dictionary of arrays.")
    missing_columns([str(name) for name in data], schema)
    return {str(spec.name): enforce_tensor(_array_of(data[spec.name], spec), spec) for spec in specs}


def _array_of(data: Any, spec: TensorSpec) -> Any:
    if hasattr(data, "columns") or hasattr(data, "to_numpy"):
        data = data.to_numpy()
    if hasattr(data, "detach"):
        data = data.detach().cpu().numpy()
    if hasattr(data, "dtype") and hasattr(data, "shape"):
        return data
    np = _numpy()
    try:
        return np.asarray(data)
    except ValueError as error:
        raise InvalidValue(f"The tensor{_named(spec)} has rows of different lengths.") from error


def enforce_tensor(array: Any, spec: TensorSpec) -> Any:
    """`array` in the spec's element type; InvalidValue when its shape does not fit or a value would change."""
    shape, wanted_shape = tuple(array.shape), spec.shape
    pairs = zip(wanted_shape, shape, strict=False)
    if len(shape) != len(wanted_shape) or not all(want in (-1, length) for want, length in pairs):
        raise InvalidValue(f"The tensor{_named(spec)} must have the shape {wanted_shape} (-1 = any); it has {shape}.")
    if array.dtype.name == spec.type or spec.type in ("object", "str"):
        return array
    np = _numpy()
    wanted = np.dtype(spec.type)
    # Decimal text makes float64; a float32 tensor is what such text means, not a loss.
    if np.can_cast(array.dtype, wanted, "same_kind"):
        converted = cast_array(array, spec.type, f"The tensor{_named(spec)}")
        if wanted.kind not in "iu" or bool((converted == array).all()):
            return converted
    elif array.dtype.kind in "iu" and wanted.kind in "iu" and bool((array.astype(wanted) == array).all()):
        return array.astype(wanted)
    raise InvalidValue(f"The tensor{_named(spec)} must be {spec.type}; it is {array.dtype.name}, which does not fit.")


def cast_array(array: Any, dtype: str, what: str) -> Any:
    """`array` as `dtype`; InvalidValue, beginning with `what`, where a number would become infinite."""
    try:
        with _numpy().errstate(over="raise"):
            return array.astype(dtype)
    except FloatingPointError as error:
        raise InvalidValue(f"{what} has a number that is too large for {dtype}.") from error


def _named(spec: TensorSpec) -> str:
    return f" {spec.name!r}" if spec.name else ""


def enforce_params(params: Mapping[str, Any] | None, schema: ParamSchema | None) -> dict[str, Any]:
    """Parameters for `predict`: the schema's defaults, overridden by `params`.

    Names the schema does not know are dropped, with a warning.
    """
    known = {spec.name: spec for spec in schema or ()}
    dropped = [name for name in params or {} if name not in known]
    if dropped:
        _log.warning("The model's signature has no parameter %s; dropped.", _some(dropped))
    given = {name: value for name, value in (params or {}).items() if name in known}
    return {name: _check_param(given[name], spec) if name in given else spec.default for name, spec in known.items()}


_PARAM_TYPES: dict[str, tuple[type, ...]] = {
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "string": (str,),
}


def _check_param(value: Any, spec: ParamSpec) -> Any:
    value = value.tolist() if hasattr(value, "tolist") else value
    allowed = _PARAM_TYPES.get(spec.dtype)
    items = list(value) if spec.shape is not None and isinstance(value, list | tuple) else [value]
    if spec.shape is not None and not isinstance(value, list | tuple):
        raise InvalidValue(f"The parameter {spec.name!r} must be a list of {spec.dtype}; got {type(value).__name__}.")
    for item in items:
        fits = allowed is None or (isinstance(item, allowed) and (isinstance(item, bool) == (spec.dtype == "boolean")))
        if not fits:
            raise InvalidValue(f"The parameter {spec.name!r} must be {spec.dtype}; got {type(item).__name__}.")
    if spec.dtype in ("float", "double"):
        items = [float(item) for item in items]
    return items if spec.shape is not None else items[0]
