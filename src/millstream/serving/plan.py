"""The predict plan: how a request becomes what the model takes, worked out once from the signature.

Columns are found by name and put in the schema's order, types are checked strictly (2.5 is no ``long``), and an error
names the column and the row. Numeric tables become one array at once; a value is looked at alone only to be named.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from itertools import chain
from typing import Any

from msgspec import UNSET, UnsetType

from millstream.formats.signature import AnyType, Array, ColSpec, ColumnType, Schema, TensorSpec
from millstream.models.enforce import (
    DTYPES,
    EXACT_IN_DOUBLE,
    cast_array,
    enforce_params,
    enforce_tensor,
    missing_columns,
)
from millstream.models.pyfunc import PyFuncModel
from millstream.serving.codec import Request, Table, Tensor, word
from millstream.values.errors import InvalidValue

_WHOLE_LIMITS = {"integer": 2**31, "long": 2**63}
_FLOAT32_MAX = 3.4028235677973366e38


def _numpy() -> Any:
    import numpy  # noqa: PLC0415  heavy: the server starts without it

    return numpy


def _pandas() -> Any:
    import pandas  # noqa: PLC0415  heavy: only models that take frames need it

    return pandas


class Plan:
    """Turns requests for one model into its input. Safe to use from several threads."""

    def __init__(self, model: PyFuncModel) -> None:
        """Work out the plan for `model`."""
        signature = model.metadata.signature
        self._params = signature.params if signature else None
        schema = signature.inputs if signature else None
        self._predictor = model.predictor
        self._prepare: Callable[[Table | Tensor], Any]
        if schema is None:
            self._prepare = _Unsigned(model.predictor)
        elif schema.is_tensor_spec():
            self._prepare = _Tensors(schema)
        else:
            self._prepare = _Columns(schema, model.predictor)

    def predict(self, request: Request) -> Any:
        """The model's answer; InvalidValue, naming column and row, when the request does not fit the signature."""
        params = enforce_params(request.params, self._params)
        return self._predictor.predict(self._prepare(request.data), params)


class _Columns:
    """Requests for a model whose signature names or counts columns."""

    def __init__(self, schema: Schema, predictor: Any) -> None:
        self._schema = schema
        self._specs = [spec for spec in schema.inputs if isinstance(spec, ColSpec)]
        self._names = schema.input_names()
        types = {spec.type for spec in self._specs if isinstance(spec.type, str)}
        every = all(isinstance(spec.type, str) for spec in self._specs)
        self._float = types.pop() if every and len(types) == 1 and types <= {"double", "float"} else None
        # An estimator that was fitted on an array, or is simple enough, takes one; a frame would cost more than it.
        takes = getattr(predictor, "takes_arrays", None)
        self._array = bool(takes and self._float and takes([str(name) for name in self._names]))

    def __call__(self, data: Table | Tensor) -> Any:
        table = data if isinstance(data, Table) else _table_of(data)
        _check_rows(table)
        positions = self._positions(table)
        if self._float and None not in positions and not table.text:
            matrix = self._matrix(table, positions)
            if matrix is not None:
                return matrix if self._array else _pandas().DataFrame(matrix, columns=self._names)
        columns = list(zip(*table.rows, strict=True))
        made = {}
        for name, spec, position in zip(self._names, self._specs, positions, strict=True):
            if position is not None:
                values = list(columns[position])
                made[name] = typed(_from_text(values, spec.type) if table.text else values, spec, str(name))
        frame = _pandas().DataFrame(made)
        return frame.to_numpy() if self._array and len(made) == len(self._names) else frame

    def _positions(self, table: Table) -> list[int | None]:
        if table.columns is None or not self._schema.has_input_names():
            width = len(table.rows[0])
            if width != len(self._specs):
                raise InvalidValue(f"The model takes {len(self._specs)} columns; the request has {width}.")
            return list(range(width))
        where = {name: position for position, name in enumerate(table.columns)}
        missing_columns(table.columns, self._schema)
        return [where.get(str(name)) for name in self._names]

    def _matrix(self, table: Table, positions: list[int | None]) -> Any:
        """All rows as one array, None when some value needs a closer look."""
        kinds = set(map(type, chain.from_iterable(table.rows)))
        if not kinds <= {int, float}:
            return None
        numpy = _numpy()
        try:
            matrix = numpy.array(table.rows, dtype="float64")
        except OverflowError:
            return None
        limit: float | None = EXACT_IN_DOUBLE if int in kinds else None
        if self._float == "float":
            limit = _FLOAT32_MAX
        if limit is not None and matrix.size and float(numpy.abs(matrix).max()) >= limit:
            return None
        if positions != list(range(matrix.shape[1])):
            matrix = matrix[:, positions]
        return matrix.astype(DTYPES[str(self._float)], copy=False)


