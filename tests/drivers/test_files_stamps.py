"""Stamps tell that a file is another one."""

from __future__ import annotations

import os
from pathlib import Path

from millstream.drivers.files.stamps import deep_stamp, file_stamp


def swap(path: Path, text: str) -> None:
    """Put another file in place of `path`: as long, and of the same time."""
    status = path.stat()
    other = path.with_name("other")
    other.write_text(text)
    os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.replace(other, path)


def test_another_file_of_the_same_time_and_size_has_another_stamp(tmp_path: Path) -> None:
    path = tmp_path / "meta.yaml"
    path.write_text("status: 1\n")
    before = file_stamp(str(path))
    swap(path, "status: 3\n")
    assert file_stamp(str(path)) != before


def test_a_run_with_a_swapped_tag_has_another_deep_stamp(tmp_path: Path) -> None:
    tag = tmp_path / "tags" / "a"
    tag.parent.mkdir()
    tag.write_text("1")
    before = deep_stamp(str(tmp_path))
    swap(tag, "2")
    assert deep_stamp(str(tmp_path)) != before
