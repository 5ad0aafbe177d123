"""Every read as one small frozen struct. A store's `read(query)` returns the query's result type."""

from __future__ import annotations

from typing import Generic, Literal, TypeVar

from msgspec import Struct

from millstream.values.addresses import Signed
from millstream.values.curves import Curve as Curve
from millstream.values.curves import Envelope as Envelope
from millstream.values.entities import (
    DatasetSummary,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    ModelVersion,
    Page,
    RegisteredModel,
    Run,
    RunInfo,
    ViewType,
)
from millstream.values.rights import EVERYTHING, Seen
from millstream.values.space import StoreSpace

T = TypeVar("T")


class Query(Struct, Generic[T], frozen=True, kw_only=True):
    """Base of all reads; `T` is the type of the answer."""


class GetExperiment(Query[Experiment], frozen=True, kw_only=True):
    """One experiment by id, deleted ones too."""

    experiment_id: str


class GetExperimentByName(Query[Experiment], frozen=True, kw_only=True):
    """One experiment by name, deleted ones too."""

    name: str


class SearchExperiments(Query[Page[Experiment]], frozen=True, kw_only=True):
    """Experiments that match `filter`, newest first unless `order_by` says otherwise; only `seen` ones."""

    view: int = ViewType.ACTIVE_ONLY
    filter: str = ""
    order_by: tuple[str, ...] = ()
    max_results: int = 1000
    page_token: str | None = None
    seen: Seen = EVERYTHING


class GetRun(Query[Run], frozen=True, kw_only=True):
    """One run by id with its latest data, deleted ones too."""

    run_id: str


class GetRunInfo(Query[RunInfo], frozen=True, kw_only=True):
    """Identity, status and times of one run by id, deleted ones too; cheaper than all of its data."""

    run_id: str


class SearchRuns(Query[Page[Run]], frozen=True, kw_only=True):
    """Runs of `experiment_ids` that match `filter`, newest first unless `order_by` says otherwise.

    With `columns`, only the metrics, params and tags that they name (``metrics.loss``, ``tags.*``); None means all.
    """

    experiment_ids: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY
    order_by: tuple[str, ...] = ()
    max_results: int = 1000
    page_token: str | None = None
    columns: tuple[str, ...] | None = None


class CountRuns(Query[int], frozen=True, kw_only=True):
    """How many runs of `experiment_ids` match `filter`."""

    experiment_ids: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY


class Facet(Struct, frozen=True):
    """What the matching runs have under one `key`, which is written as in `columns`.

    `present` runs have it, with `distinct` values; the most frequent are in `values` with the number of runs (none
    for metrics and times). Where values are numbers, `minimum` and `maximum` are their bounds; of the numbers of
    metrics, `undefined` are NaN, and of the texts of a param, so many are no number.
    """

    key: str
    present: int
    distinct: int
    values: tuple[tuple[str, int], ...] = ()
    minimum: float | int | None = None
    maximum: float | int | None = None
    undefined: int = 0


class FacetRuns(Query[list[Facet]], frozen=True, kw_only=True):
    """For each of `keys` what the runs that match `filter` have there, with at most `limit` values."""

    experiment_ids: tuple[str, ...]
    keys: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY
    limit: int = 100


class RunTable(Struct, frozen=True):
    """A window of a run search as columns: item i of every list belongs to run i; None where a run has no value.

    `total` counts all matching runs, not only this window. Metrics are the latest values.
    """

    total: int
    run_id: list[str]
    experiment_id: list[str]
    run_name: list[str]
    status: list[str]
    lifecycle_stage: list[str]
    user_id: list[str]
    start_time: list[int | None]
    end_time: list[int | None]
    artifact_uri: list[str]
    metrics: dict[str, list[float | None]]
    params: dict[str, list[str | None]]
    tags: dict[str, list[str | None]]


class TabulateRuns(Query[RunTable], frozen=True, kw_only=True):
    """A window of matching runs in columns, with the count of all; for tables and data frames.

    With `columns`, only the metrics, params and tags that they name, and each of these, also when no run has it;
    ``metrics.loss.min`` is the metric "loss.min" of the table.
    """

    experiment_ids: tuple[str, ...]
    filter: str = ""
    view: int = ViewType.ACTIVE_ONLY
    order_by: tuple[str, ...] = ()
    offset: int = 0
    limit: int = 1000
    columns: tuple[str, ...] | None = None


class MetricHistory(Query[Page[Metric]], frozen=True, kw_only=True):
    """Every point of one metric of one run, in the order it was written; `max_results` None means all."""

    run_id: str
    key: str
    max_results: int | None = None
    page_token: str | None = None


class MetricHistories(Query[list[Metric]], frozen=True, kw_only=True):
    """Points of one metric of many runs, each with its `run_id`, by run, time, step, value; at most `max_results`."""

    run_ids: tuple[str, ...]
    key: str
    max_results: int = 25_000


class SampledHistories(Query[list[Metric]], frozen=True, kw_only=True):
    """At most `max_results` points a run; the first, last, lowest and highest of every stretch are kept."""

    run_ids: tuple[str, ...]
    key: str
    start_step: int | None = None
    end_step: int | None = None
    max_results: int = 2500


class MetricEnvelope(Query[Envelope], frozen=True, kw_only=True):
    """What one metric of one run looks like in `width` pixel columns from `low` to `high`; exact at every zoom.

    `x` is "step", "time" (ms since 1970) or "relative" (ms since the run's start; since 1970 when that is not known).
    None for `low` or `high` is the series' own. The pixel column of an x is ``(x - low) * width // (high - low + 1)``.
    """

    run_id: str
    key: str
    x: str = "step"
    low: int | None = None
    high: int | None = None
    width: int = 1000


