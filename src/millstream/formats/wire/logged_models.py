"""Logged models on the wire: their life, search, tags, params and artifact listings."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import Int64, Text, Texts, Word, check, check_positive, invalid
from millstream.formats.wire.experiments import Tag
from millstream.formats.wire.metrics import Pair
from millstream.formats.wire.needs import NARROWED, edit, manage, read
from millstream.formats.wire.route import PREFIXES, Given, Request, Route, reply_nothing
from millstream.formats.wire.runs import checked_param, checked_tag
from millstream.values import ops, queries
from millstream.values.entities import FileInfo, LoggedModel, LoggedModelStatus, Page
from millstream.values.names import (
    MAX_EXPERIMENT_NAME,
    MAX_RESULTS,
    check_experiment_id,
    check_key,
    check_model_id,
    check_model_name,
    check_run_id,
    check_text,
)
from millstream.values.paths import RelPath

STATUSES = {
    LoggedModelStatus.UNSPECIFIED: "LOGGED_MODEL_STATUS_UNSPECIFIED",
    LoggedModelStatus.PENDING: "LOGGED_MODEL_PENDING",
    LoggedModelStatus.READY: "LOGGED_MODEL_READY",
    LoggedModelStatus.FAILED: "LOGGED_MODEL_UPLOAD_FAILED",
}


class Create(Request, frozen=True, kw_only=True):
    """Fields of logged-models: a model to be made. The border makes the id."""

    experiment_id: Text
    name: str = ""
    model_type: str = ""
    source_run_id: str = ""
    params: tuple[Pair, ...] = ()
    tags: tuple[Tag, ...] = ()


class Get(Request, frozen=True, kw_only=True):
    """Fields of GET logged-models/ID."""

    model_id: Text
    allow_deleted: bool = False


class ById(Request, frozen=True, kw_only=True):
    """Fields of DELETE logged-models/ID."""

    model_id: Text


class Finalize(Request, frozen=True, kw_only=True):
    """Fields of PATCH logged-models/ID."""

    model_id: Text
    status: Word


class SetTags(Request, frozen=True, kw_only=True):
    """Fields of logged-models/ID/tags."""

    model_id: Text
    tags: tuple[Tag, ...] = ()


class DeleteTag(Request, frozen=True, kw_only=True):
    """Fields of DELETE logged-models/ID/tags/KEY."""

    model_id: Text
    tag_key: Text


class LogParams(Request, frozen=True, kw_only=True):
    """Fields of logged-models/ID/params."""

    model_id: Text
    params: tuple[Pair, ...] = ()


class Order(Struct, frozen=True, kw_only=True):
    """One sort key of a search."""

    field_name: Text
    ascending: bool = True
    dataset_name: str = ""
    dataset_digest: str = ""


class DatasetName(Struct, frozen=True, kw_only=True):
    """A dataset that conditions on metrics are about."""

    dataset_name: Text
    dataset_digest: str = ""


class Search(Request, frozen=True, kw_only=True):
    """Fields of logged-models/search."""

    experiment_ids: Texts
    filter: str = ""
    datasets: tuple[DatasetName, ...] = ()
    max_results: Int64 = 50
    order_by: tuple[Order, ...] = ()
    page_token: str = ""


class List(Request, frozen=True, kw_only=True):
    """Fields of logged-models/ID/artifacts/directories."""

    model_id: Text
    artifact_directory_path: str = ""


class Fetch(Request, frozen=True, kw_only=True):
    """Fields of logged-models/ID/artifacts/files."""

    model_id: Text
    artifact_file_path: Text


def checked_model(model_id: str) -> str:
    """`model_id` when it has the form of one."""
    return check("model_id", model_id, check_model_id)


def _params(params: tuple[Pair, ...]) -> dict[str, str]:
    """As a map; a key that comes twice must have one value, as if they had been logged one after the other."""
    found: dict[str, str] = {}
    for index, pair in enumerate(params):
        checked_param(f"params[{index}].", pair.key, pair.value)
        if found.setdefault(pair.key, pair.value) != pair.value:
            raise invalid(f"params[{index}].value", pair.value, f"The param {pair.key!r} is given with another value.")
    return found


def _tags(tags: tuple[Tag, ...]) -> dict[str, str]:
    for index, tag in enumerate(tags):
        checked_tag(f"tags[{index}].", tag.key, tag.value)
    return {tag.key: tag.value for tag in tags}


def _create(request: Create, given: Given) -> ops.CreateLoggedModel:
    if request.name:
        check("name", request.name, check_model_name)
    if request.source_run_id:
        check("source_run_id", request.source_run_id, check_run_id)
    check("model_type", request.model_type, check_text, "type of a logged model", MAX_EXPERIMENT_NAME)
    return ops.CreateLoggedModel(
        model_id=f"m-{given.new_run_id()}",
        experiment_id=check("experiment_id", request.experiment_id, check_experiment_id),
        time=given.now,
        name=request.name or None,
        model_type=request.model_type or None,
        source_run_id=request.source_run_id or None,
        params=_params(request.params),
        tags=_tags(request.tags),
    )


def _finalize(request: Finalize, given: Given) -> ops.FinalizeLoggedModel:
    final = (LoggedModelStatus.READY, LoggedModelStatus.FAILED)
    words = {word: status for status in final for word in (STATUSES[status], str(status.number), status.number)}
    status = words.get(request.status)
    if status is None:
        raise invalid("status", request.status, f"It must be {' or '.join(STATUSES[status] for status in final)}.")
    return ops.FinalizeLoggedModel(model_id=checked_model(request.model_id), status=status, time=given.now)


def _get(request: Get, _given: Given) -> queries.GetLoggedModel:
    return queries.GetLoggedModel(model_id=checked_model(request.model_id), deleted=request.allow_deleted)


def _delete(request: ById, given: Given) -> ops.DeleteLoggedModel:
    return ops.DeleteLoggedModel(model_id=checked_model(request.model_id), time=given.now)


def _set_tags(request: SetTags, _given: Given) -> ops.SetLoggedModelTags:
    return ops.SetLoggedModelTags(model_id=checked_model(request.model_id), tags=_tags(request.tags))


def _delete_tag(request: DeleteTag, _given: Given) -> ops.DeleteLoggedModelTag:
    check("tag_key", request.tag_key, check_key, "tag")
    return ops.DeleteLoggedModelTag(model_id=checked_model(request.model_id), key=request.tag_key)


def _log_params(request: LogParams, _given: Given) -> ops.LogLoggedModelParams:
    return ops.LogLoggedModelParams(model_id=checked_model(request.model_id), params=_params(request.params))


def _search(request: Search, _given: Given) -> queries.SearchLoggedModels:
    for index, experiment_id in enumerate(request.experiment_ids):
        check(f"experiment_ids[{index}]", experiment_id, check_experiment_id)
    return queries.SearchLoggedModels(
        experiment_ids=request.experiment_ids,
        filter=request.filter,
        datasets=tuple(
            queries.ModelDataset(item.dataset_name, item.dataset_digest or None) for item in request.datasets
        ),
        order_by=tuple(
            queries.ModelOrder(item.field_name, item.ascending, item.dataset_name or None, item.dataset_digest or None)
            for item in request.order_by
        ),
        max_results=check_positive("max_results", request.max_results, MAX_RESULTS),
        page_token=request.page_token or None,
    )


def _list(request: List, _given: Given) -> queries.ListModelArtifacts:
    path = str(RelPath.parse(request.artifact_directory_path))
    return queries.ListModelArtifacts(model_id=checked_model(request.model_id), path=path)


def _get_listed(request: List) -> queries.GetLoggedModel:
    return queries.GetLoggedModel(model_id=checked_model(request.model_id))


def encode_model(model: LoggedModel) -> dict[str, Any]:
    """Reply object of a logged model."""
    info = encode.without_empty(
        model_id=model.model_id,
        experiment_id=model.experiment_id,
        name=model.name,
        creation_timestamp_ms=model.creation_timestamp,
        last_updated_timestamp_ms=model.last_updated_timestamp,
        artifact_uri=model.artifact_location,
        status=STATUSES[model.status],
        model_type=model.model_type,
        source_run_id=model.source_run_id,
        status_message=model.status_message,
        tags=encode.pairs(model.tags),
    )
    data = encode.without_empty(
        params=encode.pairs(model.params), metrics=[encode.metric(point) for point in model.metrics]
    )
    return {"info": info, "data": data}


def _reply_model(model: LoggedModel, _given: Given) -> dict[str, Any]:
    return {"model": encode_model(model)}


def _reply_page(page: Page[LoggedModel], _given: Given) -> dict[str, Any]:
    return encode.without_empty(models=[encode_model(model) for model in page], next_page_token=page.token)


def _reply_files(files: list[FileInfo], given: Given) -> dict[str, Any]:
    return encode.without_empty(root_uri=given.first.artifact_location, files=[encode.file(item) for item in files])


def _route(verb: str, path: str, **rest: Any) -> Route:
    return Route(methods=(verb,), path=f"logged-models{path}", prefixes=PREFIXES, **rest)


ONE = "/{model_id}"
READ, EDIT, MANAGE = (needs(logged_model="model_id") for needs in (read, edit, manage))
ROUTES = (
    _route(
        "POST",
        "",
        needs=edit(experiment="experiment_id") & read(run="source_run_id"),
        request=Create,
        speaks=ops.CreateLoggedModel,
        call=_create,
        reply=_reply_model,
        answer=answers.OneModel,
    ),
    _route(
        "POST",
        "/search",
        needs=NARROWED,
        request=Search,
        speaks=queries.SearchLoggedModels,
        call=_search,
        reply=_reply_page,
        answer=answers.Models,
    ),
    _route(
        "GET",
        ONE,
        needs=READ,
        request=Get,
        speaks=queries.GetLoggedModel,
        call=_get,
        reply=_reply_model,
        answer=answers.OneModel,
    ),
    _route(
        "PATCH",
        ONE,
        needs=EDIT,
        request=Finalize,
        speaks=ops.FinalizeLoggedModel,
        call=_finalize,
        reply=_reply_model,
        answer=answers.OneModel,
    ),
    _route("DELETE", ONE, needs=MANAGE, request=ById, speaks=ops.DeleteLoggedModel, call=_delete, reply=reply_nothing),
    _route(
        "PATCH",
        f"{ONE}/tags",
        needs=EDIT,
        request=SetTags,
        speaks=ops.SetLoggedModelTags,
        call=_set_tags,
        reply=_reply_model,
        answer=answers.OneModel,
    ),
    _route(
        "DELETE",
        f"{ONE}/tags/{{tag_key}}",
        needs=EDIT,
        request=DeleteTag,
        speaks=ops.DeleteLoggedModelTag,
        call=_delete_tag,
        reply=reply_nothing,
    ),
    _route(
        "POST",
        f"{ONE}/params",
        needs=EDIT,
        request=LogParams,
        speaks=ops.LogLoggedModelParams,
        call=_log_params,
        reply=reply_nothing,
    ),
    _route(
        "GET",
        f"{ONE}/artifacts/directories",
        needs=READ,
        request=List,
        speaks=queries.ListModelArtifacts,
        call=_list,
        reply=_reply_files,
        answer=answers.Files,
        first=_get_listed,
    ),
)
