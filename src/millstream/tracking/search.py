"""Runs as a pandas DataFrame, an Arrow table or a list; how many there are; a metric as it looks in a chart."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from millstream.stores.base import Store
from millstream.tracking import state
from millstream.values import names
from millstream.values.entities import Run, ViewType
from millstream.values.errors import InvalidValue, MissingDependency, NotFound
from millstream.values.queries import (
    CountRuns,
    Envelope,
    GetExperimentByName,
    MetricEnvelope,
    RunTable,
    SearchExperiments,
    SearchRuns,
    TabulateRuns,
)
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    import pandas
    import pyarrow

_log = logging.getLogger("millstream")

ALL_RUNS = 100_000


def search_runs(
    experiment_ids: Sequence[str | int] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int = ALL_RUNS,
    order_by: Sequence[str] | None = None,
    output_format: str = "pandas",
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
    *,
    columns: Sequence[str] | None = None,
) -> pandas.DataFrame | pyarrow.Table | list[Run]:
    """Runs that match `filter_string`: a DataFrame (`output_format` "pandas"), a table ("arrow") or Runs ("list").

    Without ids and names the active experiment is searched. Columns of a frame: run_id, experiment_id, status,
    artifact_uri, start_time, end_time (UTC), then ``metrics.*`` (NaN where missing), ``params.*`` and ``tags.*``
    (None or NaN where missing, as pandas has it); of a table the same, with null where missing.

    `columns` names the metrics, params and tags that are wanted, as in ``["metrics.loss.min", "params.*"]``: less is
    read then, and each of these columns is there, also when no run has it. None means all.
    """
    store = state.store()
    query = TabulateRuns(
        experiment_ids=_experiments(store, experiment_ids, experiment_names, search_all_experiments),
        filter=filter_string or "",
        view=run_view_type,
        order_by=_texts(order_by),
        limit=max_results,
        columns=None if columns is None else _texts(columns),
    )
    if output_format == "list":
        return _all_runs(store, query)
    if output_format == "pandas":
        return _to_frame(_optional("pandas", output_format), store.read(query))
    if output_format == "arrow":
        return _to_arrow(_optional("pyarrow", output_format), store.read(query))
    raise InvalidValue(f"Unsupported output format: {output_format!r}; use 'pandas', 'arrow' or 'list'.")


def count_runs(
    experiment_ids: Sequence[str | int] | None = None,
    filter_string: str = "",
    run_view_type: int = ViewType.ACTIVE_ONLY,
    search_all_experiments: bool = False,
    experiment_names: Sequence[str] | None = None,
) -> int:
    """How many runs match `filter_string`; without ids and names, of the active experiment."""
    store = state.store()
    ids = _experiments(store, experiment_ids, experiment_names, search_all_experiments)
    return store.read(CountRuns(experiment_ids=ids, filter=filter_string or "", view=run_view_type))


def _texts(texts: Sequence[str] | None) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else tuple(texts or ())


def metric_envelope(
    run_id: str, key: str, x: str = "step", low: int | None = None, high: int | None = None, width: int = 1000
) -> Envelope:
    """A metric as it looks in a chart `width` pixels wide, exact at every zoom: first, last, min, max, NaN.

    `x` is "step", "time" (ms since 1970) or "relative" (ms since the run's start); `low` and `high` are in its units,
    the series' own when None. A series of any length costs what is drawn.
    """
    return state.store().read(MetricEnvelope(run_id=run_id, key=key, x=x, low=low, high=high, width=width))


def _experiments(
    store: Store,
    ids: Sequence[str | int] | None,
    experiment_names: Sequence[str] | None,
    search_all: bool,
) -> tuple[str, ...]:
    if ids and experiment_names:
        raise InvalidValue("Give experiment_ids or experiment_names, not both.")
    if isinstance(ids, str | int):
        ids = [ids]
    if ids:
        return tuple(str(experiment_id) for experiment_id in ids)
    if experiment_names:
        found = (_id_of(store, name) for name in experiment_names)
        return tuple(experiment_id for experiment_id in found if experiment_id is not None)
    if search_all:
        return tuple(found.experiment_id for found in store.read(SearchExperiments(max_results=names.MAX_RESULTS)))
    if ids is not None or experiment_names is not None:
        return ()
    name = text_setting("EXPERIMENT_NAME")
    if state.active_experiment() is None and name:
        found_id = _id_of(store, name)
        return () if found_id is None else (found_id,)
    return (state.active_experiment() or text_setting("EXPERIMENT_ID") or names.DEFAULT_EXPERIMENT_ID,)


def _id_of(store: Store, name: str) -> str | None:
    try:
        return store.read(GetExperimentByName(name=name)).experiment_id
    except NotFound as error:
        _log.warning("%s Its runs are left out; `millstream experiments search` lists what there is.", error)
        return None


def _all_runs(store: Store, query: TabulateRuns) -> list[Run]:
    found: list[Run] = []
    token = None
    while len(found) < query.limit:
        page = store.read(
            SearchRuns(
                experiment_ids=query.experiment_ids,
                filter=query.filter,
                view=query.view,
                order_by=query.order_by,
                columns=query.columns,
                max_results=min(query.limit - len(found), names.MAX_RESULTS),
                page_token=token,
            )
        )
        found += page
        token = page.token
        if token is None:
            break
    return found


def _optional(package: str, output_format: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingDependency(
            f'search_runs with output_format="{output_format}" needs {package}, which is not installed: '
            f'pip install {package}, or pass output_format="list".'
        ) from error


def _to_frame(pandas: Any, table: RunTable) -> pandas.DataFrame:
    times = {
        name: pandas.to_datetime(pandas.array(values, dtype="Int64"), unit="ms", utc=True)
        for name, values in (("start_time", table.start_time), ("end_time", table.end_time))
    }
    metrics = {key: pandas.Series(values, dtype="float64") for key, values in table.metrics.items()}
    # Which type texts have is left to pandas, which has changed its mind about it.
    frame: pandas.DataFrame = pandas.DataFrame(_named(table, times, metrics))
    return frame


def _to_arrow(arrow: Any, table: RunTable) -> pyarrow.Table:
    moment, text = arrow.timestamp("ms", "UTC"), arrow.string()
    times = {
        name: arrow.array(values, moment)
        for name, values in (("start_time", table.start_time), ("end_time", table.end_time))
    }
    metrics = {key: arrow.array(values, arrow.float64()) for key, values in table.metrics.items()}
    columns = _named(table, times, metrics)
    arrays = {
        name: arrow.array(values, text) if isinstance(values, list) else values for name, values in columns.items()
    }
    found: pyarrow.Table = arrow.table(arrays)
    return found


def _named(table: RunTable, times: dict[str, Any], metrics: dict[str, Any]) -> dict[str, Any]:
    """All columns in MLflow's order; texts as lists."""
    columns = {
        "run_id": table.run_id,
        "experiment_id": table.experiment_id,
        "status": table.status,
        "artifact_uri": table.artifact_uri,
        **times,
    }
    for prefix, data in (("metrics", metrics), ("params", table.params), ("tags", table.tags)):
        columns |= {f"{prefix}.{key}": values for key, values in data.items()}
    return columns
