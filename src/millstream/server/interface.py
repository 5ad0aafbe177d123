"""What only our own pages ask: facts about the store, run tables in columns, sampled series in columns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import UNSET, Struct, structs

from millstream.formats.wire.decode import Int64, MaybeInt64, Text, Texts, Word, check, invalid, or_none, read_view
from millstream.formats.wire.encode import double
from millstream.formats.wire.route import Given, Request, Route
from millstream.formats.wire.runs import checked_run
from millstream.values import queries
from millstream.values.entities import Metric, ViewType
from millstream.values.names import MAX_RESULTS, check_experiment_id

PREFIX = ("/api/ui/",)
POINTS_PER_PIXEL = 4
MAX_WIDTH = 10_000
MAX_RUNS = 1000


class About(Request, frozen=True, kw_only=True):
    """No fields."""


class Runs(Request, frozen=True, kw_only=True):
    """Fields of ui/runs: a window of a run search."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: Word = ViewType.ACTIVE_ONLY
    offset: Int64 = 0
    limit: Int64 = 1000


class Series(Request, frozen=True, kw_only=True):
    """Fields of ui/series: one metric of several runs, for a chart `width` pixels wide."""

    run_ids: Texts
    key: Text
    width: Int64 = 1000
    start_step: MaybeInt64 = UNSET
    end_step: MaybeInt64 = UNSET


class Server(Struct, frozen=True):
    """What a server knows of itself."""

    version: str
    started: int


def _within(name: str, value: int, least: int, most: int) -> int:
    if not least <= value <= most:
        raise invalid(name, value, f"It must be {least} to {most}.")
    return value


def _runs(request: Runs, _given: Given) -> queries.TabulateRuns:
    for index, experiment_id in enumerate(request.experiment_ids):
        check(f"experiment_ids[{index}]", experiment_id, check_experiment_id)
    return queries.TabulateRuns(
        experiment_ids=request.experiment_ids,
        filter=request.filter,
        view=read_view(request.view, "view"),
        order_by=request.order_by,
        offset=_within("offset", request.offset, 0, 2**62),
        limit=_within("limit", request.limit, 0, MAX_RESULTS),
    )


def _reply_runs(table: queries.RunTable, _given: Given) -> dict[str, Any]:
    metrics = {
        key: [value if value is None else double(value) for value in column] for key, column in table.metrics.items()
    }
    return structs.asdict(table) | {"metrics": metrics}


def _series(request: Series, _given: Given) -> queries.SampledHistories:
    _within("len(run_ids)", len(request.run_ids), 1, MAX_RUNS)
    return queries.SampledHistories(
        run_ids=tuple(checked_run(run_id, f"run_ids[{index}]") for index, run_id in enumerate(request.run_ids)),
        key=request.key,
        start_step=or_none(request.start_step),
        end_step=or_none(request.end_step),
        max_results=POINTS_PER_PIXEL * _within("width", request.width, 1, MAX_WIDTH),
    )


def _reply_series(points: Iterable[Metric], _given: Given) -> dict[str, Any]:
    by_run: dict[str | None, dict[str, Any]] = {}
    for point in points:
        series = by_run.get(point.run_id)
        if series is None:
            series = {"run_id": point.run_id, "key": point.key, "step": [], "time": [], "value": []}
            by_run[point.run_id] = series
        series["step"].append(point.step)
        series["time"].append(point.timestamp)
        series["value"].append(double(point.value))
    return {"series": list(by_run.values())}


def routes(server: Server) -> tuple[Route, ...]:
    """The routes under api/ui/ of a server."""

    def reply_about(facts: queries.StoreFacts, _given: Given) -> dict[str, Any]:
        return structs.asdict(server) | {"store": structs.asdict(facts)}

    return (
        Route(
            methods=("GET",),
            path="about",
            request=About,
            speaks=queries.DescribeStore,
            call=lambda _request, _given: queries.DescribeStore(),
            reply=reply_about,
            prefixes=PREFIX,
        ),
        Route(
            methods=("POST",),
            path="runs",
            request=Runs,
            speaks=queries.TabulateRuns,
            call=_runs,
            reply=_reply_runs,
            prefixes=PREFIX,
        ),
        Route(
            methods=("POST",),
            path="series",
            request=Series,
            speaks=queries.SampledHistories,
            call=_series,
            reply=_reply_series,
            prefixes=PREFIX,
        ),
    )
