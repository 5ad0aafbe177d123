"""Experiments and datasets, as a client asks for them."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire import experiments, replies
from millstream.formats.wire.calls.call import Call, Fields, call, find, read_nothing, texts
from millstream.values import ops, queries
from millstream.values.entities import DatasetSummary, Experiment, Page, ViewType


def view_word(view: int) -> Any:
    """The word of a view type; a number that is none is left for the server to refuse."""
    return ViewType.NAMES[view - 1] if 1 <= view <= len(ViewType.NAMES) else view


def page_of(reply: Fields, field: str, read: Any) -> Page[Any]:
    """The page that `reply` has under `field`, with each item as `read` makes it."""
    return Page((read(item) for item in reply.get(field) or ()), reply.get("next_page_token") or None)


def _create(op: ops.CreateExperiment) -> Fields:
    return {"name": op.name, "artifact_location": op.artifact_location, "tags": texts(op.tags) or None}


def _search(query: queries.SearchExperiments) -> Fields:
    return {
        "view_type": view_word(query.view),
        "filter": query.filter or None,
        "order_by": list(query.order_by) or None,
        "max_results": query.max_results,
        "page_token": query.page_token,
    }


def _by_id(what: Any) -> Fields:
    return {"experiment_id": what.experiment_id}


def _experiment(reply: Fields, _what: object) -> Experiment:
    return replies.experiment(reply.get("experiment"))


def _dataset(item: Fields) -> DatasetSummary:
    name, digest = str(item.get("name", "")), str(item.get("digest", ""))
    return DatasetSummary(str(item.get("experiment_id", "")), name, digest, item.get("context") or None)


def _route(path: str) -> Any:
    return find(experiments.ROUTES, f"experiments/{path}")


CALLS: tuple[Call, ...] = (
    call(ops.CreateExperiment, _route("create"), _create, lambda reply, _: str(reply["experiment_id"])),
    call(
        ops.RenameExperiment,
        _route("update"),
        lambda op: {"experiment_id": op.experiment_id, "new_name": op.name},
        read_nothing,
    ),
    call(ops.DeleteExperiment, _route("delete"), _by_id, read_nothing),
    call(ops.RestoreExperiment, _route("restore"), _by_id, read_nothing),
    call(
        ops.SetExperimentTag,
        _route("set-experiment-tag"),
        lambda op: {"experiment_id": op.experiment_id, "key": op.key, "value": op.value},
        read_nothing,
    ),
    call(
        ops.DeleteExperimentTag,
        _route("delete-experiment-tag"),
        lambda op: {"experiment_id": op.experiment_id, "key": op.key},
        read_nothing,
    ),
    call(queries.GetExperiment, _route("get"), _by_id, _experiment),
    call(
        queries.GetExperimentByName,
        _route("get-by-name"),
        lambda query: {"experiment_name": query.name},
        _experiment,
    ),
    call(
        queries.SearchExperiments,
        _route("search"),
        _search,
        lambda reply, _: page_of(reply, "experiments", replies.experiment),
    ),
    call(
        queries.SearchDatasets,
        _route("search-datasets"),
        lambda query: {"experiment_ids": list(query.experiment_ids)},
        lambda reply, _: [_dataset(item) for item in reply.get("dataset_summaries") or ()],
    ),
)
