"""Which kind of artifact store a location needs: scheme to class, loaded when first used."""

from __future__ import annotations

from importlib import import_module

from millstream.drivers.artifacts.base import Artifacts
from millstream.values.errors import NotSupported
from millstream.values.paths import Location

# scheme: "module:Class"
TABLE = {"file": "millstream.drivers.artifacts.local:LocalArtifacts"}


def open_artifacts(location: Location) -> Artifacts:
    """The store for `location`; NotSupported when there is none for its scheme."""
    target = TABLE.get(location.scheme)
    if target is None:
        raise NotSupported(
            f"Artifacts at {location} cannot be reached: there is no artifact store for {location.scheme!r} yet. "
            f"Known schemes: {', '.join(sorted(TABLE))}."
        )
    module, _, name = target.partition(":")
    artifacts: Artifacts = getattr(import_module(module), name)(location)
    return artifacts
