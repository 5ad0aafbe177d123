"""Lines for charts: all points of what is short, the telling ones of what is long."""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from msgspec import Struct

from millstream.formats.envelopes import STEP, TIME, View
from millstream.formats.segments import LAST
from millstream.formats.stretches import Stretch
from millstream.stores.envelopes import bounds, draw
from millstream.stores.series import Cache, Part, Series, stretches
from millstream.values.curves import Curve

POINTS_PER_COLUMN = 4
"""A series with no more points than this for each pixel column is drawn as it is."""


class Sight(Struct, frozen=True):
    """What of a series is looked at: `low` and `high`, counted from `origin`, on its axis `x`; None is its own end.

    With `since`, points from it on only, and none over the edge.
    """

    x: str
    low: int | None
    high: int | None
    width: int
    since: int | None = None
    origin: int = 0


def curve(series: Series, run_id: str, key: str, sight: Sight, cache: Cache) -> Curve | None:
    """The line of a series; None when none of it is in sight, nor goes through it."""
    if not series.parts:
        return None
    x = STEP if sight.x == "step" else TIME
    view = _view(series.parts, x, sight)
    edges = _edges(series, view, cache) if sight.since is None else (None, None)
    count, nan_count, whole, points = _points(series, view, cache)
    xs, ys = _joined([_single(edges[0]), *points, _single(edges[1])])
    if not len(ys):
        return None
    if sight.origin:
        xs = [value - sight.origin for value in xs]
    return Curve(run_id, key, count, nan_count, whole, xs, ys)


_Run = tuple[Sequence[int], Sequence[float]]


def _view(parts: Sequence[Part], x: int, sight: Sight) -> View:
    first, last = bounds(parts, x)
    low = first if sight.low is None else sight.low + sight.origin
    high = last if sight.high is None else sight.high + sight.origin
    if sight.since is not None:
        low = max(low, sight.since + sight.origin)
    return View(x, low, high, sight.width)


def _points(series: Series, view: View, cache: Cache) -> tuple[int, int, bool, list[_Run]]:
    """How many points are inside, how many of them are NaN, whether all are here, and the points in pieces."""
    inside = [part for part in series.parts if _overlaps(part, view)]
    limit = POINTS_PER_COLUMN * view.width
    if sum(part.digest.count for part in inside) > limit:
        columns = draw(series, view, cache).columns()
        count = sum(column[0] for _, column in columns)
        if count > limit:
            return count, sum(column[1] for _, column in columns), False, [_marks(columns, view.x)]
    pieces = _in_order(list(_pieces(series, inside, view, cache)))
    count = sum(len(ys) for _, ys in pieces)
    return count, sum(value != value for _, ys in pieces for value in ys), True, pieces


def _overlaps(part: Part, view: View) -> bool:
    marks = view.marks(part.digest)
    return bool(view.low <= view.high and marks[view.x] <= view.high and marks[LAST + view.x] >= view.low)


def _pieces(series: Series, parts: Sequence[Part], view: View, cache: Cache) -> Iterator[_Run]:
    for stretch in stretches(series, parts, view.x, cache):
        start, stop = stretch.inside(view.x, view.low, view.high)
        if start < stop:
            yield stretch.cut(view.x, start, stop)


def _in_order(pieces: list[_Run]) -> list[_Run]:
    """The pieces as they are when each begins where the one before has ended; else all points in one, in order."""
    if all(before[0][-1] <= after[0][0] for before, after in pairwise(pieces)):
        return pieces
    xs, ys = _joined(pieces)
    order = sorted(range(len(xs)), key=xs.__getitem__)
    return [(array("q", [xs[place] for place in order]), array("d", [ys[place] for place in order]))]


def _joined(pieces: Sequence[_Run]) -> _Run:
    filled = [piece for piece in pieces if len(piece[1])]
    if len(filled) == 1:
        return filled[0]
    xs, ys = array("q"), array("d")
    for piece in filled:
        xs.extend(iter(piece[0]))
        ys.extend(iter(piece[1]))
    return xs, ys


def _marks(columns: Sequence[tuple[int, list[Any]]], x: int) -> _Run:
    """The different marks of each column, by x: the first one first, the last one last."""
    xs, ys = array("q"), array("d")
    for _, cells in columns:
        count, undefined = cells[0], cells[1]
        found = [(cells[2 + x], cells[4])]
        if count > 1:
            if undefined < count:
                found += [(cells[8 + x], cells[10]), (cells[11 + x], cells[13])]
            if undefined:
                found.append((cells[14 + x], cells[16]))
            # Beside infinities the numbers that go farthest.
            found += [(cells[place + x], cells[place + 2]) for place in range(17, len(cells), 3)]
            found.append((cells[5 + x], cells[7]))
            found.sort(key=_by_x)
        before = None
        for point in found:
            # NaN is no point twice: it differs from itself.
            same = point if point[1] == point[1] else (point[0], None)
            if same != before:
                xs.append(point[0])
                ys.append(point[1])
            before = same
    return xs, ys


def _by_x(point: tuple[int, float]) -> int:
    return point[0]


def _edges(series: Series, view: View, cache: Cache) -> tuple[tuple[int, float] | None, ...]:
    """The points next to both ends of the view, outside of it."""
    x, before, after = view.x, None, None
    crossing = [part for part in series.parts if _crosses(part, view)]
    read = dict(zip((id(part) for part in crossing), stretches(series, crossing, x, cache), strict=True))
    for part in series.parts:
        left, right = _beside(part, read.get(id(part)), view)
        if left is not None and (before is None or left[0] >= before[0]):
            before = left
        if right is not None and (after is None or right[0] < after[0]):
            after = right
    return before, after


def _crosses(part: Part, view: View) -> bool:
    marks = view.marks(part.digest)
    first, last = marks[view.x], marks[LAST + view.x]
    return bool(first < view.low <= last or first <= view.high < last)


def _beside(
    part: Part, stretch: Stretch | None, view: View
) -> tuple[tuple[int, float] | None, tuple[int, float] | None]:
    """The last point of a part before the view, and the first one after it."""
    x, marks = view.x, view.marks(part.digest)
    if stretch is None:
        left = (marks[LAST + x], marks[LAST + 2]) if marks[LAST + x] < view.low else None
        return left, ((marks[x], marks[2]) if marks[x] > view.high else None)
    start, stop = stretch.place(x, view.low), stretch.place(x, view.high + 1)
    return _at(stretch, x, start - 1), _at(stretch, x, stop)


def _at(stretch: Stretch, x: int, place: int) -> tuple[int, float] | None:
    if not 0 <= place < len(stretch):
        return None
    xs, ys = stretch.cut(x, place, place + 1)
    return xs[0], ys[0]


def _single(point: tuple[int, float] | None) -> _Run:
    return ((), ()) if point is None else ((point[0],), (point[1],))
