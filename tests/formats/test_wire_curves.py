"""The binary form of curves says what the curves say; float32 only where nobody sees it."""

from __future__ import annotations

import math
import struct
from array import array
from collections.abc import Sequence

import pytest

from millstream.formats.wire.curves import pack
from millstream.values.curves import Curve


def unpack(data: bytes) -> list[tuple[int, int, bool, float, float, str, list[float], list[float]]]:
    """As the pages do: place of run and key, whole, counts, kind of y, x, y."""
    assert data[:4] == b"MSC1"
    (count,) = struct.unpack_from("<I", data, 4)
    at = 8 + 56 * count
    found = []
    for number in range(count):
        record = struct.unpack_from("<IIIBBBxdddd", data, 8 + 56 * number)
        run, key, points, x_kind, y_kind, whole, in_sight, nan_count, first, distance = record
        xs = [first + distance * place for place in range(points)]
        if x_kind:
            code = {1: "H", 2: "I", 3: "d"}[x_kind]
            stored = array(code, data[at : at + points * array(code).itemsize])
            xs = [first * (x_kind < 3) + x for x in stored]
            at += -(-points * stored.itemsize // 8) * 8
        code = "d" if y_kind else "f"
        ys = array(code, data[at : at + points * array(code).itemsize])
        at += -(-points * ys.itemsize // 8) * 8
        found.append((run, key, bool(whole), in_sight, nan_count, code, xs, list(ys)))
    assert at == len(data)
    return found


def line(x: Sequence[int], y: Sequence[float]) -> Curve:
    return Curve("r", "m", len(y), 0, True, x, y)


def packed(curve: Curve, *, exact: bool = False) -> tuple[str, list[float], list[float]]:
    ((*_, code, xs, ys),) = unpack(pack([curve], {"r": 0}, {"m": 0}, exact=exact))
    return code, xs, ys


@pytest.mark.parametrize(
    "x",
    [[5], [0, 1, 2], range(0, 30, 10), [3, 3, 3], [0, 1, 5], [-7, 0, 65528], [0, 5, 2**31], [-(2**40), 0, 2**40]],
)
def test_x_is_kept_to_the_digit(x: Sequence[int]) -> None:
    assert packed(line(x, [0.5] * len(x)))[1] == list(x)


def test_several_curves_and_their_places() -> None:
    curves = [
        Curve("b", "n", 10**7, 3, False, [0, 9, 10], [1.5, math.inf, -math.inf]),
        Curve("a", "m", 1, 0, True, [4], [0.1]),
    ]
    one, other = unpack(pack(curves, {"a": 0, "b": 1}, {"m": 0, "n": 1}, exact=True))
    assert one == (1, 1, False, 1e7, 3.0, "d", [0, 9, 10], [1.5, math.inf, -math.inf])
    assert other[-2:] == ([4], [0.1])
    assert unpack(pack([], {}, {}, exact=False)) == []


@pytest.mark.parametrize(
    ("y", "code"),
    [
        ([0.1, 0.2], "f"),
        ([0.1, 0.1], "f"),
        ([math.nan, math.inf], "f"),
        ([0.0, 1.0, math.nan], "f"),
        ([1e39, 0.0], "d"),
        ([-1e39, math.inf], "d"),
        ([1e-40, 1.0], "d"),
        ([-1.0, -1e-40], "d"),
        ([-1.0, 1e-40, 1.0], "d"),
        ([1e9, 1e9 + 1, 1e9 + 2], "d"),
    ],
)
def test_float32_where_it_looks_the_same(y: list[float], code: str) -> None:
    found = packed(line(range(len(y)), y))
    assert found[0] == code
    assert packed(line(range(len(y)), y), exact=True)[0] == "d"
    for got, wanted in zip(found[2], y, strict=True):
        assert got == pytest.approx(wanted, rel=1e-7, nan_ok=True)
