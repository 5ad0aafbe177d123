"""Numbers as Prometheus reads them."""

from __future__ import annotations

import math

import pytest

from millstream.formats.exposition import MEDIA_TYPE, Family, Sample, histogram, write_families


def test_a_family_has_help_type_and_a_line_a_number() -> None:
    samples = [Sample(3, {"method": "GET", "route": "/a"}), Sample(0.5, {"method": "PUT", "route": "/b"})]
    assert write_families([Family("a_total", "counter", "What it is.", samples)]) == (
        "# HELP a_total What it is.\n"
        "# TYPE a_total counter\n"
        'a_total{method="GET",route="/a"} 3\n'
        'a_total{method="PUT",route="/b"} 0.5\n'
    )
    assert MEDIA_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_what_would_end_a_label_or_a_line_is_escaped() -> None:
    text = write_families([Family("a", "gauge", 'say "it"\nor \\', [Sample(1, {"path": 'a"b\\c\n값'})])])
    assert text == '# HELP a say "it"\\nor \\\\\n# TYPE a gauge\na{path="a\\"b\\\\c\\n값"} 1\n'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (-0.0, "0"),
        (1e21, "1e+21"),
        (2.0**53, "9007199254740992.0"),
        (2.0**53 - 1, "9007199254740991"),
        (1e-7, "1e-07"),
        (math.nan, "NaN"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
    ],
)
def test_numbers(value: float, written: str) -> None:
    assert write_families([Family("a", "gauge", "A.", [Sample(value)])]).endswith(f"\na {written}\n")


def test_a_histogram_adds_up() -> None:
    family = Family("t", "histogram", "T.", histogram({"r": "x"}, (0.5, 1), (2, 0, 3), 7.25))
    assert write_families([family]).splitlines()[2:] == [
        't_bucket{r="x",le="0.5"} 2',
        't_bucket{r="x",le="1"} 2',
        't_bucket{r="x",le="+Inf"} 5',
        't_sum{r="x"} 7.25',
        't_count{r="x"} 5',
    ]


def test_a_family_without_numbers_is_left_out() -> None:
    assert write_families([Family("a", "gauge", "A.", [])]) == ""
