"""Points of the embedded store: from its metric files, with the segments that the index knows of long ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Protocol

from millstream.drivers.files import pages, reader, segments
from millstream.drivers.files.atomic import failure
from millstream.drivers.files.tree import Tree
from millstream.formats.mlruns import layout
from millstream.formats.segments import Columns, Segment
from millstream.stores.series import Cache, Changed, Part
from millstream.values.entities import Metric, Page
from millstream.values.errors import StorageFailed

# A file up to this size is read; the index is asked about longer ones.
SHORT = 2 * segments.SIZE
# The index is brought up to date when so much of a file is not in it yet.
_FAR_BEHIND = 8 * segments.SIZE
# A part in memory takes about this much: a digest of 17 or 32 numbers.
_PART_SIZE = 1200


class Knower(Protocol):
    """What the index knows of metric files."""

    def file_state(self, run_id: str, key: str, *, catch_up: bool) -> reader.FileState | None:
        """How a file was when it was last read, or, with `catch_up`, is now; None for an unknown one."""
        ...

    def file_segments(self, run_id: str, key: str) -> tuple[reader.FileState | None, list[Segment]]:
        """How a file was when it was last read, and its segments from its beginning."""
        ...


class FileSeries:
    """One open metric file."""

    def __init__(self, descriptor: int, parts: Sequence[Part]) -> None:
        """The points of `parts` are in the file `descriptor`."""
        self._descriptor = descriptor
        self.parts = parts

    def load(self, parts: Sequence[Part]) -> Iterator[Columns]:
        """The points of `parts`."""
        for part in parts:
            if part.columns is not None:
                yield part.columns
                continue
            segment: Segment = part.place
            try:
                yield segments.read_segment(self._descriptor, segment.offset, segment.size, segment.crc)
            except segments.Rewritten as error:
                raise Changed from error


class MetricFiles:
    """The points of a tree."""

    def __init__(self, tree: Tree, index: Callable[[], Knower]) -> None:
        """Read the files of `tree`; `index` opens what knows of their segments."""
        self._tree = tree
        self._index = index
        self.cache = Cache()

    def page(self, run_id: str, key: str, token: str | None, limit: int) -> Page[Metric]:
        """At most `limit` points in the order they were written, from where `token` says."""
        return pages.read_page(self._tree.run_dir(run_id), key, token, limit)

    def start_time(self, run_id: str) -> int | None:
        """When the run started."""
        return reader.read_info(self._tree.run_dir(run_id)).start_time

    @contextmanager
    def series(self, run_id: str, key: str, *, afresh: bool = False) -> Iterator[FileSeries]:
        """The series of a metric; of a long one as the index knows it, when the file still is what the index read."""
        path = os.path.join(self._tree.run_dir(run_id), layout.METRICS, key)
        try:
            descriptor = reader.open_file(path)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            yield FileSeries(-1, ())
            return
        except OSError as error:
            raise failure("read", path, error) from error
        try:
            try:
                parts = self._parts(descriptor, run_id, key, afresh)
            except IsADirectoryError:
                parts = []
            except OSError as error:
                raise failure("read", path, error) from error
            yield FileSeries(descriptor, parts)
        finally:
            os.close(descriptor)

    def several(self, run_ids: Sequence[str], keys: Sequence[str]) -> Iterator[tuple[str, str, FileSeries]]:
        """Run, key and series of each of `keys` of each of `run_ids`."""
        for run_id in run_ids:
            for key in keys:
                with self.series(run_id, key) as series:
                    yield run_id, key, series

    def _parts(self, descriptor: int, run_id: str, key: str, afresh: bool) -> list[Part]:
        size = os.fstat(descriptor).st_size
        parts: list[Part] = []
        end = 0
        if size >= SHORT and not afresh:
            parts, end = self._known_parts(descriptor, run_id, key)
        # Points of what is read now are kept only when there is little of it.
        keep = size - end <= _FAR_BEHIND
        rest = [_part(run_id, key, segment, columns) for segment, columns in _cut(descriptor, end, size, keep=keep)]
        return parts + rest

    def _known_parts(self, descriptor: int, run_id: str, key: str) -> tuple[list[Part], int]:
        """Parts that the index knows, and where in the file they end."""
        index = self._index()
        with suppress(StorageFailed):
            for catch_up in (False, True):
                state = index.file_state(run_id, key, catch_up=catch_up)
                if state is None or not _holds(descriptor, state):
                    continue
                if not catch_up and os.fstat(descriptor).st_size - state.segmented > _FAR_BEHIND:
                    continue
                return self._of_index(index, state, run_id, key), state.segmented
        return [], 0

    def _of_index(self, index: Knower, state: reader.FileState, run_id: str, key: str) -> list[Part]:
        name = ("parts", run_id, key)
        tick = self.cache.tick()
        found = self.cache.get(name, tick)
        if found is not None and found[0] == state:
            parts: list[Part] = found[1]
            return parts
        now, known = index.file_segments(run_id, key)
        if now != state or sum(segment.size for segment in known) != state.segmented:
            raise StorageFailed("The index changed while it was read.")
        parts = [_part(run_id, key, segment) for segment in known]
        self.cache.put(name, (state, parts), _PART_SIZE * len(parts), tick)
        return parts


def _part(run_id: str, key: str, segment: Segment, columns: Columns | None = None) -> Part:
    name = ("file", run_id, key, segment.offset, segment.size, segment.crc)
    return Part(name, segment.digest, segment, columns)


def _cut(descriptor: int, start: int, stop: int, *, keep: bool) -> Iterator[tuple[Segment, Columns | None]]:
    for segment, columns in segments.cut(descriptor, start, stop):
        yield segment, columns if keep else None


def _holds(descriptor: int, state: reader.FileState) -> bool:
    """Whether the open file is the one that the index read, with perhaps more after it."""
    return reader.is_continued(descriptor, state, os.fstat(descriptor))
