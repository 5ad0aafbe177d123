"""How bytes and plain values become typed ones; whatever is typed is read in this way and in no other.

msgspec (0.22) works out what a `Struct` is when it is first read, and keeps what it has of it while it still does. A
second thread that reads the same type in this moment ends the process with a segmentation fault. So a reader is made
ready under one lock, before anybody has it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_one_by_one = Lock()


def json_reader(kind: type[T]) -> Callable[[bytes | bytearray | memoryview | str], T]:
    """Reads JSON as a `kind`; the reader raises msgspec.DecodeError, or its ValidationError for another type."""
    with _one_by_one:
        return msgspec.json.Decoder(kind).decode


def msgpack_reader(kind: type[T]) -> Callable[[bytes | bytearray | memoryview], T]:
    """Reads MessagePack as a `kind`; the reader raises msgspec.DecodeError, or its ValidationError for another type."""
    with _one_by_one:
        return msgspec.msgpack.Decoder(kind).decode


def converter(kind: type[T], *, strict: bool = True) -> Callable[[Any], T]:
    """Makes a `kind` of dicts, lists and plain values; without `strict` also of texts that say numbers.

    It raises msgspec.ValidationError for what is no `kind`.
    """
    json_reader(kind)
    return lambda value: msgspec.convert(value, kind, strict=strict)


def _unlock() -> None:
    # A child that was forked while another thread held the lock would wait for it for ever.
    global _one_by_one
    _one_by_one = Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)
