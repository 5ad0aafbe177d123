"""Versions of registered models on the wire: their life, search, stages and tags."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import Int64, Text, check, check_positive, invalid
from millstream.formats.wire.experiments import Tag
from millstream.formats.wire.needs import NARROWED, edit, manage, read
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.values import ops, queries
from millstream.values.entities import ModelVersion, Page
from millstream.values.errors import InvalidValue
from millstream.values.names import (
    MAX_DESCRIPTION,
    MAX_LOCATION,
    MAX_REGISTRY_TAG_VALUE,
    MAX_VERSIONS_PAGE,
    check_key,
    check_model_id,
    check_model_stage,
    check_registered_name,
    check_run_id,
    check_text,
    check_version,
)


class Create(Request, frozen=True, kw_only=True):
    """Fields of model-versions/create."""

    name: Text
    source: Text
    run_id: str = ""
    run_link: str = ""
    description: str = ""
    tags: tuple[Tag, ...] = ()
    model_id: str = ""


class One(Request, frozen=True, kw_only=True):
    """Fields of model-versions/get, delete and get-download-uri."""

    name: Text
    version: Int64


class Fetch(Request, frozen=True, kw_only=True):
    """Fields of model-versions/get-artifact."""

    name: Text
    version: Int64
    path: Text


class List(Request, frozen=True, kw_only=True):
    """Fields of ui/version-files; `path` is from the root of the version's model."""

    name: Text
    version: Int64
    path: str = ""


class Update(Request, frozen=True, kw_only=True):
    """Fields of model-versions/update; without a description it has none from then on."""

    name: Text
    version: Int64
    description: str | None = None


class Transition(Request, frozen=True, kw_only=True):
    """Fields of model-versions/transition-stage."""

    name: Text
    version: Int64
    stage: Text
    archive_existing_versions: bool = False


class Search(Request, frozen=True, kw_only=True):
    """Fields of model-versions/search."""

    filter: str = ""
    max_results: Int64 = MAX_VERSIONS_PAGE
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class SetTag(Request, frozen=True, kw_only=True):
    """Fields of model-versions/set-tag."""

    name: Text
    version: Int64
    key: Text
    value: str = ""


class DeleteTag(Request, frozen=True, kw_only=True):
    """Fields of model-versions/delete-tag."""

    name: Text
    version: Int64
    key: Text


def checked_name(name: str, field: str = "name") -> str:
    """`name` when it may name a registered model."""
    return check(field, name, check_registered_name)


def checked_version(version: int) -> int:
    """The number of a version."""
    return check("version", version, check_version)


def checked_tags(tags: Iterable[Tag], path: str | None = None) -> dict[str, str]:
    """As a map; of two with one key the later stands. `path` is what stands before the names of fields in errors."""
    for index, tag in enumerate(tags):
        before = f"tags[{index}]." if path is None else path
        check(f"{before}key", tag.key, check_key, "tag")
        check(f"{before}value", tag.value, check_text, f"value of tag {tag.key!r}", MAX_REGISTRY_TAG_VALUE)
    return {tag.key: tag.value for tag in tags}


def _create(request: Create, given: Given) -> ops.CreateModelVersion:
    if request.run_id:
        check("run_id", request.run_id, check_run_id)
    if request.model_id:
        check("model_id", request.model_id, check_model_id)
    return ops.CreateModelVersion(
        op_id=given.new_run_id(),
        name=checked_name(request.name),
        source=check("source", request.source, check_text, "source of a model version", MAX_LOCATION),
        time=given.now,
        run_id=request.run_id or None,
        run_link=check("run_link", request.run_link, check_text, "run link", MAX_LOCATION) or None,
        description=check("description", request.description, check_text, "description", MAX_DESCRIPTION) or None,
        model_id=request.model_id or None,
        tags=checked_tags(request.tags),
    )


def _get(request: One, _given: Given) -> queries.GetModelVersion:
    return queries.GetModelVersion(name=checked_name(request.name), version=checked_version(request.version))


def _delete(request: One, given: Given) -> ops.DeleteModelVersion:
    number = checked_version(request.version)
    return ops.DeleteModelVersion(name=checked_name(request.name), version=number, time=given.now)


def _update(request: Update, given: Given) -> ops.UpdateModelVersion:
    if request.description is not None:
        check("description", request.description, check_text, "description", MAX_DESCRIPTION)
    return ops.UpdateModelVersion(
        name=checked_name(request.name),
        version=checked_version(request.version),
        description=request.description,
        time=given.now,
    )


