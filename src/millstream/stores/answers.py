"""Searches of the embedded store, answered from its index."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from msgspec import DecodeError
from sqlalchemy.exc import DatabaseError

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import scanned, segments
from millstream.formats.mlruns import layout
from millstream.formats.segments import Segment
from millstream.stores.change_feeds import IndexChanges
from millstream.stores.index import Index, Progress
from millstream.stores.models import ModelIntake, ModelSearches
from millstream.stores.registry import RegistryIntake, RegistrySearches
from millstream.stores.searches import Searches, describe, without_place
from millstream.stores.spaces import Spaces
from millstream.stores.tree_spaces import TreeScale
from millstream.values import queries
from millstream.values.errors import InvalidValue, StorageFailed

T = TypeVar("T")


class Answers:
    """Every query that the files do not answer by themselves."""

    def __init__(self, tree: Tree, path: Path, progress: Progress, artifacts: Callable[[str], Artifacts]) -> None:
        """Answer from the index of `tree` in the file `path`; `progress` is told how much of the tree it has read.

        `artifacts` finds those of a run.
        """
        self._tree = tree
        self._index = Index(tree, path, progress)
        self._readers: dict[type, Callable[[Any], Any]] = {
            **Searches(self._index.reading, tree.root).readers,
            **ModelSearches(ModelIntake(tree, self._index.opened).reading, self._index.reading).readers,
            **RegistrySearches(
                RegistryIntake(os.path.join(tree.root, layout.MODELS), self._index.opened).reading
            ).readers,
            **Spaces(self._index.reading, TreeScale(tree, artifacts), tree.root).readers,
            queries.DescribeStore: self._describe,
            **IndexChanges(self._index.reading, self._index.identity).readers,
        }

    def answer(self, query: queries.Query[T]) -> T:
        """The answer to `query`."""
        reader = self._readers.get(type(query))
        if reader is None:
            raise InvalidValue(f"{type(query).__name__} is not a question that can be answered.")
        return cast(T, self._mending(lambda: reader(query)))

    def _mending(self, ask: Callable[[], T]) -> T:
        """What `ask` says; asked again when the index was damaged and could be made anew."""
        try:
            return ask()
        except (DatabaseError, scanned.NoSense, DecodeError, UnicodeDecodeError) as error:
            self._index.renew(error)
            return ask()

    def file_state(self, run_id: str, key: str, *, catch_up: bool) -> segments.Known | None:
        """How the metric file was when the index last read it; with `catch_up` the run is looked at closely first."""

        def ask() -> segments.Known | None:
            with self._index.reading(run_id) if catch_up else self._index.as_it_is() as connection:
                return segments.known(connection, run_id, key)

        return self._mending(ask)

    def file_segments(self, run_id: str, key: str) -> tuple[segments.Known | None, list[Segment]]:
        """How the metric file was when the index last read it, and its segments."""

        def ask() -> tuple[segments.Known | None, list[Segment]]:
            with self._index.as_it_is() as connection:
                return segments.known(connection, run_id, key), segments.read(connection, run_id, key)

        return self._mending(ask)

    def settle(self) -> bool:
        """Have the kernel tell of more of the runs at rest; whether there are others to do this with."""
        return self._mending(self._index.settle)

    def reindex(self) -> None:
        """Read the whole tree again into a new index."""
        self._index.rebuild()

    def close(self) -> None:
        """Close the index; it opens again when used."""
        self._index.close()

    def _describe(self, query: queries.DescribeStore) -> queries.StoreFacts:
        root = self._tree.root
        if not self._tree.exists():
            if os.path.lexists(root):
                raise StorageFailed(
                    f"{root!r} is no directory, and runs are kept in one. Name a directory; a SQLite database is named "
                    "sqlite:///file.db."
                )
            return without_place(queries.StoreFacts("directory", root, False, 0, 0), query.seen)
        with self._index.reading() as connection:
            problems = scanned.problems(connection)
            left_out = scanned.left_out(connection) if problems else 0
            return describe(connection, query.seen, "directory", root, problems, left_out)
