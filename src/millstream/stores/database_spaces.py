"""What runs and logged models of a database take up: rows in SQL, artifacts where they lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from millstream.drivers.artifacts.disk import is_own, measure
from millstream.drivers.sql import ledger, removal, schema, sizes
from millstream.drivers.sql.models import model_infos
from millstream.stores.spaces import Known
from millstream.values.entities import LoggedModel
from millstream.values.errors import InvalidValue
from millstream.values.paths import Location
from millstream.values.space import ModelSpace, RunSpace, is_named_after, model_facts, own_artifacts

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
                **_weigh_artifacts(row.artifact_uri, row.run_id, locations, doomed=known.doomed),
            )
            for row in runs
        ]

    def models(
        self, connection: Connection, experiment_ids: Sequence[str] | None, model_ids: Sequence[str]
    ) -> list[LoggedModel]:
        """Logged models without their data."""
        return model_infos(connection, experiment_ids, model_ids)

    def weigh_models(self, connection: Connection, models: Sequence[LoggedModel], *, doomed: bool) -> list[ModelSpace]:
        """Bytes of rows, and of the files where the models say."""
        rows = sizes.of_models(connection, [model.model_id for model in models])
        homes: dict[str, str] = {}
        if doomed:
            experiments = schema.experiments.c
            found = connection.execute(select(experiments.experiment_id, experiments.artifact_location)).all()
            homes = {row.experiment_id: removal.model_home(row.artifact_location) for row in found}
        return [
            ModelSpace(
                **model_facts(model),
                text_bytes=rows.get(model.model_id, 0),
                **_weigh_artifacts(
                    model.artifact_location, model.model_id, [homes.get(model.experiment_id, "")], doomed=doomed
                ),
            )
            for model in models
        ]

    def weigh_experiment(
        self, connection: Connection, experiment: Any, runs: Sequence[RunSpace], models: Sequence[ModelSpace]
    ) -> int:
        """Bytes of its tags."""
        return sizes.of_experiment(connection, experiment.experiment_id)


def _weigh_artifacts(uri: str, owner_id: str, locations: list[str], *, doomed: bool) -> dict[str, Any]:
    place = local_place(uri)
    if place is not None and not place.exists():
        return {"artifact_bytes": 0, "artifact_files": 0}
    if place is None or not is_named_after(place, owner_id):
        return {"artifact_bytes": None, "artifact_files": 0, "kept": uri if doomed else ""}
    if doomed and (own_artifacts(uri, owner_id, locations) is None or not is_own(place)):
        return {"artifact_bytes": 0, "artifact_files": 0, "kept": uri}
    size, files = measure(place)
    return {"artifact_bytes": size, "artifact_files": files}


def local_place(uri: str) -> Path | None:
    """The directory on this machine that an artifact URI names, None for others."""
    try:
        return Location.parse(uri).local
    except InvalidValue:
        return None