def _transition(request: Transition, given: Given) -> ops.TransitionModelVersion:
    try:
        stage = check_model_stage(request.stage)
    except InvalidValue as error:
        raise invalid("stage", request.stage, error.message) from error
    return ops.TransitionModelVersion(
        name=checked_name(request.name),
        version=checked_version(request.version),
        stage=stage,
        time=given.now,
        archive=request.archive_existing_versions,
    )


def _search(request: Search, _given: Given) -> queries.SearchModelVersions:
    return queries.SearchModelVersions(
        filter=request.filter,
        order_by=request.order_by,
        max_results=check_positive("max_results", request.max_results, MAX_VERSIONS_PAGE),
        page_token=request.page_token or None,
    )


def _set_tag(request: SetTag, _given: Given) -> ops.SetModelVersionTag:
    ((key, value),) = checked_tags((Tag(key=request.key, value=request.value),), "").items()
    number = checked_version(request.version)
    return ops.SetModelVersionTag(name=checked_name(request.name), version=number, key=key, value=value)


def _delete_tag(request: DeleteTag, _given: Given) -> ops.DeleteModelVersionTag:
    key = check("key", request.key, check_key, "tag")
    number = checked_version(request.version)
    return ops.DeleteModelVersionTag(name=checked_name(request.name), version=number, key=key)


def encode_version(version: ModelVersion) -> dict[str, Any]:
    """Reply object of a model version; its number is a text, and what it lacks is mostly an empty one."""
    return encode.without_empty(
        name=version.name,
        version=str(version.version),
        creation_timestamp=version.creation_timestamp,
        last_updated_timestamp=version.last_updated_timestamp,
        user_id=version.user_id,
        current_stage=version.current_stage,
        description=version.description or "",
        source=version.source,
        run_id=version.run_id or "",
        status=version.status,
        status_message=version.status_message,
        tags=encode.pairs(version.tags),
        run_link=version.run_link or "",
        aliases=version.aliases,
        model_id=version.model_id,
    )


def reply_version(version: ModelVersion, _given: Given) -> dict[str, Any]:
    """The reply of routes about one version."""
    return {"model_version": encode_version(version)}


def _reply_page(page: Page[ModelVersion], _given: Given) -> dict[str, Any]:
    return encode.without_empty(model_versions=[encode_version(item) for item in page], next_page_token=page.token)


def _reply_place(version: ModelVersion, _given: Given) -> dict[str, Any]:
    return {"artifact_uri": version.location}


def _route(verb: str, path: str, **rest: Any) -> Route:
    return Route(methods=(verb,), path=f"model-versions/{path}", **rest)


_GET = {"request": One, "speaks": queries.GetModelVersion, "call": _get}
_VERSION = {"reply": reply_version, "answer": answers.OneVersion}
_NOTHING = {"reply": reply_nothing}
READ, EDIT, MANAGE = (level(registered_model="name") for level in (read, edit, manage))
ROUTES = (
    _route(
        "POST",
        "create",
        needs=EDIT & read(run="run_id", logged_model="model_id", source="source"),
        request=Create,
        speaks=ops.CreateModelVersion,
        call=_create,
        **_VERSION,
    ),
    _route("PATCH", "update", needs=EDIT, request=Update, speaks=ops.UpdateModelVersion, call=_update, **_VERSION),
    _route(
        "POST",
        "transition-stage",
        needs=EDIT,
        request=Transition,
        speaks=ops.TransitionModelVersion,
        call=_transition,
        **_VERSION,
    ),
    _route("DELETE", "delete", needs=MANAGE, request=One, speaks=ops.DeleteModelVersion, call=_delete, **_NOTHING),
    _route("GET", "get", needs=READ, **_GET, **_VERSION),
    _route("GET", "get-download-uri", needs=READ, reply=_reply_place, answer=answers.VersionPlace, **_GET),
    _route(
        "GET",
        "search",
        needs=NARROWED,
        request=Search,
        speaks=queries.SearchModelVersions,
        call=_search,
        reply=_reply_page,
        answer=answers.VersionPage,
    ),
    _route("POST", "set-tag", needs=EDIT, request=SetTag, speaks=ops.SetModelVersionTag, call=_set_tag, **_NOTHING),
    _route(
        "DELETE",
        "delete-tag",
        needs=EDIT,
        request=DeleteTag,
        speaks=ops.DeleteModelVersionTag,
        call=_delete_tag,
        **_NOTHING,
    ),
)
