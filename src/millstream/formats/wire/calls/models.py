"""Logged models, as a client asks for them."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire import logged_models, replies
from millstream.formats.wire.calls.call import Call, Fields, call, find, read_nothing, texts
from millstream.formats.wire.calls.experiments import page_of
from millstream.values import ops, queries
from millstream.values.entities import LoggedModel, LoggedModelStatus


def _create(op: ops.CreateLoggedModel) -> Fields:
    return {
        "experiment_id": op.experiment_id,
        "name": op.name,
        "model_type": op.model_type,
        "source_run_id": op.source_run_id,
        "params": texts(op.params) or None,
        "tags": texts(op.tags) or None,
    }


def _finalize(op: ops.FinalizeLoggedModel) -> Fields:
    return {"model_id": op.model_id, "status": logged_models.STATUSES[LoggedModelStatus(op.status)]}


def _search(query: queries.SearchLoggedModels) -> Fields:
    datasets = [{"dataset_name": item.name, "dataset_digest": item.digest} for item in query.datasets]
    order = [
        {
            "field_name": item.field,
            "ascending": item.ascending,
            "dataset_name": item.dataset_name,
            "dataset_digest": item.dataset_digest,
        }
        for item in query.order_by
    ]
    return {
        "experiment_ids": list(query.experiment_ids),
        "filter": query.filter or None,
        "datasets": [_given(item) for item in datasets] or None,
        "order_by": [_given(item) for item in order] or None,
        "max_results": query.max_results,
        "page_token": query.page_token,
    }


def _given(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}


def _model(reply: Fields, _what: object) -> LoggedModel:
    return replies.logged_model(reply["model"])


def _route(path: str, method: str) -> Any:
    return find(logged_models.ROUTES, f"logged-models{path}", method)


ONE = logged_models.ONE
CALLS: tuple[Call, ...] = (
    call(ops.CreateLoggedModel, _route("", "POST"), _create, _model),
    call(ops.FinalizeLoggedModel, _route(ONE, "PATCH"), _finalize, _model),
    call(ops.DeleteLoggedModel, _route(ONE, "DELETE"), lambda op: {"model_id": op.model_id}, read_nothing),
    call(
        ops.SetLoggedModelTags,
        _route(f"{ONE}/tags", "PATCH"),
        lambda op: {"model_id": op.model_id, "tags": texts(op.tags)},
        lambda reply, what: _model(reply, what) if reply else None,  # MLflow's server answers nothing
    ),
    call(
        ops.DeleteLoggedModelTag,
        _route(f"{ONE}/tags/{{tag_key}}", "DELETE"),
        lambda op: {"model_id": op.model_id, "tag_key": op.key},
        read_nothing,
    ),
    call(
        ops.LogLoggedModelParams,
        _route(f"{ONE}/params", "POST"),
        lambda op: {"model_id": op.model_id, "params": texts(op.params)},
        read_nothing,
    ),
    call(
        queries.GetLoggedModel,
        _route(ONE, "GET"),
        lambda query: {"model_id": query.model_id, "allow_deleted": query.deleted or None},
        _model,
    ),
    call(
        queries.SearchLoggedModels,
        _route("/search", "POST"),
        _search,
        lambda reply, _: page_of(reply, "models", replies.logged_model),
    ),
    call(
        queries.ListModelArtifacts,
        _route(f"{ONE}/artifacts/directories", "GET"),
        lambda query: {"model_id": query.model_id, "artifact_directory_path": query.path or None},
        lambda reply, _: [replies.file_info(item) for item in reply.get("files") or ()],
    ),
)
