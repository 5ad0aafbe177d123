"""Drawing series: envelopes and samples, at the price of what is drawn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from millstream.formats.envelopes import STEP, TIME, Drawing, View
from millstream.formats.points import thin
from millstream.formats.segments import FIRST, LAST, Digest
from millstream.stores.series import Cache, Part, Series, stretches
from millstream.values.entities import Metric
from millstream.values.queries import Envelope, MetricEnvelope, SampledHistories

# So many points are read and thinned as they are; a longer series is sampled by its envelope.
WHOLE = 16_384
_MARKS = 5


def envelope(series: Series, query: MetricEnvelope, origin: int, cache: Cache) -> Envelope:
    """The answer to `query`; `origin` is what its x is measured from."""
    x = STEP if query.x == "step" else TIME
    low = None if query.low is None else query.low + origin
    high = None if query.high is None else query.high + origin
    if series.parts:
        first, last = bounds(series.parts, x)
        low, high = first if low is None else low, last if high is None else high
    drawn: list[tuple[int, list[Any]]] = []
    if low is not None and high is not None and low <= high:
        drawn = draw(series, View(x, low, high, query.width), cache).columns()
    return _answer(query, x, (low, high), origin, drawn)


def draw(series: Series, view: View, cache: Cache) -> Drawing:
    """All points inside `view`. Only parts that reach over the edge of a pixel column are read."""
    drawing = Drawing(view)
    columns = view.columns(part.digest for part in series.parts)
    inside = [(part, column) for part, column in zip(series.parts, columns, strict=True) if column != -1]
    read = stretches(series, [part for part, column in inside if column is None], view.x, cache)
    for part, column in inside:
        if column is None:
            drawing.add(next(read))
        else:
            drawing.add_digest(column, part.digest)
    return drawing


def sample(series: Series, query: SampledHistories, run_id: str, cache: Cache) -> list[Metric]:
    """At most `query.max_results` points of a run whose step is inside, by (step, time).

    All of them when there are no more. Else the first, last, lowest, highest and a NaN of each of many stretches: of
    equally many points up to `WHOLE` points, of equally many steps above.
    """
    low, high, limit = query.start_step, query.end_step, query.max_results
    parts = [part for part in series.parts if _overlaps(part.digest, low, high)]
    if sum(part.digest.count for part in parts) <= max(limit, WHOLE):
        return thin(list(_points(series, parts, query, run_id)), limit)
    least, most = bounds(parts, STEP)
    view = View(STEP, least if low is None else low, most if high is None else high, max(1, limit // _MARKS))
    columns = draw(series, view, cache).columns()
    if sum(column[0] for _, column in columns) <= limit:
        return thin(list(_points(series, parts, query, run_id)), limit)
    marks = [mark for _, column in columns for mark in _marks(column)]
    return [Metric(query.key, value, time, step, run_id) for step, time, value in marks[-limit:]]


def earliest(series: Series, limit: int) -> list[tuple[int, int, float]]:
    """The first `limit` points by (time, step, value), NaN after other values. Reads no more parts than needed."""
    found: list[tuple[int, int, float]] = []
    parts = sorted(series.parts, key=_begin)
    for part in parts:
        if len(found) >= limit and found[limit - 1][0] < _begin(part):
            break
        (columns,) = series.load([part])
        found += zip(columns.times, columns.steps, columns.values, strict=True)
        found.sort(key=_order)
        del found[limit:]
    return found


def _begin(part: Part) -> int:
    return int(part.digest.by_time[FIRST + TIME])


def _order(point: tuple[int, int, float]) -> tuple[int, int, bool, float]:
    time, step, value = point
    return time, step, value != value, value


def bounds(parts: Sequence[Part], x: int) -> tuple[int, int]:
    """The lowest and the highest x of some parts, at least one."""
    marks = [part.digest.by_time if x == TIME else part.digest.by_step for part in parts]
    return min(mark[FIRST + x] for mark in marks), max(mark[LAST + x] for mark in marks)


def _overlaps(digest: Digest, low: int | None, high: int | None) -> bool:
    marks = digest.by_step
    return (low is None or marks[LAST] >= low) and (high is None or marks[FIRST] <= high)


def _points(series: Series, parts: Sequence[Part], query: SampledHistories, run_id: str) -> Iterator[Metric]:
    low, high = query.start_step, query.end_step
    for columns in series.load(parts):
        for time, value, step in zip(columns.times, columns.values, columns.steps, strict=True):
            if (low is None or step >= low) and (high is None or step <= high):
                yield Metric(query.key, value, time, step, run_id)


def _marks(column: list[Any]) -> list[tuple[int, int, float]]:
    """The different points among the marks of a column, by (step, time); its last one last."""
    count, undefined, *marks = column
    points = [tuple(marks[place : place + 3]) for place in range(0, 3 * _MARKS, 3)]
    if undefined == 0:
        del points[4]
    if undefined == count:
        del points[2:4]
    # NaN is no key: it differs from itself.
    different = {(step, time, None if value != value else value): (step, time, value) for step, time, value in points}
    return sorted(different.values(), key=lambda point: point[:2])


def _answer(
    query: MetricEnvelope,
    x: int,
    bounds: tuple[int | None, int | None],
    origin: int,
    drawn: list[tuple[int, list[Any]]],
) -> Envelope:
    low, high = (None if bound is None else bound - origin for bound in bounds)

    def column(place: int, *, number: bool = False) -> list[Any]:
        """The x, or the value, of the marks at `place`; None for the extremes of nothing but NaN."""
        extreme = place in (8, 11)
        if number:
            return [None if extreme and cells[0] == cells[1] else cells[place + 2] for _, cells in drawn]
        return [None if extreme and cells[0] == cells[1] else cells[place + x] - origin for _, cells in drawn]

    return Envelope(
        run_id=query.run_id, key=query.key, x=query.x, low=low, high=high, width=query.width,
        column=[number for number, _ in drawn],
        count=[cells[0] for _, cells in drawn], nan_count=[cells[1] for _, cells in drawn],
        first_x=column(2), first=column(2, number=True), last_x=column(5), last=column(5, number=True),
        min_x=column(8), min=column(8, number=True), max_x=column(11), max=column(11, number=True),
    )  # fmt: skip
