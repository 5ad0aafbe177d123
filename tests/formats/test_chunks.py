"""Column chunks of points: exact, small, and never believed when damaged."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.chunks import FULL, Point, decode, encode
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX, INT64_MIN

whole = st.integers(INT64_MIN, INT64_MAX) | st.sampled_from([INT64_MIN, INT64_MAX, 0, -1]) | st.integers(-300, 300)
points = st.tuples(whole, st.floats(allow_nan=True, allow_infinity=True), whole)


def bits(found: list[Point]) -> list[tuple[int, bytes, int]]:
    """NaN as NaN, every other double as its bits."""
    return [(time, b"nan" if value != value else struct.pack("<d", value), step) for time, value, step in found]


def curve(length: int) -> list[Point]:
    """A loss that falls and trembles, logged about every 100 ms."""
    chance = random.Random(7)
    time = 1_700_000_000_000
    found = []
    for step in range(length):
        time += chance.randrange(80, 130)
        found.append((time, 2.3 * math.exp(-step / 1500) + 0.1 + chance.gauss(0, 0.02), step))
    return found


@given(st.lists(points, min_size=1, max_size=40))
def test_every_point_comes_back_exactly(some: list[Point]) -> None:
    assert bits(decode(encode(some))) == bits(some)


@given(whole, whole, st.integers(-(2**40), 2**40), st.integers(1, 200))
def test_even_steps_come_back_exactly(time: int, first: int, delta: int, count: int) -> None:
    steps = [step for number in range(count) if INT64_MIN <= (step := first + number * delta) <= INT64_MAX]
    some = [(time, 0.5, step) for step in steps]
    assert decode(encode(some)) == some


@pytest.mark.parametrize("jump", [2**6, 2**7, 2**7 + 1, 2**15, 2**31, 2**31 + 1, 2**62, 2**63 - 1])
def test_differences_of_every_width_come_back_exactly(jump: int) -> None:
    some = [(time, 1.0, step) for time, step in ((0, 0), (jump, -jump), (jump, 0), (0, jump), (1, -jump))]
    assert decode(encode(some)) == some


def test_numbers_further_apart_than_64_bits() -> None:
    some = [(INT64_MAX, math.inf, INT64_MIN), (INT64_MIN, -0.0, INT64_MAX), (0, -math.inf, 0)]
    assert bits(decode(encode(some))) == bits(some)


def test_a_full_chunk_of_a_real_curve_takes_at_most_12_bytes_a_point() -> None:
    some = curve(FULL)
    data = encode(some)
    assert decode(data) == some
    assert len(data) / FULL <= 12
    assert len(encode(some[:1])) <= 32


@given(st.binary(max_size=80))
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    with pytest.raises(DataDamaged):
        decode(data)
    with pytest.raises(DataDamaged):
        decode(data + zlib.crc32(data).to_bytes(4, "little")) if not data.startswith(b"\x01") else decode(data)


@given(st.binary(max_size=60))
def test_a_chunk_with_a_right_checksum_and_wrong_columns_is_refused_or_read(rest: bytes) -> None:
    data = b"\x01" + rest
    try:
        found = decode(data + zlib.crc32(data).to_bytes(4, "little"))
    except DataDamaged:
        return
    assert all(INT64_MIN <= number <= INT64_MAX for time, _, step in found for number in (time, step))


@pytest.mark.parametrize("length", [1, 5, 500])
def test_a_changed_bit_or_a_missing_end_is_refused(length: int) -> None:
    data = encode(curve(length))
    for place in range(0, len(data), max(1, len(data) // 60)):
        with pytest.raises(DataDamaged):
            decode(data[:place])
        with pytest.raises(DataDamaged):
            decode(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])


def test_a_chunk_of_a_newer_version_says_so() -> None:
    data = b"\x02" + encode(curve(3))[1:-4]
    with pytest.raises(DataDamaged, match="version 2"):
        decode(data + zlib.crc32(data).to_bytes(4, "little"))


def test_a_small_chunk_that_claims_to_be_huge_is_refused_at_once() -> None:
    packed = zlib.compress(bytes(10_000_000))[2:-4]
    data = bytes((1, 1, 0xFF, 0xFF, 0x03, 0, 0, 0, 0, 0, 0)) + packed
    with pytest.raises(DataDamaged, match="bytes instead of"):
        decode(data + zlib.crc32(data).to_bytes(4, "little"))


def test_no_array_library_is_loaded() -> None:
    program = "import sys, millstream.formats.chunks; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
