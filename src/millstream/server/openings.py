"""`POST /api/ui/opening`: what the page of an experiment's runs needs before it can show rows, in one answer."""

from __future__ import annotations

import re
from typing import Any

from msgspec import UNSET, UnsetType, structs

from millstream.formats.wire import encode
from millstream.formats.wire.decode import Int64, Text, View, check, or_none, read_view
from millstream.formats.wire.needs import read
from millstream.formats.wire.route import Given, Request, Route
from millstream.server import interface, replies
from millstream.values import outlines, queries
from millstream.values.changes import ReadChanges
from millstream.values.entities import ViewType
from millstream.values.names import MAX_RESULTS, check_experiment_id
from millstream.values.queries import Query

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NUMBER = re.compile(r"([0-9]+)")


class Opening(Request, frozen=True, kw_only=True):
    """Fields of ui/opening: the first window of an experiment's runs, which keys they have, and where changes begin.

    Without `columns` the window has those that tell most runs apart: at most so many `metrics` and `params`. `nested`
    counts where some runs are children of others.
    """

    experiment_id: Text
    filter: str = ""
    order_by: tuple[str, ...] = ()
    view: View = ViewType.ACTIVE_ONLY
    columns: tuple[str, ...] | UnsetType = UNSET
    metrics: Int64 = 6
    params: Int64 = 8
    group_by: tuple[str, ...] = ()
    nested: bool = False
    open: tuple[str, ...] = ()
    limit: Int64 = 200


def _first(request: Opening) -> tuple[Query[Any], ...]:
    experiment_id = check("experiment_id", request.experiment_id, check_experiment_id)
    # What changes after the position was read is told of, so that nothing is missed.
    return (
        ReadChanges(),
        queries.GetExperiment(experiment_id=experiment_id),
        outlines.ListKeys(experiment_ids=(experiment_id,), view=read_view(request.view, "view")),
    )


def _window(request: Opening, given: Given) -> queries.TabulateRuns | outlines.OutlineRuns:
    _, _, keys = given.first
    interface.within("len(open)", len(request.open), 0, interface.MAX_OPEN)
    interface.within("len(group_by)", len(request.group_by), 0, interface.MAX_GROUP_KEYS)
    columns = or_none(request.columns)
    asked: dict[str, Any] = {
        "experiment_ids": (request.experiment_id,),
        "filter": request.filter,
        "view": read_view(request.view, "view"),
        "order_by": request.order_by,
        "limit": interface.within("limit", request.limit, 0, MAX_RESULTS),
        "columns": likely_columns(keys, request.metrics, request.params) if columns is None else columns,
    }
    nested = request.nested and outlines.PARENT_TAG in keys.tags.key
    if not nested and not request.group_by:
        return queries.TabulateRuns(**asked)
    return outlines.OutlineRuns(**asked, group_by=request.group_by, nested=nested, open=request.open)


def likely_columns(keys: outlines.RunKeys, metrics: int, params: int) -> tuple[str, ...]:
    """The first columns that the page shows: what most runs have and not all alike; of a single run all it has."""
    some = keys.total < 2
    return (
        *_likeliest("metrics", keys.metrics, metrics, some),
        *_likeliest("params", keys.params, params, some),
    )


def _likeliest(kind: str, keys: outlines.KeyColumns, most: int, some: bool) -> tuple[str, ...]:
    rows = zip(keys.key, keys.runs, keys.varies, strict=True)
    # What the machine measured beside a run comes last, as on the page.
    found = sorted((key.startswith("system/"), -runs, _parts(key), key) for key, runs, varies in rows if varies or some)
    return tuple(f"{kind}.{_quoted(key)}" for *_, key in found[: max(0, most)])


def _quoted(key: str) -> str:
    return key if _PLAIN.fullmatch(key) else f"`{key}`"


def _parts(key: str) -> list[tuple[int, str]]:
    """For an order in which m2 is before m10, as people expect it."""
    return [(int(part), "") if part.isdecimal() else (-1, part.casefold()) for part in _NUMBER.split(key) if part]


def _reply(window: queries.RunTable | outlines.RunOutline, given: Given) -> dict[str, Any]:
    changes, experiment, keys = given.first
    outline = None if isinstance(window, queries.RunTable) else interface.reply_outline(window, given)
    return {
        "position": changes.position,
        "experiment": encode.experiment(experiment),
        "keys": interface.reply_keys(keys, given),
        "table": interface.reply_runs(window, given) if isinstance(window, queries.RunTable) else None,
        "outline": outline,
    }


ROUTES: tuple[Route, ...] = (
    structs.replace(
        interface.posted(
            "opening",
            read(experiment="experiment_id"),
            Opening,
            queries.TabulateRuns,
            _window,
            _reply,
            replies.Opening,
        ),
        first=_first,
    ),
)
