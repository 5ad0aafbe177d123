"""``models:`` URIs: a logged model, or a version of a registered one by number, stage or alias."""

from __future__ import annotations

import re

from msgspec import Struct

from millstream.values import names
from millstream.values.entities import STAGES
from millstream.values.errors import InvalidValue
from millstream.values.paths import RelPath

SCHEME = "models:"
_LOGGED = re.compile(r"m-[0-9a-f]{32}")
_STAGES = {stage.lower(): stage for stage in STAGES}


class ModelUri(Struct, frozen=True):
    """What a URI names: `model_id` alone, or `name` with one of `version`, `stage` and `alias`; and a `path` below."""

    model_id: str = ""
    name: str = ""
    version: int | None = None
    stage: str | None = None
    alias: str | None = None
    path: RelPath = RelPath()


def is_model_uri(text: str) -> bool:
    """Whether `text` is meant as a ``models:`` URI."""
    return text.startswith(SCHEME)


def logged_model_in(text: str) -> str | None:
    """The id of the logged model that `text` names, if it is such a URI."""
    head = text.removeprefix(SCHEME).lstrip("/").partition("/")[0]
    return head if is_model_uri(text) and _LOGGED.fullmatch(head) else None


def parse_model_uri(text: str) -> ModelUri:
    """Parse ``models:/ID``, ``models:/NAME/3``, ``models:/NAME/Staging``, ``models:/NAME/latest``,
    ``models:/NAME@ALIAS``; a path may follow each. InvalidValue for anything else."""
    head, _, rest = text.removeprefix(SCHEME).lstrip("/").strip("/").partition("/")
    second, _, below = rest.partition("/")
    if _LOGGED.fullmatch(head):
        return ModelUri(model_id=head, path=RelPath.parse(rest))
    if second.isascii() and second.isdecimal():
        return ModelUri(name=_name(head), version=names.check_version(second), path=RelPath.parse(below))
    if second.lower() == names.LATEST:
        return ModelUri(name=_name(head), alias=names.LATEST, path=RelPath.parse(below))
    if second.lower() in _STAGES:
        return ModelUri(name=_name(head), stage=_STAGES[second.lower()], path=RelPath.parse(below))
    if "@" in head:
        name, _, alias = head.rpartition("@")
        if alias.lower() != names.LATEST:
            names.check_alias(alias)
        return ModelUri(name=_name(name), alias=alias, path=RelPath.parse(rest))
    if head.startswith("m-"):
        return ModelUri(model_id=names.check_model_id(head), path=RelPath.parse(rest))
    raise InvalidValue(
        f"{text!r:.200} names no model: write models:/NAME/VERSION, models:/NAME/STAGE, models:/NAME/latest, "
        "models:/NAME@ALIAS or models:/MODEL_ID."
    )


def _name(text: str) -> str:
    return names.check_registered_name(text)
