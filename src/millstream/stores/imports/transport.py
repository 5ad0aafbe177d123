"""What becomes of artifacts in an import: copied, left where they are, or left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import BUCKETS
from millstream.stores.base import Store
from millstream.stores.imports.base import COPY, NONE, Options
from millstream.stores.imports.berths import Berths
from millstream.stores.imports.copies import copy_artifacts
from millstream.stores.imports.summary import Summary
from millstream.values.errors import (
    AlreadyExists,
    InvalidState,
    InvalidValue,
    MissingDependency,
    NotFound,
    NotSupported,
)
from millstream.values.paths import Location

# The target took nothing, for certain.
_REFUSALS = (AlreadyExists, InvalidState, InvalidValue, NotFound)


class Transport:
    """Finds, places and copies artifacts as the options say. `whose` is "run …" or "logged model …"."""

    def __init__(self, target: Store, options: Options, summary: Summary, folder: str = "") -> None:
        """What is copied and what is wrong goes into `summary`. `folder` is where artifacts lie in their experiment."""
        self._berths = Berths(target, folder)
        self._options = options
        self._summary = summary

    def find(self, whose: str, look: Callable[[], Artifacts | None]) -> Artifacts | None:
        """The artifacts that `look` finds; None when there are none, or they stay where they are."""
        if self._options.artifacts == NONE:
            return None
        try:
            found = look()
            if found is not None and found.location.scheme in BUCKETS:
                raise NotSupported(f"{found.location.scheme}:")
            return found
        except (NotSupported, MissingDependency) as error:
            if self._options.artifacts == COPY:
                self._summary.note(
                    f"artifacts at {error.message} cannot be reached from here; the URIs that they have there are kept"
                )
        except InvalidValue as error:
            if self._options.artifacts == COPY:
                self._summary.problems.append(f"{whose}: {error.message}")
        return None

    @contextmanager
    def placing(self, experiment_id: str, owner: str, uri: str, artifacts: Artifacts | None) -> Iterator[str]:
        """The URI in the target of artifacts that have `uri` in the source; "" for the place that it has for them.

        A place that was made here goes again when the target refuses the run or model in the block.
        """
        kept = self._kept_uri(uri, artifacts)
        if kept:
            self._berths.check_linked(experiment_id, owner, kept)
            yield kept
            return
        place = self._berths.take(experiment_id, owner, uri)
        try:
            yield place
        except _REFUSALS:
            self._berths.give_back(place)
            raise

    def _kept_uri(self, uri: str, artifacts: Artifacts | None) -> str:
        if self._options.artifacts == NONE:
            return ""
        if self._options.artifacts == COPY:
            # Copied into the target's place, unless they are where no copy can be made from.
            return uri if artifacts is None and _is_remote(uri) else ""
        if _is_absolute(uri):
            return uri
        return "" if artifacts is None else str(artifacts.location)

    def copy(self, whose: str, source: Artifacts | None, find_target: Callable[[], Artifacts]) -> None:
        """Copy what the target lacks, when artifacts are to be copied and there are any."""
        if source is None or self._options.artifacts != COPY or self._options.dry_run:
            return
        target = find_target()
        if target.location == source.location:
            return
        files, size = copy_artifacts(
            source,
            target,
            lambda sentence: self._summary.problems.append(f"{whose}, {sentence}"),
            lambda sentence: self._summary.note(f"{whose}, {sentence}"),
            overwrite=self._options.overwrite,
        )
        self._summary.files += files
        self._summary.bytes += size


def _is_absolute(uri: str) -> bool:
    try:
        Location.parse(uri)
    except InvalidValue:
        return False
    return True


def _is_remote(uri: str) -> bool:
    try:
        return Location.parse(uri).scheme != "file"
    except InvalidValue:
        return False
