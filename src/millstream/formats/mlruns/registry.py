"""Registered models and their versions in a tree: their `meta.yaml`, as MLflow's file registry writes them."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from millstream.formats.mlruns.meta import read_integer, read_text
from millstream.values.entities import NO_STAGE, STAGES, ModelVersion, ModelVersionStatus, RegisteredModel
from millstream.values.errors import DataDamaged
from millstream.values.readers import json_reader

# The stage of a version that was deleted; its directory stays, so that its number is not given again.
GONE_STAGE = "Deleted_Internal"
# Ours, in a registered model's meta.yaml: the ids of the ops that made something last, each with the number of the
# version, 0 for the model itself. Who sends one of them again, because its answer was lost, is answered from here.
_MADE = "millstream_made"
MOST_MADE = 32
_VERSION = re.compile(r"version-([1-9][0-9]{0,8})")


def version_directory(version: int) -> str:
    """Directory of a version below its model."""
    return f"version-{version}"


def version_in(directory: str) -> int | None:
    """The version whose directory has this name, None for another name."""
    found = _VERSION.fullmatch(directory)
    return int(found[1]) if found else None


def registered_to_fields(model: RegisteredModel) -> dict[str, Any]:
    """Fields of a registered model's `meta.yaml`. Its tags and aliases are files of their own."""
    return {
        "aliases": {alias: str(version) for alias, version in model.aliases.items()},
        "creation_timestamp": model.creation_timestamp,
        "deployment_job_id": None,
        "deployment_job_state": None,
        "description": model.description,
        "last_updated_timestamp": model.last_updated_timestamp,
        "name": model.name,
        "workspace": "default",
    }


def registered_from_fields(fields: dict[str, Any], directory: str) -> RegisteredModel:
    """A registered model; its name is that of its directory, whatever the file says."""
    made = read_integer(fields, "creation_timestamp") or 0
    return RegisteredModel(
        name=directory,
        creation_timestamp=made,
        last_updated_timestamp=read_integer(fields, "last_updated_timestamp") or made,
        description=_text(fields, "description"),
    )


def note_made(fields: dict[str, Any], op_id: str, version: int) -> dict[str, Any]:
    """What to change in a model's `fields` so that they say what the op made, a `version` or (0) the model."""
    if not op_id:
        return {}
    # A version whose number another op gets never came to be.
    others = [one for one in _made(fields) if version == 0 or one[1] != version]
    return {_MADE: msgspec.json.encode([*others, (op_id, version)][-MOST_MADE:]).decode()}


def made_by(fields: dict[str, Any], op_id: str) -> int | None:
    """The version that the op of this id was to make, 0 for the model, None when it was none of the last ones."""
    return dict(_made(fields)).get(op_id) if op_id else None


_read_made = json_reader(list[tuple[str, int]])


def _made(fields: dict[str, Any]) -> list[tuple[str, int]]:
    try:
        return _read_made(str(fields.get(_MADE) or "[]"))
    except msgspec.DecodeError:
        return []


def version_to_fields(version: ModelVersion) -> dict[str, Any]:
    """Fields of a version's `meta.yaml`."""
    return {
        "creation_timestamp": version.creation_timestamp,
        "current_stage": version.current_stage,
        "deployment_job_state": None,
        "description": version.description,
        "last_updated_timestamp": version.last_updated_timestamp,
        "model_id": version.model_id,
        "name": version.name,
        "run_id": version.run_id,
        "run_link": version.run_link,
        "source": version.source,
        "status": version.status,
        "status_message": version.status_message,
        "storage_location": version.location,
        "user_id": version.user_id,
        "version": version.version,
        "workspace": "default",
    }


def version_from_fields(fields: dict[str, Any], name: str, version: int) -> ModelVersion | None:
    """The version of the model `name` whose directory says `version`, None for a deleted one; else DataDamaged."""
    found = read_integer(fields, "version")
    if found not in (None, version):
        raise DataDamaged(f"its version is {found}, but its directory is {version_directory(version)!r}")
    stage = read_text(fields, "current_stage") or NO_STAGE
    if stage == GONE_STAGE:
        return None
    status = read_text(fields, "status") or ModelVersionStatus.READY
    if stage not in STAGES or status not in ModelVersionStatus.NAMES:
        raise DataDamaged(f"its current_stage is {stage!r:.60} and its status {status!r:.60}; one of them is none")
    source = read_text(fields, "source")
    place = read_text(fields, "storage_location")
    made = read_integer(fields, "creation_timestamp") or 0
    return ModelVersion(
        name=name,
        version=version,
        creation_timestamp=made,
        last_updated_timestamp=read_integer(fields, "last_updated_timestamp") or made,
        source=source,
        current_stage=stage,
        description=_text(fields, "description"),
        user_id=_text(fields, "user_id"),
        run_id=read_text(fields, "run_id") or None,
        run_link=_text(fields, "run_link"),
        status=status,
        status_message=_text(fields, "status_message"),
        model_id=read_text(fields, "model_id") or None,
        storage_location=place if place != source else None,
    )


def _text(fields: dict[str, Any], name: str) -> str | None:
    return None if fields.get(name) is None else read_text(fields, name)
