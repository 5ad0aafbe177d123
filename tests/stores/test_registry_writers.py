"""Several who register versions of one model in a directory at once."""

from __future__ import annotations

import subprocess
import sys

import pytest

from millstream.drivers.files import registry as registry_files
from millstream.stores.embedded import EmbeddedStore
from tests.stores.suites.registry import add, find_versions, register, version

VERSIONS = """
import sys
from millstream.stores.open import open_store
from millstream.values.ops import CreateModelVersion
store = open_store(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
made = [store.write(CreateModelVersion(name="m", source="s3://b", time=1, tags={"n": f"{sys.argv[2]}-{n}"})).version
        for n in range(int(sys.argv[3]))]
print(*made)
"""


def race(uri: str, each: int) -> list[int]:
    """Numbers that eight processes got, each asking `each` times, all at once."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", VERSIONS, uri, str(number), str(each)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for process in racers:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in racers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    return [int(number) for process in racers for number in process.communicate(timeout=100)[0].split()]


def test_eight_processes_never_get_one_number_twice(store: EmbeddedStore) -> None:
    register(store, "m")
    made = race(store.uri, 6)
    assert sorted(made) == list(range(1, 49))
    tags = [version(store, number, "m").tags["n"] for number in made]
    assert tags == [f"{process}-{number}" for process in range(8) for number in range(6)]


def test_numbers_are_given_once_without_locks_too(store: EmbeddedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where directories cannot be locked, whoever makes the directory has the number."""
    register(store)
    first = registry_files.registered.version_numbers
    monkeypatch.setattr(registry_files.registered, "version_numbers", lambda _directory: [])
    assert [add(store).version for _ in range(3)] == [1, 2, 3]
    monkeypatch.setattr(registry_files.registered, "version_numbers", first)
    assert len(find_versions(store)) == 3
