"""Replies of the routes that our own pages ask, as types."""

from __future__ import annotations

from typing import Literal

from millstream.formats.wire.answers import Answer, ExperimentObject, Number, Stage, Status


class StoreObject(Answer, frozen=True, kw_only=True):
    """What is served; so many as `left_out` runs and experiments cannot be read, for the reasons in `problems`."""

    kind: str
    location: str
    exists: bool
    experiments: int
    runs: int
    problems: list[str]
    left_out: int


class About(Answer, frozen=True, kw_only=True):
    """This server: its version, when it was started (ms), whether users log in, and its store."""

    version: str
    started: int
    login: bool
    store: StoreObject


class RunColumns(Answer, frozen=True, kw_only=True):
    """A window of runs in columns: item i of every list belongs to run i. `total` counts all matching runs."""

    total: int
    run_id: list[str]
    experiment_id: list[str]
    run_name: list[str]
    status: list[Status]
    lifecycle_stage: list[Stage]
    user_id: list[str]
    start_time: list[int | None]
    end_time: list[int | None]
    artifact_uri: list[str]
    metrics: dict[str, list[Number | None]]
    params: dict[str, list[str | None]]
    tags: dict[str, list[str | None]]


class ExperimentColumns(Answer, frozen=True, kw_only=True):
    """Experiments in columns, the newest first, with counts of their active runs and the last of these to start.

    `note` is the beginning of the experiment's note.
    """

    experiment_id: list[str]
    name: list[str]
    lifecycle_stage: list[Stage]
    creation_time: list[int | None]
    note: list[str]
    runs: list[int]
    running: list[int]
    last_run: list[str | None]
    last_name: list[str | None]
    last_status: list[Status | None]
    last_start: list[int | None]


class Spread(Answer, frozen=True, kw_only=True):
    """How a metric spreads in groups: item i is about group i. `std` is that of a sample."""

    count: list[int]
    mean: list[Number | None]
    std: list[Number | None]
    min: list[Number | None]
    max: list[Number | None]


class RunGroups(Answer, frozen=True, kw_only=True):
    """Groups of runs in columns, with what all runs of a group have, by key."""

    id: list[str]
    runs: list[int]
    values: dict[str, list[str | None]]
    metrics: dict[str, Spread]


class Outline(Answer, frozen=True, kw_only=True):
    """A window of rows: row i is run `run[i]` of the table, or the next one of the groups where that is null."""

    total: int
    runs: int
    run: list[int | None]
    depth: list[int]
    below: list[int]
    table: RunColumns
    groups: RunGroups


class FacetObject(Answer, frozen=True, kw_only=True):
    """What the matching runs have under one key: the most frequent values with their counts, or bounds."""

    key: str
    present: int
    distinct: int
    values: list[tuple[str, int]]
    minimum: int | Number | None
    maximum: int | Number | None
    undefined: int


class Facets(Answer, frozen=True, kw_only=True):
    """One facet a key."""

    facets: list[FacetObject]


class KeyColumns(Answer, frozen=True, kw_only=True):
    """Keys by name: item i of every list is about key i. What does not vary has one value in all matching runs."""

    key: list[str]
    runs: list[int]
    varies: list[bool]
    numeric: list[bool]
    value: list[str | None]


class Keys(Answer, frozen=True, kw_only=True):
    """Which keys the `total` matching runs have."""

    total: int
    metrics: KeyColumns
    params: KeyColumns
    tags: KeyColumns


class Opening(Answer, frozen=True, kw_only=True):
    """An experiment, its keys, and the first rows: a table, or an outline where they stand in groups or below others.

    Changes after `position` may not be in it: a stream of changes that begins there tells of them.
    """

    position: str
    experiment: ExperimentObject
    keys: Keys
    table: RunColumns | None
    outline: Outline | None


class SeriesObject(Answer, frozen=True, kw_only=True):
    """Points of a metric of one run in columns."""

    run_id: str
    key: str
    step: list[int]
    time: list[int]
    value: list[Number]


class Series(Answer, frozen=True, kw_only=True):
    """One series a run that has the metric."""

    series: list[SeriesObject]


class Envelope(Answer, frozen=True, kw_only=True):
    """A series as it looks in a chart: item i of every list is about pixel column `column[i]`."""

    run_id: str
    key: str
    x: Literal["step", "time", "relative"]
    low: int | None
    high: int | None
    width: int
    column: list[int]
    count: list[int]
    nan_count: list[int]
    first_x: list[int]
    first: list[Number]
    last_x: list[int]
    last: list[Number]
    min_x: list[int | None]
    min: list[Number | None]
    max_x: list[int | None]
    max: list[Number | None]


class CurveObject(Answer, frozen=True, kw_only=True):
    """A series as a line: all points in sight when it is `whole`, else those that tell; NaN are among them."""

    run_id: str
    key: str
    count: int
    nan_count: int
    whole: bool
    x: list[int]
    y: list[Number]


class Curves(Answer, frozen=True, kw_only=True):
    """One curve a series that has points."""

    curves: list[CurveObject]
