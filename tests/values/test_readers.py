"""Readers are whole before anybody has them."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from millstream.values.readers import converter, json_reader, msgpack_reader

# The types of `Inner` take a while to be found out, and `Outer` is half known meanwhile.
TYPES = """
import sys, threading, time
from msgspec import Struct
from millstream.values import readers

def slow():
    time.sleep(0.3)
    return int

class Inner(Struct, array_like=True):
    a: "slow()"
    b: "list[int]"

class Outer(Struct, array_like=True):
    inner: Inner
    name: str

READ = {
    "json": lambda: readers.json_reader(Outer)(b'[[1, [2]], "x"]'),
    "msgpack": lambda: readers.msgpack_reader(Outer)(bytes([0x92, 0x92, 1, 0x91, 2, 0xA1, 0x78])),
    "convert": lambda: readers.converter(Outer)([[1, [2]], "x"]),
}[sys.argv[1]]

found = []
threads = [threading.Thread(target=lambda: found.append(READ())) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert found == [Outer(Inner(1, [2]), "x")] * 4, found
"""


class Point(msgspec.Struct):
    x: int
    y: float = 0.0


def test_values_become_typed() -> None:
    assert json_reader(Point)(b'{"x": 1}') == json_reader(Point)('{"x": 1}') == Point(1)
    assert msgpack_reader(list[Point])(b"\x91\x81\xa1x\x01") == [Point(1)]
    assert converter(Point, strict=False)({"x": "1", "y": "2.5"}) == Point(1, 2.5)
    for read, value in ((json_reader(Point), b'{"x": "1"}'), (converter(Point), {"x": "1"})):
        with pytest.raises(msgspec.ValidationError):
            read(value)  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["json", "msgpack", "convert"])
def test_threads_that_are_the_first_to_read_a_type_do_not_end_the_process(kind: str) -> None:
    ended = subprocess.run([sys.executable, "-c", TYPES, kind], capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
