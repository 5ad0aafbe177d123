"""Page tokens as MLflow writes them: base64 of ``{"offset": N}``; ours may add where in a file that is."""

from __future__ import annotations

import base64
import binascii

import msgspec

from millstream.values.errors import InvalidValue
from millstream.values.names import INT64_MAX
from millstream.values.readers import json_reader

_MAX_LENGTH = 256


class Bookmark(msgspec.Struct, frozen=True, omit_defaults=True):
    """Result `offset` is at the `byte` of its file, if the bytes before that have the checksum `tail`."""

    offset: int
    byte: int = 0
    tail: int = 0


_read_bookmark = json_reader(Bookmark)


def encode_token(offset: int) -> str:
    """Token of the page that starts at result `offset`."""
    return encode_bookmark(Bookmark(offset))


def encode_bookmark(bookmark: Bookmark) -> str:
    """Token of the page that starts there."""
    return base64.b64encode(msgspec.json.encode(bookmark)).decode()


def decode_token(text: str | None) -> int:
    """Offset that a token stands for, 0 for none; InvalidValue for anything else."""
    return decode_bookmark(text).offset


def decode_bookmark(text: str | None) -> Bookmark:
    """What a token stands for, the beginning for none; InvalidValue for anything else."""
    if not text:
        return Bookmark(0)
    try:
        data = base64.b64decode(text[: _MAX_LENGTH + 1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidValue("Invalid page token, could not base64-decode; use one from an answer.") from error
    try:
        bookmark = _read_bookmark(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidValue("Invalid page token: it holds no offset; use one from an answer.") from error
    for place in (bookmark.offset, bookmark.byte):
        if not 0 <= place <= INT64_MAX:
            raise InvalidValue(f"Invalid page token: the offset {place} is out of range.")
    return bookmark


def next_token(offset: int, limit: int, found: int) -> str | None:
    """Token of the page after one that starts at `offset` and holds `limit`, None when only `found` were left."""
    return encode_token(offset + limit) if found > limit else None
