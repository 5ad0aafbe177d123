"""What is being written beside its place: its names, what removes it when it was left there, and why writing failed."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from pathlib import Path

from millstream.values.errors import InvalidValue, MillstreamError, NoRoom, StorageFailed
from millstream.values.paths import RelPath

TEMPORARY = ".millstream-part-"
"""How names begin of what is being written; it is in no listing."""
FORGOTTEN_SECONDS = 86_400
"""Whoever has written nothing for so long does not go on."""
# A path that cannot be, whatever the disk: a file below a file, a name too long.
_IMPOSSIBLE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def name_upload(token: str, path: RelPath) -> str:
    """The id of an upload in parts: with the same token to the same path it is the same."""
    return hashlib.sha256(f"{token}/{path}".encode()).hexdigest()[:32]


def forget(name: str, directory: int | None) -> None:
    """Remove a file or a whole directory `name` in the open `directory`; a link as such."""
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(name, dir_fd=directory)


def failure(verb: str, path: Path, error: OSError) -> MillstreamError:
    """What `verb` `path` could not be done for."""
    reason = error.strerror or type(error).__name__
    said = f"Cannot {verb} {str(path)!r}: {reason}."
    if error.errno in _FULL:
        return no_room(f"{said} Free some space and try again.")
    kind = InvalidValue if error.errno in _IMPOSSIBLE else StorageFailed
    return kind(said, told=f"There can be no artifact of this path: {reason}.")


def no_room(message: str) -> NoRoom:
    """The error of a full disk; clients hear no place."""
    return NoRoom(message, told="There is no room left where this server keeps artifacts. Free some and try again.")
