"""A file is there whole or not at all."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from millstream.drivers.files import atomic
from millstream.drivers.files.atomic import create_file, locked, replace_file
from millstream.values.errors import StorageFailed


def left(folder: Path) -> list[str]:
    """Temporary files."""
    return [name for name in os.listdir(folder) if name.startswith(".millstream")]


def test_replacing_and_creating(tmp_path: Path) -> None:
    path = str(tmp_path / "하위" / "a" / "b")
    replace_file(path, b"1", str(tmp_path))
    replace_file(path, b"22", str(tmp_path))
    assert Path(path).read_bytes() == b"22"
    assert create_file(path, b"333", str(tmp_path)) is False
    assert Path(path).read_bytes() == b"22"
    assert create_file(path + "new", b"333", str(tmp_path)) is True
    assert Path(path + "new").read_bytes() == b"333"
    assert left(tmp_path) == []


@pytest.mark.parametrize("call", ["write", "replace"])
def test_what_fails_leaves_the_old_content_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, call, fail)
    with pytest.raises(StorageFailed, match=r"No space.*Free some space"):
        replace_file(str(path), b"new", str(tmp_path))
    if call == "write":
        with pytest.raises(StorageFailed):
            create_file(str(tmp_path / "g"), b"new", str(tmp_path))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["f"]


def test_without_hard_links_creation_is_still_exclusive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(atomic.os, "link", no_links)
    path = str(tmp_path / "f")
    assert create_file(path, b"1", str(tmp_path)) is True
    assert create_file(path, b"2", str(tmp_path)) is False
    assert Path(path).read_bytes() == b"1"
    assert left(tmp_path) == []


RACER = """
import sys
from millstream.drivers.files.atomic import create_file, locked
root, me = sys.argv[1], sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
won = [number for number in range(300) if create_file(f"{root}/p/{number}", me.encode() * 100, root)]
total = 0
for _ in range(100):
    with locked(root):
        text = open(f"{root}/count").read()
        open(f"{root}/count", "w").write(str(int(text) + 1))
print(*won)
"""


def test_of_processes_that_create_one_file_just_one_wins_and_a_lock_keeps_one_out(tmp_path: Path) -> None:
    (tmp_path / "count").write_text("0")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    for process in racers:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in racers:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    won = {name: set(process.communicate(timeout=60)[0].split()) for name, process in zip("abc", racers, strict=True)}
    assert sorted(int(number) for numbers in won.values() for number in numbers) == list(range(300))
    for name, numbers in won.items():
        for number in numbers:
            assert (tmp_path / "p" / number).read_text() == name * 100
    assert (tmp_path / "count").read_text() == "300"


def test_a_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), locked(str(tmp_path)):
        raise KeyError
    with locked(str(tmp_path)):
        pass


@pytest.mark.parametrize(("name", "left"), [("before", ["kept"]), ("new", None), ("theirs", ["meta.yaml"])])
def test_what_could_not_be_made_goes_unless_it_is_somebody_elses(
    tmp_path: Path, name: str, left: list[str] | None
) -> None:
    place = tmp_path / name
    if name == "before":
        place.mkdir()
        (place / "kept").touch()

    def make() -> None:
        place.mkdir(exist_ok=True)
        if name == "theirs":
            (place / "meta.yaml").touch()
        raise OSError("full")

    with pytest.raises(OSError, match="full"), atomic.made_whole(str(place)):
        make()
    assert (sorted(os.listdir(place)) if place.exists() else None) == left
