"""Reading many lines at once says what reading them one by one says."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from millstream.formats.mlruns.columns import parse_columns, parse_plain
from millstream.formats.mlruns.points import parse_line

_WORDS = (
    *("1", "-1", "0.5", "nan", "inf", "-inf", "-0", "-0.0", "1e5", "1e400", "1e-400", "1.0", ".5", "5.", "0x1", "+1"),
    *("true", "false", "null", "{}", "{", "[1]", "1,2", '"1"', "007", "1_0", "\t", "\r", "새"),
    *("9223372036854775808", "9223372036854775807", "-9223372036854775808"),
)
word = st.sampled_from(_WORDS) | st.integers(-9, 9).map(str)
line = st.lists(word, min_size=2, max_size=5).map(" ".join) | st.tuples(word, word, word).map(" ".join)


def one_by_one(data: bytes) -> tuple[list[tuple[int, str, int]], int]:
    found = []
    bad = 0
    for text in data.split(b"\n")[:-1]:
        try:
            point = parse_line(text)
        except ValueError:
            bad += 1
            continue
        if point is not None:
            found.append((point[0], repr(point[1]), point[2]))
    return found, bad


@given(st.lists(line, min_size=1, max_size=4))
@example(["1 6 true"])
@example(["1 2 3] [4 5 6"])
@example(["1 2", "3 4 5 6"])
@example(["1 -0 3"])
@example([""])
def test_columns_are_what_the_lines_say(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines).encode()
    parsed = parse_columns(data)
    columns = parsed.columns
    found = [(t, repr(v), s) for t, v, s in zip(columns.times, columns.values, columns.steps, strict=True)]
    assert (found, parsed.bad) == one_by_one(data)


def test_usual_lines_are_read_at_once() -> None:
    assert parse_plain(b"1700000000000 0.5 1\n1700000000001 -1e-05 -2\n3 7 3\n") is not None
    assert parse_plain(b"1 nan 1\n") is None
