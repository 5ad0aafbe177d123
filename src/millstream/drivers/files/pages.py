"""Pages of a metric file: a page reads its own lines, and holds no more than them."""

from __future__ import annotations

import os

from msgspec import Struct

from millstream.drivers.files.atomic import failure
from millstream.drivers.files.reader import open_file
from millstream.drivers.files.segments import LONGEST_LINE, SIZE, tail_sum
from millstream.formats.mlruns import layout
from millstream.formats.mlruns.columns import parse_plain
from millstream.formats.mlruns.points import parse_line
from millstream.formats.tokens import Bookmark, decode_bookmark, encode_bookmark
from millstream.values.entities import Metric, Page


class _Block(Struct):
    """Complete lines: their points, and where in `data` the line of each starts."""

    data: bytes
    points: list[Metric]
    starts: list[int] | None

    def start(self, number: int) -> int:
        """Where the line of a point starts."""
        if self.starts is not None:
            return self.starts[number]
        # Every line is a point.
        return sum(map(len, self.data.split(b"\n", number)[:number])) + number


def read_page(directory: str, key: str, token: str | None, limit: int) -> Page[Metric]:
    """At most `limit` points of a metric of the run in `directory`, in the order written; none of an unknown metric.

    The token of the next page says at which byte it starts. When other bytes stand there, points are counted instead.
    """
    mark = decode_bookmark(token)
    path = os.path.join(directory, layout.METRICS, key)
    try:
        descriptor = open_file(path)
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return Page()
    except OSError as error:
        raise failure("read", path, error) from error
    try:
        if mark.byte and tail_sum(descriptor, mark.byte) == mark.tail:
            return _read(descriptor, key, mark, limit, skip=0)
        return _read(descriptor, key, Bookmark(mark.offset), limit, skip=mark.offset)
    except IsADirectoryError:
        return Page()
    except OSError as error:
        raise failure("read", path, error) from error
    finally:
        os.close(descriptor)


def _read(descriptor: int, key: str, mark: Bookmark, limit: int, skip: int) -> Page[Metric]:
    found: list[Metric] = []
    position = mark.byte
    while block := _block(descriptor, position, key):
        points = block.points[skip:]
        left = limit - len(found)
        found += points[:left]
        if len(points) > left:
            byte = position + block.start(skip + left)
            return Page(found, encode_bookmark(Bookmark(mark.offset + limit, byte, tail_sum(descriptor, byte))))
        skip = max(0, skip - len(block.points))
        position += len(block.data)
    return Page(found)


def _block(descriptor: int, position: int, key: str) -> _Block | None:
    """The next complete lines, None when there are no more."""
    size = SIZE
    while True:
        data = os.pread(descriptor, size, position)
        end = data.rfind(b"\n") + 1
        if end:
            return _parsed(data[:end], key)
        if len(data) < size or size > LONGEST_LINE:
            return None
        size *= 2


def _parsed(data: bytes, key: str) -> _Block:
    columns = parse_plain(data)
    if columns is not None:
        triples = zip(columns.values, columns.times, columns.steps, strict=True)
        return _Block(data, [Metric(key, value, time, step) for value, time, step in triples], None)
    block = _Block(data, [], [])
    assert block.starts is not None
    start = 0
    for line in data.split(b"\n")[:-1]:
        try:
            point = parse_line(line)
        except ValueError:
            point = None
        if point is not None:
            time, value, step, *dataset = point
            name, digest = dataset or (None, None)
            block.points.append(Metric(key, value, time, step, None, None, name, digest))
            block.starts.append(start)
        start += len(line) + 1
    return block
