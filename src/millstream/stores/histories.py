"""Questions about points, the same for every store that can say what the points of a series are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from millstream.stores import curves, envelopes
from millstream.stores.series import Changed, Points, Series
from millstream.values import names, queries
from millstream.values.entities import Metric, Page
from millstream.values.errors import InvalidValue, Unavailable
from millstream.values.names import INT64_MAX, INT64_MIN

T = TypeVar("T")

# A whole history is read in pages of so many points.
PAGE = 25_000
MAX_WIDTH = 100_000
AXES = ("step", "time", "relative")


class _Reader(Protocol):
    def read(self, query: queries.Query[T]) -> T: ...


def history_pages(store: _Reader, run_id: str, key: str, size: int | None = None) -> Iterator[Page[Metric]]:
    """Every point of one metric of one run, in the order written, `size` (usually 25,000) at a time."""
    limit = PAGE if size is None else size
    token = None
    while True:
        page = store.read(queries.MetricHistory(run_id=run_id, key=key, max_results=limit, page_token=token))
        yield page
        token = page.token
        if token is None:
            return


class Histories:
    """One method a query."""

    def __init__(self, points: Points) -> None:
        """Answer from `points`."""
        self._points = points
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.MetricHistory: self._history,
            queries.MetricHistories: self._histories,
            queries.SampledHistories: self._sampled,
            queries.MetricEnvelope: self._envelope,
            queries.MetricCurves: self._curves,
        }

    def _history(self, query: queries.MetricHistory) -> Page[Metric]:
        key = names.check_key(query.key, "metric")
        limit = query.max_results
        if limit is not None:
            if limit <= 0:
                raise InvalidValue(f"max_results is {limit}; it must be a positive integer.")
            return self._points.page(query.run_id, key, query.page_token, limit)
        found: list[Metric] = []
        token = None
        while True:
            page = self._points.page(query.run_id, key, token, PAGE)
            found += page
            token = page.token
            if token is None:
                return Page(found)

    def _histories(self, query: queries.MetricHistories) -> list[Metric]:
        key = names.check_key(query.key, "metric")
        found: list[Metric] = []
        for run_id in sorted(set(query.run_ids)):
            left = query.max_results - len(found)
            if left <= 0:
                break
            points = self._of(run_id, key, partial(envelopes.earliest, limit=left))
            found += [Metric(key, value, time, step, run_id) for time, step, value in points]
        return found

    def _sampled(self, query: queries.SampledHistories) -> list[Metric]:
        key = names.check_key(query.key, "metric")
        found: list[Metric] = []
        for run_id in query.run_ids:
            ask = partial(envelopes.sample, query=query, run_id=run_id, cache=self._points.cache)
            found += self._of(run_id, key, ask)
        return found

    def _envelope(self, query: queries.MetricEnvelope) -> queries.Envelope:
        key = names.check_key(query.key, "metric")
        _check(query)
        origin = 0
        if query.x == "relative":
            origin = self._points.start_time(query.run_id) or 0
        ask = partial(envelopes.envelope, query=query, origin=origin, cache=self._points.cache)
        return self._of(query.run_id, key, ask)

    def _curves(self, query: queries.MetricCurves) -> list[queries.Curve]:
        """A series that somebody rewrites meanwhile is read once more, by itself."""
        keys = [names.check_key(key, "metric") for key in query.keys]
        _check(query)
        if query.since and len(query.since) != len(query.run_ids):
            raise InvalidValue(f"since has {len(query.since)} bounds for {len(query.run_ids)} runs; give one for each.")
        sights = dict(zip(query.run_ids, self._sights(query), strict=True))
        found: list[queries.Curve] = []
        for run_id, key, series in self._points.several(list(sights), list(dict.fromkeys(keys))):
            ask = partial(curves.curve, run_id=run_id, key=key, sight=sights[run_id], cache=self._points.cache)
            try:
                made = ask(series)
            except Changed:
                made = self._of(run_id, key, ask)
            if made is not None:
                found.append(made)
        return found

    def _sights(self, query: queries.MetricCurves) -> Iterator[curves.Sight]:
        for number, run_id in enumerate(query.run_ids):
            origin = (self._points.start_time(run_id) or 0) if query.x == "relative" else 0
            since = query.since[number] if query.since else None
            yield curves.Sight(query.x, query.low, query.high, query.width, since, origin)

    def _of(self, run_id: str, key: str, ask: Callable[[Series], T]) -> T:
        """What `ask` says of a series; once more when somebody rewrote it meanwhile."""
        try:
            with self._points.series(run_id, key) as series:
                return ask(series)
        except Changed:
            pass
        try:
            with self._points.series(run_id, key, afresh=True) as series:
                return ask(series)
        except Changed as error:
            raise Unavailable(f"The metric {key!r} of run {run_id} is being rewritten; ask again later.") from error


def _check(query: queries.MetricEnvelope | queries.MetricCurves) -> None:
    if query.x not in AXES:
        raise InvalidValue(f"x is {query.x!r}; it must be one of {', '.join(AXES)}.")
    if type(query.width) is not int or not 1 <= query.width <= MAX_WIDTH:
        raise InvalidValue(f"width is {query.width!r}; it must be a whole number from 1 to {MAX_WIDTH}.")
    for name, bound in (("low", query.low), ("high", query.high)):
        if bound is not None and (type(bound) is not int or not INT64_MIN <= bound <= INT64_MAX):
            raise InvalidValue(f"{name} is {bound!r}; it must be a whole number of 64 bits.")
    if query.low is not None and query.high is not None and query.low > query.high:
        raise InvalidValue(f"low is {query.low}; it must not be greater than high, {query.high}.")
