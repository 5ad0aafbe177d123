"""Runs, their points and artifacts, as a client asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import structs

from millstream.formats.wire import artifacts, metrics, models, replies, runs
from millstream.formats.wire.calls.call import Call, Fields, call, find, read_nothing, texts
from millstream.formats.wire.calls.experiments import page_of, view_word
from millstream.formats.wire.encode import double
from millstream.values import ops, queries
from millstream.values.entities import DatasetInput, FileInfo, Metric, Page, Run, RunData, RunInfo
from millstream.values.errors import DataDamaged
from millstream.values.names import MAX_BATCH, MAX_BATCH_METRICS, MAX_BATCH_PARAMS, MAX_BATCH_TAGS, RUN_NAME_TAG


def split(op: ops.LogBatch) -> Iterator[ops.LogBatch]:
    """`op` as batches that one request can hold each; params first, then tags, then the points in their order."""
    if len(op.metrics) <= MAX_BATCH_METRICS and not op.params and not op.tags:
        yield op
        return
    params = tuple({param.key: param for param in op.params}.values())
    tags = tuple({tag.key: tag for tag in op.tags}.values())
    few = len(params) <= MAX_BATCH_PARAMS and len(tags) <= MAX_BATCH_TAGS
    if few and len(params) + len(tags) + len(op.metrics) <= MAX_BATCH:
        yield structs.replace(op, params=params, tags=tags)
        return
    empty = structs.replace(op, metrics=(), params=(), tags=())
    for name, items, most in (
        ("params", params, MAX_BATCH_PARAMS),
        ("tags", tags, MAX_BATCH_TAGS),
        ("metrics", op.metrics, MAX_BATCH_METRICS),
    ):
        yield from (structs.replace(empty, **{name: part}) for part in _parts(items, most))


def _parts(items: Sequence[Any], most: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]


def _point(point: Metric) -> Fields:
    found: Fields = {"key": point.key, "value": double(point.value), "timestamp": point.timestamp, "step": point.step}
    if point.model_id:
        found["model_id"] = point.model_id
    if point.dataset_name:
        found |= {"dataset_name": point.dataset_name, "dataset_digest": point.dataset_digest}
    return found


def _log_batch(op: ops.LogBatch) -> Fields:
    fields: Fields = {"run_id": op.run_id}
    if op.metrics:
        fields["metrics"] = [_point(point) for point in op.metrics]
    if op.params:
        fields["params"] = [{"key": param.key, "value": param.value} for param in op.params]
    if op.tags:
        fields["tags"] = [{"key": tag.key, "value": tag.value} for tag in op.tags]
    return fields


def _create(op: ops.CreateRun) -> Fields:
    # MLflow's servers make the id themselves, and do not look at this one.
    return {
        "run_id": op.run_id,
        "experiment_id": op.experiment_id,
        "user_id": op.user_id or None,
        "run_name": op.run_name,
        "start_time": op.start_time,
        "tags": texts(op.tags) or None,
    }


def _update(op: ops.UpdateRun) -> Fields:
    return {"run_id": op.run_id, "status": op.status, "end_time": op.end_time, "run_name": op.run_name}


def _dataset_input(item: DatasetInput) -> Fields:
    dataset = {name: value for name, value in structs.asdict(item.dataset).items() if value is not None}
    return {"dataset": dataset, "tags": [{"key": tag.key, "value": tag.value} for tag in item.tags]}


def _log_inputs(op: ops.LogInputs) -> Fields:
    return {
        "run_id": op.run_id,
        "datasets": [_dataset_input(item) for item in op.datasets],
        "models": [{"model_id": model.model_id} for model in op.models] or None,
    }


def _log_outputs(op: ops.LogOutputs) -> Fields:
    return {"run_id": op.run_id, "models": [structs.asdict(model) for model in op.models]}


def _search(query: queries.SearchRuns) -> Fields:
    return {
        "experiment_ids": list(query.experiment_ids),
        "filter": query.filter or None,
        "run_view_type": view_word(query.view),
        "order_by": list(query.order_by) or None,
        "max_results": query.max_results,
        "page_token": query.page_token,
    }


def read_run(reply: Any) -> Run:
    """A run with its latest data; DataDamaged when the reply is none."""
    info = replies.run_info(reply)
    data = reply.get("data") or {}
    try:
        latest = tuple(replies.point(item) for item in data.get("metrics") or ())
        tags = replies.texts(data.get("tags"))
        if info.run_name and RUN_NAME_TAG not in tags:
            tags[RUN_NAME_TAG] = info.run_name
        return Run(
            info=info,
            data=RunData(
                metrics={point.key: point.value for point in latest},
                params=replies.texts(data.get("params")),
                tags=tags,
                latest=latest,
            ),
            inputs=replies.inputs(reply),
            outputs=replies.outputs(reply),
        )
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataDamaged(f"The server describes the run {info.run_id} badly ({error!r:.200}).") from error


def _points(reply: Fields) -> list[Metric]:
    try:
        return [structs.replace(replies.point(item), run_id=item.get("run_id")) for item in reply.get("metrics") or ()]
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataDamaged(f"The server describes a point badly ({error!r:.200}).") from error


def _history(query: queries.MetricHistory) -> Fields:
    # Servers of MLflow 1.x know the run by its old name.
    return {
        "run_id": query.run_id,
        "metric_key": query.key,
        "max_results": query.max_results,
        "page_token": query.page_token,
    }


def _sampled(query: queries.SampledHistories) -> Fields:
    return {
        "run_ids": list(query.run_ids),
        "metric_key": query.key,
        "start_step": query.start_step,
        "end_step": query.end_step,
        "max_results": query.max_results,
    }


def _files(reply: Fields, _what: object) -> list[FileInfo]:
    return [replies.file_info(item) for item in reply.get("files") or ()]


def _info(reply: Fields, _what: object) -> RunInfo:
    return replies.run_info({"info": reply["run_info"]})


def _one(reply: Fields, _what: object) -> Run:
    return read_run(reply["run"])


def _by_id(what: Any) -> Fields:
    return {"run_id": what.run_id}


def _route(path: str) -> Any:
    return find((*runs.ROUTES, *metrics.ROUTES, *models.ROUTES, *artifacts.ROUTES), path)


CALLS: tuple[Call, ...] = (
    call(ops.CreateRun, _route("runs/create"), _create, _one),
    call(ops.UpdateRun, _route("runs/update"), _update, _info),
    call(ops.DeleteRun, _route("runs/delete"), _by_id, read_nothing),
    call(ops.RestoreRun, _route("runs/restore"), _by_id, read_nothing),
    call(ops.LogBatch, _route("runs/log-batch"), _log_batch, read_nothing),
    call(ops.DeleteTag, _route("runs/delete-tag"), lambda op: {"run_id": op.run_id, "key": op.key}, read_nothing),
    call(ops.LogInputs, _route("runs/log-inputs"), _log_inputs, read_nothing),
    call(ops.LogOutputs, _route("runs/outputs"), _log_outputs, read_nothing),
    call(queries.GetRun, _route("runs/get"), _by_id, _one),
    call(queries.GetRunInfo, _route("runs/get"), _by_id, lambda reply, _: replies.run_info(reply["run"])),
    call(queries.SearchRuns, _route("runs/search"), _search, lambda reply, _: page_of(reply, "runs", read_run)),
    call(
        queries.MetricHistory,
        _route("metrics/get-history"),
        _history,
        lambda reply, _: Page(_points(reply), reply.get("next_page_token") or None),
    ),
    call(
        queries.MetricHistories,
        _route("metrics/get-history-bulk"),
        lambda query: {"run_id": list(query.run_ids), "metric_key": query.key, "max_results": query.max_results},
        lambda reply, _: _points(reply),
    ),
    call(
        queries.SampledHistories,
        _route("metrics/get-history-bulk-interval"),
        _sampled,
        lambda reply, _: _points(reply),
    ),
    call(
        queries.ListArtifacts,
        _route("artifacts/list"),
        lambda query: {"run_id": query.run_id, "path": query.path or None},
        _files,
    ),
)
