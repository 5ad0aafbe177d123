"""Where runs are kept when nobody said: the nearest `mlruns` upward from the working directory."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from millstream.formats.mlruns.layout import DEFAULT_DIRECTORY
from millstream.values.databases import DatabaseUri, hidden
from millstream.values.errors import InvalidValue, NotSupported
from millstream.values.paths import Location
from millstream.values.servers import ServerUri
from millstream.values.settings import text_setting


class FoundStore(Struct, frozen=True):
    """The store to use, a directory at `path`, a `database` or a `server`, and in words how it was chosen."""

    how: str
    path: Path = Path()
    database: DatabaseUri | None = None
    server: ServerUri | None = None

    @property
    def is_directory(self) -> bool:
        """Whether it is a directory on this machine."""
        return self.database is None and self.server is None

    @property
    def uri(self) -> str:
        """The URI that opens it; may hold a password."""
        if self.server is not None:
            return self.server.text
        return self.path.as_uri() if self.database is None else self.database.text

    @property
    def public(self) -> str:
        """Its name for people, without a password."""
        if self.server is not None:
            return self.server.public
        return str(self.path) if self.database is None else self.database.public


def on_this_side(found: FoundStore, what: str) -> FoundStore:
    """`found`; NotSupported, as `what` that is done with a store itself, when it is a server."""
    if found.server is not None:
        raise NotSupported(
            f"{found.public} is a server. {what} where its store is: on the server's machine, with that store named."
        )
    return found


def find_store(uri: str | None = None, start: Path | None = None) -> FoundStore:
    """The store for `uri`; without one: the setting, the nearest `mlruns` upward from `start`, else a new one there."""
    start = Path.cwd() if start is None else start
    if uri:
        return _named(uri, start, f"given as {hidden(uri)}")
    named = text_setting("TRACKING_URI")
    if named:
        return _named(named, start, f"named by the environment variable MLFLOW_TRACKING_URI={hidden(named)}")
    for folder in (start, *start.parents):
        candidate = folder / DEFAULT_DIRECTORY
        if candidate.is_dir() and _looks_like_tree(candidate):
            where = "in the working directory" if folder == start else f"found above the working directory {start}"
            return FoundStore(where, candidate)
        if folder.name == DEFAULT_DIRECTORY and _looks_like_tree(folder):
            return FoundStore(f"the working directory {start} lies in it", folder)
    return FoundStore(f"no mlruns directory was found in or above {start}", start / DEFAULT_DIRECTORY)


def _looks_like_tree(path: Path) -> bool:
    try:
        if (path / ".trash").is_dir():
            return True
        entries = list(path.iterdir())
        return not entries or any((entry / "meta.yaml").is_file() for entry in entries)
    except OSError:
        return False


def _named(uri: str, base: Path, how: str) -> FoundStore:
    if ServerUri.meant(uri):
        return FoundStore(how, server=ServerUri.parse(uri))
    database = DatabaseUri.parse(uri, base)
    if database is not None:
        return FoundStore(how, database=database)
    location = (
        Location.parse(uri, base=base) if not uri.startswith("~") else Location.parse(str(Path(uri).expanduser()))
    )
    if location.local is not None:
        return FoundStore(how, location.local)
    raise InvalidValue(
        f"{hidden(uri)!r} is no tracking URI: {location.scheme!r} is an unknown scheme. Name a directory, "
        "sqlite:///file.db, postgresql://… or the http:// address of a server."
    )