class MetricCurves(Query[list[Curve]], frozen=True, kw_only=True):
    """Several metrics of several runs as lines for charts `width` pixels wide; series without points are left out.

    `x`, `low` and `high` as of `MetricEnvelope`. With `since`, one bound a run (None for none), only points from it on.
    """

    run_ids: tuple[str, ...]
    keys: tuple[str, ...]
    x: str = "step"
    low: int | None = None
    high: int | None = None
    width: int = 1000
    since: tuple[int | None, ...] = ()


class ListArtifacts(Query[list[FileInfo]], frozen=True, kw_only=True):
    """Files and directories directly below `path` in a run's artifacts, by name."""

    run_id: str
    path: str = ""


class SearchDatasets(Query[list[DatasetSummary]], frozen=True, kw_only=True):
    """Datasets that active runs of `experiment_ids` used, each once a context, by experiment, name, digest, context."""

    experiment_ids: tuple[str, ...]


class GetLoggedModel(Query[LoggedModel], frozen=True, kw_only=True):
    """One logged model by id; NotFound for a deleted one unless `deleted`."""

    model_id: str
    deleted: bool = False


class ModelOrder(Struct, frozen=True):
    """A sort key of logged models: an attribute, or ``metrics.<key>``, of one dataset when one is named."""

    field: str
    ascending: bool = True
    dataset_name: str | None = None
    dataset_digest: str | None = None


class ModelDataset(Struct, frozen=True):
    """A dataset by name, and by digest unless that is None."""

    name: str
    digest: str | None = None


class SearchLoggedModels(Query[Page[LoggedModel]], frozen=True, kw_only=True):
    """Active logged models that match `filter`, newest first unless `order_by` says otherwise.

    With `datasets`, conditions on metrics look only at points that were logged for one of them.
    """

    experiment_ids: tuple[str, ...]
    filter: str = ""
    datasets: tuple[ModelDataset, ...] = ()
    order_by: tuple[ModelOrder, ...] = ()
    max_results: int = 100
    page_token: str | None = None


class ListModelArtifacts(Query[list[FileInfo]], frozen=True, kw_only=True):
    """Files and directories directly below `path` in a logged model's artifacts, by name."""

    model_id: str
    path: str = ""


class GetRegisteredModel(Query[RegisteredModel], frozen=True, kw_only=True):
    """One registered model by name."""

    name: str


class SearchRegisteredModels(Query[Page[RegisteredModel]], frozen=True, kw_only=True):
    """Registered models that match `filter`, by name unless `order_by` says otherwise; only `seen` ones."""

    filter: str = ""
    order_by: tuple[str, ...] = ()
    max_results: int = 100
    page_token: str | None = None
    seen: Seen = EVERYTHING


class GetLatestVersions(Query[list[ModelVersion]], frozen=True, kw_only=True):
    """The newest version of each stage in which a registered model has one; only of `stages`, when there are any."""

    name: str
    stages: tuple[str, ...] = ()


class GetModelVersion(Query[ModelVersion], frozen=True, kw_only=True):
    """One version of a registered model."""

    name: str
    version: int


class GetModelVersionByAlias(Query[ModelVersion], frozen=True, kw_only=True):
    """The version that `alias` stands for; "latest" is the newest one. InvalidValue for an alias that is not there."""

    name: str
    alias: str


class SearchModelVersions(Query[Page[ModelVersion]], frozen=True, kw_only=True):
    """Model versions that match `filter`, the last changed first unless `order_by` says otherwise.

    Only those of registered models that are `seen`.
    """

    filter: str = ""
    order_by: tuple[str, ...] = ()
    max_results: int = 10_000
    page_token: str | None = None
    seen: Seen = EVERYTHING


class SignArtifact(Query[Signed], frozen=True, kw_only=True):
    """An address at which the file `path` of a run or logged model can be fetched (GET) or put (PUT) for `seconds`.

    InvalidValue where the artifacts are in no store that signs addresses.
    """

    run_id: str = ""
    model_id: str = ""
    path: str
    method: Literal["GET", "PUT"]
    seconds: int


class StoreFacts(Struct, frozen=True):
    """What a store says of itself: kind, place, whether it exists yet, how much it holds, what it cannot read.

    `problems` are sentences about everything that cannot be read; so many as `left_out` runs and experiments are
    missing in every answer for it.
    """

    kind: str
    location: str
    exists: bool
    experiments: int
    runs: int
    problems: tuple[str, ...] = ()
    left_out: int = 0


class WasDone(Query[bool], frozen=True, kw_only=True):
    """Whether the op of this id was carried out, as the request with this digest; nothing of what it did."""

    op_id: str
    digest: str


class DescribeStore(Query[StoreFacts], frozen=True, kw_only=True):
    """Counts and location, for `doctor`, the UI's empty state and start-up messages.

    Whoever has not `seen` everything is told of the experiments and runs that he may know of, and of no place.
    """

    seen: Seen = EVERYTHING


class MeasureSpace(Query[StoreSpace], frozen=True, kw_only=True):
    """What runs, experiments and logged models take up, deleted ones too; of `experiment_ids` or, if none, of all."""

    experiment_ids: tuple[str, ...] = ()


class FindDeleted(Query[StoreSpace], frozen=True, kw_only=True):
    """What may be removed for good, runs and logged models of deleted experiments among it.

    With `run_ids`, `experiment_ids` or `model_ids` only these; NotFound or InvalidState when one cannot be
    removed. `before` (ms): only what was deleted earlier.
    """

    run_ids: tuple[str, ...] = ()
    experiment_ids: tuple[str, ...] = ()
    model_ids: tuple[str, ...] = ()
    before: int | None = None
