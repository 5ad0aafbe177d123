"""Which kind of artifact store a location needs: one table, scheme to class, loaded when first used."""

from __future__ import annotations

from importlib import import_module

from msgspec import Struct

from millstream.drivers.artifacts.base import Artifacts
from millstream.values.errors import MissingDependency, NotSupported
from millstream.values.paths import Location


class Driver(Struct, frozen=True):
    """The class of a kind of store as ``module:Class``, and the extra of the package that brings what it needs."""

    target: str
    extra: str = ""
    served: bool = False
    """Whether the location is told by a server and understood with its address."""


_OBJECTS = "millstream.drivers.artifacts.objects:"
TABLE = {
    "file": Driver("millstream.drivers.artifacts.local:LocalArtifacts"),
    "s3": Driver("millstream.drivers.artifacts.s3:S3Artifacts", "s3"),
    "gs": Driver(f"{_OBJECTS}ObjectArtifacts", "gcs"),
    "wasbs": Driver(f"{_OBJECTS}ObjectArtifacts", "azure"),
    "abfss": Driver(f"{_OBJECTS}ObjectArtifacts", "azure"),
    **dict.fromkeys(
        ("mlflow-artifacts", "http", "https"), Driver("millstream.drivers.artifacts.http:HttpArtifacts", served=True)
    ),
}
BUCKETS = frozenset(scheme for scheme, driver in TABLE.items() if driver.extra)
"""Schemes of places that are the same from every machine."""


def open_artifacts(location: Location, tracking_uri: str | None = None) -> Artifacts:
    """The store for `location`; one with a server is understood by the address `tracking_uri` (default: the setting).

    NotSupported when there is none for its scheme, MissingDependency says what to install. Nothing is asked for
    and nothing started before the first use.
    """
    driver = TABLE.get(location.scheme)
    if driver is None:
        raise NotSupported(
            f"Artifacts at {location} cannot be reached: there is no artifact store for {location.scheme!r}. "
            f"Known schemes: {', '.join(sorted(TABLE))}."
        )
    module, _, name = driver.target.partition(":")
    try:
        kind = getattr(import_module(module), name)
    except ImportError as error:
        if not driver.extra:
            raise
        raise MissingDependency(
            f"Artifacts at {location} need a package that is not installed: pip install 'millstream[{driver.extra}]'"
        ) from error
    artifacts: Artifacts = kind(location, tracking_uri) if driver.served else kind(location)
    return artifacts
