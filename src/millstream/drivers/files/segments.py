"""Metric files in segments: stretches of lines with a digest, so that a long file need not be read to be drawn."""

from __future__ import annotations

import os
from collections.abc import Iterator
from zlib import crc32

from millstream.formats.mlruns.columns import parse_columns
from millstream.formats.segments import Columns, Segment, digest

# About 4,000 points. A file shorter than that has no segments.
SIZE = 1 << 17
# A file may be one line; more than this is not looked through for the end of it.
LONGEST_LINE = 1 << 24
_TAIL = 64


class Rewritten(Exception):
    """A file is not what it was when its segments were made."""


def cut(descriptor: int, start: int, stop: int) -> Iterator[tuple[Segment, Columns]]:
    """Segments, with their points, of the bytes from `start`, the beginning of a line, to before `stop`.

    Complete lines only, and at least one point each: where there is none for long, the next bytes belong to
    the segment too.
    """
    size = SIZE
    while start < stop:
        data = os.pread(descriptor, min(size, stop - start), start)
        data = data[: data.rfind(b"\n") + 1]
        parsed = parse_columns(data)
        if len(parsed.columns.values):
            yield Segment(start, len(data), crc32(data), parsed.bad, digest(parsed.columns)), parsed.columns
            start, size = start + len(data), SIZE
        elif size >= min(stop - start, LONGEST_LINE):
            return
        else:
            size *= 2


def read_segment(descriptor: int, offset: int, size: int, crc: int) -> Columns:
    """The points of a segment; Rewritten when other bytes are there now."""
    data = os.pread(descriptor, size, offset)
    if len(data) != size or crc32(data) != crc:
        raise Rewritten
    return parse_columns(data).columns


def tail_sum(descriptor: int, offset: int) -> int:
    """Checksum of the last bytes before `offset`, which tells a file that was written anew; 0 at its beginning."""
    if offset == 0:
        return 0
    start = max(0, offset - _TAIL)
    return crc32(os.pread(descriptor, offset - start, start))
