"""Where the artifacts of a tree's runs and logged models lie."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.local import LocalArtifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.formats.mlruns import layout
from millstream.values.errors import NotSupported
from millstream.values.paths import Location, RelPath

_MOST = 1024


class _Known(Struct, frozen=True):
    """Artifacts that were found at `path` when the owner's meta.yaml was as `signature` says."""

    signature: tuple[int, int, int]
    path: str
    artifacts: Artifacts


class TreePlaces:
    """Places as the meta.yaml of runs and models name them; those of a tree that was moved are found beside it."""

    def __init__(self, base: Path) -> None:
        """Relative places are taken from `base`, the directory that the tree lies in."""
        self._base = base
        self._known: dict[str, _Known] = {}

    def find(self, directory: str, read_uri: Callable[[], str]) -> Artifacts:
        """The artifacts of the run in `directory`; `read_uri` reads its URI, where that may have changed since."""
        meta = os.path.join(directory, layout.META)
        signature = _signature(meta)
        known = self._known.get(directory)
        if known is not None and known.signature == signature and os.path.isdir(known.path):
            return known.artifacts
        text = read_uri()
        found = self.look(text, directory)
        location = Location.parse(text, base=self._base) if text else found.location
        # What lies elsewhere may have come to its place by the next time.
        if signature is not None and location.scheme == "file" and os.path.isdir(location.path):
            if len(self._known) >= _MOST:
                self._known.clear()
            self._known[directory] = _Known(signature, location.path, found)
        return found

    def look(self, text: str, directory: str) -> Artifacts:
        """The artifacts whose URI is `text`, of the run or model in `directory`."""
        beside = Path(directory, layout.ARTIFACTS)
        if not text:
            return LocalArtifacts(Location("file", "", beside.as_posix()))
        location = Location.parse(text, base=self._base)
        if location.scheme == "mlflow-artifacts":
            return self._proxied(location, beside)
        if location.local is not None and not location.local.is_dir() and _belong_beside(location, beside):
            return LocalArtifacts(location, beside)
        return open_artifacts(location)

    def _proxied(self, location: Location, beside: Path) -> Artifacts:
        # An MLflow server keeps these below ./mlartifacts, which usually lies beside its mlruns.
        kept = self._base.joinpath("mlartifacts", *RelPath.parse(location.path.strip("/")).segments)
        for candidate in (kept, beside):
            if candidate.is_dir():
                return LocalArtifacts(location, candidate)
        said = f"The artifacts at {location} belong to an MLflow server"
        raise NotSupported(f"{said}; they are not at {kept}.", told=f"{said}.")


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _belong_beside(location: Location, beside: Path) -> bool:
    """Whether artifacts that are not at `location` are those of a tree that was moved, and not of one to be made."""
    inside = "/".join(("", *beside.parts[-3:]))
    return beside.is_dir() and (location.path.endswith(inside) or next(beside.iterdir(), None) is not None)
