"""Artifacts in a directory of this machine."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue, MillstreamError, NotFound, StorageFailed
from millstream.values.paths import Location, RelPath

_NO_SUCH_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_TEMPORARY = ".millstream-part-"
_PIECE = 2**20


class LocalDraft:
    """Writes a file under a temporary name, which `commit` changes. A process that is killed leaves that only."""

    def __init__(self, target: Path) -> None:
        """Begin a file that will be `target`; its directory is there."""
        self.target = target
        self._temporary = target.with_name(f"{_TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}")
        try:
            self.file = open(self._temporary, "xb", buffering=0)  # noqa: SIM115 (closed by commit and discard)
        except OSError as error:
            raise _failure("write", target, error) from error

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.file.write(view) :]
        except OSError as error:
            raise _failure("write", self.target, error) from error

    def commit(self) -> None:
        """Give the file its name, over an older one."""
        try:
            self.file.close()
            os.replace(self._temporary, self.target)
        except OSError as error:
            raise _failure("write", self.target, error) from error
        self._temporary = self.target

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        self.file.close()
        if self._temporary != self.target:
            with suppress(OSError):
                self._temporary.unlink()


class LocalArtifacts:
    """Files below one directory. A symbolic link that leads out of it is as good as not there."""

    def __init__(self, location: Location, root: Path | None = None) -> None:
        """Serve `location`; `root` is where its files lie when that is not where the location says."""
        self.location = location
        self._root = Path(location.path) if root is None else root

    def list(self, path: RelPath) -> list[FileInfo]:
        """Entries directly below `path`, by name; [] when there is no such directory."""
        directory = self._resolve(path)
        try:
            with os.scandir(directory) as entries:
                found = [self._info(path, entry) for entry in entries if not entry.name.startswith(_TEMPORARY)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _failure("list", directory, error) from error
        return sorted((info for info in found if info is not None), key=lambda info: info.path)

    def _info(self, parent: RelPath, entry: os.DirEntry[str]) -> FileInfo | None:
        path = RelPath((*parent.segments, entry.name))
        try:
            entry.name.encode()
            if entry.is_symlink():
                self._resolve(path)
            return FileInfo(str(path), entry.is_dir(), None if entry.is_dir() else entry.stat().st_size)
        except (OSError, UnicodeEncodeError, MillstreamError):
            return None

    def put_file(self, source: Path, path: RelPath) -> None:
        """Copy the local file `source` to `path`."""
        draft = self.draft(path)
        try:
            with open(source, "rb") as file:
                while piece := file.read(_PIECE):
                    draft.write(piece)
            draft.commit()
        except OSError as error:
            raise _failure(f"copy {source} to", draft.target, error) from error
        finally:
            draft.discard()

    def put_bytes(self, data: bytes, path: RelPath) -> None:
        """Write `data` to `path`."""
        draft = self.draft(path)
        try:
            draft.write(data)
            draft.commit()
        finally:
            draft.discard()

    def draft(self, path: RelPath) -> LocalDraft:
        """Begin to write `path`: to a temporary name beside it."""
        return LocalDraft(self._target(path))

    def open(self, path: RelPath) -> BinaryIO:
        """Open `path` for reading; NotFound when there is no such regular file."""
        target = self._resolve(path)
        try:
            # Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
            descriptor = os.open(target, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            if error.errno in _NO_SUCH_FILE:
                raise self._no_file(path) from error
            raise _failure("read", target, error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise self._no_file(path)
        return os.fdopen(descriptor, "rb")

    def _no_file(self, path: RelPath) -> NotFound:
        return self._nothing("There is no file", path)

    def _nothing(self, what: str, path: RelPath) -> NotFound:
        said = f"{what} {str(path)!r} among the artifacts"
        return NotFound(f"{said} in {self._root}.", told=f"{said}.")

    def delete(self, path: RelPath) -> None:
        """Remove a file or directory below the root; NotFound when there is none."""
        if not path.segments:
            raise InvalidValue("Name the file or directory to delete; the whole artifact root cannot be deleted.")
        target = self._resolve(path)
        try:
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            else:
                target.unlink()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._nothing("There is nothing called", path) from error
        except OSError as error:
            raise _failure("delete", target, error) from error

    def local_path(self, path: RelPath) -> Path | None:
        """Where `path` lies."""
        return self._resolve(path)

    def download(self, path: RelPath, target: Path) -> Path:
        """Copy the file or directory `path` into the directory `target`, under its own name.

        Of a directory's links, those to files below the root are followed, all others left out.
        """
        source = self._resolve(path)
        if not os.path.exists(source):
            raise self._nothing("There is nothing called", path)
        goal = target / path.name if path.segments else target
        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, goal, ignore=self._left_out, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, goal)
        except OSError as error:
            raise _failure(f"copy {source} to", goal, error) from error
        return goal

    def _left_out(self, directory: str, names: Iterable[str]) -> set[str]:
        return {name for name in names if not self._is_copied(os.path.join(directory, name))}

    def _is_copied(self, path: str) -> bool:
        if os.path.islink(path):
            return os.path.isfile(path) and self._is_below(path)
        return os.path.isdir(path) or os.path.isfile(path)

    def _target(self, path: RelPath) -> Path:
        if not path.segments:
            raise InvalidValue("An artifact needs a file name.")
        target = self._resolve(path)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _failure("make the directory", target.parent, error) from error
        return target

    def _resolve(self, path: RelPath) -> Path:
        target = self._root.joinpath(*path.segments)
        if not self._is_below(target):
            raise InvalidValue(f"Invalid path: {str(path)!r} leads out of the artifact directory.")
        return target

    def _is_below(self, path: str | Path) -> bool:
        real, root = os.path.realpath(path), os.path.realpath(self._root)
        return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


# A path that cannot be, whatever the disk: a file below a file, a name too long.
_IMPOSSIBLE = frozenset({errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP})


def _failure(verb: str, path: Path, error: OSError) -> MillstreamError:
    kind = InvalidValue if error.errno in _IMPOSSIBLE else StorageFailed
    reason = error.strerror or type(error).__name__
    return kind(f"Cannot {verb} {str(path)!r}: {reason}.", told=f"There can be no artifact of this path: {reason}.")
