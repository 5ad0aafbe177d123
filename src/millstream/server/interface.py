"""What only our own pages ask: facts about the store; run tables, sampled series and envelopes in columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import UNSET, Struct, UnsetType, structs

from millstream.formats.wire import curves
from millstream.formats.wire.answers import Nothing
from millstream.formats.wire.decode import Int64, MaybeInt64, Text, Texts, View, check, invalid, or_none, read_view
from millstream.formats.wire.encode import double
from millstream.formats.wire.needs import NARROWED, Needs, edit, manage, read
from millstream.formats.wire.route import Form, Given, Request, Route, reply_nothing
from millstream.formats.wire.runs import checked_run
from millstream.server import replies
from millstream.values import ops, outlines, queries
from millstream.values.entities import Metric, ViewType
from millstream.values.names import MAX_RESULTS, check_experiment_id

PREFIX = ("/api/ui/",)
POINTS_PER_PIXEL = 4
MAX_WIDTH = 10_000
MAX_RUNS = 1000
MAX_OPEN = 10_000
MAX_GROUP_KEYS = 8
MAX_KEYS = 200


class About(Request, frozen=True, kw_only=True):
    """No fields."""


class Runs(Request, frozen=True, kw_only=True):
    """Fields of ui/runs: a window of a run search."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: View = ViewType.ACTIVE_ONLY
    offset: Int64 = 0
    limit: Int64 = 1000
    columns: tuple[str, ...] | UnsetType = UNSET


class Outline(Runs, frozen=True, kw_only=True):
    """Fields of ui/outline: a window of runs in groups and below their parents."""

    group_by: tuple[str, ...] = ()
    nested: bool = False
    open: tuple[str, ...] = ()


class Facets(Request, frozen=True, kw_only=True):
    """Fields of ui/facets: what the runs of a search have under `keys`, with at most `limit` values each."""

    experiment_ids: tuple[str, ...] = ()
    keys: Texts
    filter: str = ""
    view: View = ViewType.ACTIVE_ONLY
    limit: Int64 = 100


