"""Points that a metric file holds already.

MLflow's clients log points of a run once more for each model that they log, and its databases keep equal points once.
So a point that names a model is not added where an equal one is. The end of the file is remembered, so that points in
the order of their steps or times, as training logs them, cost one line read each and not the whole file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from threading import Lock

from msgspec import Struct

from millstream.drivers.files.atomic import failure
from millstream.drivers.files.reader import open_file
from millstream.formats.mlruns.points import format_point, parse_points
from millstream.values.entities import Metric

_BLOCK = 2**20
_MOST = 1024
_NO_FILE = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class _Seen(Struct):
    """The first `offset` bytes of a file: no point in them has a higher step or a later time than these."""

    inode: int
    offset: int = 0
    step: int = -(2**63)
    time: int = -(2**63)


class Repeats:
    """What is known of the metric files of one tree. Safe for threads; other processes may append meanwhile."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._seen: dict[str, _Seen] = {}
        self._lock = Lock()

    def leave_out(self, folder: str, metrics: Iterable[Metric]) -> tuple[Metric, ...]:
        """`metrics` without those that name a model and that a file below `folder`, or one before them, says already.

        Equal are points of one key, time, step and value, NaN among them.
        """
        kept: list[Metric] = []
        before: set[tuple[str, bytes]] = set()
        for metric in metrics:
            line = format_point(metric.timestamp, metric.value, metric.step)
            place = metric.key, line
            if metric.model_id and (place in before or self._holds(folder, metric, line)):
                continue
            before.add(place)
            kept.append(metric)
        return tuple(kept)

    def _holds(self, folder: str, metric: Metric, line: bytes) -> bool:
        path = os.path.join(folder, metric.key)
        try:
            descriptor = open_file(path)
        except OSError as error:
            # A directory that is gone is another matter: the run was moved.
            if isinstance(error, _NO_FILE) and os.path.isdir(folder):
                return False
            raise failure("read", path, error) from error
        try:
            return self._is_in(path, descriptor, metric, line)
        except OSError as error:
            raise failure("read", path, error) from error
        finally:
            os.close(descriptor)

    def _is_in(self, path: str, descriptor: int, metric: Metric, line: bytes) -> bool:
        status = os.fstat(descriptor)
        seen = self._seen.get(path)
        if seen is not None and seen.inode == status.st_ino and seen.offset <= status.st_size:
            with self._lock:
                _catch_up(descriptor, seen)
            if metric.step > seen.step or metric.timestamp > seen.time:
                return False
        if _find(descriptor, line.rstrip()):
            return True
        # Only now: a model that is logged asks once, and finds its points.
        self._remember(path, descriptor, status.st_ino)
        return False

    def _remember(self, path: str, descriptor: int, inode: int) -> None:
        seen = _Seen(inode)
        _catch_up(descriptor, seen)
        if len(self._seen) >= _MOST:
            self._seen.clear()
        self._seen[path] = seen


def _catch_up(descriptor: int, seen: _Seen) -> None:
    """Read on to the end of the last whole line."""
    while data := os.pread(descriptor, _BLOCK, seen.offset):
        chunk = parse_points(data)
        size = chunk.size or (len(data) if len(data) == _BLOCK else 0)
        if not size:
            return  # A line that is being written.
        for time, _, step in chunk.points:
            seen.time, seen.step = max(seen.time, time), max(seen.step, step)
        seen.offset += size


def _find(descriptor: int, start: bytes) -> bool:
    """Whether a whole line of the file is `start`, or begins with it and goes on with a dataset."""
    wanted = [b"\n" + start + end for end in (b"\n", b" ")]
    offset, text = 0, b"\n"
    while data := os.pread(descriptor, _BLOCK, offset):
        offset += len(data)
        text += data
        if any(line in text for line in wanted):
            return True
        text = text[-len(start) - 1 :]
    return False
