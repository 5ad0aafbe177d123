"""Metrics on the wire: points one at a time and in batches, and their histories."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from msgspec import UNSET, Struct

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import (
    Int64,
    MaybeInt64,
    Text,
    Texts,
    check,
    check_positive,
    invalid,
    or_none,
)
from millstream.formats.wire.experiments import Tag
from millstream.formats.wire.needs import edit, read
from millstream.formats.wire.route import AJAX_PREFIXES, Given, Request, Route, reply_nothing
from millstream.formats.wire.runs import checked_param, checked_run, checked_tag
from millstream.values import ops, queries
from millstream.values.entities import Metric, Page
from millstream.values.errors import InvalidValue
from millstream.values.names import (
    INT64_MAX,
    MAX_BATCH,
    MAX_BATCH_METRICS,
    MAX_BATCH_PARAMS,
    MAX_BATCH_TAGS,
    check_key,
)

MAX_BULK_RUNS = 100
MAX_BULK_POINTS = 25_000
MAX_SAMPLES = 2500


class Point(Struct, frozen=True, kw_only=True):
    """One point in a batch."""

    key: Text
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class LogMetric(Request, frozen=True, kw_only=True):
    """Fields of runs/log-metric."""

    run_id: Text
    key: Text
    value: float
    timestamp: Int64
    step: Int64 = 0
    model_id: str = ""
    dataset_name: str = ""
    dataset_digest: str = ""


class Pair(Struct, frozen=True, kw_only=True):
    """One param in a batch; an absent value is the empty text."""

    key: Text
    value: str = ""


class LogBatch(Request, frozen=True, kw_only=True):
    """Fields of runs/log-batch."""

    run_id: Text
    metrics: tuple[Point, ...] = ()
    params: tuple[Pair, ...] = ()
    tags: tuple[Tag, ...] = ()


class History(Request, frozen=True, kw_only=True):
    """Fields of metrics/get-history; without `max_results` all points."""

    run_id: Text
    metric_key: Text
    max_results: MaybeInt64 = UNSET
    page_token: str = ""


class Bulk(Request, frozen=True, kw_only=True):
    """Fields of metrics/get-history-bulk, where the runs are `run_id` repeated."""

    run_id: Texts
    metric_key: Text
    max_results: Int64 = MAX_BULK_POINTS


class Interval(Request, frozen=True, kw_only=True):
    """Fields of metrics/get-history-bulk-interval; steps are given both or not at all."""

    run_ids: Texts
    metric_key: Text
    start_step: MaybeInt64 = UNSET
    end_step: MaybeInt64 = UNSET
    max_results: Int64 = MAX_SAMPLES


# Training code logs the same few keys again and again.
_known_key = lru_cache(maxsize=4096)(check_key)


def _point(item: Point | LogMetric, index: int | None = None) -> Metric:
    """The point, when it keeps the rules; `index` is its place in a batch."""
    try:
        _known_key(item.key, "metric")
    except InvalidValue:
        check(_place(index, "key"), item.key, check_key, "metric")
    if item.timestamp < 0:
        raise invalid(_place(index, "timestamp"), item.timestamp, "It must not be negative.")
    return Metric(
        key=item.key,
        value=item.value,
        timestamp=item.timestamp,
        step=item.step,
        model_id=item.model_id or None,
        dataset_name=item.dataset_name or None,
        dataset_digest=item.dataset_digest or None,
    )


def _place(index: int | None, field: str) -> str:
    return field if index is None else f"metrics[{index}].{field}"


def _log_metric(request: LogMetric, _given: Given) -> ops.LogBatch:
    """Append one point of a metric of a run."""
    return ops.LogBatch(run_id=checked_run(request.run_id), metrics=(_point(request),))


def _log_batch(request: LogBatch, _given: Given) -> ops.LogBatch:
    _check_size("metrics", len(request.metrics), MAX_BATCH_METRICS)
    _check_size("params", len(request.params), MAX_BATCH_PARAMS)
    _check_size("tags", len(request.tags), MAX_BATCH_TAGS)
    _check_size("metrics, params, and tags", sum(map(len, (request.metrics, request.params, request.tags))), MAX_BATCH)
    keys = [param.key for param in request.params]
    if doubled := sorted({key for key in keys if keys.count(key) > 1}):
        raise InvalidValue(
            f"Duplicate parameter keys have been submitted: {doubled}. Please log each key once a request."
        )
    return ops.LogBatch(
        run_id=checked_run(request.run_id),
        metrics=tuple(_point(item, i) for i, item in enumerate(request.metrics)),
        params=tuple(checked_param(f"params[{i}].", item.key, item.value) for i, item in enumerate(request.params)),
        tags=tuple(checked_tag(f"tags[{i}].", item.key, item.value) for i, item in enumerate(request.tags)),
    )


def _check_size(what: str, size: int, most: int) -> None:
    if size > most:
        raise InvalidValue(
            f"A batch logging request can contain at most {most} {what}. Got {size} {what}. "
            f"Please split up {what} across multiple requests and try again."
        )


def _history(request: History, _given: Given) -> queries.MetricHistory:
    limit = or_none(request.max_results)
    return queries.MetricHistory(
        run_id=checked_run(request.run_id),
        key=request.metric_key,
        max_results=None if limit is None else check_positive("max_results", limit, INT64_MAX),
        page_token=request.page_token or None,
    )


def _runs(name: str, run_ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(run_ids) > MAX_BULK_RUNS:
        raise InvalidValue(f"The parameter '{name}' has {len(run_ids)} runs; at most {MAX_BULK_RUNS} are allowed.")
    return tuple(checked_run(run_id, f"{name}[{index}]") for index, run_id in enumerate(run_ids))


def _bulk(request: Bulk, _given: Given) -> queries.MetricHistories:
    limit = check_positive("max_results", request.max_results, INT64_MAX)
    return queries.MetricHistories(
        run_ids=_runs("run_id", request.run_id), key=request.metric_key, max_results=min(limit, MAX_BULK_POINTS)
    )


def _interval(request: Interval, _given: Given) -> queries.SampledHistories:
    start, end = or_none(request.start_step), or_none(request.end_step)
    if (start is None) != (end is None):
        raise InvalidValue("Give 'start_step' and 'end_step' both, or leave both out.")
    if start is not None and end is not None and start > end:
        raise invalid("start_step", start, f"It must not be greater than end_step, {end}.")
    return queries.SampledHistories(
        run_ids=_runs("run_ids", request.run_ids),
        key=request.metric_key,
        start_step=start,
        end_step=end,
        max_results=check_positive("max_results", request.max_results, MAX_SAMPLES),
    )


def _reply_page(page: Page[Metric], _given: Given) -> dict[str, Any]:
    return encode.metrics(page) | encode.without_empty(next_page_token=page.token)


def _reply_points(points: list[Metric], _given: Given) -> dict[str, Any]:
    return encode.metrics(points)


ROUTES = (
    Route(
        methods=("POST",),
        path="runs/log-metric",
        needs=edit(run="run_id", logged_model="model_id"),
        request=LogMetric,
        speaks=ops.LogBatch,
        call=_log_metric,
        reply=reply_nothing,
    ),
    Route(
        methods=("POST",),
        path="runs/log-batch",
        needs=edit(run="run_id", logged_model="metrics.model_id"),
        request=LogBatch,
        speaks=ops.LogBatch,
        call=_log_batch,
        reply=reply_nothing,
    ),
    Route(
        methods=("GET",),
        path="metrics/get-history",
        needs=read(run="run_id"),
        request=History,
        speaks=queries.MetricHistory,
        call=_history,
        reply=_reply_page,
        answer=answers.MetricPage,
    ),
    Route(
        methods=("GET",),
        path="metrics/get-history-bulk",
        needs=read(run="run_id"),
        request=Bulk,
        speaks=queries.MetricHistories,
        call=_bulk,
        reply=_reply_points,
        answer=answers.Metrics,
        prefixes=AJAX_PREFIXES,
    ),
    Route(
        methods=("GET",),
        path="metrics/get-history-bulk-interval",
        needs=read(run="run_ids"),
        request=Interval,
        speaks=queries.SampledHistories,
        call=_interval,
        reply=_reply_points,
        answer=answers.Metrics,
    ),
)
