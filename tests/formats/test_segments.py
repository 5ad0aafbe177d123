"""Digests say what their points come down to, whatever the order; and are refused when damaged."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.formats.segments import FIRST, HIGHEST, LAST, LOWEST, UNDEFINED, Columns, digest, pack, unpack
from millstream.formats.stretches import Stretch
from millstream.values.errors import DataDamaged
from millstream.values.names import INT64_MAX, INT64_MIN

whole = st.integers(-5, 5) | st.integers(INT64_MIN, INT64_MAX)
value = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, math.inf, -math.inf]) | st.floats()
points = st.lists(st.tuples(whole, value, whole), min_size=1, max_size=200)
Point = tuple[int, float, int]


def columns(some: list[Point]) -> Columns:
    times, values, steps = zip(*some, strict=True)
    return Columns(array("q", times), array("d", values), array("q", steps))


def marks(some: list[Point]) -> dict[int, Point]:
    """Marks of points that are in order."""
    numbers = [point for point in some if point[1] == point[1]]
    undefined = [point for point in some if point[1] != point[1]]
    found = {FIRST: some[0], LAST: some[-1]}
    if numbers:
        found[LOWEST] = min(numbers, key=lambda point: point[1])
        found[HIGHEST] = max(numbers, key=lambda point: point[1])
    if undefined:
        found[UNDEFINED] = undefined[0]
    return found


def say(found: tuple[Any, ...], place: int) -> str:
    return repr(found[place : place + 3])


@given(points)
def test_a_digest_has_the_marks_of_its_points_by_step_and_by_time(some: list[Point]) -> None:
    made = digest(columns(some))
    assert (made.count, made.nan_count) == (len(some), sum(point[1] != point[1] for point in some))
    for axis, found in ((2, made.by_step), (0, made.by_time)):
        for place, (time, number, step) in marks(sorted(some, key=lambda point: point[axis])).items():
            assert say(found, place) == repr((step, time, number))
    again = unpack(pack(made))
    assert repr(again) == repr(made)


@given(points, st.sampled_from([0, 1]), st.data())
def test_a_stretch_finds_the_marks_of_any_part(some: list[Point], x: int, data: st.DataObject) -> None:
    stretch = Stretch(columns(some), x)
    ordered = sorted(some, key=lambda point: point[2 if x == 0 else 0])
    start = data.draw(st.integers(0, len(some) - 1))
    stop = data.draw(st.integers(start + 1, len(some)))
    nan_count, found = stretch.part(start, stop)
    assert nan_count == sum(point[1] != point[1] for point in ordered[start:stop])
    for place, (time, number, step) in marks(ordered[start:stop]).items():
        assert say(found, place) == repr((step, time, number))
    xs = [stretch.at(x, place) for place in range(len(stretch))]
    assert xs == [point[2 if x == 0 else 0] for point in ordered]
    bound = data.draw(whole)
    assert stretch.place(x, bound) == sum(number < bound for number in xs)


def test_two_orders_stay_two_though_their_marks_are_alike() -> None:
    # By step the third point comes before the second, by time after it.
    again = unpack(pack(digest(Columns([0, 1, 2, 3], array("d", [0.0, 1.0, 1.0, 2.0]), [0, 2, 1, 3]))))
    assert again.by_step == again.by_time
    assert again.by_step is not again.by_time


def test_even_steps_take_no_memory() -> None:
    some = [(1000 + 7 * number, float(number), number) for number in range(4096)]
    assert Stretch(columns(some), 0).size < 9.5 * 4096
    uneven = [(1000 + 7 * number + number % 2, float(number), number) for number in range(4096)]
    assert Stretch(columns(uneven), 0).size < 11.5 * 4096


@pytest.mark.parametrize("size", [0, 1, 135, 137, 255, 257, 1000])
def test_a_digest_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(DataDamaged, match=str(size)):
        unpack(bytes(size))
