"""Stores over directories whose names have spaces and Korean letters, each with an index of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from millstream.stores.embedded import EmbeddedStore

pytest.register_assert_rewrite("tests.stores.suite", "tests.stores.calls", "tests.stores.suites")


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
