"""Files that are there whole or not at all, and a lock over a directory."""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from millstream.formats.mlruns.layout import TEMPORARY_PREFIX
from millstream.values.errors import MillstreamError, StorageFailed

if os.name != "nt":
    import fcntl

_counter = itertools.count()


def temporary_name() -> str:
    """A file name that no other process or thread uses."""
    return f"{TEMPORARY_PREFIX}{os.getpid()}-{next(_counter)}-{os.urandom(3).hex()}.tmp"


def replace_file(path: str, data: bytes, scratch: str) -> None:
    """Make `path` hold `data`: readers see the old content or the new, never a part.

    The new content is first written in directory `scratch` (same file system), where no reader looks.
    """
    temporary = _write_temporary(data, scratch, path)
    try:
        try:
            os.replace(temporary, path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise failure("write", path, error) from error


def create_file(path: str, data: bytes, scratch: str) -> bool:
    """As `replace_file`, but leave an existing `path` alone; returns whether this call made it."""
    temporary = _write_temporary(data, scratch, path)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        # File systems without hard links (some network and FAT ones): exclusive creation is the next best.
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP, errno.EMLINK):
            raise failure("write", path, error) from error
        return _create_exclusively(path, data)
    finally:
        with suppress(OSError):
            os.unlink(temporary)
    return True


def _create_exclusively(path: str, data: bytes) -> bool:
    try:
        with open(path, "xb") as file:
            file.write(data)
    except FileExistsError:
        return False
    except OSError as error:
        raise failure("write", path, error) from error
    return True


def _write_temporary(data: bytes, scratch: str, path: str) -> str:
    temporary = os.path.join(scratch, temporary_name())
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise failure("write", path, error) from error
    return temporary


def failure(verb: str, path: str | Path, error: OSError) -> MillstreamError:
    """The error to raise for an OSError: what could not be done, where, why, and what to do."""
    advice = {
        errno.ENOSPC: "Free some space and try again; what was written before is safe.",
        errno.EDQUOT: "Your disk quota is used up; free some space and try again.",
        errno.EACCES: "Check the permissions.",
        errno.EROFS: "The file system is read-only.",
        errno.ENAMETOOLONG: "Use a shorter name.",
    }.get(error.errno or 0, "")
    return StorageFailed(f"Cannot {verb} {os.fspath(path)!r}: {error.strerror or error}. {advice}".strip())


@contextmanager
def locked(directory: str) -> Iterator[None]:
    """Hold an exclusive lock on `directory` among all processes, so that a name is taken only once.

    Where directories cannot be locked (some network file systems), a lock file in the trash is used.
    """
    if os.name == "nt":  # without flock, creation races are left to the file system
        yield
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            descriptor = os.open(os.path.join(directory, ".trash", ".lock"), os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
