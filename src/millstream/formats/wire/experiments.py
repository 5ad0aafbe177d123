"""Experiments on the wire."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import (
    MaybeInt64,
    Text,
    View,
    check,
    check_positive,
    read_view,
)
from millstream.formats.wire.needs import MAKER, NARROWED, edit, manage, read
from millstream.formats.wire.route import AJAX_PREFIXES, Given, Request, Route, reply_nothing
from millstream.values import ops, queries
from millstream.values.entities import DatasetSummary, Experiment, Page, ViewType
from millstream.values.names import (
    MAX_EXPERIMENT_TAG_VALUE,
    MAX_LOCATION,
    MAX_RESULTS,
    check_experiment_id,
    check_experiment_name,
    check_key,
    check_text,
)


class Tag(Struct, frozen=True, kw_only=True):
    """One tag in a list of tags."""

    key: Text
    value: str = ""


class Create(Request, frozen=True, kw_only=True):
    """Fields of experiments/create."""

    name: Text
    artifact_location: str = ""
    tags: tuple[Tag, ...] = ()


class ById(Request, frozen=True, kw_only=True):
    """Fields of experiments/get, delete and restore."""

    experiment_id: Text


class ByName(Request, frozen=True, kw_only=True):
    """Fields of experiments/get-by-name."""

    experiment_name: Text


class Search(Request, frozen=True, kw_only=True):
    """Fields of experiments/search. MLflow takes an absent `max_results` for 0 and refuses it."""

    max_results: MaybeInt64 = 0
    page_token: str = ""
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view_type: View = ViewType.ACTIVE_ONLY


class List(Request, frozen=True, kw_only=True):
    """Fields of experiments/list of MLflow 1.x; without `max_results` it lists all that one page can hold."""

    view_type: View = ViewType.ACTIVE_ONLY
    max_results: MaybeInt64 = UNSET
    page_token: str = ""


class SearchDatasets(Request, frozen=True, kw_only=True):
    """Fields of experiments/search-datasets."""

    experiment_ids: tuple[str, ...] = ()


class Update(Request, frozen=True, kw_only=True):
    """Fields of experiments/update."""

    experiment_id: Text
    new_name: Text


class SetTag(Request, frozen=True, kw_only=True):
    """Fields of experiments/set-experiment-tag."""

    experiment_id: Text
    key: Text
    value: str = ""


class DeleteTag(Request, frozen=True, kw_only=True):
    """Fields of experiments/delete-experiment-tag."""

    experiment_id: Text
    key: Text


def _id(experiment_id: str) -> str:
    return check("experiment_id", experiment_id, check_experiment_id)


def _tags(tags: tuple[Tag, ...]) -> dict[str, str]:
    """As a map; of two with one key the later stands, as if they had been set one after the other."""
    for index, tag in enumerate(tags):
        _check_tag(f"tags[{index}].", tag.key, tag.value)
    return {tag.key: tag.value for tag in tags}


def _check_tag(path: str, key: str, value: str) -> None:
    check(f"{path}key", key, check_key, "tag")
    check(f"{path}value", value, check_text, f"value of tag {key!r}", MAX_EXPERIMENT_TAG_VALUE)


def _create(request: Create, given: Given) -> ops.CreateExperiment:
    check("name", request.name, check_experiment_name)
    check("artifact_location", request.artifact_location, check_text, "artifact location", MAX_LOCATION)
    return ops.CreateExperiment(
        name=request.name,
        time=given.now,
        artifact_location=request.artifact_location or None,
        tags=_tags(request.tags),
    )


def _update(request: Update, given: Given) -> ops.RenameExperiment:
    name = check("new_name", request.new_name, check_experiment_name)
    return ops.RenameExperiment(experiment_id=_id(request.experiment_id), name=name, time=given.now)


def _search(request: Search, _given: Given) -> queries.SearchExperiments:
    limit = request.max_results if isinstance(request.max_results, int) else 0
    return queries.SearchExperiments(
        view=read_view(request.view_type, "view_type"),
        filter=request.filter,
        order_by=request.order_by,
        max_results=check_positive("max_results", limit, MAX_RESULTS),
        page_token=request.page_token or None,
    )


def _list(request: List, _given: Given) -> queries.SearchExperiments:
    limit = request.max_results if isinstance(request.max_results, int) else MAX_RESULTS
    return queries.SearchExperiments(
        view=read_view(request.view_type, "view_type"),
        max_results=check_positive("max_results", limit, MAX_RESULTS),
        page_token=request.page_token or None,
    )


def _set_tag(request: SetTag, _given: Given) -> ops.SetExperimentTag:
    _check_tag("", request.key, request.value)
    return ops.SetExperimentTag(experiment_id=_id(request.experiment_id), key=request.key, value=request.value)


def _delete_tag(request: DeleteTag, _given: Given) -> ops.DeleteExperimentTag:
    return ops.DeleteExperimentTag(experiment_id=_id(request.experiment_id), key=request.key)


def _get(request: ById, _given: Given) -> queries.GetExperiment:
    return queries.GetExperiment(experiment_id=_id(request.experiment_id))


def _get_by_name(request: ByName, _given: Given) -> queries.GetExperimentByName:
    return queries.GetExperimentByName(name=request.experiment_name)


def _delete(request: ById, given: Given) -> ops.DeleteExperiment:
    return ops.DeleteExperiment(experiment_id=_id(request.experiment_id), time=given.now)


def _restore(request: ById, given: Given) -> ops.RestoreExperiment:
    """Undo the deletion of an experiment and its runs."""
    return ops.RestoreExperiment(experiment_id=_id(request.experiment_id), time=given.now)


def _search_datasets(request: SearchDatasets, _given: Given) -> queries.SearchDatasets:
    for index, experiment_id in enumerate(request.experiment_ids):
        check(f"experiment_ids[{index}]", experiment_id, check_experiment_id)
    return queries.SearchDatasets(experiment_ids=request.experiment_ids)


def _reply_datasets(found: list[DatasetSummary], _given: Given) -> dict[str, Any]:
    summaries = [
        encode.without_empty(experiment_id=item.experiment_id, name=item.name, digest=item.digest, context=item.context)
        for item in found
    ]
    return encode.without_empty(dataset_summaries=summaries)


def _reply_id(experiment_id: str, _given: Given) -> dict[str, Any]:
    return {"experiment_id": experiment_id}


def _reply_one(item: Experiment, _given: Given) -> dict[str, Any]:
    return {"experiment": encode.experiment(item)}


def _reply_page(page: Page[Experiment], _given: Given) -> dict[str, Any]:
    return encode.without_empty(experiments=[encode.experiment(item) for item in page], next_page_token=page.token)


def _route(verb: str, path: str, **rest: Any) -> Route:
    return Route(methods=tuple(verb.split()), path=f"experiments/{path}", **rest)


READ, EDIT, MANAGE = (needs(experiment="experiment_id") for needs in (read, edit, manage))
ROUTES = (
    _route(
        "POST",
        "create",
        needs=MAKER & manage(place="artifact_location"),
        request=Create,
        speaks=ops.CreateExperiment,
        call=_create,
        reply=_reply_id,
        answer=answers.ExperimentId,
    ),
    _route(
        "GET",
        "get",
        needs=READ,
        request=ById,
        speaks=queries.GetExperiment,
        call=_get,
        reply=_reply_one,
        answer=answers.OneExperiment,
    ),
    _route(
        "GET",
        "get-by-name",
        needs=read(experiment_name="experiment_name"),
        request=ByName,
        speaks=queries.GetExperimentByName,
        call=_get_by_name,
        reply=_reply_one,
        answer=answers.OneExperiment,
    ),
    _route(
        "GET POST",
        "search",
        needs=NARROWED,
        request=Search,
        speaks=queries.SearchExperiments,
        call=_search,
        reply=_reply_page,
        answer=answers.Experiments,
    ),
    _route(
        "GET POST",
        "list",
        needs=NARROWED,
        request=List,
        speaks=queries.SearchExperiments,
        call=_list,
        reply=_reply_page,
        answer=answers.Experiments,
    ),
    _route(
        "POST", "update", needs=EDIT, request=Update, speaks=ops.RenameExperiment, call=_update, reply=reply_nothing
    ),
    _route(
        "POST", "delete", needs=MANAGE, request=ById, speaks=ops.DeleteExperiment, call=_delete, reply=reply_nothing
    ),
    _route(
        "POST", "restore", needs=MANAGE, request=ById, speaks=ops.RestoreExperiment, call=_restore, reply=reply_nothing
    ),
    _route(
        "POST",
        "set-experiment-tag",
        needs=EDIT,
        request=SetTag,
        speaks=ops.SetExperimentTag,
        call=_set_tag,
        reply=reply_nothing,
    ),
    _route(
        "POST",
        "delete-experiment-tag",
        needs=EDIT,
        request=DeleteTag,
        speaks=ops.DeleteExperimentTag,
        call=_delete_tag,
        reply=reply_nothing,
    ),
    _route(
        "POST",
        "search-datasets",
        needs=NARROWED,
        request=SearchDatasets,
        speaks=queries.SearchDatasets,
        call=_search_datasets,
        reply=_reply_datasets,
        answer=answers.DatasetUses,
        prefixes=AJAX_PREFIXES,
    ),
)
