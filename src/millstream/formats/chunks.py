"""A column chunk: some thousand points of one series as bytes, exact to the last bit.

Layout of version 1, integers little-endian:

    version       1 byte
    compressed    1 byte, 1 when the columns are deflated
    count         varint
    steps, times  for each: code of the width (1 byte), first value (zig-zag varint)
    columns       differences of steps, differences of times, values; each with its bytes transposed
    checksum      4 bytes, CRC-32 of everything before

Width 1, 2, 4, 8: differences of so many bytes. Width 0: all differences are alike; the one is a zig-zag varint
after the first value. Width 9: the differences do not fit 64 bits, the column holds the numbers themselves.
Values are IEEE doubles. Bytes are transposed (all first bytes, then all second …) since the high bytes of a
curve resemble each other and deflate well.
"""

from __future__ import annotations

import sys
import zlib
from array import array
from collections.abc import Iterator, Sequence
from itertools import accumulate
from operator import length_hint, sub
from typing import cast

from millstream.formats.segments import Columns
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX, INT64_MIN

VERSION = 1
# As many points as one chunk holds.
FULL = 4096
# More than any writer puts into a chunk; a greater count is damage, and must not be allocated.
_MOST = 2**24
# Seven varints of at most 11 bytes each, and room to spare.
_LONGEST_HEAD = 80
_RAW = 9
_FAR = 2**62
_WIDTHS = ((1, "b"), (2, "h"), (4, "i"), (8, "q"))
_TYPES = {**dict(_WIDTHS), _RAW: "q"}
_LEVEL = 6
# Deflating takes 40 µs however little there is; below so many bytes there is nothing to gain.
_WORTH_DEFLATING = 128

Point = tuple[int, float, int]


def encode(points: Sequence[Point]) -> bytes:
    """Bytes of `points` (timestamp, value, step), in their order; at least one, every integer of 64 bits."""
    times, values, steps = zip(*points, strict=True)
    head = bytearray((VERSION, 0))
    _put_varint(head, len(points))
    body = b"".join((_integers(head, steps), _integers(head, times), _transposed(array("d", values))))
    if len(body) >= _WORTH_DEFLATING:
        packed = _deflate(body)
        if len(packed) < len(body):
            head[1], body = 1, packed
    data = bytes(head) + body
    return data + zlib.crc32(data).to_bytes(4, "little")


def decode(data: bytes) -> list[Point]:
    """The points that `encode` was given; DataDamaged for anything that it did not make."""
    columns = decode_columns(data)
    return list(zip(columns.times, columns.values, columns.steps, strict=True))


def decode_columns(data: bytes) -> Columns:
    """The points that `encode` was given, as columns; DataDamaged for anything that it did not make."""
    if len(data) < 6 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise DataDamaged("A chunk of points is damaged: its checksum is wrong.")
    if data[0] != VERSION:
        raise DataDamaged(f"A chunk of points has version {data[0]}; this Millstream reads version {VERSION}.")
    try:
        return _decode(data[:-4])
    except (IndexError, KeyError, ValueError, OverflowError, zlib.error) as error:
        raise DataDamaged(f"A chunk of points is damaged: {error}.") from error


def _decode(data: bytes) -> Columns:
    head = data[2 : 2 + _LONGEST_HEAD]
    source = iter(head)
    count = _varint(source)
    if not 0 < count <= _MOST:
        raise ValueError(f"it says that it holds {count} points")
    heads = [_integers_head(source), _integers_head(source)]
    rest = data[2 + len(head) - length_hint(source) :]
    sizes = [_column_size(width, count) for width, _, _ in heads]
    total = sum(sizes) + 8 * count
    body = _inflate(rest, total) if data[1] else rest
    if len(body) != total:
        raise ValueError(f"its columns have {len(body)} bytes instead of {total}")
    steps = _read_integers(body[: sizes[0]], heads[0], count)
    times = _read_integers(body[sizes[0] : sizes[0] + sizes[1]], heads[1], count)
    values = cast("array[float]", _restored(body[sizes[0] + sizes[1] :], "d"))
    return Columns(times, values, steps)


def _integers(head: bytearray, numbers: Sequence[int]) -> bytes:
    """The column of `numbers`; what is needed to read it goes to `head`."""
    deltas = list(map(sub, numbers[1:], numbers))
    low, high = (min(deltas), max(deltas)) if deltas else (0, 0)
    if low == high:
        head.append(0)
        _put_varint(head, _zigzag(numbers[0]))
        _put_varint(head, _zigzag(low))
        return b""
    for width, code in _WIDTHS:
        if -(1 << (8 * width - 1)) <= low and high < 1 << (8 * width - 1):
            head.append(width)
            _put_varint(head, _zigzag(numbers[0]))
            return _transposed(array(code, deltas))
    head.append(_RAW)
    _put_varint(head, 0)
    return _transposed(array("q", numbers))


def _integers_head(source: Iterator[int]) -> tuple[int, int, int]:
    width = _next(source)
    first = _unzigzag(_varint(source))
    return width, first, _unzigzag(_varint(source)) if width == 0 else 0


def _column_size(width: int, count: int) -> int:
    if width == 0:
        return 0
    return 8 * count if width == _RAW else array(_TYPES[width]).itemsize * (count - 1)


def _read_integers(column: bytes, head: tuple[int, int, int], count: int) -> Sequence[int]:
    width, first, delta = head
    if width == 0:
        numbers: Sequence[int] = [first] * count if delta == 0 else range(first, first + delta * count, delta)
    elif width == _RAW:
        numbers = _restored(column, "q")
    else:
        numbers = list(accumulate(_restored(column, _TYPES[width]), initial=first))
        if width < 8 and abs(first) < _FAR:
            return numbers  # so many small differences cannot lead out of 64 bits
    if min(numbers) < INT64_MIN or max(numbers) > INT64_MAX:
        raise ValueError("a number does not fit 64 bits")
    return numbers


def _transposed(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column.byteswap()
    data, size = column.tobytes(), column.itemsize
    return data if size == 1 else b"".join(data[place::size] for place in range(size))


def _restored(data: bytes, code: str) -> array[int]:
    column: array[int] = array(code)
    size = column.itemsize
    plain = bytearray(len(data))
    count = len(data) // size
    for place in range(size):
        plain[place::size] = data[place * count : (place + 1) * count]
    column.frombytes(bytes(plain))
    if sys.byteorder == "big":
        column.byteswap()
    return column


def _deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def _inflate(data: bytes, size: int) -> bytes:
    # Never more than `size` bytes, whatever the data says.
    return zlib.decompressobj(-15).decompress(data, size + 1)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else (-number << 1) - 1


def _unzigzag(number: int) -> int:
    return number >> 1 if not number & 1 else -((number + 1) >> 1)


def _put_varint(target: bytearray, number: int) -> None:
    while number > 0x7F:
        target.append(number & 0x7F | 0x80)
        number >>= 7
    target.append(number)


def _varint(source: Iterator[int]) -> int:
    number = shift = 0
    while True:
        byte = _next(source)
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
        shift += 7
        if shift > 70:
            raise ValueError("a number has too many bytes")


def _next(source: Iterator[int]) -> int:
    byte = next(source, None)
    if byte is None:
        raise ValueError("it ends too early")
    return byte
