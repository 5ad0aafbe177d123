"""Where the artifacts of imported runs and logged models go: where those of no other store are.

Run ids are the same in every store that imports from one source, and stores may share an artifact location: databases
in one directory do. So in a database each gets a directory that was made for it; in a tree its own.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from pathlib import Path

from millstream.drivers.artifacts import disk
from millstream.formats.mlruns import layout
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.databases import DatabaseSource
from millstream.stores.imports.trees import TreeSource
from millstream.values import queries
from millstream.values.errors import InvalidValue
from millstream.values.paths import Location
from millstream.values.space import aside, own_artifacts


class Berths:
    """Finds places in one target. `folder` is "" for runs, `models` for logged models."""

    def __init__(self, target: Store, folder: str = "") -> None:
        """Nothing is made before it is asked for."""
        self._target = target
        self._folder = folder
        self._homes: dict[str, Location] = {}
        self._locations: dict[str, str] = {}

    def take(self, experiment_id: str, owner: str, source_uri: str) -> str:
        """The URI of a directory that is nobody else's, now made; "" for the place that a remote location gives.

        It is never the one that the source names, though nothing may be there yet.
        """
        home = self._home(experiment_id)
        if home.local is None:
            return ""
        if isinstance(self._target, EmbeddedStore):
            inside = Path(self._target.root, experiment_id, self._folder, owner, layout.ARTIFACTS)
            return str(Location("file", "", inside.as_posix()))
        named = _parsed(source_uri)
        for number in count():
            place = (home / aside(number) if number else home) / owner / layout.ARTIFACTS
            assert place.local is not None
            if place != named and disk.take(place.local):
                return str(place)
        raise AssertionError

    def give_back(self, uri: str) -> None:
        """Remove the directory of `take` again, which nobody got after all."""
        place = _parsed(uri)
        if place is not None and place.local is not None and not isinstance(self._target, EmbeddedStore):
            with suppress(OSError):
                place.local.parent.rmdir()

    def check_linked(self, experiment_id: str, owner: str, uri: str) -> None:
        """Raise InvalidValue when `gc` would later take artifacts that stay at `uri` for the target's own."""
        if experiment_id not in self._locations:
            self._locations = self._all_locations()
        if own_artifacts(uri, owner, self._locations.values()) is not None:
            raise InvalidValue(
                f"its artifacts at {uri!r} lie where this store keeps its own, and would be removed with it. Copy "
                "them (--artifacts copy), or import into a store with another artifact root."
            )

    def _home(self, experiment_id: str) -> Location:
        home = self._homes.get(experiment_id)
        if home is None:
            found = self._target.read(queries.GetExperiment(experiment_id=experiment_id))
            base = self._target.root if isinstance(self._target, EmbeddedStore) else Path.cwd()
            location = Location.parse(found.artifact_location or str(base), base=base)
            home = self._homes[experiment_id] = location / self._folder
        return home

    def _all_locations(self) -> dict[str, str]:
        target = self._target
        if isinstance(target, DatabaseStore):
            found = DatabaseSource(target).experiments(_ignore)
        else:
            found = TreeSource(target.root).experiments(_ignore) if isinstance(target, EmbeddedStore) else []
        places = {item.experiment_id: _parsed(item.artifact_location) for item in found}
        return {key: "" if place is None else str(place / self._folder) for key, place in places.items()}


def _ignore(_problem: str) -> None:
    """A damaged experiment is named when its runs are."""


def _parsed(uri: str) -> Location | None:
    try:
        return Location.parse(uri)
    except InvalidValue:
        return None
