"""Questions about points, the same for every store that can say what the points of a series are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from millstream.formats.mlruns.points import to_metric
from millstream.formats.points import thin
from millstream.formats.tokens import decode_token, next_token
from millstream.values import names, queries
from millstream.values.entities import Metric, Page
from millstream.values.errors import InvalidValue

Point = tuple[int, float, int]


class Points(Protocol):
    """Series as (timestamp, value, step), in the order they were written; NotFound for an unknown run."""

    def window(self, run_id: str, key: str, offset: int, limit: int) -> list[Point]:
        """At most `limit` points from the one number `offset` on."""
        ...

    def within(self, run_id: str, key: str, low: int | None, high: int | None) -> list[Point]:
        """Every point whose step is in [low, high]; None is no bound."""
        ...


class Histories:
    """One method a query."""

    def __init__(self, points: Points) -> None:
        """Answer from `points`."""
        self._points = points
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.MetricHistory: self._history,
            queries.MetricHistories: self._histories,
            queries.SampledHistories: self._sampled,
        }

    def _history(self, query: queries.MetricHistory) -> Page[Metric]:
        key = names.check_key(query.key, "metric")
        limit = query.max_results
        if limit is None:
            return Page(to_metric(key, point) for point in self._points.within(query.run_id, key, None, None))
        if limit <= 0:
            raise InvalidValue(f"max_results is {limit}; it must be a positive integer.")
        offset = decode_token(query.page_token)
        found = [to_metric(key, point) for point in self._points.window(query.run_id, key, offset, limit + 1)]
        return Page(found[:limit], next_token(offset, limit, len(found)))

    def _histories(self, query: queries.MetricHistories) -> list[Metric]:
        found: list[Metric] = []
        for run_id in sorted(set(query.run_ids)):
            points = self._of_run(run_id, query.key, None, None)
            found += sorted(points, key=lambda point: (point.timestamp, point.step, point.value))
        return found[: query.max_results]

    def _sampled(self, query: queries.SampledHistories) -> list[Metric]:
        found: list[Metric] = []
        for run_id in query.run_ids:
            found += thin(self._of_run(run_id, query.key, query.start_step, query.end_step), query.max_results)
        return found

    def _of_run(self, run_id: str, key: str, low: int | None, high: int | None) -> list[Metric]:
        names.check_key(key, "metric")
        return [to_metric(key, point, run_id) for point in self._points.within(run_id, key, low, high)]
