"""Runs on the wire: their life, search, and the tags and params of one call each. Batches are in `batches`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import (
    Int64,
    MaybeInt64,
    Text,
    View,
    Word,
    check,
    check_positive,
    invalid,
    or_none,
    read_status,
    read_view,
)
from millstream.formats.wire.experiments import Tag
from millstream.formats.wire.needs import NARROWED, edit, manage, read
from millstream.formats.wire.route import Given, Request, Route, reply_nothing
from millstream.values import ops, queries
from millstream.values.entities import Page, Param, Run, RunInfo, RunTag, ViewType
from millstream.values.names import (
    MAX_PARAM_VALUE,
    MAX_RESULTS,
    MAX_TAG_VALUE,
    RUN_NAME_TAG,
    check_experiment_id,
    check_key,
    check_run_id,
    check_text,
)


class Create(Request, frozen=True, kw_only=True):
    """Fields of runs/create. The border makes the id and the start time where they are left out.

    MLflow's clients give no id. With one that the client made, a run is there once, however often it is sent.
    """

    run_id: str = ""
    experiment_id: Text
    user_id: str = ""
    run_name: str = ""
    start_time: MaybeInt64 = UNSET
    tags: tuple[Tag, ...] = ()


class Update(Request, frozen=True, kw_only=True):
    """Fields of runs/update: only those given change."""

    run_id: Text
    status: Word = ""
    end_time: MaybeInt64 = UNSET
    run_name: str = ""


class ById(Request, frozen=True, kw_only=True):
    """Fields of runs/get, delete and restore."""

    run_id: Text


class Search(Request, frozen=True, kw_only=True):
    """Fields of runs/search."""

    experiment_ids: tuple[str, ...] = ()
    filter: str = ""
    run_view_type: View = ViewType.ACTIVE_ONLY
    max_results: Int64 = 1000
    order_by: tuple[str, ...] = ()
    page_token: str = ""


class LogParameter(Request, frozen=True, kw_only=True):
    """Fields of runs/log-parameter; an absent value is the empty text."""

    run_id: Text
    key: Text
    value: str = ""


class SetTag(Request, frozen=True, kw_only=True):
    """Fields of runs/set-tag."""

    run_id: Text
    key: Text
    value: str = ""


class DeleteTag(Request, frozen=True, kw_only=True):
    """Fields of runs/delete-tag."""

    run_id: Text
    key: Text


def checked_run(run_id: str, name: str = "run_id") -> str:
    """`run_id` when it has the form of one."""
    return check(name, run_id, check_run_id)


def checked_param(path: str, key: str, value: str) -> Param:
    """The param, when key and value keep the rules; `path` is where in the request it stands."""
    check(f"{path}key", key, check_key, "param")
    return Param(key, check(f"{path}value", value, check_text, f"value of param {key!r}", MAX_PARAM_VALUE))


def checked_tag(path: str, key: str, value: str) -> RunTag:
    """The tag, when key and value keep the rules; `path` is where in the request it stands."""
    check(f"{path}key", key, check_key, "tag")
    return RunTag(key, check(f"{path}value", value, check_text, f"value of tag {key!r}", MAX_TAG_VALUE))


def _create(request: Create, given: Given) -> ops.CreateRun:
    tags = dict(_pair(checked_tag(f"tags[{index}].", tag.key, tag.value)) for index, tag in enumerate(request.tags))
    if request.run_name and tags.get(RUN_NAME_TAG, request.run_name) != request.run_name:
        raise invalid(
            "run_name", request.run_name, f"The tag {RUN_NAME_TAG!r} says {tags[RUN_NAME_TAG]!r}; give one name only."
        )
    start = or_none(request.start_time)
    if start is not None and start < 0:
        raise invalid("start_time", start, "It must not be negative.")
    return ops.CreateRun(
        run_id=checked_run(request.run_id) if request.run_id else given.new_run_id(),
        experiment_id=check("experiment_id", request.experiment_id, check_experiment_id),
        start_time=given.now if start is None else start,
        user_id=check("user_id", request.user_id, check_text, "user name", MAX_TAG_VALUE),
        run_name=check("run_name", request.run_name, check_text, "run name", MAX_TAG_VALUE) or None,
        tags=tags,
    )


def _pair(tag: RunTag) -> tuple[str, str]:
    return tag.key, tag.value


def _update(request: Update, _given: Given) -> ops.UpdateRun:
    return ops.UpdateRun(
        run_id=checked_run(request.run_id),
        status=None if request.status == "" else read_status(request.status),
        end_time=or_none(request.end_time),
        run_name=check("run_name", request.run_name, check_text, "run name", MAX_TAG_VALUE) or None,
    )


def _search(request: Search, _given: Given) -> queries.SearchRuns:
    for index, experiment_id in enumerate(request.experiment_ids):
        check(f"experiment_ids[{index}]", experiment_id, check_experiment_id)
    return queries.SearchRuns(
        experiment_ids=request.experiment_ids,
        filter=request.filter,
        view=read_view(request.run_view_type, "run_view_type"),
        order_by=request.order_by,
        max_results=check_positive("max_results", request.max_results, MAX_RESULTS),
        page_token=request.page_token or None,
    )


def _get(request: ById, _given: Given) -> queries.GetRun:
    return queries.GetRun(run_id=checked_run(request.run_id))


def _delete(request: ById, given: Given) -> ops.DeleteRun:
    return ops.DeleteRun(run_id=checked_run(request.run_id), time=given.now)


def _restore(request: ById, _given: Given) -> ops.RestoreRun:
    """Undo the deletion of a run."""
    return ops.RestoreRun(run_id=checked_run(request.run_id))


def _log_parameter(request: LogParameter, _given: Given) -> ops.LogBatch:
    """Add one param of a run; a param is written once."""
    param = checked_param("", request.key, request.value)
    return ops.LogBatch(run_id=checked_run(request.run_id), params=(param,))


def _set_tag(request: SetTag, _given: Given) -> ops.LogBatch:
    """Set or overwrite one tag of a run."""
    tag = checked_tag("", request.key, request.value)
    return ops.LogBatch(run_id=checked_run(request.run_id), tags=(tag,))


def _delete_tag(request: DeleteTag, _given: Given) -> ops.DeleteTag:
    return ops.DeleteTag(run_id=checked_run(request.run_id), key=request.key)


def _reply_run(item: Run, _given: Given) -> dict[str, Any]:
    return {"run": encode.run(item)}


def _reply_info(info: RunInfo, _given: Given) -> dict[str, Any]:
    return {"run_info": encode.run_info(info)}


def _reply_page(page: Page[Run], _given: Given) -> dict[str, Any]:
    return encode.without_empty(runs=[encode.run(item) for item in page], next_page_token=page.token)


def _route(verb: str, path: str, **rest: Any) -> Route:
    return Route(methods=(verb,), path=f"runs/{path}", **rest)


READ, EDIT, MANAGE = (needs(run="run_id") for needs in (read, edit, manage))
ROUTES = (
    _route(
        "POST",
        "create",
        needs=edit(experiment="experiment_id"),
        request=Create,
        speaks=ops.CreateRun,
        call=_create,
        reply=_reply_run,
        answer=answers.OneRun,
    ),
    _route(
        "POST",
        "update",
        needs=EDIT,
        request=Update,
        speaks=ops.UpdateRun,
        call=_update,
        reply=_reply_info,
        answer=answers.RunInfoOnly,
    ),
    _route("POST", "delete", needs=MANAGE, request=ById, speaks=ops.DeleteRun, call=_delete, reply=reply_nothing),
    _route("POST", "restore", needs=MANAGE, request=ById, speaks=ops.RestoreRun, call=_restore, reply=reply_nothing),
    _route(
        "GET",
        "get",
        needs=READ,
        request=ById,
        speaks=queries.GetRun,
        call=_get,
        reply=_reply_run,
        answer=answers.OneRun,
    ),
    _route(
        "POST",
        "search",
        needs=NARROWED,
        request=Search,
        speaks=queries.SearchRuns,
        call=_search,
        reply=_reply_page,
        answer=answers.Runs,
    ),
    _route(
        "POST",
        "log-parameter",
        needs=EDIT,
        request=LogParameter,
        speaks=ops.LogBatch,
        call=_log_parameter,
        reply=reply_nothing,
    ),
    _route("POST", "set-tag", needs=EDIT, request=SetTag, speaks=ops.LogBatch, call=_set_tag, reply=reply_nothing),
    _route(
        "POST", "delete-tag", needs=EDIT, request=DeleteTag, speaks=ops.DeleteTag, call=_delete_tag, reply=reply_nothing
    ),
)
