"""Whole directories of this machine: how much lies in them, and removing them. No link is ever followed."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from millstream.formats.mlruns.layout import META
from millstream.values.errors import StorageFailed
from millstream.values.space import is_aside


def measure(directory: str | Path) -> tuple[int, int]:
    """(bytes, files) of everything below a directory; (0, 0) when there is none. Links count as what they are."""
    size = files = 0
    pending = [os.fspath(directory)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
                        continue
                    with suppress(OSError):
                        size += entry.stat(follow_symlinks=False).st_size
                        files += 1
        except OSError:
            continue  # It went away, or may not be read.
    return size, files


def remove(directory: str | Path) -> None:
    """Remove a directory with all below it; of a link only the link. Nothing there is fine."""
    path = os.fspath(directory)
    try:
        if os.path.islink(path):
            os.unlink(path)
        else:
            shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as error:
        where = error.filename or path
        raise StorageFailed(
            f"Cannot remove {os.fsdecode(where)!r}: {error.strerror or error}. Check the permissions and try again."
        ) from error


def take(directory: Path) -> bool:
    """Make ``<location>/<run id>`` for the artifacts that will be in it; False when it is there: somebody has it.

    Of several who ask at the same time one gets it. Where nothing is there and nothing can be made, it is free.
    """
    owner = directory.parent
    try:
        with suppress(FileExistsError):
            owner.parent.mkdir(parents=True)
        owner.mkdir()
    except OSError:
        return not os.path.lexists(owner)
    return True


def is_own(directory: Path) -> bool:
    """Whether ``<location>/<run id>/artifacts`` is a directory of its own: no link on the last steps, and not the
    inside of a run of some `mlruns` tree, which may be another store's."""
    owner = directory.parent
    if is_aside(owner.parent.name) and owner.parent.is_symlink():
        return False
    return not directory.is_symlink() and not owner.is_symlink() and not (owner / META).exists()


def remove_own(directory: Path) -> None:
    """Remove ``<location>/<run id>/artifacts``, and ``<location>/<run id>`` when nothing else is in it."""
    remove(directory)
    with suppress(OSError):
        directory.parent.rmdir()
        if is_aside(directory.parent.parent.name):
            directory.parent.parent.rmdir()
