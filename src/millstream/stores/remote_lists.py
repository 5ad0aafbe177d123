"""Lists and tables of a remote store: cut into requests that a server takes, and put together again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeVar

from msgspec import structs

from millstream.formats.filters.columns import parse_columns
from millstream.formats.filters.tree import Columns, OrderKey
from millstream.formats.wire.calls.call import Call
from millstream.formats.wire.calls.pages import SERIES
from millstream.formats.wire.metrics import MAX_BULK_POINTS, MAX_BULK_RUNS, MAX_SAMPLES
from millstream.values import names, queries
from millstream.values.entities import Experiment, LoggedModel, Metric, Page, Run, RunData, ViewType
from millstream.values.errors import InvalidValue, NotSupported

T = TypeVar("T")
MAX_CURVED, MAX_KEYS = 1000, 200
"""Runs and metrics that a server draws at a time."""
PAGE = 1000
"""Runs and experiments a request, which servers of every version take."""


class Asking(Protocol):
    """The store that asks the server."""

    @property
    def public(self) -> str:
        """The server's address without a password."""
        ...

    def answer(self, query: queries.Query[T]) -> T:
        """The server's answer."""
        ...

    def ask(self, call: Call, what: Any, key: str | None = None) -> Any:
        """The answer by another call than the usual."""
        ...


class Lists:
    """One method a query."""

    def __init__(self, store: Asking) -> None:
        """Ask through `store`."""
        self._store = store
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.SearchRuns: self._search_runs,
            queries.SearchLoggedModels: self._search_models,
            queries.TabulateRuns: self._tabulate,
            queries.CountRuns: self._count,
            queries.MetricHistory: self._history,
            queries.MetricHistories: self._histories,
            queries.SampledHistories: self._sampled,
            queries.MetricCurves: self._curves,
            queries.DescribeStore: self._describe,
        }

    def _search_runs(self, query: queries.SearchRuns) -> Page[Run]:
        if not query.experiment_ids:
            return Page()
        wanted = parse_columns(query.columns)
        page = self._store.answer(query)
        return page if query.columns is None else Page(select(list(page), wanted), page.token)

    def _search_models(self, query: queries.SearchLoggedModels) -> Page[LoggedModel]:
        return self._store.answer(query) if query.experiment_ids else Page()

    def _history(self, query: queries.MetricHistory) -> Page[Metric]:
        key = names.check_key(query.key, "metric")
        limit = query.max_results
        if limit is not None:
            if limit <= 0:
                raise InvalidValue(f"max_results is {limit}; it must be a positive integer.")
            return self._store.answer(query)
        found: list[Metric] = []
        token = None
        while True:
            ask = queries.MetricHistory(run_id=query.run_id, key=key, max_results=MAX_BULK_POINTS, page_token=token)
            page = self._store.answer(ask)
            found += page
            token = page.token
            if token is None:
                return Page(found)

    def _histories(self, query: queries.MetricHistories) -> list[Metric]:
        names.check_key(query.key, "metric")
        if query.max_results > MAX_BULK_POINTS:
            raise NotSupported(f"A server gives at most {MAX_BULK_POINTS} points of many runs; ask for each run alone.")
        run_ids = sorted(set(query.run_ids))
        found: list[Metric] = []
        for start in range(0, len(run_ids), MAX_BULK_RUNS):
            left = query.max_results - len(found)
            if left <= 0:
                break
            some = tuple(run_ids[start : start + MAX_BULK_RUNS])
            points: list[Metric] = self._store.answer(structs.replace(query, run_ids=some, max_results=left))
            found += points
        return found

    def _sampled(self, query: queries.SampledHistories) -> list[Metric]:
        found: list[Metric] = []
        for start in range(0, len(query.run_ids), MAX_BULK_RUNS):
            ask = structs.replace(query, run_ids=query.run_ids[start : start + MAX_BULK_RUNS])
            points: list[Metric] = (
                self._store.answer(ask) if query.max_results <= MAX_SAMPLES else self._store.ask(SERIES, ask)
            )
            found += points
        return found

    def _curves(self, query: queries.MetricCurves) -> list[queries.Curve]:
        found: list[queries.Curve] = []
        for start in range(0, len(query.run_ids), MAX_CURVED):
            part = slice(start, start + MAX_CURVED)
            for first in range(0, len(query.keys), MAX_KEYS):
                keys = query.keys[first : first + MAX_KEYS]
                ask = structs.replace(query, run_ids=query.run_ids[part], keys=keys, since=query.since[part])
                made: list[queries.Curve] = self._store.answer(ask)
                found += made
        return found

    def _tabulate(self, query: queries.TabulateRuns) -> queries.RunTable:
        if query.offset < 0 or query.limit < 0:
            raise InvalidValue(f"Offset {query.offset} and limit {query.limit} must not be negative.")
        try:
            return self._own_table(query)
        except NotSupported:
            if query.columns is not None and any(key.part for key in parse_columns(query.columns).metrics):
                raise
        return self._table_of_pages(query)

    def _own_table(self, query: queries.TabulateRuns) -> queries.RunTable:
        """As a server of Millstream gives it, in windows as long as it takes."""
        table: queries.RunTable | None = None
        while True:
            done = 0 if table is None else len(table.run_id)
            window = min(query.limit - done, names.MAX_RESULTS)
            part = self._store.answer(structs.replace(query, offset=query.offset + done, limit=window))
            table = part if table is None else join(table, part)
            if len(part.run_id) < window or len(table.run_id) >= query.limit:
                return table

    def _table_of_pages(self, query: queries.TabulateRuns) -> queries.RunTable:
        """From the pages of a search, all of them: nothing else tells how many runs match."""
        found: list[Run] = []
        total = 0
        for page in self._pages(query):
            start, total = total, total + len(page)
            begin, end = max(query.offset - start, 0), query.offset + query.limit - start
            found += page[begin : max(end, 0)]
        wanted = parse_columns(query.columns)
        return table_of(found if query.columns is None else select(found, wanted), total, wanted)

    def _pages(self, query: queries.TabulateRuns | queries.CountRuns) -> Iterator[Page[Run]]:
        token = None
        while query.experiment_ids:
            page = self._store.answer(
                queries.SearchRuns(
                    experiment_ids=query.experiment_ids,
                    filter=query.filter,
                    view=query.view,
                    order_by=getattr(query, "order_by", ()),
                    max_results=PAGE,
                    page_token=token,
                )
            )
            yield page
            token = page.token
            if token is None:
                return

    def _count(self, query: queries.CountRuns) -> int:
        try:
            return self._store.answer(query)
        except NotSupported:
            return sum(len(page) for page in self._pages(query))

    def _describe(self, query: queries.DescribeStore) -> queries.StoreFacts:
        try:
            facts = self._store.answer(query)
        except NotSupported:
            experiments = self._experiments()
            ids = tuple(item.experiment_id for item in experiments)
            runs = sum(len(page) for page in self._pages(queries.CountRuns(experiment_ids=ids)))
            return queries.StoreFacts("MLflow server", self._store.public, True, len(experiments), runs)
        kind = f"server of a {facts.kind}" if facts.kind else "server"
        return structs.replace(facts, kind=kind, location=self._store.public, exists=True)

    def _experiments(self) -> list[Experiment]:
        found: list[Experiment] = []
        token = None
        while True:
            ask = queries.SearchExperiments(view=ViewType.ACTIVE_ONLY, max_results=PAGE, page_token=token)
            page = self._store.answer(ask)
            found += page
            token = page.token
            if token is None:
                return found


