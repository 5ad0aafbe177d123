"""What pages ask that look across experiments: all of them in columns, and runs wherever they are."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from millstream.formats.wire.decode import Int64, View, read_view
from millstream.formats.wire.needs import NARROWED
from millstream.formats.wire.route import Given, Request
from millstream.server import interface, replies
from millstream.values import overviews
from millstream.values.entities import ViewType


class Experiments(Request, frozen=True, kw_only=True):
    """Fields of ui/experiments."""

    view: View = ViewType.ACTIVE_ONLY


class Find(Request, frozen=True, kw_only=True):
    """Fields of ui/find-runs: words of names and ids, and a status, of active runs in all experiments."""

    text: str = ""
    status: str = ""
    limit: Int64 = 20


def _experiments(request: Experiments, _given: Given) -> overviews.ListExperiments:
    return overviews.ListExperiments(view=read_view(request.view, "view"))


def _reply_experiments(found: overviews.ExperimentColumns, _given: Given) -> dict[str, Any]:
    return structs.asdict(found)


def _find(request: Find, _given: Given) -> overviews.FindRuns:
    return overviews.FindRuns(text=request.text, status=request.status, limit=request.limit)


ROUTES = (
    interface.posted(
        "experiments",
        NARROWED,
        Experiments,
        overviews.ListExperiments,
        _experiments,
        _reply_experiments,
        replies.ExperimentColumns,
    ),
    interface.posted("find-runs", NARROWED, Find, overviews.FindRuns, _find, interface.reply_runs, replies.RunColumns),
)
