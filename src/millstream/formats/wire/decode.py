"""Request text → request structs. What MLflow takes without harm is taken; what it would change silently is refused.

Taken: snake_case and camelCase names, unknown fields, numbers as decimal strings, ``"NaN"`` and ``"Infinity"`` as
strings, `run_uuid` for `run_id`, null for an absent field, a body that is JSON inside a JSON string.
Refused with the field's name: bare NaN, numbers out of range, wrong types, both spellings of one field at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_type_hints
from urllib.parse import parse_qsl

from msgspec import UNSET, Meta, Struct, UnsetType, ValidationError

from millstream.formats.wire.bodies import parse
from millstream.formats.wire.route import Request
from millstream.values.entities import RunStatus, ViewType
from millstream.values.errors import BadRequest, InvalidValue
from millstream.values.names import INT64_MAX, INT64_MIN
from millstream.values.readers import converter

R = TypeVar("R", bound=Request)
V = TypeVar("V")

Text = Annotated[str, Meta(min_length=1)]
"""A string that must be there and not be empty."""

Texts = Annotated[tuple[str, ...], Meta(min_length=1)]
"""A list of strings that must be there and not be empty."""

Int64 = Annotated[int, Meta(ge=INT64_MIN, le=INT64_MAX)]
"""A whole number of 64 bits."""

MaybeInt64 = Int64 | UnsetType
"""As `Int64`; UNSET when left out."""

Word = str | int
"""An enum: by name or by number."""

View = Annotated[Word, Meta(extra_json_schema={"enum": [*ViewType.NAMES, *range(1, len(ViewType.NAMES) + 1)]})]
"""Which stages to show, as a `Word`."""

NONE: Mapping[str, str] = {}
MAX_DEPTH = 64
_SEE = "See the API docs for more information about request parameters."


def read_body(body: bytes, request: type[R], named: Mapping[str, str] = NONE) -> R:
    """Parse the JSON object `body` as a `request`; InvalidValue or BadRequest says which field is wrong and why.

    `named` are fields that the path of the URL holds; they count, whatever the body says.
    """
    fields = parse(body) if body.strip() else {}
    if isinstance(fields, str):
        fields = parse(fields.encode()) if fields.strip() else {}
    if not isinstance(fields, dict):
        raise BadRequest(f"The request body must be a JSON object; got {_show(fields)}.")
    shape = _shape(request)
    if shape.flags:
        _check_flags(fields, shape)
    return _convert({**_normalise(fields, request, ""), **named}, request)


def read_query(query: bytes, request: type[R], named: Mapping[str, str] = NONE) -> R:
    """Parse a URL's query string as a `request`. Names are snake_case; a list is its name repeated."""
    try:
        pairs = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError as error:
        raise BadRequest("The query string is not UTF-8 text, percent-encoded.") from error
    except ValueError as error:
        raise BadRequest("The query string has more than 1000 parameters.") from error
    shape = _shape(request)
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name in shape.lists:
            fields.setdefault(name, []).append(value)
        elif name in shape.names and shape.spelt(name):
            if name in fields:
                raise InvalidValue(f"The parameter {name!r} is given more than once.")
            fields[name] = value
    return _convert({**_normalise(fields, request, ""), **named}, request)


def _check_flags(fields: dict[str, Any], shape: Shape) -> None:
    """JSON has its own true and false; words and numbers that stand for them are for query strings."""
    for name, value in fields.items():
        if shape.names.get(name) in shape.flags and not isinstance(value, bool | None):
            raise invalid(name, value, "It must be true or false.")


class Shape(Struct, frozen=True):
    """What `_normalise` must know of a struct: its fields, spelling → field, which hold structs, which hold lists."""

    fields: frozenset[str]
    names: dict[str, str]
    nested: dict[str, type[Struct]]
    lists: frozenset[str]
    flags: frozenset[str]

    def spelt(self, name: str) -> bool:
        """Whether `name` is the snake_case spelling (query strings know no other)."""
        return name == self.names[name] or name == "run_uuid"


@cache
def _shape(struct: type[Struct]) -> Shape:
    names: dict[str, str] = {}
    nested: dict[str, type[Struct]] = {}
    lists, flags = set(), set()
    for name, hint in get_type_hints(struct).items():
        names[name] = names[_camel(name)] = name
        for inner in (hint, *get_args(hint)):
            if isinstance(inner, type) and issubclass(inner, Struct):
                nested[name] = inner
        if getattr(hint, "__origin__", None) is tuple:
            lists.add(name)
        if hint is bool:
            flags.add(name)
    if issubclass(struct, Request) and "run_id" in names:
        names["run_uuid"] = names["runUuid"] = "run_id"
    return Shape(frozenset(names.values()), names, nested, frozenset(lists), frozenset(flags))


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _normalise(fields: dict[str, Any], struct: type[Struct], path: str) -> dict[str, Any]:
    """`fields` under their snake_case names, without unknown ones and without nulls."""
    shape = _shape(struct)
    if not shape.nested and fields.keys() <= shape.fields and None not in fields.values():
        return fields
    plain: dict[str, Any] = {}
    for given, value in fields.items():
        name = shape.names.get(given)
        if name is None:
            _check_depth(value, given)
        elif value is not None:
            if name in plain and not (name == "run_id" and _same_run(plain[name], value)):
                raise InvalidValue(f"The request gives {path + name!r} twice, in two spellings; leave one out.")
            if name in shape.nested:
                value = _normalise_inner(value, shape.nested[name], path + name)
            plain[name] = value or plain.get(name, value)
    return plain