class _Tensors:
    """Requests for a model whose signature has tensors."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._specs = [spec for spec in schema.inputs if isinstance(spec, TensorSpec)]

    def __call__(self, data: Table | Tensor) -> Any:
        if not self._schema.has_input_names():
            if isinstance(data, Table):
                _check_rows(data)
                value: Any = data.rows
            else:
                value = data.value
            if isinstance(value, dict):
                raise InvalidValue("The model takes one tensor without a name; send a list, not an object.")
            return enforce_tensor(_array(value, ""), self._specs[0])
        named = _named_values(data)
        missing_columns(list(named), self._schema)
        return {
            str(spec.name): enforce_tensor(_array(named[str(spec.name)], str(spec.name)), spec) for spec in self._specs
        }


class _Unsigned:
    """Requests for a model without a signature: what the model itself knows of its input is checked."""

    def __init__(self, predictor: Any) -> None:
        self._names: list[str] | None = getattr(predictor, "feature_names", None)
        self._count: int | None = getattr(predictor, "feature_count", None)
        self._dtype: str | None = getattr(predictor, "element_type", None)
        self._schema = Schema(ColSpec(AnyType(), name) for name in self._names) if self._names else None

    def __call__(self, data: Table | Tensor) -> Any:
        if isinstance(data, Table):
            return self._frame(data)
        if isinstance(data.value, dict):
            return {name: _array(value, name) for name, value in data.value.items()}
        array = _array(data.value, "")
        if self._count is not None and (array.ndim != 2 or array.shape[1] != self._count):
            raise InvalidValue(f"The model takes rows of {self._count} values; the input has the shape {array.shape}.")
        return cast_array(array, self._dtype, "The input") if self._dtype and array.dtype.kind in "iuf" else array

    def _frame(self, table: Table) -> Any:
        _check_rows(table)
        width = len(table.rows[0])
        if self._schema is not None and table.columns is not None:
            missing_columns(table.columns, self._schema)
        elif self._count is not None and width != self._count:
            raise InvalidValue(f"The model takes {self._count} columns; the request has {width}.")
        names: list[Any] = table.columns or self._names or list(range(width))
        columns = [[None if value is UNSET else value for value in column] for column in zip(*table.rows, strict=True)]
        made = {name: _guessed(column) if table.text else column for name, column in zip(names, columns, strict=True)}
        frame = _pandas().DataFrame(made)
        return frame[self._names] if self._schema is not None and table.columns is not None else frame


def _check_rows(table: Table) -> None:
    """InvalidValue when there are no rows or columns, rows of different lengths, or a name twice."""
    if not table.rows:
        raise InvalidValue("The request has no rows to predict for.")
    width = len(table.rows[0]) if table.columns is None else len(table.columns)
    if not width:
        raise InvalidValue("The request has no columns.")
    for position, row in enumerate(table.rows):
        if len(row) != width:
            raise InvalidValue(f"Row {position} has {len(row)} values where {width} are expected.")
    names = table.columns or []
    if len(set(names)) < len(names):
        twice = next(name for position, name in enumerate(names) if name in names[:position])
        raise InvalidValue(f"The request has the column {twice[:60]!r} twice.")


def _table_of(data: Tensor) -> Table:
    """``instances`` or ``inputs`` for a model with columns: rows by position, or a list per name."""
    value = data.value
    if isinstance(value, dict):
        lists = {name: item if isinstance(item, list) else [item] for name, item in value.items()}
        lengths = {len(item) for item in lists.values()}
        if len(lengths) > 1:
            raise InvalidValue("The columns of the request have different lengths.")
        return Table(list(lists), [list(row) for row in zip(*lists.values(), strict=True)])
    return Table(None, [row if isinstance(row, list) else [row] for row in value])


def _named_values(data: Table | Tensor) -> dict[str, Any]:
    if isinstance(data, Tensor):
        if not isinstance(data.value, dict):
            raise InvalidValue("The model takes named tensors; send an object with a list for each name.")
        return data.value
    _check_rows(data)
    columns = [list(column) for column in zip(*data.rows, strict=True)]
    return dict(zip(data.columns or [], columns, strict=False))


def _array(value: Any, name: str) -> Any:
    """A nested list of numbers, truth values or texts as an array; InvalidValue for ragged or mixed lists."""
    called = f" {name[:60]!r}" if name else ""
    try:
        array = _numpy().array(value)
    except (ValueError, OverflowError) as error:
        raise InvalidValue(f"The tensor{called} has rows of different lengths, or a number too large.") from error
    if array.size == 0:
        raise InvalidValue(f"The tensor{called} has no values.")
    if array.dtype.kind not in "biufU":
        raise InvalidValue(f"The tensor{called} must hold numbers, texts or truth values, and no null.")
    if array.dtype.kind == "U" and not all(isinstance(item, str) for item in _flat(value)):
        raise InvalidValue(f"The tensor{called} mixes texts and numbers.")
    if array.dtype.kind in "iuf" and any(isinstance(item, bool) for item in _flat(value)):
        raise InvalidValue(f"The tensor{called} mixes numbers with true or false.")
    return array


def _flat(value: Any) -> Any:
    return chain.from_iterable(map(_flat, value)) if isinstance(value, list) else (value,)


_ALLOWED: dict[str, set[type]] = {
    "double": {int, float},
    "float": {int, float},
    "long": {int},
    "integer": {int},
    "boolean": {bool},
    "string": {str},
    "binary": {str},
    "datetime": {str},
}


def typed(values: list[Any], spec: ColSpec, name: str) -> Any:
    """A column of JSON values in the type of `spec`; InvalidValue, naming the row, for the first that does not fit."""
    kind = spec.type
    if not isinstance(kind, str):
        values = [None if value is UNSET else value for value in values]
        return _nested(values, kind, name)
    kinds = set(map(type, values))
    if UnsetType in kinds and spec.required:
        row = next(position for position, value in enumerate(values) if value is UNSET)
        raise InvalidValue(f"Column {name!r}, row {row}: the value is missing.")
    values = [None if value is UNSET else value for value in values] if UnsetType in kinds else values
    missing = bool({type(None), UnsetType} & kinds)
    kinds.discard(UnsetType)
    # A gap among numbers is NaN, which these types have; elsewhere only an optional column may have gaps.
    allowed = _ALLOWED[kind] | ({type(None)} if kind in ("double", "float") or not spec.required else set())
    if kind in _WHOLE_LIMITS and float in kinds:
        values = [int(value) if type(value) is float and value.is_integer() else value for value in values]
        kinds = set(map(type, values))
    if not kinds <= allowed:
        row = next(position for position, value in enumerate(values) if type(value) not in allowed)
        raise InvalidValue(f"Column {name!r}, row {row}: {kind} expected, got {word(values[row])}.")
    _check_range(values, kind, name)
    if kind in DTYPES:
        gaps = {"boolean": "object", "integer": "float64", "long": "float64"} if missing else {}
        wanted = gaps.get(kind, DTYPES[kind])
        return _numpy().array(values, dtype=wanted)
    return _converted(values, kind, name)


def _check_range(values: list[Any], kind: str, name: str) -> None:
    """InvalidValue for the first number that `kind` cannot hold exactly."""
    limit: float | None = _WHOLE_LIMITS.get(kind)
    for row, value in enumerate(values):
        if limit is not None:
            fits = value is None or -limit <= value < limit
        elif type(value) is int and kind in ("double", "float"):
            fits = abs(value) <= EXACT_IN_DOUBLE
        else:
            fits = type(value) is not float or kind != "float" or abs(value) <= _FLOAT32_MAX
        if not fits:
            raise InvalidValue(f"Column {name!r}, row {row}: the number is too large for {kind}.")


def _converted(values: list[Any], kind: str, name: str) -> Any:
    if kind == "string":
        return _pandas().Series(values, dtype="object")
    row = 0
    try:
        if kind == "datetime":
            return _pandas().to_datetime(_pandas().Series(values, dtype="object"), format="ISO8601")
        made = []
        for row, value in enumerate(values):  # noqa: B007  the row is for the message
            made.append(None if value is None else base64.b64decode(value, validate=True))
    except (ValueError, TypeError, binascii.Error) as error:
        what = "ISO 8601 dates are expected" if kind == "datetime" else f"row {row}: base64 text is expected"
        raise InvalidValue(f"Column {name!r}: {what}.") from error
    return _pandas().Series(made, dtype="object")


def _nested(values: list[Any], kind: ColumnType, name: str) -> Any:
    if not isinstance(kind, AnyType):
        wanted: type = list if isinstance(kind, Array) else dict
        for row, value in enumerate(values):
            if not isinstance(value, wanted) and value is not None:
                what = "a list" if wanted is list else "an object"
                raise InvalidValue(f"Column {name!r}, row {row}: {what} is expected, got {word(value)}.")
    return _pandas().Series(values, dtype="object")


def _from_text(values: list[Any], kind: ColumnType) -> list[Any]:
    """CSV fields as the JSON values they stand for; what cannot be read stays text, to be named by `typed`."""
    if kind in ("string", "binary", "datetime") or not isinstance(kind, str):
        return [value if value != "" else None for value in values]
    return [_read(value, kind) for value in values]


def _read(text: str, kind: str) -> Any:
    if text.strip() == "":
        return None
    if kind == "boolean":
        return {"true": True, "false": False}.get(text.strip().lower(), text)
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _guessed(values: list[Any]) -> list[Any]:
    """CSV fields of a column without a known type: all numbers, or all texts."""
    read = [_read(value, "double") for value in values]
    return read if not any(isinstance(value, str) for value in read) else [value or None for value in values]
