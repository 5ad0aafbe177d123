"""Page tokens as MLflow writes them: base64 of ``{"offset": N}``."""

from __future__ import annotations

import base64
import binascii

import msgspec

from millstream.values.errors import InvalidValue
from millstream.values.names import INT64_MAX

_MAX_LENGTH = 256


class _Token(msgspec.Struct):
    offset: int


_decoder = msgspec.json.Decoder(_Token)


def encode_token(offset: int) -> str:
    """Token of the page that starts at result `offset`."""
    return base64.b64encode(msgspec.json.encode(_Token(offset))).decode()


def decode_token(text: str | None) -> int:
    """Offset that a token stands for, 0 for none; InvalidValue for anything else."""
    if not text:
        return 0
    try:
        data = base64.b64decode(text[: _MAX_LENGTH + 1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("Invalid page token, could not base64-decode; use one from an answer.") from error
    try:
        offset = _decoder.decode(data).offset
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValue("Invalid page token: it holds no offset; use one from an answer.") from error
    if not 0 <= offset <= INT64_MAX:
        raise InvalidValue(f"Invalid page token: the offset {offset} is out of range.")
    return offset


def next_token(offset: int, limit: int, found: int) -> str | None:
    """Token of the page after one that starts at `offset` and holds `limit`, None when only `found` were left."""
    return encode_token(offset + limit) if found > limit else None
