"""Stores over directories and databases whose names have spaces and Korean letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.rest.client import RestClient
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.open import close_stores, open_store
from millstream.stores.remote import RemoteStore
from millstream.values.databases import DatabaseUri
from millstream.values.paths import Location
from millstream.values.servers import ServerUri
from tests import servers
from tests.drivers.test_rest_client import Script
from tests.drivers.test_rest_client import script as script  # the fixture
from tests.remotes import Served, running


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a tree will be; nothing is there yet."""
    monkeypatch.setenv("MILLSTREAM_INDEX_DIR", str(tmp_path / "index"))
    return tmp_path / "내 실험 store" / "mlruns"


@pytest.fixture
def open_tree(root: Path) -> Iterator[Callable[[], EmbeddedStore]]:
    """Opens the tree once more, as another process would: nothing is shared but the files and the index."""
    opened: list[EmbeddedStore] = []

    def opener() -> EmbeddedStore:
        opened.append(EmbeddedStore(root))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(open_tree: Callable[[], EmbeddedStore]) -> EmbeddedStore:
    """An empty store."""
    return open_tree()


@pytest.fixture
def database_uri(request: pytest.FixtureRequest, root: Path) -> str:
    """A database where nothing is yet: a SQLite file, or a schema of its own on the server."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{root.parent}/runs 하나.db"
    return servers.new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def open_database(database_uri: str, tmp_path: Path) -> Iterator[Callable[[], DatabaseStore]]:
    """Opens the database once more, as another process would."""
    opened: list[DatabaseStore] = []

    def opener() -> DatabaseStore:
        uri = DatabaseUri.parse(database_uri, tmp_path)
        assert uri is not None
        opened.append(DatabaseStore(uri, Location.parse(str(tmp_path / "파일 root"))))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def database(open_database: Callable[[], DatabaseStore]) -> DatabaseStore:
    """A new database."""
    return open_database()


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a few points, so that a short series has many."""
    for name, value in (
        ("millstream.drivers.files.segments.SIZE", 150),
        ("millstream.drivers.files.reader.SIZE", 150),
        ("millstream.stores.metricfiles.SHORT", 300),
        ("millstream.stores.metricfiles._FAR_BEHIND", 600),
        ("millstream.drivers.sql.apply.segments.FULL", 8),
        ("millstream.drivers.sql.apply.segments.WORTH_A_DIGEST", 3),
        ("millstream.formats.stretches.BLOCK", 2),
        ("millstream.stores.envelopes.WHOLE", 10),
    ):
        monkeypatch.setattr(name, value)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many parts of series were read from where they are kept, so far."""
    count = 0

    def counting(read: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any) -> Any:
            nonlocal count
            count += 1
            return read(*given)

        return counted

    for place in ("millstream.drivers.files.segments.read_segment", "millstream.drivers.sql.histories.decode_columns"):
        module, name = place.rsplit(".", 1)
        monkeypatch.setattr(place, counting(getattr(import_module(module), name)))
    return lambda: count


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    """A server of this session; a test says what it serves."""
    with running() as found:
        yield found


@pytest.fixture
def behind(open_tree: Callable[[], EmbeddedStore]) -> EmbeddedStore:
    """The store of the server that `remote_store` speaks to."""
    return open_tree()


@pytest.fixture
def remote_store(served: Served, behind: EmbeddedStore) -> Iterator[Any]:
    """The store of a server of `behind`, as a user opens it."""
    served.serve(behind)
    yield open_store(served.address)
    close_stores()


@pytest.fixture
def scripted(script: Script) -> Iterator[RemoteStore]:
    """The store of a server that says what a test wants; it waits for nothing."""
    server = ServerUri.parse(script.address)
    made = RemoteStore(server, RestClient(server, sleep=lambda _: None))
    yield made
    made.close()
