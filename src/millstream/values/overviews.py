"""What is there across experiments: all of them with what goes on in each, and runs wherever they are."""

from __future__ import annotations

from msgspec import Struct

from millstream.values.entities import ViewType
from millstream.values.queries import Query, RunTable
from millstream.values.rights import EVERYTHING, Seen

NOTE_START = 200
"""Characters of an experiment's note that a list of experiments has."""


class ExperimentColumns(Struct, frozen=True):
    """Experiments, the newest first: item i of every list is about experiment i.

    `note` is the beginning of its note. `runs` and `running` count its active runs. The last of them to start is
    `last_run`, with what it is called, how it stands and when it started (ms); None where there is none.
    """

    experiment_id: list[str]
    name: list[str]
    lifecycle_stage: list[str]
    creation_time: list[int | None]
    note: list[str]
    runs: list[int]
    running: list[int]
    last_run: list[str | None]
    last_name: list[str | None]
    last_status: list[str | None]
    last_start: list[int | None]


class ListExperiments(Query[ExperimentColumns], frozen=True, kw_only=True):
    """All `seen` experiments with what goes on in each."""

    view: int = ViewType.ACTIVE_ONLY
    seen: Seen = EVERYTHING


class FindRuns(Query[RunTable], frozen=True, kw_only=True):
    """Active runs of all `seen` active experiments, at most `limit`; without their data.

    Each word of `text` is in the name of a run or begins its id, whatever its case; with a `status` only runs that
    have it. Those with all words in their names come first, and of alike ones the last to start.
    """

    text: str = ""
    status: str = ""
    limit: int = 20
    seen: Seen = EVERYTHING
