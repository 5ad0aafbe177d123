"""Searches for registered models and for their versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.conditions import Scope, condition, of_seen
from millstream.drivers.sql.search import directed
from millstream.formats.filters import Node, OrderKey
from millstream.values.rights import Seen

_MODELS = schema.registered_models
# The columns of versions under the names that filters have for them.
_FOUND = (
    select(
        schema.model_versions.c.vid,
        _MODELS.c.name,
        schema.model_versions.c.version.label("version_number"),
        schema.model_versions.c.run_id,
        schema.model_versions.c.source.label("source_path"),
        schema.model_versions.c.current_stage,
        schema.model_versions.c.model_id,
        schema.model_versions.c.user_id,
        schema.model_versions.c.description,
        schema.model_versions.c.status,
        schema.model_versions.c.creation_timestamp,
        schema.model_versions.c.last_updated_timestamp,
    )
    .join(_MODELS, _MODELS.c.mid == schema.model_versions.c.mid)
    .subquery()
)


def registered_statement(node: Node | None, order: Sequence[OrderKey], seen: Seen) -> Select[int]:
    """`mid` of every registered model that is `seen` and meets `node`, in order: ties and all else by name."""
    scope = Scope(_MODELS, "mid", {"tag": schema.registered_model_tags})
    conditions = [*of_seen(_MODELS.c.name, seen), *([] if node is None else [condition(node, scope)])]
    terms = [directed(_MODELS.c[key.key], key.ascending) for key in order]
    return select(_MODELS.c.mid).where(*conditions).order_by(*terms, _MODELS.c.name)


def versions_statement(node: Node | None, order: Sequence[OrderKey], seen: Seen) -> Select[int]:
    """`vid` of every version that meets `node`, in order: without `order` the last changed first.

    Only those of models that are `seen`. Ties go by name and then to the higher number.
    """
    scope = Scope(_FOUND, "vid", {"tag": schema.model_version_tags})
    conditions = [*of_seen(_FOUND.c.name, seen), *([] if node is None else [condition(node, scope)])]
    terms: list[ColumnElement[Any]] = [directed(_FOUND.c[key.key], key.ascending) for key in order]
    terms = terms or [_FOUND.c.last_updated_timestamp.desc()]
    return select(_FOUND.c.vid).where(*conditions).order_by(*terms, _FOUND.c.name, _FOUND.c.version_number.desc())
