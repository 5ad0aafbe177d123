"""Where a store of each kind lies: opened by several hands, cleaned, made anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore, index_path
from millstream.values.databases import DatabaseUri
from millstream.values.paths import Location

#: Makes a store that shares nothing with others but what is on disk, as another process would open it.
Opener = Callable[[], Store]


class Place:
    """A place of one store after the other, each new."""

    #: Whether an op's id is remembered.
    remembers = True

    def __init__(self, folder: Path) -> None:
        """Keep everything below `folder`."""
        self.folder = folder
        self._count = 0

    def renew(self) -> Opener:
        """Opens a store where nothing is yet."""
        shutil.rmtree(self._home(), ignore_errors=True)
        self._count += 1
        self._home().mkdir(parents=True)
        return self._opener(self._home())

    def clean(self) -> None:
        """Remove what can be made again."""

    def _home(self) -> Path:
        return self.folder / f"자리 {self._count}"

    def _opener(self, home: Path) -> Opener:
        raise NotImplementedError


class Tree(Place):
    """A directory and its index."""

    remembers = False

    def clean(self) -> None:
        """Remove the index."""
        for path in index_path(self._root).parent.glob(f"{index_path(self._root).stem}*"):
            path.unlink()

    def _opener(self, home: Path) -> Opener:
        self._root = home / "mlruns"
        return lambda: EmbeddedStore(self._root)


class Sqlite(Place):
    """A database in a file."""

    def _opener(self, home: Path) -> Opener:
        uri = DatabaseUri.parse(f"sqlite:///{home}/runs.db", home)
        assert uri is not None
        return lambda: DatabaseStore(uri, Location.parse(str(home / "artifacts")))


class Postgresql(Place):
    """A schema of a server."""

    def __init__(self, folder: Path, new_schema: Callable[[], str]) -> None:
        """`new_schema` makes one and returns its URI."""
        super().__init__(folder)
        self._new_schema = new_schema

    def _opener(self, home: Path) -> Opener:
        uri = DatabaseUri.parse(self._new_schema(), home)
        assert uri is not None
        return lambda: DatabaseStore(uri, Location.parse(str(home / "artifacts")))
