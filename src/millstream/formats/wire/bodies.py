"""JSON text → plain values, whole: nothing is dropped, rounded or replaced on the way, or it is refused.

RFC 8259 leaves open what a reader makes of a name that comes twice, of numbers that no double can hold, and of
halves of a character. Readers that take the last, infinity and U+FFFD change what was sent in silence.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any

import msgspec

from millstream.values.errors import BadRequest, InvalidValue, TooLarge

MOST_VALUES = 200_000
"""So many values a body may have. 16 MB of empty lists would be 400 MB of objects."""

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)


def parse(body: bytes) -> Any:
    """The value that `body` stands for; BadRequest, TooLarge or InvalidValue says what is wrong with it, and where."""
    if body.count(b",") > MOST_VALUES and _STRING.sub(b"", body).count(b",") > MOST_VALUES:
        raise TooLarge(f"The request body holds more than {MOST_VALUES} values. Send them in several requests.")
    try:
        value = msgspec.json.decode(body)
    except RecursionError as error:
        raise BadRequest("The request body is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _locate(body) from error
    # Each name has its colon, so where these are as many, none came twice. Others are looked at one by one.
    if _count_names(value) != body.count(b":"):
        _read(body, object_pairs_hook=_pairs, parse_int=str, parse_float=str)
    return value


def _read(body: bytes, **options: Any) -> Any:
    """Read again with a reader that is slow, but can be asked about what it reads."""
    try:
        return json.loads(body.decode(), **options)
    except UnicodeDecodeError as error:
        raise BadRequest(f"The request body is not valid JSON: byte {error.start} is not UTF-8 text.") from error
    except RecursionError as error:
        raise BadRequest("The request body is nested too deeply.") from error
    except ValueError as error:
        raise BadRequest(f"The request body is not valid JSON: {error}.") from error


def _count_names(value: Any) -> int:
    found, level = 0, [value]
    while level:
        inner: list[Any] = []
        for item in level:
            if type(item) is dict:
                found += len(item)
                inner += item.values()
            elif type(item) is list:
                inner += item
        level = inner
    return found


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise InvalidValue(f"The request gives {twice[:100]!r} twice in one object; leave one out.")
    return fields


class _Refused:
    """A token of the JSON text that no value can stand for."""

    def __init__(self, token: str, reason: str) -> None:
        self.token, self.reason = token, reason


def _parse(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except RecursionError as error:
        raise BadRequest("The request body is nested too deeply.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _locate(body) from error


def _locate(body: bytes) -> BadRequest | InvalidValue:
    """Why `body` was refused: a second, lenient reading finds the field that holds what JSON cannot say."""
    value = _read(body, parse_constant=_constant, parse_float=_float, parse_int=_int)
    return _find_refused(value) or BadRequest("The request body is not valid JSON.")


def _constant(token: str) -> _Refused:
    return _Refused(token, f'JSON has no bare {token}; send the string "{token}".')


def _int(token: str) -> float | _Refused:
    # As a double, because long whole numbers are slow to read; where it does not matter which it is.
    return _float(token)


def _float(token: str) -> float | _Refused:
    value = float(token)
    return value if math.isfinite(value) else _Refused(token[:100], "It is out of the range of a 64-bit float.")


def _find_refused(value: Any) -> InvalidValue | None:
    stack: list[tuple[str, Any]] = [("", value)]
    while stack:
        path, item = stack.pop()
        if isinstance(item, _Refused):
            return InvalidValue(f"Invalid value {item.token} for parameter '{path}' supplied: {item.reason}")
        if isinstance(item, str) and any("\ud800" <= character <= "\udfff" for character in item):
            return InvalidValue(f"Invalid value for parameter '{path}' supplied: a lone surrogate is not valid text.")
        if isinstance(item, dict):
            stack += [(f"{path}.{name}" if path else name, child) for name, child in reversed(item.items())]
        elif isinstance(item, list):
            stack += reversed([(f"{path}[{index}]", child) for index, child in enumerate(item)])
    return None
