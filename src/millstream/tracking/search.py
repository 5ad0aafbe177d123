"""Runs as a pandas DataFrame or as a list."""

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
    GetExperimentByName,
    RunTable,
    SearchExperiments,
    SearchRuns,
    TabulateRuns,
)
from millstream.values.settings import text_setting

if TYPE_CHECKING:
    import pandas

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
) -> pandas.DataFrame | list[Run]:
    """Runs that match `filter_string`, as a DataFrame (`output_format` "pandas") or a list of Run ("list").

    Without ids and names the active experiment is searched. Columns of the frame: run_id, experiment_id, status,
    artifact_uri, start_time, end_time (UTC), then ``metrics.*`` (NaN where missing), ``params.*`` and ``tags.*``
    (None where missing).
    """
    store = state.store()
    ids = _experiments(store, experiment_ids, experiment_names, search_all_experiments)
    order = (order_by,) if isinstance(order_by, str) else tuple(order_by or ())
    if output_format == "list":
        return _all_runs(store, ids, filter_string or "", run_view_type, max_results, order)
    if output_format != "pandas":
        raise InvalidValue(f"Unsupported output format: {output_format!r}; use 'pandas' or 'list'.")
    query = TabulateRuns(
        experiment_ids=ids, filter=filter_string or "", view=run_view_type, order_by=order, limit=max_results
    )
    return _to_frame(store.read(query))


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


def _all_runs(
    store: Store, ids: tuple[str, ...], filter_string: str, view: int, max_results: int, order: tuple[str, ...]
) -> list[Run]:
    found: list[Run] = []
    token = None
    while len(found) < max_results:
        page = store.read(
            SearchRuns(
                experiment_ids=ids,
                filter=filter_string,
                view=view,
                order_by=order,
                max_results=min(max_results - len(found), names.MAX_RESULTS),
                page_token=token,
            )
        )
        found += page
        token = page.token
        if token is None:
            break
    return found


def _to_frame(table: RunTable) -> pandas.DataFrame:
    try:
        pd = import_module("pandas")
    except ImportError as error:
        raise MissingDependency(
            "search_runs returns a pandas DataFrame, and pandas is not installed: pip install pandas, "
            'or pass output_format="list".'
        ) from error
    columns: dict[str, Any] = {
        "run_id": table.run_id,
        "experiment_id": table.experiment_id,
        "status": table.status,
        "artifact_uri": table.artifact_uri,
        "start_time": pd.to_datetime(pd.array(table.start_time, dtype="Int64"), unit="ms", utc=True),
        "end_time": pd.to_datetime(pd.array(table.end_time, dtype="Int64"), unit="ms", utc=True),
    }
    columns |= {f"metrics.{key}": pd.array(values, dtype="float64") for key, values in _floats(table)}
    for prefix, texts in (("params", table.params), ("tags", table.tags)):
        columns |= {f"{prefix}.{key}": pd.Series(values, dtype="object") for key, values in texts.items()}
    frame: pandas.DataFrame = pd.DataFrame(columns)
    return frame


def _floats(table: RunTable) -> list[tuple[str, list[float]]]:
    nan = float("nan")
    return [(key, [nan if value is None else value for value in values]) for key, values in table.metrics.items()]
