"""Numbers that the processes of a server share: each writes its own, and any of them reads all.

They lie in memory that is shared with forked processes, in one slot a worker. A worker that takes the place of another
one goes on with its numbers, so that nothing counted is lost. A slot is rows one behind the other, all in doubles:
length of the key, width, the key itself (JSON), numbers; before them, where the last one ends.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator

import msgspec

from millstream.values.readers import json_reader

Key = tuple[str, ...]

SIZE = 2**19
"""Bytes of a slot: some two thousand rows. What is never written takes no memory."""
_read_key = json_reader(Key)
WIDEST = 32
"""So many numbers a row has at most."""
_FIRST = 1
_HEAD = 2
_WORD = 8


class Slots:
    """Rows of numbers by key, in one slot a process. A process writes from one thread, or with a lock of its own."""

    def __init__(self, count: int = 1) -> None:
        """There are no rows yet in `count` slots; this process writes the first one."""
        self._memory = memoryview(mmap.mmap(-1, count * SIZE))
        self._count = count
        self.enter(0)

    def enter(self, number: int) -> None:
        """This process writes slot `number`, and goes on with what is there."""
        self._bytes, self.cells = self._views(number)
        self._rows = {key: index for key, index, _ in _rows(self._bytes, self.cells)}

    def row(self, key: Key, width: int) -> int:
        """Where in `cells` the numbers of `key` are; a new row is made of zeros.

        When the slot is full it is a place that nobody reads: what is counted there is lost, and nothing else.
        """
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = self._add(key, width)
        return found

    def read(self) -> dict[Key, list[list[float]]]:
        """The numbers of every key, in each slot that has it."""
        found: dict[Key, list[list[float]]] = {}
        for number in range(self._count):
            data, cells = self._views(number)
            for key, index, width in _rows(data, cells):
                found.setdefault(key, []).append(list(cells[index : index + width]))
        return found

    def _views(self, number: int) -> tuple[memoryview, memoryview[float]]:
        data = self._memory[number * SIZE : (number + 1) * SIZE]
        return data, data.cast("d")

    def _add(self, key: Key, width: int) -> int:
        text = msgspec.json.encode(key)
        start = int(self.cells[0]) or _FIRST
        index = start + _HEAD + -(-len(text) // _WORD)
        if index + width > len(self.cells) - WIDEST:
            return len(self.cells) - WIDEST
        self.cells[start], self.cells[start + 1] = len(text), width
        place = (start + _HEAD) * _WORD
        self._bytes[place : place + len(text)] = text
        # Last, so that whoever reads meanwhile sees a whole row or none.
        self.cells[0] = index + width
        return index


def _rows(data: memoryview, cells: memoryview[float]) -> Iterator[tuple[Key, int, int]]:
    """Key, place and width of each row."""
    at, end = _FIRST, int(cells[0])
    while at < end:
        length, width = int(cells[at]), int(cells[at + 1])
        place = (at + _HEAD) * _WORD
        index = at + _HEAD + -(-length // _WORD)
        yield _read_key(data[place : place + length]), index, width
        at = index + width
