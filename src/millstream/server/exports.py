"""`GET /api/ui/export`: all matching runs as a file, CSV or JSON, written while it is read."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec
from anyio import to_thread
from msgspec import structs
from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from millstream.formats.wire.decode import View, check, read_query, read_view
from millstream.formats.wire.encode import double
from millstream.formats.wire.route import Request
from millstream.stores.base import Store
from millstream.values import outlines, queries
from millstream.values.entities import ViewType
from millstream.values.names import check_experiment_id

PATH = "/api/ui/export"
WINDOW = 1000
"""Runs that are read at a time."""
INFO = ("run_id", "run_name", "experiment_id", "status", "lifecycle_stage", "user_id", "start_time", "end_time")
_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
_FORMULA = re.compile(
    r"(?![+-](?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?\Z|[+-](?:inf|infinity|nan)\Z)[=+\-@\t\r]", re.ASCII | re.I
)
"""What a spreadsheet would run: a text that begins like a formula and is no number."""


class Export(Request, frozen=True, kw_only=True):
    """Fields of ui/export: a search, its columns (all when none is named), and how to write it.

    `bom` puts a byte order mark before CSV: Excel takes text for UTF-8 only with one.
    """

    experiment_id: tuple[str, ...]
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: View = ViewType.ACTIVE_ONLY
    columns: tuple[str, ...] = ()
    format: Literal["csv", "json"] = "csv"
    bom: bool = False


class Exports:
    """Answers with the file."""

    def __init__(self, store: Store) -> None:
        """Of the runs of `store`."""
        self._store = store

    async def get(self, request: HttpRequest) -> Response:
        """The file; what is wrong with the search is told before its first byte."""
        export = read_query(request.scope["query_string"], Export)
        for index, experiment_id in enumerate(export.experiment_id):
            check(f"experiment_id[{index}]", experiment_id, check_experiment_id)
        columns = await to_thread.run_sync(self._columns, export)
        query = queries.TabulateRuns(
            experiment_ids=export.experiment_id,
            filter=export.filter,
            view=read_view(export.view, "view"),
            order_by=export.order_by,
            limit=WINDOW,
            columns=columns,
        )
        first = await to_thread.run_sync(self._store.read, query)
        tables = self._tables(query, first)
        parts = _csv(tables, export.bom) if export.format == "csv" else _json(tables)
        headers = {"content-disposition": f'attachment; filename="runs.{export.format}"', "cache-control": "no-store"}
        return StreamingResponse(parts, media_type=_TYPES[export.format], headers=headers)

    def _columns(self, export: Export) -> tuple[str, ...]:
        if export.columns:
            return export.columns
        which = outlines.ListKeys(
            experiment_ids=export.experiment_id, filter=export.filter, view=read_view(export.view, "view")
        )
        keys = self._store.read(which)
        named = (("metrics", keys.metrics), ("params", keys.params), ("tags", keys.tags))
        return tuple(f"{kind}.`{key}`" for kind, columns in named for key in columns.key)

    def _tables(self, query: queries.TabulateRuns, table: queries.RunTable) -> Iterator[queries.RunTable]:
        """All windows. What changes its place meanwhile may be met twice; it is written once."""
        seen: set[str] = set()
        offset = 0
        while table.run_id:
            yield _only(table, [at for at, run_id in enumerate(table.run_id) if run_id not in seen])
            seen.update(table.run_id)
            offset += len(table.run_id)
            if len(table.run_id) < WINDOW:
                return
            table = self._store.read(structs.replace(query, offset=offset))
        yield table


def _only(table: queries.RunTable, rows: list[int]) -> queries.RunTable:
    """The rows of `table` that are at `rows`."""
    if len(rows) == len(table.run_id):
        return table
    changes: dict[str, Any] = {}
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(value, dict):
            changes[name] = {key: [column[at] for at in rows] for key, column in value.items()}
        elif isinstance(value, list):
            changes[name] = [value[at] for at in rows]
    return structs.replace(table, **changes)


def _data(table: queries.RunTable) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    numbers = {
        key: [None if value is None else double(value) for value in column] for key, column in table.metrics.items()
    }
    yield from (("metrics", numbers), ("params", table.params), ("tags", table.tags))


def _inert(column: list[Any]) -> list[Any]:
    """`column` with a single quote before each text that a spreadsheet would run."""
    return [f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value for value in column]


def _csv(tables: Iterable[queries.RunTable], bom: bool) -> Iterator[bytes]:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, table in enumerate(tables):
        data = {
            f"{kind}.{key}": column if kind == "metrics" else _inert(column)
            for kind, columns in _data(table)
            for key, column in columns.items()
        }
        if number == 0:
            text.write("\ufeff" if bom else "")
            writer.writerow([*INFO, *data])
        info = [_inert(getattr(table, name)) for name in INFO]
        writer.writerows(zip(*info, *data.values(), strict=True))
        yield text.getvalue().encode()
        text.seek(0)
        text.truncate()


def _json(tables: Iterable[queries.RunTable]) -> Iterator[bytes]:
    encode = msgspec.json.Encoder().encode
    started = False
    for table in tables:
        lines = []
        data = list(_data(table))
        for at in range(len(table.run_id)):
            run: dict[str, Any] = {name: getattr(table, name)[at] for name in INFO}
            for kind, columns in data:
                run[kind] = {key: column[at] for key, column in columns.items() if column[at] is not None}
            lines.append(encode(run))
        if lines:
            yield (b",\n" if started else b"[\n") + b",\n".join(lines)
            started = True
    yield b"\n]\n" if started else b"[]\n"