def select(runs: list[Run], wanted: Columns) -> list[Run]:
    """`runs` with the wanted data only; InvalidValue when a part of a metric, as its minimum, is wanted."""
    known = {key for run in runs for key in run.data.metrics}
    keys = {_whole(key, known) for key in wanted.metrics}

    def of(run: Run) -> Run:
        latest = tuple(point for point in run.data.latest if wanted.all_metrics or point.key in keys)
        return structs.replace(
            run,
            data=RunData(
                metrics={point.key: point.value for point in latest},
                params=_chosen(run.data.params, wanted.params),
                tags=_chosen(run.data.tags, wanted.tags),
                latest=latest,
            ),
        )

    return [of(run) for run in runs]


def _whole(key: OrderKey, known: set[str]) -> str:
    if not key.part:
        return key.key
    name = f"{key.key}.{key.part}"
    if key.bare and name in known:
        return name
    raise InvalidValue("Runs hold latest values only; parts of metrics, as in metrics.x.min, need a table.")


def _chosen(values: dict[str, str], keys: tuple[str, ...] | None) -> dict[str, str]:
    return values if keys is None else {key: value for key, value in values.items() if key in keys}


def table_of(runs: list[Run], total: int, wanted: Columns) -> queries.RunTable:
    """`runs` in columns, keys in order; each wanted key has one, also when no run has it."""

    def columns(name: str, named: tuple[str, ...]) -> dict[str, list[Any]]:
        keys = sorted({key for run in runs for key in getattr(run.data, name)} | set(named))
        return {key: [getattr(run.data, name).get(key) for run in runs] for key in keys}

    infos = [run.info for run in runs]
    plain = ("run_id", "experiment_id", "run_name", "status", "lifecycle_stage", "user_id")
    return queries.RunTable(
        total=total,
        **{name: [getattr(info, name) for info in infos] for name in plain},
        start_time=[info.start_time for info in infos],
        end_time=[info.end_time for info in infos],
        artifact_uri=[info.artifact_uri for info in infos],
        metrics=columns("metrics", tuple(key.key for key in wanted.metrics)),
        params=columns("params", wanted.params or ()),
        tags=columns("tags", wanted.tags or ()),
    )


def join(one: queries.RunTable, other: queries.RunTable) -> queries.RunTable:
    """The rows of `one` and then those of `other`."""
    fields: dict[str, Any] = {"total": other.total}
    for name in one.__struct_fields__:
        left, right = getattr(one, name), getattr(other, name)
        if isinstance(left, list):
            fields[name] = left + right
        elif isinstance(left, dict):
            rows, more = len(one.run_id), len(other.run_id)
            fields[name] = {
                key: left.get(key, [None] * rows) + right.get(key, [None] * more) for key in sorted({*left, *right})
            }
    return queries.RunTable(**fields)
