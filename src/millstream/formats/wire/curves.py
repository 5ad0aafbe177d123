"""Curves in binary, for pages that draw many of them.

Little-endian. Eight bytes: ``MSC1`` and the number of curves (uint32). Then 56 bytes a curve: place of its run and of
its key among those asked for (uint32 each), number of its points (uint32), kinds of its x and its y and 1 when it is
whole (uint8 each), a byte 0, points in sight and how many of them are NaN (float64 each), first x and distance of two
(float64 each), 8 bytes 0. Then for each curve its x and its y, each filled up to 8 bytes with 0.

Kinds of x: 0 even, not stored: first x, plus the distance for each further point; 1 and 2 uint16 and uint32 that are
added to the first x; 3 float64. Kinds of y: 0 float32, 1 float64. A float32 is only taken for a curve that looks the
same with it, and only where the caller does not want values exactly.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Mapping, Sequence
from math import isfinite

from millstream.values.curves import Curve

TYPE = "application/vnd.millstream.curves"
_RECORD = struct.Struct("<IIIBBBxdddd8x")
_EVEN, _SHORT, _LONG, _DOUBLE = range(4)
_LARGEST, _LEAST = 3e38, 1.2e-38
# A chart is no more pixels high than this.
_PIXELS = 4096
_SHARPNESS = 2.0**-24


def pack(curves: Sequence[Curve], runs: Mapping[str, int], keys: Mapping[str, int], *, exact: bool) -> bytes:
    """The bytes of `curves`; `runs` and `keys` say the places of ids."""
    records, bodies = [], []
    for curve in curves:
        x_kind, distance, x = _pack_x(curve.x)
        y_kind = 1 if exact or not _looks_the_same(curve.y) else 0
        y = array("d" if y_kind else "f", curve.y)
        numbers = (float(curve.count), float(curve.nan_count), float(curve.x[0]), distance)
        places = runs[curve.run_id], keys[curve.key], len(curve.y)
        records.append(_RECORD.pack(*places, x_kind, y_kind, curve.whole, *numbers))
        bodies += [_bytes(x), _bytes(y)]
    return b"".join([b"MSC1", struct.pack("<I", len(records)), *records, *bodies])


def _pack_x(xs: Sequence[int]) -> tuple[int, float, array[int] | array[float]]:
    """Kind, distance, and what is stored."""
    first, span = xs[0], xs[-1] - xs[0]
    if len(xs) == 1:
        return _EVEN, 1.0, array("H")
    distance = xs[1] - first
    if span == distance * (len(xs) - 1):
        even = range(first, first + distance * len(xs), distance) if distance else ()
        if xs == even or (even and list(xs) == list(even)):
            return _EVEN, float(distance), array("H")
    if span < 1 << 16:
        return _SHORT, 1.0, array("H", [x - first for x in xs])
    if span < 1 << 32:
        return _LONG, 1.0, array("I", [x - first for x in xs])
    return _DOUBLE, 1.0, array("d", [float(x) for x in xs])


def _looks_the_same(ys: Sequence[float]) -> bool:
    """Whether float32 can hold all values so that no pixel of a chart of them differs."""
    total = sum(ys)
    numbers = ys if isfinite(total) else [value for value in ys if isfinite(value)]
    if not numbers:
        return True
    low, high = min(numbers), max(numbers)
    most = max(-low, high)
    if most > _LARGEST or (high != low and (high - low) / _PIXELS <= most * _SHARPNESS):
        return False
    if low >= _LEAST or high <= -_LEAST:
        return True
    # One that is nearly 0 would become 0, which a logarithmic axis leaves out.
    return all(value == 0.0 or abs(value) >= _LEAST for value in numbers)


def _bytes(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    data = column.tobytes()
    return data + bytes(-len(data) % 8)
