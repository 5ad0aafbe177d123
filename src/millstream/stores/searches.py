"""Searches in SQL, the same over the index of a directory and over a database."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct, structs
from sqlalchemy import Connection, Select, func, select

from millstream.drivers.sql import key_lists, read, schema, search, tables
from millstream.drivers.sql import outlines as layouts
from millstream.drivers.sql import overviews as across
from millstream.drivers.sql.conditions import of_seen
from millstream.drivers.sql.facets import Facets
from millstream.formats.filters import (
    EXPERIMENTS,
    RUNS,
    Columns,
    Node,
    OrderKey,
    parse_columns,
    parse_filter,
    parse_key,
    parse_order,
)
from millstream.formats.tokens import decode_token, next_token
from millstream.values import names, outlines, overviews, queries
from millstream.values.entities import ACTIVE, Experiment, Page, Run, RunStatus, ViewType
from millstream.values.errors import InvalidValue
from millstream.values.refusals import no_run
from millstream.values.rights import EVERYTHING, Seen

MAX_FACETS = 100
MAX_WORDS = 500


class Reading(Protocol):
    """Where connections come from."""

    def __call__(self, run_id: str | None = None) -> AbstractContextManager[Connection]:
        """A transaction that sees everything written before; `run_id` is what will be asked about, if one run."""
        ...


class Searches:
    """One method a query."""

    def __init__(self, reading: Reading, place: str) -> None:
        """Ask the connections of `reading`; `place` names the store in errors."""
        self._reading = reading
        self._place = place
        self.readers: dict[type, Callable[[Any], Any]] = {
            queries.SearchExperiments: self._search_experiments,
            queries.GetRun: self._run,
            queries.SearchRuns: self._search_runs,
            queries.TabulateRuns: self._tabulate_runs,
            queries.CountRuns: self._count_runs,
            queries.FacetRuns: self._facet_runs,
            outlines.ListKeys: self._list_keys,
            outlines.OutlineRuns: self._outline_runs,
            overviews.ListExperiments: self._list_experiments,
            overviews.FindRuns: self._find_runs,
        }

    def _search_experiments(self, query: queries.SearchExperiments) -> Page[Experiment]:
        node = parse_filter(query.filter, EXPERIMENTS)
        order = parse_order(query.order_by, EXPERIMENTS)
        offset, limit = window(query.page_token, query.max_results)
        statement = search.experiments_statement(node, order, _stages(query.view), query.seen)
        with self._reading() as connection:
            rows = connection.execute(statement.offset(offset).limit(limit + 1))
            ids = [row[0] for row in rows]
            found = read.experiments(connection, ids[:limit])
        return Page(found, next_token(offset, limit, len(ids)))

    def _run(self, query: queries.GetRun) -> Run:
        names.check_run_id(query.run_id)
        with self._reading(query.run_id) as connection:
            rid = read.rid_of(connection, query.run_id)
            found = [] if rid is None else read.runs(connection, [rid])
        if not found:
            raise no_run(query.run_id, self._place)
        return found[0]

    def _search_runs(self, query: queries.SearchRuns) -> Page[Run]:
        offset, limit = window(query.page_token, query.max_results)
        asked = _Asked.of(query)
        if not query.experiment_ids:
            return Page()
        with self._reading() as connection:
            asked = asked.settled(connection)
            if any(key.part for key in asked.wanted.metrics):
                raise InvalidValue("Runs hold latest values only; parts of metrics, as in metrics.x.min, need a table.")
            rids = [row[0] for row in connection.execute(asked.statement().offset(offset).limit(limit + 1))]
            found = read.runs(connection, rids[:limit], asked.wanted)
        return Page(found, next_token(offset, limit, len(rids)))

    def _tabulate_runs(self, query: queries.TabulateRuns) -> queries.RunTable:
        if query.offset < 0 or query.limit < 0:
            raise InvalidValue(f"Offset {query.offset} and limit {query.limit} must not be negative.")
        asked = _Asked.of(query)
        with self._reading() as connection:
            asked = asked.settled(connection)
            rids, total = asked.window(connection, query.offset, query.limit)
            return tables.table(connection, rids, total, asked.wanted)

    def _count_runs(self, query: queries.CountRuns) -> int:
        asked = _Asked.of(query)
        with self._reading() as connection:
            return asked.settled(connection).count(connection)

    def _facet_runs(self, query: queries.FacetRuns) -> list[queries.Facet]:
        if not 0 <= query.limit <= names.MAX_RESULTS:
            raise InvalidValue(f"The limit {query.limit} must be 0 to {names.MAX_RESULTS}.")
        if len(query.keys) > MAX_FACETS:
            raise InvalidValue(f"There are {len(query.keys)} keys; at most {MAX_FACETS} are allowed.")
        keys = tuple(parse_key(key, RUNS, "keys") for key in query.keys)
        asked = structs.replace(_Asked.of(query), order=keys)
        with self._reading() as connection:
            asked = asked.settled(connection)
            matching = search.run_conditions(asked.ids, asked.node, asked.stages)
            rids = connection.execute(select(schema.runs.c.rid).where(*matching)).scalars().all()
            found = Facets(connection, rids)
            return [found.facet(key, name, query.limit) for key, name in zip(asked.order, query.keys, strict=True)]

    def _list_keys(self, query: outlines.ListKeys) -> outlines.RunKeys:
        asked = _Asked.of(query)
        with self._reading() as connection:
            asked = asked.settled(connection)
            total = asked.count(connection)
            matching = search.run_conditions(asked.ids, asked.node, asked.stages)
            params, tags = (
                key_lists.texts(connection, table, matching, total) for table in (schema.params, schema.tags)
            )
            return outlines.RunKeys(total, key_lists.metrics(connection, matching, total), params, tags)

    def _outline_runs(self, query: outlines.OutlineRuns) -> outlines.RunOutline:
        if query.offset < 0 or query.limit < 0:
            raise InvalidValue(f"Offset {query.offset} and limit {query.limit} must not be negative.")
        asked = _Asked.of(query)
        layout = layouts.Layout(
            group_by={name: _group_key(name) for name in query.group_by},
            nested=query.nested,
            open=frozenset(query.open),
            offset=query.offset,
            limit=query.limit,
        )
        with self._reading() as connection:
            asked = asked.settled(connection)
            rids = connection.execute(asked.statement()).scalars().all()
            return layouts.outline(connection, rids, layout, asked.order, asked.wanted)

    def _list_experiments(self, query: overviews.ListExperiments) -> overviews.ExperimentColumns:
        with self._reading() as connection:
            return across.experiments(connection, _stages(query.view), query.seen)

    def _find_runs(self, query: overviews.FindRuns) -> queries.RunTable:
        if not 0 <= query.limit <= names.MAX_RESULTS:
            raise InvalidValue(f"The limit {query.limit} must be 0 to {names.MAX_RESULTS}.")
        if query.status and query.status not in RunStatus.NAMES:
            raise InvalidValue(f"{query.status!r} is no status of runs; use one of {', '.join(RunStatus.NAMES)}.")
        if len(query.text) > MAX_WORDS:
            raise InvalidValue(f"The text has {len(query.text)} characters; at most {MAX_WORDS} are looked for.")
        with self._reading() as connection:
            return across.runs(connection, query.text, query.status, query.limit, query.seen)


def _group_key(name: str) -> OrderKey:
    """The param, tag or attribute that `name` means; InvalidValue for what makes no groups."""
    if name in ("experiment_id", "attributes.experiment_id"):
        return OrderKey("attribute", "experiment_id")
    key = parse_key(name, RUNS, "group_by")
    if key.entity == "metric" or key.key in ("start_time", "end_time"):
        raise InvalidValue(f"Runs are grouped by params, tags and attributes that are texts, not by {name!r}.")
    return key


class _Asked(Struct, frozen=True):
    """What a query asks about runs, as trees."""

    ids: tuple[str, ...]
    node: Node | None
    order: tuple[OrderKey, ...]
    stages: tuple[str, ...]
    wanted: Columns

    @staticmethod
    def of(query: Any) -> _Asked:
        """Understand the texts of `query`; InvalidValue where they cannot be."""
        return _Asked(
            query.experiment_ids,
            parse_filter(query.filter, RUNS),
            parse_order(getattr(query, "order_by", ()), RUNS),
            _stages(query.view),
            parse_columns(getattr(query, "columns", None)),
        )

    def settled(self, connection: Connection) -> _Asked:
        """The same with bare names decided; see `search.settle`."""
        node, order = search.settle(connection, self.ids, self.node, self.order)
        _, metrics = search.settle(connection, self.ids, None, self.wanted.metrics)
        return structs.replace(self, node=node, order=order, wanted=structs.replace(self.wanted, metrics=metrics))

    def statement(self) -> Select[int]:
        """`rid`s of all matching runs in order."""
        return search.runs_statement(self.ids, self.node, self.order, self.stages)

    def window(self, connection: Connection, offset: int, limit: int) -> tuple[list[int], int]:
        """`rid`s of the matching runs from place `offset` on, at most `limit`, and how many runs match."""
        statement: Select[Any] = self.statement()
        # A sort looks at all that match, which is most of the work and not done twice. Runs in order of time need none.
        counts = self.node is not None and len(self.order) > 0 and limit > 0
        if counts:
            statement = statement.add_columns(func.count().over())
        rows = connection.execute(statement.offset(offset).limit(limit)).all()
        rids = [row[0] for row in rows]
        if counts and rows:
            return rids, int(rows[0][1])
        # A window that is not full ends with the last run.
        full = len(rids) == limit or not rids
        return rids, self.count(connection) if full else offset + len(rids)

    def count(self, connection: Connection) -> int:
        """How many runs match."""
        return int(connection.execute(search.runs_count(self.ids, self.node, self.stages)).scalar_one())


def describe(
    connection: Connection, seen: Seen, kind: str, location: str, problems: tuple[str, ...] = (), left_out: int = 0
) -> queries.StoreFacts:
    """Facts of a store that exists: its active experiments and runs are counted, those that are `seen`."""
    experiments, runs = (
        read.count(connection, table, table.c.lifecycle_stage == ACTIVE, *of_seen(table.c.experiment_id, seen))
        for table in (schema.experiments, schema.runs)
    )
    return without_place(queries.StoreFacts(kind, location, True, experiments, runs, problems, left_out), seen)


def without_place(facts: queries.StoreFacts, seen: Seen) -> queries.StoreFacts:
    """The same for those who have not `seen` everything: paths on the server are none of their business."""
    return facts if seen == EVERYTHING else structs.replace(facts, location="", problems=(), left_out=0)


def _stages(view: int) -> tuple[str, ...]:
    if view not in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        raise InvalidValue(f"{view!r} is no view type; use ACTIVE_ONLY (1), DELETED_ONLY (2) or ALL (3).")
    return ViewType.stages(view)


def window(token: str | None, max_results: int) -> tuple[int, int]:
    """Offset and limit of a page; InvalidValue for a token or a limit that cannot be."""
    if not 1 <= max_results <= names.MAX_RESULTS:
        raise InvalidValue(
            f"Invalid value {max_results} for parameter 'max_results' supplied. It must be a positive integer "
            f"of at most {names.MAX_RESULTS}."
        )
    return decode_token(token), max_results
