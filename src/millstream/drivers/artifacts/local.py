"""Artifacts in a directory of this machine."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from millstream.drivers.artifacts import disk
from millstream.drivers.artifacts.base import Plan, Progress, Resumed, Told
from millstream.drivers.artifacts.beneath import LeadsOut, Spot, reach
from millstream.drivers.artifacts.leftovers import FORGOTTEN_SECONDS, TEMPORARY, failure, forget, name_upload
from millstream.drivers.artifacts.local_parts import LocalPart, LocalParts
from millstream.drivers.artifacts.parallel import Meter
from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue, MillstreamError, NotFound
from millstream.values.paths import Location, RelPath

_NO_SUCH_FILE = (errno.ENOENT, errno.EISDIR, errno.ENOTDIR, errno.ELOOP, errno.ENXIO)
_PIECE = 2**20


class LocalDraft:
    """Writes a file under a temporary name, which `commit` changes. A process that is killed leaves that only."""

    def __init__(self, spot: Spot, target: Path) -> None:
        """Begin a file that will be at `spot`, whose directory is there; `target` says where that is."""
        self.target = target
        self._spot = spot
        self._temporary = spot.beside(f"{TEMPORARY}{os.getpid()}-{os.urandom(4).hex()}")
        self._there = True
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            self.file = FileIO(Spot(self._temporary, spot.directory).open(flags), "wb")
        except OSError as error:
            spot.close()
            raise failure("write", target, error) from error

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        view = memoryview(data)
        try:
            while view:
                view = view[self.file.write(view) :]
        except OSError as error:
            raise failure("write", self.target, error) from error

    def restart(self) -> None:
        """Forget what was written, and write from the start."""
        try:
            self.file.seek(0)
            self.file.truncate()
        except OSError as error:
            raise failure("write", self.target, error) from error

    def commit(self) -> None:
        """Give the file its name, over an older one."""
        directory = self._spot.directory
        try:
            self.file.close()
            os.replace(self._temporary, self._spot.name, src_dir_fd=directory, dst_dir_fd=directory)
        except OSError as error:
            raise failure("write", self.target, error) from error
        self._there = False

    def abandon(self) -> None:
        """Remove what was written while another thread may still write; what that one does is in vain."""
        if self._there:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._spot.directory)

    def discard(self) -> None:
        """Remove what was written, unless it was committed."""
        self.file.close()
        if self._there:
            with suppress(OSError):
                os.unlink(self._temporary, dir_fd=self._spot.directory)
            self._there = False
        self._spot.close()


class LocalArtifacts:
    """Files below one directory. A symbolic link that leads out of it is as good as not there."""

    def __init__(self, location: Location, root: Path | None = None) -> None:
        """Serve `location`; `root` is where its files lie when that is not where the location says."""
        self.location = location
        self._root = Path(location.path) if root is None else root

    def list(self, path: RelPath) -> list[FileInfo]:
        """Entries directly below `path`, by name; [] when there is no such directory.

        What uploads that broke off left there more than a day ago goes.
        """
        try:
            with self._reach(path) as spot, _Listing(spot) as listing:
                found = [self._info(path, entry) for entry in listing.entries()]
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return []
            raise failure("list", self._root.joinpath(*path.segments), error) from error
        return sorted((info for info in found if info is not None), key=lambda info: info.path)

    def _info(self, parent: RelPath, entry: os.DirEntry[str]) -> FileInfo | None:
        path = RelPath((*parent.segments, entry.name))
        try:
            entry.name.encode()
            if entry.is_symlink():
                with self._reach(path) as spot:
                    facts = spot.lstat()
            else:
                facts = entry.stat(follow_symlinks=False)
            is_dir = stat.S_ISDIR(facts.st_mode)
            return FileInfo(str(path), is_dir, None if is_dir else facts.st_size)
        except (OSError, UnicodeEncodeError, MillstreamError):
            return None

    def put_file(self, source: Path, path: RelPath, told: Told | None = None) -> None:
        """Copy the local file `source` to `path`."""
        draft = self.draft(path)
        try:
            with open(source, "rb") as file:
                while piece := file.read(_PIECE):
                    draft.write(piece)
                    if told is not None:
                        told(len(piece))
            draft.commit()
        except OSError as error:
            raise failure(f"copy {source} to", draft.target, error) from error
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
        return LocalDraft(*self._place(path))

    def resume_parts(self, path: RelPath, plan: Plan, seconds: int) -> Resumed:
        """Begin to write `path` in parts, or go on; what broke off more than a day ago in its directory goes."""
        self.list(RelPath(path.segments[:-1]))
        upload_id = name_upload(plan.token, path)
        with LocalParts(*self._place(path), upload_id) as parts:
            return upload_id, [], parts.begin(plan)

    def part(self, path: RelPath, upload_id: str, number: int, size: int, sha256: str) -> LocalPart:
        """Begin to write a part."""
        return LocalPart(LocalParts(*self._place(path, make=False), upload_id), number, size, sha256)

    def complete_parts(
        self, path: RelPath, upload_id: str, etags: dict[int, str], *, token: str = "", sha256: str = ""
    ) -> None:
        """Put the file in its place, if its parts and, where `sha256` is given, the whole are what was announced."""
        with LocalParts(*self._place(path, make=False), upload_id) as parts:
            parts.complete(etags, sha256)

    def abort_parts(self, path: RelPath, upload_id: str, *, token: str = "") -> None:
        """Forget the upload."""
        with LocalParts(*self._place(path, make=False), upload_id) as parts:
            parts.abort()

    def _place(self, path: RelPath, *, make: bool = True) -> tuple[Spot, Path]:
        """Where the file `path` is written."""
        if not path.segments:
            raise InvalidValue("An artifact needs a file name.")
        target = self._root.joinpath(*path.segments)
        try:
            spot = self._reach(path, make=make, follow=False)
            try:
                # A link is replaced, never written through; one that leads out is refused all the same.
                if stat.S_ISLNK(spot.lstat().st_mode):
                    self._reach(path).close()
            except FileNotFoundError:
                pass
            except BaseException:
                spot.close()
                raise
        except OSError as error:
            if not make and error.errno in _NO_SUCH_FILE:
                raise self._no_file(path) from error
            raise failure("write", target, error) from error
        return spot, target

    def open(self, path: RelPath) -> BinaryIO:
        """Open `path` for reading; NotFound when there is no such regular file."""
        try:
            # Without O_NONBLOCK, opening a named pipe waits for somebody to write to it.
            with self._reach(path) as spot:
                descriptor = spot.open(os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        except OSError as error:
            if error.errno in _NO_SUCH_FILE:
                raise self._no_file(path) from error
            raise failure("read", self._root.joinpath(*path.segments), error) from error
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
        try:
            with self._reach(path, follow=False) as spot:
                if stat.S_ISDIR(spot.lstat().st_mode):
                    shutil.rmtree(spot.name, dir_fd=spot.directory)
                else:
                    os.unlink(spot.name, dir_fd=spot.directory)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._nothing("There is nothing called", path) from error
        except OSError as error:
            raise failure("delete", self._root.joinpath(*path.segments), error) from error

    def local_path(self, path: RelPath) -> Path | None:
        """Where `path` lies."""
        return self._resolve(path)

    def download(self, path: RelPath, target: Path, progress: Progress | None = None) -> Path:
        """Copy the file or directory `path` into the directory `target`, under its own name.

        Of a directory's links, those to files below the root are followed, all others left out.
        """
        source = self._resolve(path)
        if not os.path.exists(source):
            raise self._nothing("There is nothing called", path)
        goal = target / path.name if path.segments else target
        meter = Meter(0 if progress is None else disk.measure(source)[0], progress)

        def copy(one: str, to: str) -> str:
            _copy_whole(one, Path(to), meter)
            shutil.copystat(one, to)
            return to

        try:
            goal.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, goal, ignore=self._left_out, dirs_exist_ok=True, copy_function=copy)
            else:
                _copy_whole(source, goal, meter)
        except OSError as error:
            raise failure(f"copy {source} to", goal, error) from error
        return goal

    def _left_out(self, directory: str, names: Iterable[str]) -> set[str]:
        return {name for name in names if not self._is_copied(os.path.join(directory, name))}

    def _is_copied(self, path: str) -> bool:
        if os.path.islink(path):
            return os.path.isfile(path) and self._is_below(path)
        return os.path.isdir(path) or os.path.isfile(path)

    def _reach(self, path: RelPath, *, make: bool = False, follow: bool = True) -> Spot:
        try:
            return reach(str(self._root), path.segments, make=make, follow=follow)
        except LeadsOut as error:
            raise self._out(path) from error

    def _resolve(self, path: RelPath) -> Path:
        target = self._root.joinpath(*path.segments)
        if not self._is_below(target):
            raise self._out(path)
        return target

    def _out(self, path: RelPath) -> InvalidValue:
        return InvalidValue(f"Invalid path: {str(path)!r} leads out of the artifact directory.")

    def _is_below(self, path: str | Path) -> bool:
        real, root = os.path.realpath(path), os.path.realpath(self._root)
        return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def _copy_whole(source: str | Path, goal: Path, meter: Meter) -> None:
    """Copy a file; `goal` is there when it is whole, and what was there before until then."""
    draft = LocalDraft(Spot(str(goal)), goal)
    try:
        with open(source, "rb") as file:
            while piece := file.read(_PIECE):
                draft.write(piece)
                meter.add(len(piece))
        draft.commit()
    finally:
        draft.discard()


class _Listing:
    """A directory that is being read, and stays open while its entries are looked at."""

    def __init__(self, spot: Spot) -> None:
        self._spot = spot

    def __enter__(self) -> _Listing:
        able = os.scandir in os.supports_fd
        self._directory = self._spot.open_directory() if able else None
        return self

    def __exit__(self, *_: object) -> None:
        if self._directory is not None:
            os.close(self._directory)

    def entries(self) -> Iterator[os.DirEntry[str]]:
        """All but what is being written."""
        place: Any = self._spot.name if self._directory is None else self._directory
        with os.scandir(place) as entries:
            for entry in entries:
                if not entry.name.startswith(TEMPORARY):
                    yield entry
                    continue
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > FORGOTTEN_SECONDS:
                        forget(entry.path if self._directory is None else entry.name, self._directory)
