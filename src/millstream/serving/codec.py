"""Bodies of ``/invocations``: MLflow 2 and 3 JSON, MLflow 1 JSON, and CSV → one `Request`; predictions → JSON.

One parse, strict: a body means one thing or is refused with a sentence that says where. The answer has the shape of
the request's generation: ``{"predictions": …}`` for MLflow 2 and 3 and CSV, the bare value for MLflow 1.
Source of the forms: MLflow's scoring protocol, 1.7 to 3.17.
"""

from __future__ import annotations

import csv
import datetime
import io
from typing import Any

import msgspec
from msgspec import Struct

from millstream.values.errors import BadRequest, MillstreamError

JSON, CSV = "application/json", "text/csv"
_NUMPY_SPLIT = "application/json-numpy-split"
_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")
_OLD_FORMATS = ("pandas-split", "pandas-records")


class UnsupportedType(MillstreamError):
    """The Content-Type is none that can be read."""

    error_code = "UNSUPPORTED_MEDIA_TYPE"
    http_status = 415


class Kind(Struct, frozen=True):
    """What a Content-Type says: `media` and, for MLflow 1, the `format` of its JSON."""

    media: str
    format: str | None = None


class Table(Struct):
    """Rows of values under column names (None: by position); UNSET where a record lacks a name that others have.

    `text` when every value is text, to be read by type.
    """

    columns: list[str] | None
    rows: list[list[Any]]
    text: bool = False


class Tensor(Struct):
    """A nested list, or one per name."""

    value: Any


class Request(Struct):
    """What to predict for; `bare` asks for an answer without the ``predictions`` wrapper, as MLflow 1 gave."""

    data: Table | Tensor
    params: dict[str, Any] | None = None
    bare: bool = False


def parse_content_type(header: str | None) -> Kind:
    """Read a Content-Type; raise UnsupportedType for what no decoder here reads."""
    media, *parameters = [part.strip() for part in (header or "").lower().split(";")]
    known = f"send {JSON} or {CSV}"
    if not media:
        raise UnsupportedType(f"The request has no Content-Type; {known}.")
    if media not in (JSON, CSV, _NUMPY_SPLIT):
        raise UnsupportedType(f"The Content-Type {media[:60]!r} cannot be read; {known}.")
    form = "pandas-split" if media == _NUMPY_SPLIT else None
    for parameter in filter(None, parameters):
        name, _, value = parameter.partition("=")
        value = value.strip('"')
        if name == "format" and media == JSON and value in _OLD_FORMATS:
            form = value
        elif name != "charset" or value not in ("utf-8", "utf8"):
            raise UnsupportedType(f"The Content-Type parameter {parameter[:60]!r} cannot be read; {known}, in UTF-8.")
    return Kind(JSON if media == _NUMPY_SPLIT else media, form)


def decode(body: bytes, kind: Kind) -> Request:
    """Read a body; raise BadRequest, naming the place, when it is not one of the forms."""
    if not body.strip():
        raise BadRequest("The request body is empty.")
    if kind.media == CSV:
        return Request(_decode_csv(body))
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadRequest(f"The body is not valid JSON: {error}.") from error
    except RecursionError as error:
        raise BadRequest("The body nests lists or objects too deeply.") from error
    if kind.format == "pandas-records" or (kind.format is None and isinstance(value, list)):
        return Request(_records(value, "the list"), bare=True)
    if kind.format == "pandas-split":
        return Request(_split(value, "the body"), bare=True)
    return _decode_object(value)


def _decode_object(value: Any) -> Request:
    if not isinstance(value, dict):
        raise BadRequest(f"The body must be a JSON object, not {word(value)}.")
    forms = [form for form in _FORMS if form in value]
    if not forms and "columns" in value and "data" in value:
        return Request(_split(value, "the body"), bare=True)
    if len(forms) != 1:
        found = f"has {' and '.join(forms)}" if forms else "has none of them"
        raise BadRequest(f"The body must have exactly one of {', '.join(_FORMS)}; it {found}.")
    params = value.get("params")
    if params is not None and not isinstance(params, dict):
        raise BadRequest(f"'params' must be an object, not {word(params)}.")
    form, data = forms[0], value[forms[0]]
    if form == "dataframe_split":
        return Request(_split(data, "'dataframe_split'"), params)
    if form == "dataframe_records":
        return Request(_records(data, "'dataframe_records'"), params)
    if not isinstance(data, list | dict):
        raise BadRequest(f"{form!r} must be a list or an object, not {word(data)}.")
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return Request(_records(data, f"{form!r}"), params)
    return Request(Tensor(data), params)


