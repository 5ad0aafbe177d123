"""Opening what is no regular file: said to be missing, never waited for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millstream.drivers.artifacts.local import LocalArtifacts
from millstream.values.errors import NotFound
from millstream.values.paths import Location, RelPath


def artifacts(root: Path) -> LocalArtifacts:
    return LocalArtifacts(Location.parse(str(root)))


def test_a_file_opens(tmp_path: Path) -> None:
    (tmp_path / "메모 1.txt").write_bytes(b"abc")
    with artifacts(tmp_path).open(RelPath.parse("메모 1.txt")) as file:
        assert file.read() == b"abc"


@pytest.mark.parametrize("kind", ["missing", "directory", "below a file", "loop", "pipe"])
def test_anything_else_is_not_found(tmp_path: Path, kind: str) -> None:
    path = "a"
    if kind == "directory":
        (tmp_path / "a").mkdir()
    elif kind == "below a file":
        (tmp_path / "a").write_bytes(b"")
        path = "a/b"
    elif kind == "loop":
        (tmp_path / "a").symlink_to(tmp_path / "a")
    elif kind == "pipe":
        os.mkfifo(tmp_path / "a")
    with pytest.raises(NotFound):
        artifacts(tmp_path).open(RelPath.parse(path))
