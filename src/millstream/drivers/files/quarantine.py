"""Where damaged files of a tree go: moved, never removed, with a record of where each came from."""

from __future__ import annotations

import os
import time
from pathlib import Path

import msgspec

from millstream.drivers.files.atomic import failure
from millstream.drivers.files.reader import printable

RECORD = "quarantine.jsonl"


class Quarantine:
    """A directory beside what is repaired; a sub-directory for each time, made when it is needed."""

    def __init__(self, home: Path) -> None:
        """Keep things below `home`; their paths there are those relative to the directory around it."""
        self.home = home
        self.folder = home / time.strftime("%Y%m%d-%H%M%S")
        self.is_used = False

    def take(self, path: str, reason: str) -> Path:
        """Move a file or directory here and note where it was; returns where it is now."""
        target = self._place(path)
        self._note(path, target, reason)
        try:
            os.rename(path, target)
        except OSError as error:
            raise failure("move to the quarantine", printable(path), error) from error
        return target

    def keep(self, path: str, data: bytes, reason: str) -> Path:
        """Store a copy of what `path` held and note it; the caller changes `path`."""
        target = self._place(path)
        self._note(path, target, reason)
        try:
            target.write_bytes(data)
        except OSError as error:
            raise failure("write", target, error) from error
        return target

    def _place(self, path: str) -> Path:
        target = self.folder / os.path.relpath(path, self.home.parent).replace("../", "")
        number = 0
        while os.path.lexists(target):
            number += 1
            target = target.with_name(f"{target.name}.{number}")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            self.is_used = True
        except OSError as error:
            raise failure("make the directory", printable(os.fspath(target.parent)), error) from error
        return target

    def _note(self, path: str, target: Path, reason: str) -> None:
        # Before the move: a record of something that did not happen does no harm, the other way round it is lost.
        record = {"from": printable(path), "to": printable(os.fspath(target)), "why": reason}
        try:
            with open(self.folder / RECORD, "ab") as file:
                file.write(msgspec.json.encode(record) + b"\n")
        except OSError as error:
            raise failure("write", self.folder / RECORD, error) from error
