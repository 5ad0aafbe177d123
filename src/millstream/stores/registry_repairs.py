"""Finding what is damaged in the registry of a tree, and mending it: one bad file, and MLflow lists no model at all."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from functools import partial

from millstream.drivers.files import reader, registered
from millstream.drivers.files.atomic import replace_file
from millstream.drivers.files.quarantine import Quarantine
from millstream.formats.mlruns import layout, meta
from millstream.formats.mlruns.registry import (
    GONE_STAGE,
    registered_from_fields,
    registered_to_fields,
    version_directory,
    version_to_fields,
)
from millstream.values.entities import ModelVersion, RegisteredModel
from millstream.values.errors import DataDamaged

# Path, what is wrong, the remedy in words, and the remedy.
Found = tuple[str, str, str, Callable[[], object]]
# A version that was being made when its writer died.
_STAGED = re.compile(r"\.millstream-\d+-\d+-[0-9a-f]{6}\.tmp")


class RegistryRepairs:
    """Examines the registered models below one directory."""

    def __init__(self, home: str, quarantine: Quarantine, stale_seconds: float) -> None:
        """Look below `home`; what is so old belongs to nobody who is still writing."""
        self._home = home
        self._quarantine = quarantine
        self._stale = stale_seconds

    def examine(self) -> Iterator[Found]:
        """Each problem; mending it is what the caller decides."""
        for name in sorted(registered.registered_names(self._home)):
            directory = os.path.join(self._home, name)
            numbers = registered.version_numbers(directory)
            path = os.path.join(directory, layout.META)
            if not numbers and not os.path.lexists(path):
                yield from self._unfinished(directory, "a registered model")
                continue
            reason = _wrong(directory)
            if reason is not None:
                mend = partial(self._make_model, directory, reason)
                yield path, reason, "moved to the quarantine and made anew", mend
            for entry in sorted(os.listdir(directory)):
                if _STAGED.fullmatch(entry) and os.path.isdir(os.path.join(directory, entry)):
                    yield from self._unfinished(os.path.join(directory, entry), "a version")
            for number in numbers:
                yield from self._version(directory, number)

    def _version(self, directory: str, number: int) -> Iterator[Found]:
        place = os.path.join(directory, version_directory(number))
        if not os.path.isdir(place):
            return
        if not os.listdir(place):
            yield from self._unfinished(place, "a version")
            return
        try:
            registered.read_version(directory, number, {})
            reason = None if os.path.lexists(os.path.join(place, layout.META)) else "has no meta.yaml"
        except DataDamaged as error:
            reason = str(error)
        if reason is not None:
            mend = partial(self._mark_deleted, directory, number, reason)
            yield place, reason, "its meta.yaml moved to the quarantine, the version marked as deleted", mend

    def _unfinished(self, directory: str, what: str) -> Iterator[Found]:
        if time.time() - os.lstat(directory).st_mtime > self._stale:
            reason = f"{what} that was not made to its end"
            yield directory, reason, "moved to the quarantine", partial(self._quarantine.take, directory, reason)

    def _make_model(self, directory: str, reason: str) -> None:
        path = os.path.join(directory, layout.META)
        now = time.time_ns() // 1_000_000
        if os.path.lexists(path):
            self._quarantine.take(path, reason)
        model = RegisteredModel(os.path.basename(directory), now, now, aliases=registered.read_aliases(directory))
        replace_file(path, meta.dump(registered_to_fields(model)), directory)

    def _mark_deleted(self, directory: str, number: int, reason: str) -> None:
        """The number must not be given again, and where the files were nobody knows any more."""
        path = os.path.join(directory, version_directory(number), layout.META)
        now = time.time_ns() // 1_000_000
        if os.path.lexists(path):
            self._quarantine.take(path, reason)
        version = ModelVersion(os.path.basename(directory), number, now, now, "", current_stage=GONE_STAGE)
        replace_file(path, meta.dump(version_to_fields(version)), directory)


def _wrong(directory: str) -> str | None:
    try:
        registered_from_fields(reader.read_fields(directory), os.path.basename(directory))
    except DataDamaged as error:
        return str(error)
    return None
