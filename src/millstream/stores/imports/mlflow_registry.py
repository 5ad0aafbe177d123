"""Registered models of an MLflow database, of any schema from 1.4 on.

Tables: registered_models, model_versions, since 1.8 registered_model_tags and model_version_tags, since 2.3
registered_model_aliases. A version that was deleted keeps its row, in a stage of its own. Since 3.10 a name is of a
workspace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import column

from millstream.drivers.sql.foreign import ForeignDatabase
from millstream.formats.mlruns.registry import GONE_STAGE
from millstream.formats.model_uris import logged_model_in
from millstream.stores.imports import cells
from millstream.stores.imports.base import Problem, SourceRegistered
from millstream.values.entities import NO_STAGE, ModelVersion, ModelVersionStatus, RegisteredModel

# Registered models asked about at a time.
MODELS = 100

_MODEL = ("workspace", "name", "creation_time", "last_updated_time", "description")
_VERSION = (
    *(*_MODEL, "version", "user_id", "current_stage", "source", "storage_location", "run_id", "run_link"),
    *("status", "status_message"),
)
# What a registered model is known by: its workspace, if there are any, and its name.
_Owner = tuple[Any, str]


def read(database: ForeignDatabase, problem: Problem) -> Iterator[SourceRegistered]:
    """All registered models with their versions, by name; damaged ones are named to `problem`."""
    names = sorted({row.name for row in database.rows("registered_models", ("name",))})
    for start in range(0, len(names), MODELS):
        some = names[start : start + MODELS]
        rows = database.rows("registered_models", _MODEL, _of(some), order=("name", "creation_time"))
        tags = _texts(database, "registered_model_tags", some)
        aliases = _aliases(database, some)
        versions = _versions(database, some, problem)
        for row in rows:
            owner = (row.workspace, row.name)
            kept, last = versions.get(owner, ([], 0))
            try:
                made = cells.whole(row.creation_time) or 0
                model = RegisteredModel(
                    name=str(row.name),
                    creation_timestamp=made,
                    last_updated_timestamp=cells.whole(row.last_updated_time) or made,
                    description=_text(row.description),
                    tags=tags.get((*owner, None), {}),
                    aliases=aliases.get(owner, {}),
                )
            except (ValueError, OverflowError) as error:
                problem(f"registered model {row.name!r}: {error}; it is left out")
                continue
            yield SourceRegistered(model, kept, last)


def _of(names: Sequence[str]) -> Any:
    return column("name").in_(names)


def _texts(database: ForeignDatabase, table: str, names: Sequence[str]) -> dict[tuple[Any, str, Any], dict[str, str]]:
    """Tags by workspace, name and version; None where a table has no versions."""
    found: defaultdict[tuple[Any, str, Any], dict[str, str]] = defaultdict(dict)
    wanted = ("workspace", "name", "version", "key", "value")
    for workspace, name, version, key, value in database.rows(table, wanted, _of(names), order=("name", "key")):
        found[workspace, name, version][str(key)] = "" if value is None else str(value)
    return found


def _aliases(database: ForeignDatabase, names: Sequence[str]) -> dict[_Owner, dict[str, int]]:
    found: defaultdict[_Owner, dict[str, int]] = defaultdict(dict)
    wanted = ("workspace", "name", "alias", "version")
    for row in database.rows("registered_model_aliases", wanted, _of(names), order=("name", "alias")):
        found[row.workspace, row.name][str(row.alias)] = int(row.version)
    return found


def _versions(
    database: ForeignDatabase, names: Sequence[str], problem: Problem
) -> dict[_Owner, tuple[list[ModelVersion], int]]:
    """Versions that are not deleted, and the highest number that was given, of each model."""
    tags = _texts(database, "model_version_tags", names)
    kept: defaultdict[_Owner, list[ModelVersion]] = defaultdict(list)
    last: defaultdict[_Owner, int] = defaultdict(int)
    for row in database.rows("model_versions", _VERSION, _of(names), order=("name", "version")):
        owner = (row.workspace, row.name)
        last[owner] = max(last[owner], int(row.version))
        if row.current_stage == GONE_STAGE:
            continue
        try:
            kept[owner].append(_version(row, tags.get((*owner, row.version), {})))
        except (ValueError, OverflowError) as error:
            problem(f"registered model {row.name!r}, version {row.version}: {error}; it is left out")
    return {owner: (kept[owner], number) for owner, number in last.items()}


def _version(row: Any, tags: dict[str, str]) -> ModelVersion:
    made = cells.whole(row.creation_time) or 0
    source = str(row.source or "")
    place = str(row.storage_location or "")
    return ModelVersion(
        name=str(row.name),
        version=int(row.version),
        creation_timestamp=made,
        last_updated_timestamp=cells.whole(row.last_updated_time) or made,
        source=source,
        current_stage=str(row.current_stage or NO_STAGE),
        description=_text(row.description),
        user_id=_text(row.user_id),
        run_id=str(row.run_id) if row.run_id else None,
        run_link=_text(row.run_link),
        status=str(row.status or ModelVersionStatus.READY),
        status_message=_text(row.status_message),
        # MLflow keeps no column for it: a version of a logged model has that as its source.
        model_id=logged_model_in(source),
        storage_location=place if place and place != source else None,
        tags=tags,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
