"""Searches of the embedded store, answered from its index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DatabaseError

from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import read, scanned, schema, search
from millstream.formats.filters import EXPERIMENTS, RUNS, parse_filter, parse_order
from millstream.formats.tokens import decode_token, next_token
from millstream.stores.index import Index, Progress
from millstream.values import names, queries
from millstream.values.entities import Experiment, Page, Run, ViewType
from millstream.values.errors import InvalidValue, NotFound

T = TypeVar("T")


class Answers:
    """One method a query."""

    def __init__(self, tree: Tree, path: Path) -> None:
        """Answer from the index of `tree` in the file `path`."""
        self._tree = tree
        self._index = Index(tree, path)
        self._readers: dict[type, Callable[[Any], Any]] = {
            queries.SearchExperiments: self._search_experiments,
            queries.GetRun: self._run,
            queries.SearchRuns: self._search_runs,
            queries.TabulateRuns: self._tabulate_runs,
            queries.DescribeStore: self._describe,
        }

    def answer(self, query: queries.Query[T]) -> T:
        """The answer to `query`."""
        reader = self._readers.get(type(query))
        if reader is None:
            raise InvalidValue(f"{type(query).__name__} is not a question that can be answered.")
        try:
            return cast(T, reader(query))
        except DatabaseError as error:
            self._index.renew(error)
            return cast(T, reader(query))

    def reindex(self, progress: Progress | None = None) -> None:
        """Read the whole tree again into a new index."""
        self._index.rebuild(progress)

    def close(self) -> None:
        """Close the index; it opens again when used."""
        self._index.close()

    def _search_experiments(self, query: queries.SearchExperiments) -> Page[Experiment]:
        node = parse_filter(query.filter, EXPERIMENTS)
        order = parse_order(query.order_by, EXPERIMENTS)
        offset, limit = _window(query.page_token, query.max_results)
        statement = search.experiments_statement(node, order, _stages(query.view))
        with self._index.reading() as connection:
            rows = connection.execute(statement.offset(offset).limit(limit + 1))
            ids = [row[0] for row in rows]
            found = read.experiments(connection, ids[:limit])
        return Page(found, next_token(offset, limit, len(ids)))

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
        return Page(found, next_token(offset, limit, len(rids)))

    def _tabulate_runs(self, query: queries.TabulateRuns) -> queries.RunTable:
        if query.offset < 0 or query.limit < 0:
            raise InvalidValue(f"Offset {query.offset} and limit {query.limit} must not be negative.")
        statement = _runs_statement(query).offset(query.offset).limit(query.limit)
        counting = search.runs_count(query.experiment_ids, parse_filter(query.filter, RUNS), _stages(query.view))
        with self._index.reading() as connection:
            rids = [row[0] for row in connection.execute(statement)]
            return read.table(connection, rids, int(connection.execute(counting).scalar_one()))

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
