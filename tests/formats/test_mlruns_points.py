"""Lines of metric files, and what a series comes down to."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from millstream.formats.mlruns.points import Summary, format_point, parse_points, to_metric

INT64 = st.integers(-(2**63), 2**63 - 1)
FLOATS = st.floats(allow_nan=True, allow_infinity=True)
POINTS = st.lists(st.tuples(INT64, FLOATS, INT64), max_size=30)


@given(POINTS)
def test_points_come_back_exactly(points: list[tuple[int, float, int]]) -> None:
    data = b"".join(format_point(*point) for point in points)
    chunk = parse_points(data)
    assert (repr(chunk.points), chunk.size, chunk.bad) == (repr(points), len(data), 0)


@given(POINTS, st.data())
def test_a_cut_anywhere_keeps_the_whole_lines(points: list[tuple[int, float, int]], data: st.DataObject) -> None:
    whole = b"".join(format_point(*point) for point in points)
    length = data.draw(st.integers(0, len(whole)))
    chunk = parse_points(whole[:length])
    lines = whole[:length].count(b"\n")
    assert (repr(chunk.points), chunk.bad) == (repr(points[:lines]), 0)
    again = parse_points(whole[chunk.size :])
    assert repr(chunk.points + again.points) == repr(points)


@pytest.mark.parametrize(
    ("line", "point"),
    [
        (b"1700000000000 0.5 3\n", (1700000000000, 0.5, 3)),
        (b"1700000000 0.5\n", (1700000000, 0.5, 0)),
        (b"1 2.0 3 data a1b2\n", (1, 2.0, 3)),
        (b"1 inf -3\r\n", (1, math.inf, -3)),
        (b" 1  -1e5\t3 \n", (1, -1e5, 3)),
    ],
)
def test_lines_of_every_version_are_read(line: bytes, point: tuple[int, float, int]) -> None:
    assert parse_points(line).points == [point]


@pytest.mark.parametrize(
    "line",
    [b"x", b"1", b"1 2 3 4", b"1 2 3 4 5 6", b"1.5 2 3", b"1 2 3.5", b"1 x 3", b"9223372036854775808 1 1", b"\xff 1 1"],
)
def test_what_is_no_point_is_counted(line: bytes) -> None:
    chunk = parse_points(line + b"\n1 1.0 1\n")
    assert (chunk.points, chunk.bad) == ([(1, 1.0, 1)], 1)


def test_empty_lines_are_nothing() -> None:
    assert parse_points(b"\n \n1 1.0 1\n\n").bad == 0
    assert (parse_points(b"").points, parse_points(b"").size) == ([], 0)


@given(
    st.lists(
        st.sampled_from([b"1", b"-2.5", b"nan", b" ", b"  ", b"\t", b"\n", b"\r", b"\x1c", b"9" * 19, b"x"]),
        max_size=24,
    )
)
@example([b"1", b" ", b"1", b"\n", b"1", b" ", b"2", b" ", b"3", b" ", b"4", b"\n"])
@example([b" ", b"1", b" ", b"1", b"\n", b"1", b" ", b"1", b"\x1c", b"1", b" ", b"1", b"\n"])
def test_text_in_order_is_read_as_line_by_line(pieces: list[bytes]) -> None:
    data = b"".join(pieces)
    lines = [parse_points(b" " + line + b"\n") for line in data.split(b"\n")[:-1]]
    chunk = parse_points(data)
    assert repr(chunk.points) == repr([point for line in lines for point in line.points])
    assert chunk.bad == sum(line.bad for line in lines)


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    chunk = parse_points(data)
    assert chunk.size == data.rfind(b"\n") + 1
    assert len(chunk.points) + chunk.bad <= data.count(b"\n")


@given(POINTS, st.integers(0, 30))
def test_a_summary_does_not_depend_on_how_it_was_read(points: list[tuple[int, float, int]], cut: int) -> None:
    whole, parts = Summary(), Summary()
    whole.add(points)
    parts.add(points[:cut])
    parts.add(points[cut:])
    assert repr(whole) == repr(parts)
    numbers = [value for _, value, _ in points if not math.isnan(value)]
    assert (whole.count, whole.nan_count) == (len(points), len(points) - len(numbers))
    assert (whole.min_value, whole.max_value) == (min(numbers, default=None), max(numbers, default=None))
    if points:
        highest = max(step for _, _, step in points)
        time, value, _ = [point for point in points if point[2] == highest][-1]
        assert repr((whole.last_step, whole.last_time, whole.last_value)) == repr((highest, time, value))
        _, value, lowest = min(points, key=lambda point: point[2])
        assert repr((whole.first_step, whole.first_value)) == repr((lowest, value))


def test_a_point_becomes_an_entity() -> None:
    metric = to_metric("m", (5, 0.5, 7), "run")
    assert (metric.key, metric.value, metric.timestamp, metric.step, metric.run_id) == ("m", 0.5, 5, 7, "run")