def _same_run(one: object, other: object) -> bool:
    return one == other or one == "" or other == ""


def _normalise_inner(value: Any, struct: type[Struct], path: str) -> Any:
    if isinstance(value, dict):
        return _normalise(value, struct, f"{path}.")
    if isinstance(value, list):
        return [
            _normalise(item, struct, f"{path}[{index}].") if isinstance(item, dict) else item
            for index, item in enumerate(value)
        ]
    return value


def _check_depth(value: Any, name: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for item in level
            if isinstance(item, dict | list)
            for child in (item.values() if isinstance(item, dict) else item)
        ]
        if not level:
            return
    raise BadRequest(f"The field {name[:100]!r} is nested more than {MAX_DEPTH} levels deep.")


@cache
def _converter(request: type[R]) -> Callable[[Any], R]:
    return converter(request, strict=False)


def _convert(fields: dict[str, Any], request: type[R]) -> R:
    try:
        converted: R = _converter(request)(fields)
    except ValidationError as error:
        raise _explain(str(error), fields) from error
    return converted


_PLACE = re.compile(r"(.*?)(?: - at `\$\.?(.*)`)?", re.DOTALL)
_LEFT_OUT = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `(.*)`(?:, got .*| (of length )?([<>]=) (-?\d+))")
_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def _explain(message: str, fields: dict[str, Any]) -> InvalidValue:
    """msgspec's message in MLflow's words."""
    found = _PLACE.fullmatch(message)
    reason, path = (found[1], found[2] or "") if found else (message, "")
    if left_out := _LEFT_OUT.fullmatch(reason):
        return missing(f"{path}.{left_out[1]}" if path else left_out[1])
    if "of length >=" in reason:
        return missing(path)
    value: Any = fields
    for index, name in _STEP.findall(path):
        value = value[int(index)] if index else value[name]
    expected = _EXPECTED.fullmatch(reason)
    limit = f" {expected[3]} {expected[4]}" if expected and expected[3] else ""
    return invalid(path, value, f"It must be {_plain(expected[1])}{limit}." if expected else f"{reason}.")


def _plain(kind: str) -> str:
    words = {"str": "a string", "int": "a whole number", "float": "a number", "array": "a list", "object": "an object"}
    return " or ".join(words.get(part, part) for part in kind.split(" | ") if part != "null")


def missing(name: str) -> InvalidValue:
    """The error for a required parameter that is absent or empty."""
    return InvalidValue(f"Missing value for required parameter '{name}'. {_SEE}")


def invalid(name: str, value: object, reason: str) -> InvalidValue:
    """The error for a parameter whose value breaks a rule; `reason` is a sentence."""
    hint = f"Hint: Value was of type '{type(value).__name__}'. {_SEE}"
    return InvalidValue(f"Invalid value {_show(value)} for parameter '{name}' supplied: {reason} {hint}")


def check(name: str, value: V, rule: Callable[..., object], *args: object) -> V:
    """Return `value` when `rule(value, *args)` raises no InvalidValue; else raise one that names the parameter."""
    try:
        rule(value, *args)
    except InvalidValue as error:
        raise InvalidValue(f"Invalid value {_show(value)} for parameter '{name}' supplied: {error.message}") from error
    return value


def check_positive(name: str, value: int, most: int) -> int:
    """Return `value` when it is 1 to `most`."""
    if value < 1:
        raise InvalidValue(f"Invalid value {value} for parameter '{name}' supplied. It must be a positive integer")
    if value > most:
        raise InvalidValue(f"Invalid value {value} for parameter '{name}' supplied. It must be at most {most}")
    return value


def or_none(value: V | UnsetType) -> V | None:
    """None for a field that was left out."""
    return None if value is UNSET else value


def read_status(word: Word, name: str = "status") -> str:
    """The run status that `word` names, by name or number."""
    return _read_word(word, name, RunStatus.NAMES)


def read_view(word: Word, name: str) -> int:
    """The number of the view that `word` names, by name or number."""
    return ViewType.NAMES.index(_read_word(word, name, ViewType.NAMES)) + 1


def _read_word(word: Word, name: str, words: tuple[str, ...]) -> str:
    if word in words:
        return str(word)
    number = int(word) if isinstance(word, int) or (word.isascii() and word.isdigit() and len(word) < 4) else 0
    if not 1 <= number <= len(words):
        raise invalid(name, word, f"It must be one of {', '.join(words)}, or 1 to {len(words)}.")
    return words[number - 1]


def _show(value: object) -> str:
    """Compact JSON of `value`, cut where it is long."""
    try:
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, default=str)
    except (ValueError, RecursionError):
        text = str(type(value).__name__)
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= 120 else text[:119] + "…"
