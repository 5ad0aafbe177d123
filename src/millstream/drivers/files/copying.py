"""Copying files with their checksums, and a whole tree while it is written to."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

from millstream.drivers.files.atomic import failure
from millstream.drivers.files.reader import is_text, printable
from millstream.drivers.files.tree import Tree
from millstream.formats.manifest import FileFacts
from millstream.formats.mlruns import layout

BLOCK = 1 << 20


class Copies:
    """Files that were copied below `home`, and what could not be."""

    def __init__(self, home: Path, advance: Callable[[], None]) -> None:
        """Copy below `home`; `advance` is called after each file."""
        self.home = home
        self.files: dict[str, FileFacts] = {}
        self.folders: list[str] = []
        self.links: dict[str, str] = {}
        self.notes: list[str] = []
        self._advance = advance

    def folder(
        self, source: str, target: str, skip: Callable[[str], bool], is_lines: Callable[[str], bool] | None = None
    ) -> None:
        """Copy everything below the directory `source` to `target`, a path with ``/`` below `home`.

        `skip` and `is_lines` are asked about paths relative to `source`: what is left out, and what is appended to line
        by line, so that only whole lines are copied. What went away meanwhile is left out.
        """
        for relative, entries in _walk(source, "", skip):
            place = f"{target}/{relative}" if relative else target
            _make(self.home / place)
            if not entries:
                self.folders.append(place)
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    whole_lines = is_lines is not None and is_lines(f"{relative}/{entry.name}")
                    self._copy(entry, f"{place}/{entry.name}", whole_lines=whole_lines)

    def _copy(self, entry: os.DirEntry[str], target: str, *, whole_lines: bool) -> None:
        if not is_text(entry.name):
            self.notes.append(f"{printable(entry.path)}: left out, its name is not UTF-8 text")
        elif entry.is_symlink():
            link = os.readlink(entry.path)
            if is_text(link):
                self.links[target] = link
                self.notes.append(f"{entry.path}: a link; what it leads to is not in the backup")
        elif entry.is_file(follow_symlinks=False):
            try:
                self.files[target] = copy_file(entry.path, self.home / target, whole_lines=whole_lines)
            except FileNotFoundError:
                return
            except OSError as error:
                raise failure("read", entry.path, error) from error
            self._advance()
        else:
            self.notes.append(f"{entry.path}: left out, it is no file")

    def put(self, source: Path, target: str) -> None:
        """Copy one file."""
        self.files[target] = copy_file(source, self.home / target)
        self._advance()


def _walk(root: str, relative: str, skip: Callable[[str], bool]) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    try:
        with os.scandir(os.path.join(root, relative)) as found:
            entries = sorted((e for e in found if not skip(f"{relative}/{e.name}".lstrip("/"))), key=lambda e: e.name)
    except (FileNotFoundError, NotADirectoryError):
        return
    yield relative, entries
    for entry in entries:
        if entry.is_dir(follow_symlinks=False) and is_text(entry.name):
            yield from _walk(root, f"{relative}/{entry.name}".lstrip("/"), skip)


def copy_file(source: str | Path, target: Path, *, whole_lines: bool = False) -> FileFacts:
    """Copy a file as long as it is now; with `whole_lines` without a last line that is still being written.

    FileNotFoundError when there is none, StorageFailed when the copy cannot be written.
    """
    digest = sha256()
    with open(source, "rb") as reading:
        left = os.fstat(reading.fileno()).st_size
        if whole_lines:
            left = _end_of_lines(reading.fileno(), left)
        size = 0
        try:
            with open(target, "wb") as writing:
                while left > 0 and (block := reading.read(min(BLOCK, left))):
                    writing.write(block)
                    digest.update(block)
                    size += len(block)
                    left -= len(block)
        except OSError as error:
            raise failure("write", target, error) from error
    return FileFacts(size, digest.hexdigest())


def _end_of_lines(descriptor: int, size: int) -> int:
    """How many of the first `size` bytes are complete lines."""
    end = size
    while end > 0:
        start = max(0, end - 4096)
        newline = os.pread(descriptor, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0


def check_file(path: Path, facts: FileFacts) -> str | None:
    """What is wrong with a copy, None when it is what it was."""
    digest = sha256()
    try:
        with open(path, "rb") as file:
            if (size := os.fstat(file.fileno()).st_size) != facts.size:
                return f"has {size} bytes instead of {facts.size}"
            while block := file.read(BLOCK):
                digest.update(block)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return None if digest.hexdigest() == facts.sha256 else "has another checksum"


def copy_tree(tree: Tree, copies: Copies, target: str, *, artifacts: bool) -> None:
    """Copy a tree that others write to; meanwhile none of its directories is moved or removed."""
    with tree.staying():
        copies.folder(tree.root, target, lambda path: _is_skipped(path, artifacts=artifacts), _is_metric)
        for home in (target, f"{target}/{layout.TRASH}"):
            for path in (copies.home / home).glob("*/*"):
                relative = path.relative_to(copies.home / target)
                source = Path(tree.root, relative, layout.META)
                # A run that was being made when its directory was listed.
                if path.is_dir() and not (path / layout.META).exists() and source.exists():
                    copies.folder(
                        os.fspath(source.parent),
                        f"{target}/{relative.as_posix()}",
                        lambda path: _is_skipped(f"-/-/{path}", artifacts=artifacts),
                        lambda path: _is_metric(f"-/-/{path}"),
                    )


def _is_skipped(path: str, *, artifacts: bool) -> bool:
    parts, place = _parts(path)
    temporary = parts[-1].startswith(layout.TEMPORARY_PREFIX) and parts[-1] != layout.MOVING
    if temporary or parts[0] == layout.QUARANTINE:
        return True
    # The directory itself stays: without it a run is no run.
    return not artifacts and len(parts) > place and parts[place - 1] == layout.ARTIFACTS


def _is_metric(path: str) -> bool:
    parts, place = _parts(path)
    return len(parts) > place and parts[place - 1] == layout.METRICS


def _parts(path: str) -> tuple[list[str], int]:
    """The parts of a path in a tree, and how many lead to a part of a run or a logged model."""
    parts = path.removeprefix(f"{layout.TRASH}/").split("/")
    return parts, 4 if parts[1:2] == [layout.MODELS] else 3


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure("make the directory", folder, error) from error
