"""Logged models of an MLflow database, of any schema of 3.x.

Tables: logged_models, logged_model_params, logged_model_tags, and logged_model_metrics, which has every point that was
logged for a model, with its run and the name and digest of a dataset. NaN was written there as 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import column

from millstream.drivers.sql.foreign import ForeignDatabase
from millstream.formats.mlruns.models import latest
from millstream.stores.imports import cells
from millstream.stores.imports.base import Problem
from millstream.values.entities import LoggedModel, LoggedModelStatus, Metric

# Models asked about at a time.
MODELS = 200

_MODEL = (
    *("model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms", "last_updated_timestamp_ms"),
    *("status", "lifecycle_stage", "model_type", "source_run_id", "status_message"),
)
_POINT = (
    *("model_id", "metric_name", "metric_value", "metric_timestamp_ms", "metric_step", "run_id"),
    *("dataset_name", "dataset_digest"),
)


def read(database: ForeignDatabase, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
    """All logged models of an experiment, deleted ones too, the oldest first; damaged ones are named to `problem`."""
    where = column("experiment_id") == int(experiment_id)
    ids = database.rows("logged_models", ("model_id",), where, order=("creation_timestamp_ms", "model_id"))
    for start in range(0, len(ids), MODELS):
        some = [row.model_id for row in ids[start : start + MODELS]]
        rows = database.rows("logged_models", _MODEL, _of(some), order=("creation_timestamp_ms", "model_id"))
        params, tags = _texts(database, "param", some), _texts(database, "tag", some)
        points = _points(database, some, problem)
        for row in rows:
            key = row.model_id
            try:
                yield _model(row, params.get(key, {}), tags.get(key, {}), points.get(key, []))
            except (ValueError, OverflowError) as error:
                problem(f"logged model {key!r}: {error}; it is left out")


def _of(ids: Sequence[str]) -> Any:
    return column("model_id").in_(ids)


def _texts(database: ForeignDatabase, what: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    wanted = ("model_id", f"{what}_key", f"{what}_value")
    for model_id, key, value in database.rows(f"logged_model_{what}s", wanted, _of(ids), order=wanted[:2]):
        found[model_id][str(key)] = "" if value is None else str(value)
    return found


def _points(database: ForeignDatabase, ids: Sequence[str], problem: Problem) -> dict[str, list[Metric]]:
    """Points of models, the later ones last: of one step and time those of the run that MLflow takes before others."""
    found: defaultdict[str, list[Metric]] = defaultdict(list)
    bad: defaultdict[str, int] = defaultdict(int)
    order = ("model_id", "metric_name", "metric_step", "metric_timestamp_ms")
    for row in database.rows("logged_model_metrics", _POINT, _of(ids), order=(*order, "run_id")):
        try:
            found[row.model_id].append(_point(row))
        except (TypeError, ValueError, OverflowError):
            bad[row.model_id] += 1
    for points in found.values():
        points.sort(key=lambda point: point.run_id or "", reverse=True)
        points.sort(key=lambda point: (point.key, point.step, point.timestamp))
    for model_id, number_of in bad.items():
        problem(f"logged model {model_id!r}: {number_of} row(s) of its metrics are not points and are left out")
    return found


def _point(row: Any) -> Metric:
    return Metric(
        key=str(row.metric_name),
        value=math.nan if row.metric_value is None else float(row.metric_value),
        timestamp=cells.whole(row.metric_timestamp_ms) or 0,
        step=cells.whole(row.metric_step) or 0,
        run_id=row.run_id,
        model_id=row.model_id,
        dataset_name=row.dataset_name or None,
        dataset_digest=row.dataset_digest or None,
    )


def _model(row: Any, params: dict[str, str], tags: dict[str, str], points: list[Metric]) -> LoggedModel:
    made = cells.whole(row.creation_timestamp_ms) or 0
    return LoggedModel(
        model_id=str(row.model_id),
        experiment_id=str(row.experiment_id),
        name=str(row.name or row.model_id),
        artifact_location=str(row.artifact_location or ""),
        creation_timestamp=made,
        last_updated_timestamp=cells.whole(row.last_updated_timestamp_ms) or made,
        model_type=row.model_type or None,
        source_run_id=row.source_run_id or None,
        status=_status(row.status),
        status_message=row.status_message or None,
        tags=tags,
        params=params,
        metrics=tuple(latest(points)),
        lifecycle_stage=cells.stage(row.lifecycle_stage),
    )


def _status(value: Any) -> LoggedModelStatus:
    words = list(LoggedModelStatus)
    number = cells.whole(value) or 0
    if not 0 <= number < len(words):
        raise ValueError(f"its status is {number}, which is none of 0 to {len(words) - 1}")
    return words[number]
