"""Registered models on the wire: their life, search, tags, aliases and newest versions."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import Int64, Text, check, check_positive, invalid
from millstream.formats.wire.experiments import Tag
from millstream.formats.wire.model_versions import (
    checked_name,
    checked_tags,
    checked_version,
    encode_version,
    reply_version,
)
from millstream.formats.wire.needs import MAKER, NARROWED, edit, manage, read
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.values import ops, queries
from millstream.values.entities import ModelVersion, Page, RegisteredModel
from millstream.values.errors import InvalidValue
from millstream.values.names import (
    MAX_DESCRIPTION,
    MAX_MODELS_PAGE,
    check_alias,
    check_key,
    check_model_stage,
    check_text,
)


class Create(Request, frozen=True, kw_only=True):
    """Fields of registered-models/create."""

    name: Text
    description: str | None = None
    tags: tuple[Tag, ...] = ()


class ByName(Request, frozen=True, kw_only=True):
    """Fields of registered-models/get and delete."""

    name: Text


class Rename(Request, frozen=True, kw_only=True):
    """Fields of registered-models/rename."""

    name: Text
    new_name: Text


class Update(Request, frozen=True, kw_only=True):
    """Fields of registered-models/update; without a description it has none from then on."""

    name: Text
    description: str | None = None


class Search(Request, frozen=True, kw_only=True):
    """Fields of registered-models/search."""

    filter: str = ""
    max_results: Int64 = 100
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class List(Request, frozen=True, kw_only=True):
    """Fields of registered-models/list of MLflow 1.x."""

    max_results: Int64 = 100
    page_token: str = ""


class Latest(Request, frozen=True, kw_only=True):
    """Fields of registered-models/get-latest-versions."""

    name: Text
    stages: tuple[str, ...] = ()


class SetTag(Request, frozen=True, kw_only=True):
    """Fields of registered-models/set-tag."""

    name: Text
    key: Text
    value: str = ""


class DeleteTag(Request, frozen=True, kw_only=True):
    """Fields of registered-models/delete-tag."""

    name: Text
    key: Text


class SetAlias(Request, frozen=True, kw_only=True):
    """Fields of POST registered-models/alias."""

    name: Text
    alias: Text
    version: Int64


class Alias(Request, frozen=True, kw_only=True):
    """Fields of GET and DELETE registered-models/alias."""

    name: Text
    alias: Text


def _create(request: Create, given: Given) -> ops.CreateRegisteredModel:
    return ops.CreateRegisteredModel(
        op_id=given.new_run_id(),
        name=checked_name(request.name),
        time=given.now,
        description=_description(request.description),
        tags=checked_tags(request.tags),
    )


def _description(text: str | None) -> str | None:
    return None if text is None else check("description", text, check_text, "description", MAX_DESCRIPTION)


def _rename(request: Rename, given: Given) -> ops.RenameRegisteredModel:
    new_name = checked_name(request.new_name, "new_name")
    return ops.RenameRegisteredModel(
        op_id=given.new_run_id(), name=checked_name(request.name), new_name=new_name, time=given.now
    )


def _update(request: Update, given: Given) -> ops.UpdateRegisteredModel:
    text = _description(request.description)
    return ops.UpdateRegisteredModel(name=checked_name(request.name), description=text, time=given.now)


def _delete(request: ByName, _given: Given) -> ops.DeleteRegisteredModel:
    return ops.DeleteRegisteredModel(name=checked_name(request.name))


def _get(request: ByName, _given: Given) -> queries.GetRegisteredModel:
    return queries.GetRegisteredModel(name=checked_name(request.name))


def _search(request: Search, _given: Given) -> queries.SearchRegisteredModels:
    return queries.SearchRegisteredModels(
        filter=request.filter,
        order_by=request.order_by,
        max_results=check_positive("max_results", request.max_results, MAX_MODELS_PAGE),
        page_token=request.page_token or None,
    )


def _list(request: List, _given: Given) -> queries.SearchRegisteredModels:
    most = check_positive("max_results", request.max_results, MAX_MODELS_PAGE)
    return queries.SearchRegisteredModels(max_results=most, page_token=request.page_token or None)


def _latest(request: Latest, _given: Given) -> queries.GetLatestVersions:
    stages = []
    for index, stage in enumerate(request.stages):
        try:
            stages.append(check_model_stage(stage))
        except InvalidValue as error:
            raise invalid(f"stages[{index}]", stage, error.message) from error
    return queries.GetLatestVersions(name=checked_name(request.name), stages=tuple(stages))


def _set_tag(request: SetTag, _given: Given) -> ops.SetRegisteredModelTag:
    ((key, value),) = checked_tags((Tag(key=request.key, value=request.value),), "").items()
    return ops.SetRegisteredModelTag(name=checked_name(request.name), key=key, value=value)


def _delete_tag(request: DeleteTag, _given: Given) -> ops.DeleteRegisteredModelTag:
    key = check("key", request.key, check_key, "tag")
    return ops.DeleteRegisteredModelTag(name=checked_name(request.name), key=key)


def _set_alias(request: SetAlias, _given: Given) -> ops.SetModelAlias:
    alias = check("alias", request.alias, check_alias)
    return ops.SetModelAlias(name=checked_name(request.name), alias=alias, version=checked_version(request.version))


def _delete_alias(request: Alias, _given: Given) -> ops.DeleteModelAlias:
    return ops.DeleteModelAlias(name=checked_name(request.name), alias=check("alias", request.alias, check_alias))


def _get_by_alias(request: Alias, _given: Given) -> queries.GetModelVersionByAlias:
    return queries.GetModelVersionByAlias(name=checked_name(request.name), alias=request.alias)


def encode_model(model: RegisteredModel) -> dict[str, Any]:
    """Reply object of a registered model; versions are texts on the wire."""
    return encode.without_empty(
        name=model.name,
        creation_timestamp=model.creation_timestamp,
        last_updated_timestamp=model.last_updated_timestamp,
        description=model.description or None,
        latest_versions=[encode_version(version) for version in model.latest_versions],
        tags=encode.pairs(model.tags),
        aliases=[{"alias": alias, "version": str(version)} for alias, version in model.aliases.items()],
    )


def _reply_model(model: RegisteredModel, _given: Given) -> dict[str, Any]:
    return {"registered_model": encode_model(model)}


def _reply_page(page: Page[RegisteredModel], _given: Given) -> dict[str, Any]:
    return encode.without_empty(registered_models=[encode_model(model) for model in page], next_page_token=page.token)


def _reply_versions(found: list[ModelVersion], _given: Given) -> dict[str, Any]:
    return encode.without_empty(model_versions=[encode_version(version) for version in found])


def _route(verbs: str, path: str, **rest: Any) -> Route:
    return Route(methods=tuple(verbs.split()), path=f"registered-models/{path}", **rest)


_SEARCH = {"speaks": queries.SearchRegisteredModels, "reply": _reply_page, "answer": answers.RegisteredPage}
_MODEL = {"reply": _reply_model, "answer": answers.OneRegistered}
_NOTHING = {"reply": reply_nothing}
READ, EDIT, MANAGE = (level(registered_model="name") for level in (read, edit, manage))
ROUTES = (
    _route("POST", "create", needs=MAKER, request=Create, speaks=ops.CreateRegisteredModel, call=_create, **_MODEL),
    _route(
        "POST",
        "rename",
        needs=MANAGE,
        request=Rename,
        speaks=ops.RenameRegisteredModel,
        call=_rename,
        again=read(registered_model="new_name"),
        **_MODEL,
    ),
    _route("PATCH", "update", needs=EDIT, request=Update, speaks=ops.UpdateRegisteredModel, call=_update, **_MODEL),
    _route(
        "DELETE", "delete", needs=MANAGE, request=ByName, speaks=ops.DeleteRegisteredModel, call=_delete, **_NOTHING
    ),
    _route("GET", "get", needs=READ, request=ByName, speaks=queries.GetRegisteredModel, call=_get, **_MODEL),
    _route("GET", "search", needs=NARROWED, request=Search, call=_search, **_SEARCH),
    _route("GET", "list", needs=NARROWED, request=List, call=_list, **_SEARCH),
    _route(
        "GET POST",
        "get-latest-versions",
        needs=READ,
        request=Latest,
        speaks=queries.GetLatestVersions,
        call=_latest,
        reply=_reply_versions,
        answer=answers.Versions,
    ),
    _route("POST", "set-tag", needs=EDIT, request=SetTag, speaks=ops.SetRegisteredModelTag, call=_set_tag, **_NOTHING),
    _route(
        "DELETE",
        "delete-tag",
        needs=EDIT,
        request=DeleteTag,
        speaks=ops.DeleteRegisteredModelTag,
        call=_delete_tag,
        **_NOTHING,
    ),
    _route("POST", "alias", needs=EDIT, request=SetAlias, speaks=ops.SetModelAlias, call=_set_alias, **_NOTHING),
    _route("DELETE", "alias", needs=EDIT, request=Alias, speaks=ops.DeleteModelAlias, call=_delete_alias, **_NOTHING),
    _route(
        "GET",
        "alias",
        needs=READ,
        request=Alias,
        speaks=queries.GetModelVersionByAlias,
        call=_get_by_alias,
        reply=reply_version,
        answer=answers.OneVersion,
    ),
)
