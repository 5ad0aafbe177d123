"""What only a server of Millstream answers, as a client asks for it: tables, facets, envelopes, facts."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire.calls.call import Call, Fields
from millstream.formats.wire.calls.experiments import view_word
from millstream.values import outlines, overviews, queries
from millstream.values.entities import Metric
from millstream.values.readers import converter

PREFIX = "/api/ui/"
_to_table = converter(queries.RunTable)
_to_facet = converter(queries.Facet)
_to_outline = converter(outlines.RunOutline)
_to_keys = converter(outlines.RunKeys)
_to_envelope = converter(queries.Envelope)
_to_curve = converter(queries.Curve)
_to_facts = converter(queries.StoreFacts)
_to_experiments = converter(overviews.ExperimentColumns)


def _runs(query: queries.TabulateRuns) -> Fields:
    return {
        "experiment_ids": list(query.experiment_ids),
        "filter": query.filter,
        "order_by": list(query.order_by),
        "view": view_word(query.view),
        "offset": query.offset,
        "limit": query.limit,
        "columns": None if query.columns is None else list(query.columns),
    }


def _count(query: queries.CountRuns) -> Fields:
    return {
        "experiment_ids": list(query.experiment_ids),
        "filter": query.filter,
        "view": view_word(query.view),
        "limit": 0,
    }


def _facets(query: queries.FacetRuns) -> Fields:
    return {
        "experiment_ids": list(query.experiment_ids),
        "keys": list(query.keys),
        "filter": query.filter,
        "view": view_word(query.view),
        "limit": query.limit,
    }


def _keys(query: outlines.ListKeys) -> Fields:
    return {
        "experiment_ids": list(query.experiment_ids),
        "filter": query.filter,
        "view": view_word(query.view),
    }


def _outline(query: outlines.OutlineRuns) -> Fields:
    fields = {name: getattr(query, name) for name in query.__struct_fields__}
    return fields | {"view": view_word(query.view)}


def _found(query: overviews.FindRuns) -> Fields:
    return {"text": query.text, "status": query.status, "limit": query.limit}


def _envelope(query: queries.MetricEnvelope) -> Fields:
    return {name: getattr(query, name) for name in query.__struct_fields__}


def _curves(query: queries.MetricCurves) -> Fields:
    return {name: getattr(query, name) for name in query.__struct_fields__}


POINTS_PER_PIXEL = 4


def _series(query: queries.SampledHistories) -> Fields:
    return {
        "run_ids": list(query.run_ids),
        "key": query.key,
        "width": query.max_results // POINTS_PER_PIXEL,
        "start_step": query.start_step,
        "end_step": query.end_step,
    }


def _read_table(reply: Fields, _what: object) -> queries.RunTable:
    metrics = {key: _numbers(column) for key, column in reply["metrics"].items()}
    return _to_table({**reply, "metrics": metrics})


def _read_outline(reply: Fields, _what: object) -> outlines.RunOutline:
    table = reply["table"]
    groups = reply["groups"]
    metrics = {key: _numbers(column) for key, column in table["metrics"].items()}
    spreads = {
        key: {name: _numbers(column) for name, column in spread.items()} for key, spread in groups["metrics"].items()
    }
    read = {"table": {**table, "metrics": metrics}, "groups": {**groups, "metrics": spreads}}
    return _to_outline({**reply, **read})


def _numbers(column: list[Any]) -> list[Any]:
    """A column with the words that stand for NaN and infinities as numbers; what is a number stays of its type."""
    return [float(value) if isinstance(value, str) else value for value in column]


def _read_facets(reply: Fields, _what: object) -> list[queries.Facet]:
    bounds = ("minimum", "maximum")
    found = []
    for item in reply["facets"]:
        numbers = {name: float(item[name]) for name in bounds if isinstance(item.get(name), str)}
        found.append(_to_facet({**item, **numbers}))
    return found


def _read_envelope(reply: Fields, _what: object) -> queries.Envelope:
    columns = {name: _numbers(reply[name]) for name in ("first", "last", "min", "max")}
    return _to_envelope({**reply, **columns})


def _read_curves(reply: Fields, _what: object) -> list[queries.Curve]:
    return [_to_curve({**curve, "y": _numbers(curve["y"])}) for curve in reply["curves"]]


def _read_series(reply: Fields, _what: object) -> list[Metric]:
    return [
        Metric(series["key"], float(value), time, step, series["run_id"])
        for series in reply["series"]
        for step, time, value in zip(series["step"], series["time"], series["value"], strict=True)
    ]


def _read_facts(reply: Fields, _what: object) -> queries.StoreFacts:
    return _to_facts(reply["store"])


def _row(kind: type, path: str, ask: Any, read: Any, method: str = "POST") -> Call:
    return Call(kind, method, path, ask, read, PREFIX, own=True)


SERIES = _row(queries.SampledHistories, "series", _series, _read_series)
"""More points of a series than MLflow's own route gives."""

CALLS: tuple[Call, ...] = (
    _row(queries.TabulateRuns, "runs", _runs, _read_table),
    _row(queries.CountRuns, "runs", _count, lambda reply, _: int(reply["total"])),
    _row(queries.FacetRuns, "facets", _facets, _read_facets),
    _row(outlines.OutlineRuns, "outline", _outline, _read_outline),
    _row(outlines.ListKeys, "keys", _keys, lambda reply, _: _to_keys(reply)),
    _row(
        overviews.ListExperiments,
        "experiments",
        lambda query: {"view": view_word(query.view)},
        lambda reply, _: _to_experiments(reply),
    ),
    _row(overviews.FindRuns, "find-runs", _found, _read_table),
    _row(queries.MetricEnvelope, "envelope", _envelope, _read_envelope),
    _row(queries.MetricCurves, "curves", _curves, _read_curves),
    _row(queries.DescribeStore, "about", lambda _query: {}, _read_facts, "GET"),
)
