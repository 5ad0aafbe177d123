"""Files that are there whole or not at all, and a lock over a directory."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from millstream.formats.mlruns.layout import META, TEMPORARY_PREFIX
from millstream.values.errors import MillstreamError, NoRoom, StorageFailed, Unavailable

if os.name != "nt":
    import fcntl

_FULL = (errno.ENOSPC, errno.EDQUOT)
_counter = itertools.count()
_POLL_SECONDS = 0.02
# How long a change of places waits for a backup, and a backup for such changes.
PATIENCE_SECONDS = 10.0
# How long a rewriting of a run's meta.yaml waits for another one before it goes on all the same.
REWRITE_SECONDS = 1.0


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
            if _holds(path, data) and not os.path.exists(temporary):
                return  # A network disk lost its own answer, asked again, and heard that there is nothing to rename.
            make_parents(path, scratch)
            os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            os.unlink(temporary)
        raise failure("write", path, error) from error


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read() == data
    except OSError:
        return False


def create_file(path: str, data: bytes, scratch: str) -> bool:
    """As `replace_file`, but leave an existing `path` alone; returns whether this call made it."""
    temporary = _write_temporary(data, scratch, path)
    try:
        make_parents(path, scratch)
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


def make_parents(path: str, scratch: str) -> None:
    """Make the directories between `scratch` (or the one around it) and `path`, never `scratch` itself.

    A run that was just moved away must not leave a ghost behind: FileNotFoundError when `scratch` is gone.
    """
    folder = os.path.dirname(path)
    base = scratch if f"{folder}{os.sep}".startswith(f"{scratch}{os.sep}") else os.path.dirname(scratch)
    missing = []
    while folder != base and not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    for folder in reversed(missing):
        with suppress(FileExistsError):
            os.mkdir(folder)


def is_gone(error: BaseException | None) -> bool:
    """Whether `error` came about because a file or directory on the way is not there (any more)."""
    while error is not None:
        if isinstance(error, FileNotFoundError):
            return True
        error = error.__cause__
    return False


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
    reason = error.strerror or str(error)
    said = f"Cannot {verb} {os.fspath(path)!r}: {reason}. {advice}".strip()
    if error.errno in _FULL:
        return NoRoom(said, told=f"The server has no room left for this: {reason}. What was written before is safe.")
    return StorageFailed(said, told=f"The server's disk refused: {reason}.")


@contextmanager
def made_whole(directory: str) -> Iterator[None]:
    """What is made in a new `directory`, its meta.yaml last, goes again with it when it fails."""
    is_new = not os.path.lexists(directory)
    try:
        yield
    except BaseException:
        # Another process may have made the same one meanwhile, and been told so.
        if is_new and not os.path.lexists(os.path.join(directory, META)):
            shutil.rmtree(directory, ignore_errors=True)
        raise


@contextmanager
def locked(directory: str) -> Iterator[None]:
    """Hold an exclusive lock on `directory` among all processes, so that a name is taken only once.

    Where directories cannot be locked (some network file systems), a lock file in the trash is used.
    """
    if os.name == "nt":  # without flock, creation races are left to the file system
        yield
        return
    descriptor = _lock(directory)
    try:
        yield
    finally:
        os.close(descriptor)


def _lock(directory: str) -> int:
    try:
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        except OSError:
            os.close(descriptor)
            descriptor = os.open(os.path.join(directory, ".trash", ".lock"), os.O_RDWR | os.O_CREAT, 0o666)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        raise failure("lock the directory", directory, error) from error
    return descriptor


@contextmanager
def held(directory: str, *, shared: bool) -> Iterator[None]:
    """Hold `directory` alone, or `shared` with others who share it, among all processes; without it where that
    cannot be done (Windows, some network disks). Unavailable after `PATIENCE_SECONDS`."""
    with _flocked(directory, PATIENCE_SECONDS, shared=shared) as taken:
        if taken is False:
            raise Unavailable(
                f"Runs below {os.path.dirname(directory)!r} are being backed up, moved or removed by another process. "
                "Try again when it is done.",
                told="Runs are being backed up, moved or removed by another process. Try again when it is done.",
            )
        yield


@contextmanager
def rewriting(directory: str) -> Iterator[None]:
    """Keep others from reading and rewriting the meta.yaml of the run in `directory` meanwhile, as far as possible.

    A signal handler may rewrite in the middle of a rewriting by the same thread, so nobody waits long.
    StorageFailed when the directory is gone.
    """
    with _flocked(directory, REWRITE_SECONDS, shared=False):
        yield


@contextmanager
def _flocked(directory: str, patience: float, *, shared: bool) -> Iterator[bool | None]:
    """True when the lock is held, False when it could not be had in time, None when there are no such locks."""
    if os.name == "nt":
        yield None
        return
    try:
        descriptor = os.open(directory, os.O_RDONLY)
    except FileNotFoundError as error:
        raise failure("open", directory, error) from error
    except OSError:
        yield None
        return
    try:
        yield _take(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX, patience)
    finally:
        os.close(descriptor)


def _take(descriptor: int, kind: int, patience: float) -> bool | None:
    end = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(_POLL_SECONDS)
        except OSError:
            return None
