"""Where artifacts of runs and logged models lie: where a URI says, or where they were moved with their store."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.local import LocalArtifacts
from millstream.formats.mlruns.layout import ARTIFACTS
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location, RelPath

PROXIED = "mlflow-artifacts"
# How many parts a path has from the experiment on: <experiment>/<run>/artifacts, <experiment>/models/<model>/artifacts.
OF_RUN, OF_MODEL = 3, 4


def find(
    uri: str, owner: str, base: Path, roots: Iterable[Path], beside: Path | None = None, depth: int = OF_RUN
) -> Artifacts | None:
    """The artifact directory of `owner`, None when it is nowhere; NotSupported for one that is not on this machine.

    Looked at in this order: `uri` (a relative one from `base`), `beside`, and below each of `roots` the last `depth`
    parts of the URI's path, or one more. Directories that are not named after the run or the model are refused with
    InvalidValue: an artifact URI can be anything, and a copy of /etc is not what anybody wants to import.
    """
    if not uri:
        return _first([beside])
    location = Location.parse(uri, base=base)
    if location.scheme not in ("file", PROXIED):
        raise NotSupported(f"{location.scheme}:")
    segments = RelPath.parse(location.path.strip("/")).segments
    if segments[-2:] != (owner, ARTIFACTS):
        raise InvalidValue(
            f"its artifacts are said to be at {str(location)!r}, which is not named after it; they are not copied"
        )
    named = location.local
    # One more where an import put them aside.
    moved = [root.joinpath(*segments[-parts:]) for root in roots for parts in (depth, depth + 1)]
    if location.scheme == PROXIED:
        moved = [path for root in roots for path in (root.joinpath(*segments), root.joinpath(*segments[-depth:]))]
    return _first([named, beside, *moved])


def _first(candidates: Iterable[Path | None]) -> Artifacts | None:
    found = [path for path in candidates if path is not None and path.is_dir()]
    # An empty directory is what a tree makes for every run, even for one whose artifacts are elsewhere.
    full = next((path for path in found if next(path.iterdir(), None) is not None), None)
    path = full or next(iter(found), None)
    return None if path is None else LocalArtifacts(Location("file", "", path.absolute().as_posix()))