class Keys(Request, frozen=True, kw_only=True):
    """Fields of ui/keys: which keys the runs of a search have."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    view: View = ViewType.ACTIVE_ONLY


class Move(Request, frozen=True, kw_only=True):
    """Fields of ui/move: runs, and the experiment that gets them."""

    run_ids: Texts
    experiment_id: Text


class Series(Request, frozen=True, kw_only=True):
    """Fields of ui/series: one metric of several runs, for a chart `width` pixels wide."""

    run_ids: Texts
    key: Text
    width: Int64 = 1000
    start_step: MaybeInt64 = UNSET
    end_step: MaybeInt64 = UNSET


class Envelope(Request, frozen=True, kw_only=True):
    """Fields of ui/envelope: what one metric of a run looks like `width` pixels wide, exactly."""

    run_id: Text
    key: Text
    x: Text = "step"
    low: MaybeInt64 = UNSET
    high: MaybeInt64 = UNSET
    width: Int64 = 1000


class Curves(Request, frozen=True, kw_only=True):
    """Fields of ui/curves: metrics of runs as lines in charts `width` pixels wide.

    `since`, one bound a run or null, asks for later points only. `exact`: the binary form holds every value as it is.
    """

    run_ids: Texts
    keys: Texts
    x: Text = "step"
    low: MaybeInt64 = UNSET
    high: MaybeInt64 = UNSET
    width: Int64 = 1000
    since: tuple[Int64 | None, ...] = ()
    exact: bool = True


class Server(Struct, frozen=True):
    """What a server knows of itself."""

    version: str
    started: int
    login: bool = False


def within(name: str, value: int, least: int, most: int) -> int:
    """`value`, the field `name` of a request; InvalidValue where it is not `least` to `most`."""
    if not least <= value <= most:
        raise invalid(name, value, f"It must be {least} to {most}.")
    return value


def _experiments(request: Runs | Facets | Keys) -> tuple[str, ...]:
    for index, experiment_id in enumerate(request.experiment_ids):
        check(f"experiment_ids[{index}]", experiment_id, check_experiment_id)
    return request.experiment_ids


def _runs(request: Runs, _given: Given) -> queries.TabulateRuns:
    return queries.TabulateRuns(
        experiment_ids=_experiments(request),
        filter=request.filter,
        view=read_view(request.view, "view"),
        order_by=request.order_by,
        offset=within("offset", request.offset, 0, 2**62),
        limit=within("limit", request.limit, 0, MAX_RESULTS),
        columns=or_none(request.columns),
    )


def _outline(request: Outline, _given: Given) -> outlines.OutlineRuns:
    within("len(open)", len(request.open), 0, MAX_OPEN)
    within("len(group_by)", len(request.group_by), 0, MAX_GROUP_KEYS)
    return outlines.OutlineRuns(
        experiment_ids=_experiments(request),
        filter=request.filter,
        view=read_view(request.view, "view"),
        order_by=request.order_by,
        group_by=request.group_by,
        nested=request.nested,
        open=request.open,
        offset=within("offset", request.offset, 0, 2**62),
        limit=within("limit", request.limit, 0, MAX_RESULTS),
        columns=or_none(request.columns),
    )


def _facets(request: Facets, _given: Given) -> queries.FacetRuns:
    return queries.FacetRuns(
        experiment_ids=_experiments(request),
        keys=request.keys,
        filter=request.filter,
        view=read_view(request.view, "view"),
        limit=within("limit", request.limit, 0, MAX_RESULTS),
    )


def _keys(request: Keys, _given: Given) -> outlines.ListKeys:
    return outlines.ListKeys(
        experiment_ids=_experiments(request), filter=request.filter, view=read_view(request.view, "view")
    )


def reply_keys(keys: outlines.RunKeys, _given: Given) -> dict[str, Any]:
    """Reply object of keys."""
    found: dict[str, Any] = structs.asdict(keys)
    return found | {name: structs.asdict(found[name]) for name in ("metrics", "params", "tags")}


def _reply_facets(facets: list[queries.Facet], _given: Given) -> dict[str, Any]:
    bounds = ("minimum", "maximum")
    return {
        "facets": [structs.asdict(facet) | {name: _number(getattr(facet, name)) for name in bounds} for facet in facets]
    }


def _number(value: float | int | None) -> Any:
    return double(value) if isinstance(value, float) else value


def reply_runs(table: queries.RunTable, _given: Given) -> dict[str, Any]:
    """Reply object of a table of runs."""
    metrics = {
        key: [value if value is None else double(value) for value in column] for key, column in table.metrics.items()
    }
    return structs.asdict(table) | {"metrics": metrics}


def _move(request: Move, _given: Given) -> ops.MoveRuns:
    within("len(run_ids)", len(request.run_ids), 1, MAX_RUNS)
    return ops.MoveRuns(
        run_ids=tuple(checked_run(run_id, f"run_ids[{index}]") for index, run_id in enumerate(request.run_ids)),
        experiment_id=check("experiment_id", request.experiment_id, check_experiment_id),
    )


def reply_outline(outline: outlines.RunOutline, given: Given) -> dict[str, Any]:
    """Reply object of runs in groups and below their parents."""
    metrics = {key: _spread(spread) for key, spread in outline.groups.metrics.items()}
    groups = structs.asdict(outline.groups) | {"metrics": metrics}
    return structs.asdict(outline) | {"table": reply_runs(outline.table, given), "groups": groups}


def _spread(spread: outlines.Spread) -> dict[str, Any]:
    return {
        name: [value if value is None else _number(value) for value in column]
        for name, column in structs.asdict(spread).items()
    }


def _series(request: Series, _given: Given) -> queries.SampledHistories:
    within("len(run_ids)", len(request.run_ids), 1, MAX_RUNS)
    return queries.SampledHistories(
        run_ids=tuple(checked_run(run_id, f"run_ids[{index}]") for index, run_id in enumerate(request.run_ids)),
        key=request.key,
        start_step=or_none(request.start_step),
        end_step=or_none(request.end_step),
        max_results=POINTS_PER_PIXEL * within("width", request.width, 1, MAX_WIDTH),
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


def _envelope(request: Envelope, _given: Given) -> queries.MetricEnvelope:
    return queries.MetricEnvelope(
        run_id=checked_run(request.run_id),
        key=request.key,
        x=request.x,
        low=or_none(request.low),
        high=or_none(request.high),
        width=within("width", request.width, 1, MAX_WIDTH),
    )


def _reply_envelope(envelope: queries.Envelope, _given: Given) -> dict[str, Any]:
    fields = structs.asdict(envelope)
    for name in ("first", "last", "min", "max"):
        fields[name] = [value if value is None else double(value) for value in fields[name]]
    return fields


def _curves(request: Curves, _given: Given) -> queries.MetricCurves:
    within("len(run_ids)", len(request.run_ids), 1, MAX_RUNS)
    within("len(keys)", len(request.keys), 1, MAX_KEYS)
    return queries.MetricCurves(
        run_ids=tuple(checked_run(run_id, f"run_ids[{index}]") for index, run_id in enumerate(request.run_ids)),
        keys=request.keys,
        x=request.x,
        low=or_none(request.low),
        high=or_none(request.high),
        width=within("width", request.width, 1, MAX_WIDTH),
        since=request.since,
    )


def _reply_curves(found: list[queries.Curve], _given: Given) -> dict[str, Any]:
    return {
        "curves": [
            structs.asdict(curve) | {"x": list(curve.x), "y": [double(value) for value in curve.y]} for curve in found
        ]
    }


def _pack_curves(found: list[queries.Curve], request: Curves) -> bytes:
    runs = {run_id: place for place, run_id in enumerate(request.run_ids)}
    keys = {key: place for place, key in enumerate(request.keys)}
    return curves.pack(found, runs, keys, exact=request.exact)


def routes(server: Server) -> tuple[Route, ...]:
    """The routes under api/ui/ of a server."""

    def reply_about(facts: queries.StoreFacts, _given: Given) -> dict[str, Any]:
        return structs.asdict(server) | {"store": structs.asdict(facts)}

    return (
        Route(
            methods=("GET",),
            path="about",
            needs=NARROWED,
            request=About,
            speaks=queries.DescribeStore,
            call=lambda _request, _given: queries.DescribeStore(),
            reply=reply_about,
            answer=replies.About,
            prefixes=PREFIX,
        ),
        *_asked(),
    )


def _asked() -> tuple[Route, ...]:
    return (
        posted("runs", NARROWED, Runs, queries.TabulateRuns, _runs, reply_runs, replies.RunColumns),
        posted("outline", NARROWED, Outline, outlines.OutlineRuns, _outline, reply_outline, replies.Outline),
        posted("facets", NARROWED, Facets, queries.FacetRuns, _facets, _reply_facets, replies.Facets),
        posted("keys", NARROWED, Keys, outlines.ListKeys, _keys, reply_keys, replies.Keys),
        posted(
            "move",
            manage(run="run_ids") & edit(experiment="experiment_id"),
            Move,
            ops.MoveRuns,
            _move,
            reply_nothing,
            Nothing,
        ),
        posted("series", read(run="run_ids"), Series, queries.SampledHistories, _series, _reply_series, replies.Series),
        posted(
            "envelope",
            read(run="run_id"),
            Envelope,
            queries.MetricEnvelope,
            _envelope,
            _reply_envelope,
            replies.Envelope,
        ),
        structs.replace(
            posted("curves", read(run="run_ids"), Curves, queries.MetricCurves, _curves, _reply_curves, replies.Curves),
            other=Form(curves.TYPE, _pack_curves),
        ),
    )


def posted(
    path: str,
    needs: Needs,
    request: type[Request],
    speaks: type,
    call: Callable[..., Any],
    reply: Callable[..., Any],
    answer: type[Struct],
) -> Route:
    """A route under api/ui/ that is asked with a POST."""
    return Route(
        methods=("POST",),
        path=path,
        needs=needs,
        request=request,
        speaks=speaks,
        call=call,
        reply=reply,
        answer=answer,
        prefixes=PREFIX,
    )
