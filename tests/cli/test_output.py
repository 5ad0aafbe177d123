"""Tables and JSON."""

from __future__ import annotations

import json
import math
from unicodedata import normalize

import pytest

from millstream.cli.output import duration, echo_json, echo_table, local_time, number_text, text_width, visible


@pytest.mark.parametrize(
    ("text", "width"),
    [("", 0), ("abc", 3), ("한글", 4), (normalize("NFD", "한글"), 4), ("é", 1), ("e\u0301", 1), ("ｱ", 1), ("🙂", 2)],
)
def test_width_on_a_terminal(text: str, width: int) -> None:
    assert text_width(text) == width


def test_tables_align_wide_characters(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(("Name", "Id"), [("실험 하나", "1"), ("abc", "22")])
    assert capsys.readouterr().out == "Name       Id\n---------  --\n실험 하나  1\nabc        22\n"


def test_tables_without_rows(capsys: pytest.CaptureFixture[str]) -> None:
    echo_table(("A", "BC"), [])
    assert capsys.readouterr().out == "A  BC\n-  --\n"


def test_text_cannot_leave_its_line_or_steer_the_terminal() -> None:
    assert visible("a\nb\x1b[31m\u202eß한") == "a\\nb\\x1b[31m\\u202eß한"


def test_json_is_standard(capsys: pytest.CaptureFixture[str]) -> None:
    echo_json({"values": [math.nan, math.inf, -math.inf, 1.5], "한": None})
    text = capsys.readouterr().out
    assert "한" in text
    found = json.loads(text, parse_constant=pytest.fail)
    assert found == {"values": ["NaN", "Infinity", "-Infinity", 1.5], "한": None}


def test_numbers_read_back() -> None:
    for value in (0.1, 1e300, -0.0, math.inf, -math.inf, 5e-324):
        assert math.copysign(1, float(number_text(value))) == math.copysign(1, value)
        assert float(number_text(value)) == value
    assert math.isnan(float(number_text(math.nan)))


def test_times() -> None:
    assert local_time(None) == ""
    assert local_time(1_700_000_000_000).startswith("2023-11-1")
    assert local_time(-(2**63)) != ""
    assert duration(0, None) == duration(None, 0) == ""
    assert [duration(0, ms) for ms in (40, 59_940, 61_000, 3_661_000)] == ["0.0s", "59.9s", "1m 1s", "1h 1m 1s"]
