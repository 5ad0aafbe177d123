"""What is missing of a series: found point by point, without holding what both have."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from millstream.stores.imports.additions import new_points
from millstream.values.entities import Metric


def series(*values: float) -> list[Metric]:
    return [Metric("m", value, 5, step % 3) for step, value in enumerate(values)]


def missing(present: Sequence[Metric], source: Sequence[Metric], size: int = 3) -> list[Metric]:
    blocks = [source[start : start + size] for start in range(0, len(source), size)]
    return [point for block in new_points(lambda key: iter(present), blocks) for point in block]


def test_what_is_new_at_the_end_is_found_without_looking_back() -> None:
    taken = 0

    def present(key: str) -> Iterator[Metric]:
        nonlocal taken
        for point in series(*range(10)):
            taken += 1
            yield point

    blocks = iter([series(*range(4)), series(*range(14))[4:]])
    found = new_points(present, blocks)
    assert [point.value for block in found for point in block] == [10.0, 11.0, 12.0, 13.0]
    assert taken == 10


def test_series_that_part_are_compared_as_bags() -> None:
    assert missing(series(1, 2, 3), series(1, 3, 2)) == series(1, 3, 2)[1:]
    assert missing([], series(1, 1)) == series(1, 1)
    assert missing(series(1, 2), []) == []
    nan = [Metric("m", math.nan, 5, 0)] * 3
    assert len(missing(nan[:1], nan)) == 2


def test_any_two_series_come_together() -> None:
    chance = random.Random(7)
    for _ in range(300):
        points = [Metric("m", float(chance.randrange(3)), 0, chance.randrange(3)) for _ in range(12)]
        present = [chance.choice(points) for _ in range(chance.randrange(12))] if chance.random() < 0.5 else points[:7]
        lacking = Counter(points) - Counter(present)
        found = missing(present, points)
        assert Counter(found) == lacking


def test_each_metric_is_compared_with_its_own_series() -> None:
    source = [Metric(key, float(i), 0, i) for key in "ab" for i in range(5)]
    found = new_points(lambda key: iter([point for point in source if point.key == key][:3]), [source[:4], source[4:]])
    assert [(point.key, point.value) for block in found for point in block] == [
        ("a", 3.0), ("a", 4.0), ("b", 3.0), ("b", 4.0),
    ]  # fmt: skip
