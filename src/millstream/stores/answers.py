"""Searches of the embedded store, answered from its index."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy.exc import DatabaseError

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.files.tree import Tree
from millstream.drivers.sql import scanned
from millstream.stores.index import Index, Progress
from millstream.stores.models import ModelIntake, ModelSearches
from millstream.stores.searches import Searches, describe
from millstream.stores.spaces import Spaces
from millstream.stores.tree_spaces import TreeScale
from millstream.values import queries
from millstream.values.errors import InvalidValue

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
            **Spaces(self._index.reading, TreeScale(tree, artifacts), tree.root).readers,
            queries.DescribeStore: self._describe,
        }

    def answer(self, query: queries.Query[T]) -> T:
        """The answer to `query`."""
        reader = self._readers.get(type(query))
        if reader is None:
            raise InvalidValue(f"{type(query).__name__} is not a question that can be answered.")
        try:
            return cast(T, reader(query))
        except DatabaseError as error:
            self._index.renew(error)
            return cast(T, reader(query))

    def reindex(self) -> None:
        """Read the whole tree again into a new index."""
        self._index.rebuild()

    def close(self) -> None:
        """Close the index; it opens again when used."""
        self._index.close()

    def _describe(self, _query: queries.DescribeStore) -> queries.StoreFacts:
        if not self._tree.exists():
            return queries.StoreFacts("directory", self._tree.root, False, 0, 0)
        with self._index.reading() as connection:
            return describe(connection, "directory", self._tree.root, scanned.problems(connection))
