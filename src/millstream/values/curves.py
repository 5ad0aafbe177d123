"""What charts are drawn from: columns of marks, and lines."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct


class Envelope(Struct, frozen=True):
    """A series for a chart `width` pixels wide, as columns: item i of every list is about pixel column `column[i]`.

    Pixel columns without points are left out. `low` and `high` are the first and last x that is drawn; None when
    the series is empty and they were not given. `first` and `last` are by x, equals in the order they were written;
    `min` and `max` (at the first x that has them) leave NaN out and are None where all is NaN.
    """

    run_id: str
    key: str
    x: str
    low: int | None
    high: int | None
    width: int
    column: list[int]
    count: list[int]
    nan_count: list[int]
    first_x: list[int]
    first: list[float]
    last_x: list[int]
    last: list[float]
    min_x: list[int | None]
    min: list[float | None]
    max_x: list[int | None]
    max: list[float | None]


class Curve(Struct, frozen=True):
    """A series as the line that is drawn: `x` never falls, and y[i] belongs to x[i].

    `whole`: these are all points in sight. Else they are, of each pixel column, the first, lowest, highest and last
    point and one that is NaN. In sight are `count` points, of which `nan_count` are NaN; where the question had
    bounds, the points next to them on the other side come first and last, so that the line goes on over the edge.
    """

    run_id: str
    key: str
    count: int
    nan_count: int
    whole: bool
    x: Sequence[int]
    y: Sequence[float]
