"""Artifacts behind a server that passes them on: ours, or MLflow's ``mlflow server --serve-artifacts``."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, cast

from millstream.drivers.artifacts.base import Progress, Told
from millstream.drivers.artifacts.beneath import Spot
from millstream.drivers.artifacts.http_downloads import fetch
from millstream.drivers.artifacts.http_listings import File, Walk, list_entries
from millstream.drivers.artifacts.http_uploads import LARGE, Upload
from millstream.drivers.artifacts.leftovers import failure
from millstream.drivers.artifacts.local import LocalDraft
from millstream.drivers.artifacts.parallel import Meter, each
from millstream.drivers.artifacts.proxied import Server, find_place
from millstream.drivers.rest.client import read_all
from millstream.drivers.rest.connection import Content
from millstream.drivers.rest.retries import Transient
from millstream.formats.digests import CONTENT, print_digest, sha256
from millstream.values.entities import FileInfo
from millstream.values.errors import InvalidValue
from millstream.values.paths import Location, RelPath

_SMALL = 2**20
"""Files up to this (bytes) are read before they are sent."""
_RAW = {"Content-Type": "application/octet-stream"}


class HttpDraft:
    """A file that is written here first, and sent when it is whole."""

    def __init__(self, artifacts: HttpArtifacts, path: RelPath) -> None:
        """Begin the file `path`."""
        self._artifacts, self._path = artifacts, path
        with _writing():
            self._file = tempfile.NamedTemporaryFile(prefix="millstream-")  # noqa: SIM115 (closed in `discard`)

    def write(self, data: bytes | bytearray) -> None:
        """Add `data` at the end."""
        with _writing():
            self._file.write(data)

    def commit(self) -> None:
        """Send it."""
        with _writing():
            self._file.flush()
        self._artifacts.put_file(Path(self._file.name), self._path)

    def discard(self) -> None:
        """Forget it."""
        _close(self._file)


class HttpArtifacts:
    """Files below one path of a server's proxied store. Nothing of what it answers leads out of where it is put."""

    def __init__(self, location: Location, tracking_uri: str | None = None) -> None:
        """Serve `location`, which the store at `tracking_uri` told; nothing is asked before the first use."""
        self.location = location
        self._place = find_place(location, tracking_uri)
        self._root = self._place.root

    @cached_property
    def _server(self) -> Server:
        return self._place.server()

    def list(self, path: RelPath) -> list[FileInfo]:
        """Entries directly below `path`, by name; those whose names could be no paths are left out."""
        entries = list_entries(self._server, self._root / path)
        infos = [FileInfo(str(path / entry.name), entry.is_dir, entry.size) for entry in entries if entry.name]
        return sorted(infos, key=lambda info: info.path)

    def put_file(self, source: Path, path: RelPath, told: Told | None = None) -> None:
        """Store a copy of the local file `source` as `path`; a large one in parts, if the server takes them."""
        place = self._file(path)
        try:
            with open(source, "rb", buffering=0) as file:
                size = os.fstat(file.fileno()).st_size
                in_parts = size > LARGE and self._server.takes_parts
                if in_parts and Upload(self._server, place, source, cast(BinaryIO, file), told).run():
                    return
                if size <= _SMALL:
                    data = file.read()
                    self._put(place, data)
                    _tell(told, len(data))
                else:
                    self._put_long(place, cast(BinaryIO, file), size, told)
                if in_parts and self._server.direct:
                    # It took whole what it would not take in parts, and not for a bucket that cannot be reached now.
                    self._server.takes_parts = False
        except OSError as error:
            raise failure("read", source, error) from error

    def put_bytes(self, data: bytes, path: RelPath) -> None:
        """Store `data` as `path`."""
        self._put(self._file(path), data)

    def _put(self, place: RelPath, data: bytes) -> None:
        headers = {**_RAW, CONTENT: print_digest(sha256(data))}
        self._server.client.request("PUT", self._server.at("artifacts", place), read_all, headers=headers, body=data)

    def _put_long(self, place: RelPath, file: BinaryIO, size: int, told: Told | None) -> None:
        """Send a file as one body, from its start in each try."""
        client, retries = self._server.client, self._server.client.retries()
        target, sent = self._server.at("artifacts", place), [0]

        def count(more: int) -> None:
            sent[0] += more
            _tell(told, more)

        while True:
            file.seek(0)
            try:
                client.once("PUT", target, read_all, headers=_RAW, body=Content(file, size, count))
                return
            except Transient as error:
                count(-sent[0])
                retries.wait(error, f"PUT {target}")

    def draft(self, path: RelPath) -> HttpDraft:
        """Begin to write `path`."""
        self._file(path)
        return HttpDraft(self, path)

    def open(self, path: RelPath) -> BinaryIO:
        """Open a copy of `path`, which goes when it is closed; NotFound when there is no such file."""
        place = self._file(path)
        with _writing():
            file = cast(BinaryIO, tempfile.TemporaryFile(prefix="millstream-"))  # noqa: SIM115 (the caller's)
        try:
            fetch(self._server, place, _Copy(file), None, None)
            with _writing():
                file.seek(0)
        except BaseException:
            _close(file)
            raise
        return file

    def delete(self, path: RelPath) -> None:
        """Remove a file, or a directory with all below it."""
        if not path.segments:
            raise InvalidValue("Name the file or directory to delete; the whole artifact root cannot be deleted.")
        self._server.client.request("DELETE", self._server.at("artifacts", self._root / path), read_all)

    def local_path(self, path: RelPath) -> Path | None:
        """None: nothing of it is on this machine."""
        return None

    def download(self, path: RelPath, target: Path, progress: Progress | None = None) -> Path:
        """Copy a file, or all below a directory, into the directory `target`, under its own name; some at once.

        InvalidValue before anything is written when the server lists what could not lie below `target`.
        """
        goal = target / path.name if path.segments else target
        walk = Walk(self._server, self._root / path)
        if path.segments and not walk.folders:
            return self._download_one(path, goal, progress)
        meter = Meter(walk.size, progress)
        for folder in walk.folders or [RelPath()]:
            _make(goal.joinpath(*folder.segments))
        each(walk.files, lambda file: self._fetch(path, file, goal.joinpath(*file.below.segments), meter), meter=meter)
        return goal

    def _download_one(self, path: RelPath, goal: Path, progress: Progress | None) -> Path:
        siblings = list_entries(self._server, self._root / RelPath(path.segments[:-1]))
        known = next((entry for entry in siblings if entry.said == path.name), None)
        if known is not None and known.is_dir:
            _make(goal)
            return goal
        _make(goal.parent)
        size = None if known is None else known.size
        self._fetch(path, File(RelPath(), size), goal, Meter(size or 0, progress), listed=known is not None)
        return goal

    def _fetch(self, root: RelPath, file: File, goal: Path, meter: Meter, *, listed: bool = True) -> None:
        draft = LocalDraft(Spot(str(goal)), goal)
        try:
            with meter.holding(draft.abandon):
                fetch(self._server, self._root / root / file.below, draft, file.size, meter.add, listed=listed)
                draft.commit()
        finally:
            draft.discard()

    def _file(self, path: RelPath) -> RelPath:
        if not path.segments:
            raise InvalidValue("An artifact needs a file name.")
        return self._root / path


class _Copy:
    """A file of nobody's that is written to."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> None:
        with _writing():
            self._file.write(data)

    def restart(self) -> None:
        with _writing():
            self._file.seek(0)
            self._file.truncate()


@contextmanager
def _writing() -> Iterator[None]:
    """Say in our words what the disk of temporary files refuses."""
    try:
        yield
    except OSError as error:
        raise failure("write", Path(tempfile.gettempdir()), error) from error


def _close(file: IO[bytes]) -> None:
    with suppress(OSError):  # what a full disk did not take goes anyway
        file.close()


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise failure("write", folder, error) from error


def _tell(told: Told | None, count: int) -> None:
    if told is not None and count:
        told(count)
