"""Has a directory changed since it was last read? Answered from modification times and sizes alone."""

from __future__ import annotations

import os
import time
from hashlib import blake2b

from millstream.drivers.files.reader import walk_keys
from millstream.formats.mlruns import layout

# A file changed within one tick of the file system's clock keeps its stamp, so a stamp this young proves nothing.
RACY_NS = 50_000_000
_META = os.sep + layout.META
_PARTS = (layout.METRICS, layout.PARAMS, layout.TAGS)
_LINKS = (layout.INPUTS, layout.OUTPUTS)

Stamp = tuple[int, ...]


def file_stamp(path: str) -> Stamp:
    """(time, size, inode) of a file, () when it is not there."""
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_size, status.st_ino)


def directory_stamp(path: str) -> int:
    """Modification time of a directory: changes when an entry comes or goes. 0 when it is not there."""
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def run_directories(directory: str) -> list[str]:
    """Directories whose modification times make a run's shallow stamp: itself, its parts and all below them."""
    found = [directory]
    pending = [os.path.join(directory, part) for part in _PARTS]
    pending += [path for part in _LINKS if os.path.isdir(path := os.path.join(directory, part))]
    while pending:
        path = pending.pop()
        found.append(path)
        try:
            with os.scandir(path) as entries:
                pending.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        except OSError:
            continue
    return sorted(found)


def shallow_stamp(directory: str, names: tuple[str, ...]) -> Stamp:
    """Changes when the run's meta.yaml changes or a metric, param or tag appears or is replaced.

    `names` are the run's directories relative to `directory`, each after a separator: a search asks this of every
    run, so there is nothing to join.
    """
    try:
        status = os.stat(f"{directory}{_META}")
        stamp = [status.st_mtime_ns, status.st_size, status.st_ino]
        stamp += [os.stat(directory + name).st_mtime_ns for name in names]
    except OSError:
        found = file_stamp(f"{directory}{_META}")
        return (*found, *(directory_stamp(directory + name) for name in names))
    return tuple(stamp)


def deep_stamp(directory: str) -> Stamp:
    """(newest time, digest): changes when any file but artifacts changes, in place too; looks at each file."""
    seen = [f"{file_stamp(os.path.join(directory, layout.META))}"]
    newest = 0
    for part in (*_PARTS, *_LINKS):
        for key, entry in walk_keys(os.path.join(directory, part)):
            try:
                status = entry.stat()
            except OSError:
                continue
            newest = max(newest, status.st_mtime_ns)
            seen.append(f"{part}/{key} {status.st_mtime_ns} {status.st_size} {status.st_ino}")
    seen += [str(directory_stamp(os.path.join(directory, part))) for part in _LINKS]
    digest = blake2b(os.fsencode("\n".join(seen)), digest_size=7).digest()
    return (newest, int.from_bytes(digest))


def is_racy(stamp: Stamp) -> bool:
    """Whether something in `stamp` is so young that a later change could leave the stamp as it is."""
    now = time.time_ns()
    return any(now - RACY_NS < number < now + RACY_NS for number in stamp)
