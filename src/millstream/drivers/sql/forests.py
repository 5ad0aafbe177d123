"""Trees of rows as one list, of which parts may be closed. Knows nothing of databases."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple


class Line(NamedTuple):
    """A row: which item, how deep, how many rows directly below it."""

    item: int
    depth: int
    below: int


class Forest:
    """Items below their parents, in the order in which they are given."""

    def __init__(self, items: Sequence[int], parent_of: Callable[[int], int | None]) -> None:
        """Items whose parent is not among them stand at the top; so does the first of those that go in a circle."""
        among = set(items)
        self.below: defaultdict[int, list[int]] = defaultdict(list)
        self.roots: list[int] = []
        for item in items:
            parent = parent_of(item)
            if parent is None or parent not in among:
                self.roots.append(item)
            else:
                self.below[parent].append(item)
        self._break_circles(items, parent_of)

    def _break_circles(self, items: Sequence[int], parent_of: Callable[[int], int | None]) -> None:
        seen = set(self._reached(self.roots))
        if len(seen) == len(items):
            return
        place = {item: index for index, item in enumerate(items)}
        for item in items:
            if item in seen:
                continue
            parent = parent_of(item)
            assert parent is not None
            self.below[parent].remove(item)
            self.roots.append(item)
            seen.update(self._reached([item]))
        self.roots.sort(key=place.__getitem__)

    def _reached(self, items: Iterable[int]) -> Iterable[int]:
        waiting = list(items)
        while waiting:
            item = waiting.pop()
            yield item
            waiting += self.below.get(item, ())

    def lines(self, is_open: Callable[[int], bool], depth: int = 0) -> Iterable[Line]:
        """Rows from the top, those at the top `depth` deep; what is below an item that is not open is left out."""
        waiting = [(item, depth) for item in reversed(self.roots)]
        while waiting:
            item, level = waiting.pop()
            below = self.below.get(item, ())
            yield Line(item, level, len(below))
            if below and is_open(item):
                waiting += [(child, level + 1) for child in reversed(below)]
