"""Uploads in parts to a directory of this machine: what is there is on the disk, for every process to see.

Beside the file that it will be, a hidden directory holds ``data``, as long as the whole, ``plan.<size>.<part size>``,
and for each part that is there ``<number>.<SHA-256>``. A process that is killed leaves a part without its mark.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType

from millstream.drivers.artifacts.base import Part, Plan
from millstream.drivers.artifacts.beneath import Spot
from millstream.drivers.artifacts.leftovers import TEMPORARY, failure, forget, no_room
from millstream.values.errors import InvalidValue, NotFound

_ID = re.compile(r"[0-9a-f]{32}")
_PLAN = re.compile(r"plan\.(\d{1,19})\.(\d{1,19})")
_MARK = re.compile(r"([1-9]\d{0,4})\.([0-9a-f]{64})")
_DATA = "data"
_PIECE = 2**20
_BINARY = getattr(os, "O_BINARY", 0)


class LocalParts:
    """One upload: the directory beside the file at `spot` whose parts are in it."""

    def __init__(self, spot: Spot, target: Path, upload_id: str) -> None:
        """Look at the upload `upload_id` of `target`. Closes `spot` in the end."""
        self.target = target
        self._spot = spot
        if _ID.fullmatch(upload_id) is None:
            spot.close()
            raise self.missing()
        self._folder = spot.beside(TEMPORARY + upload_id)

    def __enter__(self) -> LocalParts:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Let the directory go."""
        self._spot.close()

    def missing(self) -> NotFound:
        """There is no such upload."""
        return NotFound(f"There is no such upload of {self.target.name!r}: it was completed, or given up. Begin anew.")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Say in our words what the disk refuses."""
        try:
            yield
        except FileNotFoundError as error:
            raise self.missing() from error
        except OSError as error:
            raise failure("write", self.target, error) from error

    def begin(self, plan: Plan) -> list[Part]:
        """The parts that are there; NoRoom when the whole could not be."""
        with self.writing():
            with suppress(FileExistsError):
                os.mkdir(self._folder, dir_fd=self._spot.directory)
            with _Inside(self._folder, self._spot.directory) as inside:
                names = inside.names()
                mark = f"plan.{plan.size}.{plan.part_size}"
                if mark in names and _DATA in names:
                    there = _parts(names, plan)
                    self._check_room(plan.size - sum(part.size for part in there))
                    return there
                self._check_room(plan.size)
                for name in names:
                    inside.remove(name)
                with inside.create(_DATA) as file:
                    file.truncate(plan.size)
                inside.create(mark).close()
        return []

    def _check_room(self, size: int) -> None:
        if not hasattr(os, "statvfs"):
            return
        place = os.path.dirname(self._folder) if self._spot.directory is None else self._spot.directory
        found = os.statvfs(place)
        if size > found.f_bavail * found.f_frsize:
            raise no_room(f"Cannot write {str(self.target)!r}: the disk has no room for {size} bytes more.")

    def open(self) -> _Inside:
        """The directory, open; NotFound when there is none."""
        with self.writing():
            return _Inside(self._folder, self._spot.directory)

    def complete(self, etags: dict[int, str], sha256: str) -> None:
        """Give the file its name. Done before, or meanwhile, and nothing has changed since, it is done."""
        try:
            self._complete(etags, sha256)
        except NotFound:
            # A client that has waited too long for the checksum of a large file asks again while it is computed.
            if not sha256 or not self._is_there(sha256):
                raise
        else:
            self.abort()

    def _complete(self, etags: dict[int, str], sha256: str) -> None:
        with self.open() as inside, self.writing():
            names = inside.names()
            plan = _plan(names)
            if plan is None:
                raise self.missing()
            _check(etags, plan, _parts(names, plan))
            if sha256 and inside.digest(_DATA) != sha256:
                self.abort()
                raise InvalidValue(
                    f"The upload of {self.target.name!r} is not what was sent: its SHA-256 is another. Send it again."
                )
            os.replace(
                inside.at(_DATA).name,
                self._spot.name,
                src_dir_fd=inside.at(_DATA).directory,
                dst_dir_fd=self._spot.directory,
            )

    def _is_there(self, sha256: str) -> bool:
        with suppress(OSError):
            return _digest(self._spot) == sha256
        return False

    def abort(self) -> None:
        """Forget it."""
        with suppress(OSError):
            forget(self._folder, self._spot.directory)


class _Inside:
    """The open directory of an upload."""

    def __init__(self, folder: str, directory: int | None) -> None:
        self._folder = folder
        self._directory = None if directory is None else Spot(folder, directory).open_directory()

    def __enter__(self) -> _Inside:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._directory is not None:
            directory, self._directory = self._directory, None
            os.close(directory)

    def at(self, name: str) -> Spot:
        return Spot(name if self._directory is not None else os.path.join(self._folder, name), self._directory)

    def names(self) -> set[str]:
        return set(os.listdir(self._folder if self._directory is None else self._directory))

    def remove(self, name: str) -> None:
        with suppress(FileNotFoundError):
            os.unlink(self.at(name).name, dir_fd=self._directory)

    def create(self, name: str) -> FileIO:
        return os.fdopen(self.at(name).open(os.O_WRONLY | os.O_CREAT | _BINARY), "wb", buffering=0)

    def open(self, name: str) -> FileIO:
        return os.fdopen(self.at(name).open(os.O_WRONLY | _BINARY), "wb", buffering=0)

    def digest(self, name: str) -> str:
        return _digest(self.at(name))


class LocalPart:
    """A part that is being written in its place; its mark is made last."""

    def __init__(self, parts: LocalParts, number: int, size: int, sha256: str) -> None:
        """Begin. Closes `parts` in the end."""
        self._parts = parts
        self._number, self._sha256 = number, sha256
        self._digest = hashlib.sha256()
        self._file: FileIO | None = None
        self._inside: _Inside | None = None
        try:
            self._begin(size)
        except BaseException:
            self.discard()
            raise

    def _begin(self, size: int) -> None:
        self._inside = inside = self._parts.open()
        with self._parts.writing():
            names = inside.names()
            plan = _plan(names)
            if plan is None:
                raise self._parts.missing()
            start, length = plan.stretch(self._number) if 1 <= self._number <= plan.count else (0, -1)
            if size != length:
                raise InvalidValue(
                    f"Part {self._number} has {size} bytes; an upload of {plan.size} bytes in parts of "
                    f"{plan.part_size} has no such one."
                )
            self._left = length
            self._done = f"{self._number}.{self._sha256}" in names
            if self._done:
                return  # what is there is never written over
            for name in names:
                mark = _MARK.fullmatch(name)
                if mark and int(mark[1]) == self._number:
                    inside.remove(name)
            self._file = inside.open(_DATA)
            self._file.seek(start)

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        self._left -= len(data)
        if self._left < 0:
            raise InvalidValue(f"Part {self._number} is longer than was announced.")
        self._digest.update(data)
        if self._file is None:
            return
        view = memoryview(data)
        with self._parts.writing():
            while view:
                view = view[self._file.write(view) :]

    def commit(self) -> str:
        """Mark it as there, if it is what was announced."""
        if self._left or self._digest.hexdigest() != self._sha256:
            raise InvalidValue(f"Part {self._number} is not what was sent: its SHA-256 is another. Send it again.")
        if not self._done and self._inside is not None:
            with self._parts.writing():
                self._inside.create(f"{self._number}.{self._sha256}").close()
        return self._sha256

    def discard(self) -> None:
        """Let it go."""
        if self._file is not None:
            self._file.close()
        if self._inside is not None:
            self._inside.__exit__(None, None, None)
        self._parts.close()


def _plan(names: set[str]) -> Plan | None:
    found = next((found for name in names if (found := _PLAN.fullmatch(name))), None)
    return Plan("", int(found[1]), int(found[2])) if found and _DATA in names else None


def _parts(names: set[str], plan: Plan) -> list[Part]:
    marks = (found for name in names if (found := _MARK.fullmatch(name)))
    numbered = ((int(found[1]), found[2]) for found in marks)
    return sorted((Part(n, plan.stretch(n)[1], etag) for n, etag in numbered if n <= plan.count), key=_number)


def _number(part: Part) -> int:
    return part.number


def _check(etags: dict[int, str], plan: Plan, there: list[Part]) -> None:
    known = {part.number: part.etag for part in there}
    wrong = [number for number in range(1, plan.count + 1) if known.get(number) != etags.get(number, "").strip('"')]
    if wrong or len(etags) != plan.count:
        shown = ", ".join(map(str, wrong[:10]))
        raise InvalidValue(f"Parts are missing, or others than those that are there were named: {shown or 'too many'}.")


def _digest(spot: Spot) -> str:
    digest = hashlib.sha256()
    with os.fdopen(spot.open(os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY), "rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
