"""Questions about the registry of a database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from millstream.drivers.sql.registry import (
    alias_version,
    model_row,
    newest_id,
    newest_versions,
    read_registered,
    read_versions,
    version_id,
)
from millstream.stores.lookups import stages_of
from millstream.stores.registry import RegistrySearches
from millstream.stores.searches import Reading
from millstream.values import names, queries, refusals
from millstream.values.entities import ModelVersion, RegisteredModel


class RegistryLookups:
    """One method a query; searches among them."""

    def __init__(self, reading: Reading, place: str) -> None:
        """Ask the connections of `reading`; `place` names the database in errors."""
        self._reading = reading
        self._place = place
        self.readers: dict[type, Callable[[Any], Any]] = {
            **RegistrySearches(reading).readers,
            queries.GetRegisteredModel: self._model,
            queries.GetLatestVersions: self._latest,
            queries.GetModelVersion: self._version,
            queries.GetModelVersionByAlias: self._by_alias,
        }

    def _model(self, query: queries.GetRegisteredModel) -> RegisteredModel:
        with self._reading() as connection:
            return read_registered(connection, [self._mid(connection, query.name)])[0]

    def _latest(self, query: queries.GetLatestVersions) -> list[ModelVersion]:
        stages = stages_of(query)
        with self._reading() as connection:
            mid = self._mid(connection, query.name)
            found = newest_versions(connection, [mid]).get(mid, [])
        return [version for version in found if not stages or version.current_stage in stages]

    def _version(self, query: queries.GetModelVersion) -> ModelVersion:
        with self._reading() as connection:
            return self._numbered(connection, self._mid(connection, query.name), query)

    def _numbered(self, connection: Connection, mid: int, query: queries.GetModelVersion) -> ModelVersion:
        vid = version_id(connection, mid, query.version)
        if vid is None:
            raise refusals.no_version(query.name, query.version)
        return read_versions(connection, [vid])[0]

    def _by_alias(self, query: queries.GetModelVersionByAlias) -> ModelVersion:
        with self._reading() as connection:
            mid = self._mid(connection, query.name)
            if names.is_latest(query.alias):
                vid = newest_id(connection, mid)
                if vid is None:
                    raise refusals.no_versions(query.name)
                return read_versions(connection, [vid])[0]
            number = alias_version(connection, mid, query.alias)
            if number is None:
                raise refusals.no_alias(query.name, query.alias)
            return self._numbered(connection, mid, queries.GetModelVersion(name=query.name, version=number))

    def _mid(self, connection: Connection, name: str) -> int:
        row = model_row(connection, names.check_registered_name(name))
        if row is None:
            raise refusals.no_registered_model(name, self._place)
        mid: int = row.mid
        return mid
