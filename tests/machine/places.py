"""Where a store of each kind lies: opened by several hands, cleaned, made anew."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import delete, insert, select

from millstream.drivers.sql import ledger
from millstream.stores.base import Store
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore, index_path
from millstream.values.databases import DatabaseUri
from millstream.values.paths import Location

#: Makes a store that shares nothing with others but what is on disk, as another process would open it.
Opener = Callable[[], Store]


class Place:
    """A place of one store after the other, each as if it were new."""

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
    """One schema of a server, as it was when its first store had made it: that takes as long as many steps."""

    def __init__(self, folder: Path, text: str) -> None:
        """`text` is the URI of a schema where nothing is yet."""
        super().__init__(folder)
        uri = DatabaseUri.parse(text, folder)
        assert uri is not None
        self._uri = uri
        self._keeper = self._opener(self._home())()
        with self._keeper.engine().connect() as connection:
            self._first = [
                (table, [dict(row) for row in connection.execute(select(table)).mappings()])
                for table in ledger.TABLES
                if table is not ledger.schema_version
            ]

    def renew(self) -> Opener:
        """Opens a store where nothing is any more."""
        with self._keeper.engine().begin() as connection:
            for table, rows in self._first:
                connection.execute(delete(table))
                if rows:
                    connection.execute(insert(table), rows)
        return super().renew()

    def _home(self) -> Path:
        return self.folder / "자리"  # the default experiment keeps its artifacts there

    def _opener(self, home: Path) -> Callable[[], DatabaseStore]:
        return lambda: DatabaseStore(self._uri, Location.parse(str(home / "artifacts")))

    def close(self) -> None:
        """Leave the server."""
        self._keeper.close()
