"""What runs of a database take up: rows in SQL, artifacts where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from millstream.drivers.artifacts.disk import is_own, measure
from millstream.drivers.sql import ledger, removal, schema, sizes
from millstream.stores.spaces import Known
from millstream.values.errors import InvalidValue
from millstream.values.paths import Location
from millstream.values.space import RunSpace, is_named_after, own_artifacts

_METRICS = tuple(table for table in removal.OF_RUN if table.name == "series" or table in ledger.metadata.sorted_tables)
_TEXTS = tuple(table for table in removal.OF_RUN if table not in _METRICS)


class DatabaseScale:
    """Weighs rows, and artifacts that lie on this machine."""

    def run_times(self, connection: Connection, runs: Sequence[Any]) -> dict[int, int]:
        """When runs were deleted."""
        return removal.deleted_times(connection, runs)

    def experiment_time(self, experiment: Any) -> int | None:
        """When an experiment was deleted: nothing changes it afterwards."""
        time: int | None = experiment.last_update_time
        return time

    def weigh_runs(self, connection: Connection, runs: Sequence[Any], known: Known) -> list[RunSpace]:
        """Bytes of rows, and of the files below artifact URIs."""
        rids = [row.rid for row in runs]
        metrics = sizes.of_runs(connection, _METRICS, rids)
        texts = sizes.of_runs(connection, _TEXTS, rids)
        locations = removal.locations(connection, "") if known.doomed else []
        return [
            RunSpace(
                run_id=row.run_id,
                experiment_id=row.experiment_id,
                run_name=row.run_name,
                lifecycle_stage=row.lifecycle_stage,
                deleted_time=known.times.get(row.rid),
                points=known.points.get(row.rid, 0),
                metric_bytes=metrics.get(row.rid, 0),
                text_bytes=texts.get(row.rid, 0),
                **_weigh_artifacts(row, locations, doomed=known.doomed),
            )
            for row in runs
        ]

    def weigh_experiment(self, connection: Connection, experiment: Any, runs: Sequence[RunSpace]) -> int:
        """Bytes of its tags, and of the files of its logged models on this machine."""
        models = schema.logged_models.c
        statement = select(models.model_id, models.artifact_location).where(
            models.experiment_id == experiment.experiment_id
        )
        places = [(row.model_id, local_place(row.artifact_location)) for row in connection.execute(statement).all()]
        files = sum(measure(place)[0] for model_id, place in places if place and is_named_after(place, model_id))
        return sizes.of_experiment(connection, experiment.experiment_id) + files


def _weigh_artifacts(row: Any, locations: list[str], *, doomed: bool) -> dict[str, Any]:
    place = local_place(row.artifact_uri)
    if place is not None and not place.exists():
        return {"artifact_bytes": 0, "artifact_files": 0}
    if place is None or not is_named_after(place, row.run_id):
        return {"artifact_bytes": None, "artifact_files": 0, "kept": row.artifact_uri if doomed else ""}
    if doomed and (own_artifacts(row.artifact_uri, row.run_id, locations) is None or not is_own(place)):
        return {"artifact_bytes": 0, "artifact_files": 0, "kept": row.artifact_uri}
    size, files = measure(place)
    return {"artifact_bytes": size, "artifact_files": files}


def local_place(uri: str) -> Path | None:
    """The directory on this machine that an artifact URI names, None for others."""
    try:
        return Location.parse(uri).local
    except InvalidValue:
        return None
