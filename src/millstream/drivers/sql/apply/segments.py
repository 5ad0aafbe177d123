"""Rows of `chunks`: points of one series in column chunks, with a digest, and with what was logged beside a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from millstream.formats.chunks import FULL, Point, encode
from millstream.formats.segments import WORTH_A_DIGEST, Columns, Digest, digest, pack, unpack


def chunk_rows(points: Sequence[Point], sources: Mapping[int, str], start: int) -> Iterator[dict[str, Any]]:
    """Rows, without `rid` and `key`, for `points` that come after `start` others, at most `FULL` points each.

    All points of a row have one source; those that `sources` does not name have none.
    """
    if not sources:
        yield from _rows(points, None, start)
        return
    offset = 0
    for source, group in groupby(map(sources.get, range(len(points)))):
        size = sum(1 for _ in group)
        yield from _rows(points[offset : offset + size], source, start + offset)
        offset += size


def _rows(points: Sequence[Point], source: str | None, start: int) -> Iterator[dict[str, Any]]:
    for offset in range(0, len(points), FULL):
        part = points[offset : offset + FULL]
        data = encode(part)
        yield {
            "start": start + offset,
            "count": len(part),
            "source": source,
            "digest": packed(part, data),
            "data": data,
        }


def packed(points: Sequence[Point], data: bytes) -> bytes | None:
    """The digest of a chunk after the checksum of its `data`; None for few points, which are read as quickly."""
    if len(points) < WORTH_A_DIGEST:
        return None
    times, values, steps = zip(*points, strict=True)
    return data[-4:] + pack(digest(Columns(times, values, steps)))


def digest_of(data: bytes) -> tuple[bytes, Digest]:
    """The checksum and the digest that `packed` put together."""
    data = bytes(data)
    return data[:4], unpack(data[4:])
