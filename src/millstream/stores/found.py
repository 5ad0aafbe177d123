"""Where runs are kept when nobody said: the nearest `mlruns` upward from the working directory."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from millstream.formats.mlruns.layout import DEFAULT_DIRECTORY
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location
from millstream.values.settings import text_setting


class FoundTree(Struct, frozen=True):
    """The directory to use, and in words how it was chosen."""

    path: Path
    how: str


def find_tree(uri: str | None = None, start: Path | None = None) -> FoundTree:
    """The tree for `uri`; without one: the setting, the nearest `mlruns` upward from `start`, else a new one there."""
    start = Path.cwd() if start is None else start
    if uri:
        return FoundTree(_directory(uri, start), f"given as {uri}")
    named = text_setting("TRACKING_URI")
    if named:
        return FoundTree(_directory(named, start), f"named by the environment variable MLFLOW_TRACKING_URI={named}")
    for folder in (start, *start.parents):
        candidate = folder / DEFAULT_DIRECTORY
        if candidate.is_dir() and _looks_like_tree(candidate):
            where = "in the working directory" if folder == start else f"found above the working directory {start}"
            return FoundTree(candidate, where)
        if folder.name == DEFAULT_DIRECTORY and _looks_like_tree(folder):
            return FoundTree(folder, f"the working directory {start} lies in it")
    return FoundTree(start / DEFAULT_DIRECTORY, f"no mlruns directory was found in or above {start}")


def _looks_like_tree(path: Path) -> bool:
    try:
        if (path / ".trash").is_dir():
            return True
        entries = list(path.iterdir())
        return not entries or any((entry / "meta.yaml").is_file() for entry in entries)
    except OSError:
        return False


def _directory(uri: str, base: Path) -> Path:
    location = (
        Location.parse(uri, base=base) if not uri.startswith("~") else Location.parse(str(Path(uri).expanduser()))
    )
    if location.local is None:
        known = {
            "sqlite": "databases",
            "postgresql": "databases",
            "mysql": "databases",
            "http": "servers",
            "https": "servers",
        }
        kind = known.get(location.scheme.partition("+")[0])
        if kind is None:
            raise InvalidValue(
                f"{uri!r} is no tracking URI: {location.scheme!r} is an unknown scheme. Name a directory."
            )
        raise NotSupported(f"{uri!r}: this version keeps runs in directories; {kind} are not supported yet.")
    return location.local
