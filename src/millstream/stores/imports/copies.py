"""Copying the artifacts of a run: what the target lacks, file by file, each whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from millstream.drivers.artifacts.base import Artifacts
from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue, MillstreamError, StorageFailed
from millstream.values.paths import RelPath

Sentence = Callable[[str], None]


def copy_artifacts(
    source: Artifacts, target: Artifacts, problem: Sentence, note: Sentence, *, overwrite: bool
) -> tuple[int, int]:
    """Copy what `target` lacks of `source`; how many files and bytes. What cannot be read is named to `problem`.

    A file that is there with another size is left as it is and named to `note`, unless `overwrite`.
    """
    files = size = 0
    folders = [RelPath()]
    while folders:
        folder = folders.pop()
        try:
            present = {item.path: item for item in target.list(folder)}
            listed = source.list(folder)
        except MillstreamError as error:
            problem(f"artifacts in {str(folder)!r} cannot be listed: {error.message}")
            continue
        for item in listed:
            try:
                path = _directly_below(folder, item)
                if item.is_dir:
                    folders.append(path)
                elif _is_wanted(item, present.get(str(path)), note, overwrite=overwrite):
                    size += _copy(source, target, path, item.file_size)
                    files += 1
            except InvalidValue as error:
                problem(f"artifact {item.path!r}: {error.message}")
            except MillstreamError as error:
                problem(f"artifact {item.path!r} cannot be copied: {error.message}")
    return files, size


def _directly_below(folder: RelPath, item: FileInfo) -> RelPath:
    """The path of a listed entry; a listing that names anything else than what is in its folder is not believed."""
    path = RelPath.parse(item.path)
    if path.segments[:-1] != folder.segments:
        raise InvalidValue(f"It is listed in {str(folder)!r}, where it cannot be; it is not copied.")
    return path


def _is_wanted(item: FileInfo, present: FileInfo | None, note: Sentence, *, overwrite: bool) -> bool:
    if present is None:
        return True
    if present.is_dir or present.file_size == item.file_size:
        return False
    if not overwrite:
        note(f"artifact {item.path!r} has another size here and is left as it is")
    return overwrite


def _copy(source: Artifacts, target: Artifacts, path: RelPath, expected: int | None) -> int:
    local = source.local_path(path)
    if local is not None:
        target.put_file(local, path)
        return local.stat().st_size
    with TemporaryDirectory(prefix="millstream-") as folder:
        part = Path(folder, "part")
        with source.open(path) as stream, part.open("wb") as file:
            try:
                shutil.copyfileobj(stream, file, 1 << 20)
            except OSError as error:
                raise StorageFailed(f"the transfer was cut off ({error}); import again.") from error
        size = part.stat().st_size
        if expected not in (None, size):
            raise StorageFailed(f"only {size} of {expected} bytes came; import again.")
        target.put_file(part, path)
        return size
