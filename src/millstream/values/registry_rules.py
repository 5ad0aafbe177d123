"""What ops on registered models and their versions must be; `values/rules` takes them in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from millstream.values import names, ops
from millstream.values.entities import PRODUCTION, STAGES, STAGING, ModelVersion, ModelVersionStatus
from millstream.values.errors import InvalidValue


def _registered(op: Any) -> None:
    names.check_registered_name(op.name)


def _create_registered_model(op: ops.CreateRegisteredModel) -> None:
    names.check_registered_name(op.name)
    names.check_int64(op.time, "creation time of a registered model")
    _check_description(op.description)
    for key, value in op.tags.items():
        _check_registry_tag(key, value)


def _rename_registered_model(op: ops.RenameRegisteredModel) -> None:
    names.check_registered_name(op.name)
    names.check_registered_name(op.new_name)


def _describe(op: ops.UpdateRegisteredModel | ops.UpdateModelVersion) -> None:
    names.check_registered_name(op.name)
    _check_description(op.description)


def _check_description(text: str | None) -> None:
    if text is not None:
        names.check_text(text, "description", names.MAX_DESCRIPTION)


def _check_registry_tag(key: str, value: str) -> None:
    names.check_key(key, "tag")
    names.check_text(value, f"value of tag {key!r}", names.MAX_REGISTRY_TAG_VALUE)


def _set_registry_tag(op: ops.SetRegisteredModelTag | ops.SetModelVersionTag) -> None:
    names.check_registered_name(op.name)
    _check_registry_tag(op.key, op.value)


def _delete_registry_tag(op: ops.DeleteRegisteredModelTag | ops.DeleteModelVersionTag) -> None:
    names.check_registered_name(op.name)
    names.check_key(op.key, "tag")


def _alias(op: ops.SetModelAlias | ops.DeleteModelAlias) -> None:
    names.check_registered_name(op.name)
    names.check_alias(op.alias)


def _create_model_version(op: ops.CreateModelVersion) -> None:
    names.check_registered_name(op.name)
    names.check_int64(op.time, "creation time of a model version")
    _check_version_texts(op)


def _check_version_texts(op: ops.CreateModelVersion | ModelVersion) -> None:
    if not op.source:
        raise InvalidValue("A model version needs a source: the place where its files are.")
    for text, what in ((op.source, "source"), (op.storage_location, "storage location"), (op.run_link, "run link")):
        if text is not None:
            names.check_text(text, f"{what} of a model version", names.MAX_LOCATION)
    names.check_text(op.user_id or "", "user of a model version", 256)
    if op.run_id:
        names.check_run_id(op.run_id)
    if op.model_id:
        names.check_model_id(op.model_id)
    _check_description(op.description)
    for key, value in op.tags.items():
        _check_registry_tag(key, value)


def _transition(op: ops.TransitionModelVersion) -> None:
    names.check_registered_name(op.name)
    if names.check_model_stage(op.stage) != op.stage:
        raise InvalidValue(f"The stage {op.stage!r} is written {names.check_model_stage(op.stage)!r}.")
    if op.archive and op.stage not in (STAGING, PRODUCTION):
        raise InvalidValue(
            f"archive_existing_versions is for {STAGING} and {PRODUCTION}; the versions in {op.stage!r} stay as they "
            "are. Leave it out."
        )


def _import_registered_model(op: ops.ImportRegisteredModel) -> None:
    model = op.model
    _check_facts(model.name, "a registered model", model.creation_timestamp, model.last_updated_timestamp)
    _check_description(model.description)
    for key, value in model.tags.items():
        _check_registry_tag(key, value)
    for alias, number in model.aliases.items():
        names.check_alias(alias)
        names.check_version(number)
    names.check_version(op.last)
    numbers = [version.version for version in (*op.versions, *op.changed)]
    if len(set(numbers)) < len(numbers):
        raise InvalidValue(f"A version of {model.name!r} is there twice: {sorted(numbers)!r:.200}.")
    for version in (*op.versions, *op.changed):
        check_imported_version(version)
        if version.name != model.name:
            raise InvalidValue(f"{version.name!r:.200} has no versions in {model.name!r}.")


def check_imported_version(version: ModelVersion) -> None:
    """Raise InvalidValue when no store can keep `version`."""
    _check_facts(version.name, "a model version", version.creation_timestamp, version.last_updated_timestamp)
    if names.check_version(version.version) < 1:
        raise InvalidValue("Versions of a model count up from 1; got 0.")
    _check_version_texts(version)
    names.check_text(version.status_message or "", "status message of a model version", names.MAX_DESCRIPTION)
    if version.current_stage not in STAGES or version.status not in ModelVersionStatus.NAMES:
        raise InvalidValue(
            f"The stage {version.current_stage!r:.60} or the status {version.status!r:.60} of a model version is none; "
            f"they are one of {', '.join(STAGES)} and of {', '.join(ModelVersionStatus.NAMES)}."
        )


def _check_facts(name: str, what: str, made: int, changed: int) -> None:
    names.check_registered_name(name)
    names.check_int64(made, f"creation time of {what}")
    names.check_int64(changed, f"last change of {what}")


REGISTRY_RULES: dict[type, Callable[[Any], None]] = {
    ops.CreateRegisteredModel: _create_registered_model,
    ops.RenameRegisteredModel: _rename_registered_model,
    ops.UpdateRegisteredModel: _describe,
    ops.DeleteRegisteredModel: _registered,
    ops.SetRegisteredModelTag: _set_registry_tag,
    ops.DeleteRegisteredModelTag: _delete_registry_tag,
    ops.SetModelAlias: _alias,
    ops.DeleteModelAlias: _alias,
    ops.CreateModelVersion: _create_model_version,
    ops.UpdateModelVersion: _describe,
    ops.TransitionModelVersion: _transition,
    ops.DeleteModelVersion: _registered,
    ops.SetModelVersionTag: _set_registry_tag,
    ops.DeleteModelVersionTag: _delete_registry_tag,
    ops.ImportRegisteredModel: _import_registered_model,
}