def _split(value: Any, where: str) -> Table:
    if not isinstance(value, dict) or not isinstance(value.get("data"), list):
        raise BadRequest(f"{where} must be an object with 'columns' and 'data', a list of rows.")
    unknown = [key for key in value if key not in ("columns", "index", "data")]
    if unknown and where != "the body":
        raise BadRequest(f"{where} has the key {unknown[0][:60]!r}; only columns, index and data are known.")
    columns, rows = value.get("columns"), value["data"]
    if columns is not None and not isinstance(columns, list):
        raise BadRequest(f"'columns' must be a list of names, not {word(columns)}.")
    names = None if columns is None else [_name(name) for name in columns]
    for position, row in enumerate(rows):
        if not isinstance(row, list):
            raise BadRequest(f"Row {position} of 'data' must be a list, not {word(row)}.")
    return Table(names, rows)


def _name(value: Any) -> str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise BadRequest(f"A column name must be text or a number, not {word(value)}.")


def _records(value: Any, where: str) -> Table:
    if not isinstance(value, list):
        raise BadRequest(f"{where} must be a list of objects, not {word(value)}.")
    for position, record in enumerate(value):
        if not isinstance(record, dict):
            raise BadRequest(f"Row {position} of {where} must be an object, not {word(record)}.")
    names = list(dict.fromkeys(name for record in value for name in record))
    return Table(names, [[record.get(name, msgspec.UNSET) for name in names] for record in value])


def _decode_csv(body: bytes) -> Table:
    try:
        reader = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        rows = [row for row in reader if row]
    except UnicodeDecodeError as error:
        raise BadRequest(f"The CSV is not UTF-8: byte {error.start}.") from error
    except csv.Error as error:
        raise BadRequest(f"The CSV cannot be read: line {reader.line_num}: {error}.") from error
    return Table(rows[0], [list(row) for row in rows[1:]], text=True)


_WORDS: dict[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
    list: "a list",
    dict: "an object",
}


def word(value: object) -> str:
    """What a JSON value is, in a word for a message that must not repeat the value."""
    return _WORDS.get(type(value), type(value).__name__)


def encode(predictions: Any, *, bare: bool) -> bytes:
    """The answer's JSON; NaN and infinities, which JSON has not got, become null.

    Raises TypeError when the model answered something that has no JSON form.
    """
    value = jsonable(predictions)
    return msgspec.json.encode(value if bare else {"predictions": value}, enc_hook=jsonable)


def jsonable(value: Any) -> Any:
    """Plain lists, objects and numbers for what models answer: arrays, frames (as records), series, tensors, dates."""
    if hasattr(value, "columns") and hasattr(value, "to_dict"):
        names = [str(name) for name in value.columns]
        columns = [_column(value.iloc[:, position]) for position in range(len(names))]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    if hasattr(value, "to_frame") and hasattr(value, "dtype"):
        return jsonable(value.to_frame())
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if hasattr(value, "toarray"):
        value = value.toarray()
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        return value.astype("datetime64[us]").tolist() if value.dtype.kind == "M" else value.tolist()
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, float | int | str):
        return value.item() if hasattr(value, "item") else value
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | list | tuple | None):
        return value
    raise TypeError(f"the model answered {type(value).__name__}, which has no JSON form")


def _column(column: Any) -> list[Any]:
    values: list[Any] = column.tolist()
    if getattr(column.dtype, "kind", "O") in "OmM" or hasattr(column.dtype, "na_value"):
        values = [None if missing else value for value, missing in zip(values, column.isna().tolist(), strict=True)]
    return values
