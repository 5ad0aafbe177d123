"""What runs and experiments take up, and what removing them for good gave back. Sizes are in bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from msgspec import Struct

from millstream.values.entities import ACTIVE, LoggedModel
from millstream.values.errors import InvalidValue
from millstream.values.paths import Location

_AGE = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_MILLISECONDS = (86_400_000, 3_600_000, 60_000, 1000)
# Below an artifact location: where an import puts what has its usual place taken by another store.
_ASIDE = re.compile(r"imported-[1-9][0-9]*")


class RunSpace(Struct, frozen=True):
    """What a run takes up. `artifact_bytes` is None when its artifacts lie where they cannot be measured.

    `deleted_time` (ms) is None when the run is not deleted, or when nobody noted when it was. Where it is about what
    may be removed, artifacts that would be left are not counted, and `kept` says where they are.
    """

    run_id: str
    experiment_id: str
    run_name: str
    lifecycle_stage: str
    deleted_time: int | None
    points: int
    metric_bytes: int
    text_bytes: int
    artifact_bytes: int | None
    artifact_files: int
    kept: str = ""

    @property
    def size(self) -> int:
        """All bytes that are known of."""
        return self.metric_bytes + self.text_bytes + (self.artifact_bytes or 0)


class ModelSpace(Struct, frozen=True):
    """What a logged model takes up; `text_bytes` is all but its files. The rest as in `RunSpace`."""

    model_id: str
    experiment_id: str
    name: str
    lifecycle_stage: str
    deleted_time: int | None
    text_bytes: int
    artifact_bytes: int | None
    artifact_files: int
    kept: str = ""

    @property
    def size(self) -> int:
        """All bytes that are known of."""
        return self.text_bytes + (self.artifact_bytes or 0)


class ExperimentSpace(Struct, frozen=True):
    """What an experiment takes up besides runs and logged models: tags, datasets. `deleted_time` as in `RunSpace`."""

    experiment_id: str
    name: str
    lifecycle_stage: str
    deleted_time: int | None
    own_bytes: int


class StoreSpace(Struct, frozen=True):
    """Runs, experiments and logged models with what they take up."""

    runs: tuple[RunSpace, ...]
    experiments: tuple[ExperimentSpace, ...]
    models: tuple[ModelSpace, ...] = ()

    @property
    def size(self) -> int:
        """All bytes that are known of."""
        own = sum(item.own_bytes for item in self.experiments)
        return own + sum(run.size for run in self.runs) + sum(model.size for model in self.models)


class Freed(Struct, frozen=True):
    """What is gone for good. `kept` are sentences about artifacts that were left where they are, and why."""

    runs: int = 0
    experiments: int = 0
    size: int = 0
    kept: tuple[str, ...] = ()
    models: int = 0

    def __add__(self, other: Freed) -> Freed:
        return Freed(
            self.runs + other.runs,
            self.experiments + other.experiments,
            self.size + other.size,
            self.kept + other.kept,
            self.models + other.models,
        )


class Compacted(Struct, frozen=True):
    """Bytes of a database before and after; None where there was nothing to do. `note` says what was not possible."""

    before: int | None = None
    after: int | None = None
    note: str = ""


def is_older(time: int | None, before: int | None) -> bool:
    """Whether something deleted at `time` is old enough; what nobody noted the time of never is."""
    return before is None or (time is not None and time <= before)


def model_facts(model: LoggedModel) -> dict[str, Any]:
    """What `ModelSpace` says of a logged model besides sizes. Its deletion was the last change."""
    active = model.lifecycle_stage == ACTIVE
    return {
        "model_id": model.model_id,
        "experiment_id": model.experiment_id,
        "name": model.name,
        "lifecycle_stage": model.lifecycle_stage,
        "deleted_time": None if active else model.last_updated_timestamp,
    }


def parse_age(text: str) -> int:
    """Milliseconds of ``30d12h``, ``90m`` and the like, in that order of units: days, hours, minutes, seconds."""
    match = _AGE.fullmatch(text)
    if match is None or not any(match.groups()):
        raise InvalidValue(
            f"{text!r} is not an age: write days, hours, minutes and seconds in this order, such as 30d12h or 90m."
        )
    return sum(int(number or 0) * unit for number, unit in zip(match.groups(), _MILLISECONDS, strict=True))


def is_named_after(path: PurePath, owner_id: str) -> bool:
    """Whether a directory is ``…/<id>/artifacts``: anything else, such as ``/``, is not looked into."""
    return path.name == "artifacts" and path.parent.name == owner_id


def aside(number: int) -> str:
    """The folder in an artifact location for runs that another store has artifacts of there; there may be several."""
    return f"imported-{number}"


def is_aside(name: str) -> bool:
    """Whether a folder's name is one that `aside` gives."""
    return _ASIDE.fullmatch(name) is not None


def own_artifacts(uri: str, run_id: str, locations: Iterable[str]) -> Location | None:
    """The local directory `uri`, when it is that of exactly the run `run_id` in one of the experiments' `locations`.

    The same of a logged model, in one of the folders of models. None for everything else: a directory that is not
    named after the run may hold what belongs to somebody else.
    """
    try:
        found = Location.parse(uri)
        if found.local is None:
            return None
        for text in locations:
            if text and found in _places(Location.parse(text), run_id, PurePath(found.path).parent.parent.name):
                return found
    except InvalidValue:
        return None
    return None


def _places(location: Location, run_id: str, folder: str) -> list[Location]:
    homes = [location, location / folder] if is_aside(folder) else [location]
    return [home / run_id / "artifacts" for home in homes]
