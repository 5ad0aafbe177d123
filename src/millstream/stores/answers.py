"""Answering queries of the embedded store: searches from the index, points and artifacts from the files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from sqlalchemy import Connection

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files.reader import read_points
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import read, scanned, schema, search
from millstream.formats.filters import EXPERIMENTS, RUNS, parse_filter, parse_order
from millstream.formats.mlruns.points import to_metric
from millstream.formats.points import thin
from millstream.formats.tokens import decode_token, encode_token
from millstream.stores.index import Index
from millstream.values import names, queries
from millstream.values.entities import Experiment, FileInfo, Metric, Page, Run, ViewType
from millstream.values.errors import InvalidValue, NotFound
from millstream.values.paths import RelPath

T = TypeVar("T")


class Answers:
    """One method a query."""

    def __init__(self, tree: Tree, index: Index, artifacts: Callable[[str], Artifacts]) -> None:
        """Answer from `index` and `tree`; `artifacts` finds the artifact store of a run."""
        self._tree = tree
        self._index = index
        self._artifacts = artifacts
        self._readers: dict[type, Callable[[Any], Any]] = {
            queries.GetExperiment: self._experiment,
            queries.GetExperimentByName: self._experiment_by_name,
            queries.SearchExperiments: self._search_experiments,
            queries.GetRun: self._run,
            queries.SearchRuns: self._search_runs,
            queries.TabulateRuns: self._tabulate_runs,
            queries.MetricHistory: self._history,
            queries.MetricHistories: self._histories,
            queries.SampledHistories: self._sampled,
            queries.ListArtifacts: self._list_artifacts,
            queries.DescribeStore: self._describe,
        }

    def answer(self, query: queries.Query[T]) -> T:
        """The answer to `query`."""
        reader = self._readers.get(type(query))
        if reader is None:
            raise InvalidValue(f"{type(query).__name__} is not a question that can be answered.")
        return cast(T, reader(query))

    def experiments_named(self, name: str) -> list[Experiment]:
        """All experiments with this name, active ones first."""
        with self._index.reading() as connection:
            return read.experiments(connection, read.experiment_ids_named(connection, name))

    def _experiment(self, query: queries.GetExperiment) -> Experiment:
        names.check_experiment_id(query.experiment_id)
        with self._index.reading() as connection:
            found = read.experiments(connection, [query.experiment_id])
        if not found:
            self._tree.require_experiment_dir(query.experiment_id)
            raise NotFound(f"Experiment {query.experiment_id!r} cannot be read; `millstream doctor` says why.")
        return found[0]

    def _experiment_by_name(self, query: queries.GetExperimentByName) -> Experiment:
        found = self.experiments_named(query.name)
        if not found:
            raise NotFound(f"No experiment is called {query.name!r} in {self._tree.root}.")
        return found[0]

    def _search_experiments(self, query: queries.SearchExperiments) -> Page[Experiment]:
        node = parse_filter(query.filter, EXPERIMENTS)
        order = parse_order(query.order_by, EXPERIMENTS)
        offset, limit = _window(query.page_token, query.max_results)
        statement = search.experiments_statement(node, order, _stages(query.view))
        with self._index.reading() as connection:
            rows = connection.execute(statement.offset(offset).limit(limit + 1))
            ids = [row[0] for row in rows]
            found = read.experiments(connection, ids[:limit])
        return Page(found, _next_token(offset, limit, len(ids)))

    def _run(self, query: queries.GetRun) -> Run:
        names.check_run_id(query.run_id)
        with self._index.reading(query.run_id) as connection:
            rid = read.rid_of(connection, query.run_id)
            found = [] if rid is None else read.runs(connection, [rid])
        if not found:
            raise NotFound(f"No run has the id {query.run_id!r} in {self._tree.root}.")
        return found[0]

    def _search_runs(self, query: queries.SearchRuns) -> Page[Run]:
        offset, limit = _window(query.page_token, query.max_results)
        statement = _runs_statement(query)
        if not query.experiment_ids:
            return Page()
        with self._index.reading() as connection:
            rids = [row[0] for row in connection.execute(statement.offset(offset).limit(limit + 1))]
            found = read.runs(connection, rids[:limit])
        return Page(found, _next_token(offset, limit, len(rids)))

    def _tabulate_runs(self, query: queries.TabulateRuns) -> queries.RunTable:
        if query.offset < 0 or query.limit < 0:
            raise InvalidValue(f"Offset {query.offset} and limit {query.limit} must not be negative.")
        statement = _runs_statement(query).offset(query.offset).limit(query.limit)
        counting = search.runs_count(query.experiment_ids, parse_filter(query.filter, RUNS), _stages(query.view))
        with self._index.reading() as connection:
            rids = [row[0] for row in connection.execute(statement)]
            return read.table(connection, rids, int(connection.execute(counting).scalar_one()))

    def _history(self, query: queries.MetricHistory) -> Page[Metric]:
        if query.max_results is not None and query.max_results <= 0:
            raise InvalidValue(f"max_results is {query.max_results}; it must be a positive integer.")
        points = self._points(query.run_id, query.key)
        if query.max_results is None:
            return Page(points)
        offset = decode_token(query.page_token)
        page = points[offset : offset + query.max_results]
        return Page(page, _next_token(offset, query.max_results, len(points) - offset))

    def _histories(self, query: queries.MetricHistories) -> list[Metric]:
        found: list[Metric] = []
        for run_id in sorted(set(query.run_ids)):
            points = self._points(run_id, query.key, own_id=True)
            found += sorted(points, key=lambda point: (point.timestamp, point.step, point.value))
        return found[: query.max_results]

    def _sampled(self, query: queries.SampledHistories) -> list[Metric]:
        low, high = query.start_step, query.end_step
        found: list[Metric] = []
        for run_id in query.run_ids:
            points = self._points(run_id, query.key, own_id=True)
            if low is not None or high is not None:
                points = [
                    p for p in points if (low is None or p.step >= low) and (high is None or p.step <= high)
                ]
            found += thin(points, query.max_results)
        return found

    def _points(self, run_id: str, key: str, *, own_id: bool = False) -> list[Metric]:
        names.check_key(key, "metric")
        directory = self._tree.run_dir(run_id)
        owner = run_id if own_id else None
        return [to_metric(key, point, owner) for point in read_points(directory, key)]

    def _list_artifacts(self, query: queries.ListArtifacts) -> list[FileInfo]:
        return self._artifacts(query.run_id).list(RelPath.parse(query.path))

    def _describe(self, _query: queries.DescribeStore) -> queries.StoreFacts:
        if not self._tree.exists():
            return queries.StoreFacts("directory", self._tree.root, False, 0, 0)
        with self._index.reading() as connection:
            return _facts(connection, self._tree.root)


def _facts(connection: Connection, root: str) -> queries.StoreFacts:
    active = schema.experiments.c.lifecycle_stage == "active"
    return queries.StoreFacts(
        kind="directory",
        location=root,
        exists=True,
        experiments=read.count(connection, schema.experiments, active),
        runs=read.count(connection, schema.runs, schema.runs.c.lifecycle_stage == "active"),
        problems=scanned.problems(connection),
    )


def _runs_statement(query: queries.SearchRuns | queries.TabulateRuns) -> Any:
    return search.runs_statement(
        query.experiment_ids, parse_filter(query.filter, RUNS), parse_order(query.order_by, RUNS), _stages(query.view)
    )


def _stages(view: int) -> tuple[str, ...]:
    if view not in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        raise InvalidValue(f"{view!r} is no view type; use ACTIVE_ONLY (1), DELETED_ONLY (2) or ALL (3).")
    return ViewType.stages(view)


def _window(token: str | None, max_results: int) -> tuple[int, int]:
    if not 1 <= max_results <= names.MAX_RESULTS:
        raise InvalidValue(
            f"Invalid value {max_results} for parameter 'max_results' supplied. It must be a positive integer "
            f"of at most {names.MAX_RESULTS}."
        )
    return decode_token(token), max_results


def _next_token(offset: int, limit: int, found: int) -> str | None:
    return encode_token(offset + limit) if found > limit else None
