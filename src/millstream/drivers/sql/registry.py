"""Registered models and their versions: tables into entities and entities into tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from millstream.drivers.sql import schema
from millstream.drivers.sql.functions import Among
from millstream.drivers.sql.read import batches
from millstream.drivers.sql.write import insert_rows
from millstream.values.entities import ModelVersion, RegisteredModel

_MODELS, _VERSIONS, _ALIASES = schema.registered_models, schema.model_versions, schema.registered_model_aliases
_FACTS = [column for column in _VERSIONS.c if column.name not in ("vid", "mid")]


def model_row(connection: Connection, name: str, *, change: bool = False) -> Row[Any] | None:
    """The row of a registered model, None when there is none; with `change` nobody else changes it meanwhile."""
    statement = select(_MODELS).where(_MODELS.c.name == name)
    return connection.execute(statement.with_for_update() if change else statement).one_or_none()


def version_id(connection: Connection, mid: int, number: int) -> int | None:
    """The `vid` of a version, None when there is none."""
    statement = select(_VERSIONS.c.vid).where(_VERSIONS.c.mid == mid, _VERSIONS.c.version == number)
    return connection.execute(statement).scalar_one_or_none()


def newest_id(connection: Connection, mid: int) -> int | None:
    """The `vid` of the newest version of a model, None when it has none."""
    statement = select(_VERSIONS.c.vid).where(_VERSIONS.c.mid == mid).order_by(_VERSIONS.c.version.desc()).limit(1)
    return connection.execute(statement).scalar_one_or_none()


def alias_version(connection: Connection, mid: int, alias: str) -> int | None:
    """The number of the version that `alias` stands for, None for no version."""
    statement = select(_ALIASES.c.version).where(_ALIASES.c.mid == mid, _ALIASES.c.alias == alias)
    return connection.execute(statement).scalar_one_or_none()


def registered_names(connection: Connection) -> list[str]:
    """Names of all registered models, in order."""
    return list(connection.execute(select(_MODELS.c.name).order_by(_MODELS.c.name)).scalars())


def read_whole(connection: Connection, name: str) -> tuple[RegisteredModel, list[ModelVersion], int] | None:
    """A registered model, all of its versions, and the highest number that one ever had; None for no model."""
    row = model_row(connection, name)
    if row is None:
        return None
    statement = select(_VERSIONS.c.vid).where(_VERSIONS.c.mid == row.mid).order_by(_VERSIONS.c.version)
    vids = list(connection.execute(statement).scalars())
    return read_registered(connection, [row.mid])[0], read_versions(connection, vids), row.last_version


def count_rows(connection: Connection) -> int:
    """How many registered models and versions there are, together."""
    return sum(
        int(connection.execute(select(func.count()).select_from(table)).scalar_one()) for table in (_MODELS, _VERSIONS)
    )


def read_registered(connection: Connection, mids: Sequence[int]) -> list[RegisteredModel]:
    """The registered models with these `mid`s, in this order, each with the newest version of every stage."""
    found: dict[int, RegisteredModel] = {}
    for batch in batches(mids):
        tags = _texts(connection, schema.registered_model_tags, "mid", batch)
        aliases = _aliases(connection, batch)
        newest = newest_versions(connection, batch)
        for row in connection.execute(select(_MODELS).where(Among.numbers(_MODELS.c.mid, batch))).all():
            found[row.mid] = RegisteredModel(
                name=row.name,
                creation_timestamp=row.creation_timestamp,
                last_updated_timestamp=row.last_updated_timestamp,
                description=row.description,
                tags=tags.get(row.mid, {}),
                aliases=aliases.get(row.mid, {}),
                latest_versions=newest.get(row.mid, []),
            )
    return [found[mid] for mid in mids if mid in found]


def newest_versions(connection: Connection, mids: Sequence[int]) -> dict[int, list[ModelVersion]]:
    """Of each model, by `mid`, the newest version of every stage, by number."""
    columns = _VERSIONS.c
    newest = (
        select(columns.mid, func.max(columns.version).label("version"))
        .where(Among.numbers(columns.mid, mids))
        .group_by(columns.mid, columns.current_stage)
        .subquery()
    )
    joined = (columns.mid == newest.c.mid) & (columns.version == newest.c.version)
    statement = select(columns.mid, columns.vid).join(newest, joined).order_by(columns.mid, columns.version)
    rows = connection.execute(statement).all()
    found: defaultdict[int, list[ModelVersion]] = defaultdict(list)
    for row, version in zip(rows, read_versions(connection, [row.vid for row in rows]), strict=True):
        found[row.mid].append(version)
    return found


def read_versions(connection: Connection, vids: Sequence[int]) -> list[ModelVersion]:
    """The versions with these `vid`s, in this order, with their tags and aliases."""
    found: dict[int, ModelVersion] = {}
    for batch in batches(vids):
        tags = _texts(connection, schema.model_version_tags, "vid", batch)
        aliases = _version_aliases(connection, batch)
        statement = select(_VERSIONS.c.vid, _MODELS.c.name, *_FACTS).join(_MODELS, _MODELS.c.mid == _VERSIONS.c.mid)
        for row in connection.execute(statement.where(Among.numbers(_VERSIONS.c.vid, batch))).all():
            facts = dict(row._mapping)
            vid = facts.pop("vid")
            found[vid] = ModelVersion(**facts, tags=tags.get(vid, {}), aliases=aliases.get(vid, []))
    return [found[vid] for vid in vids if vid in found]


def put_registered(connection: Connection, scans: Sequence[tuple[RegisteredModel, Sequence[ModelVersion]]]) -> None:
    """Store registered models whole, in place of what the tables say of them. For one writer at a time."""
    drop_registered(connection, [model.name for model, _ in scans])
    vid = connection.execute(select(func.max(_VERSIONS.c.vid))).scalar() or 0
    for model, versions in scans:
        last = max((version.version for version in versions), default=0)
        row = {**registered_row(model), "last_version": last}
        mid = connection.execute(insert(_MODELS).values(row).returning(_MODELS.c.mid)).scalar_one()
        insert_rows(connection, schema.registered_model_tags, tag_rows("mid", mid, model.tags))
        insert_rows(connection, _ALIASES, [{"mid": mid, "alias": a, "version": n} for a, n in model.aliases.items()])
        rows, tags = [], []
        for version in versions:
            vid += 1
            rows.append({**version_row(version), "mid": mid, "vid": vid})
            tags += tag_rows("vid", vid, version.tags)
        insert_rows(connection, _VERSIONS, rows)
        insert_rows(connection, schema.model_version_tags, tags)


def drop_registered(connection: Connection, names: Sequence[str]) -> None:
    """Forget registered models with all of their versions."""
    for batch in batches(names):
        mids = connection.execute(select(_MODELS.c.mid).where(Among.texts(_MODELS.c.name, batch))).scalars().all()
        drop_versions(connection, select(_VERSIONS.c.vid).where(Among.numbers(_VERSIONS.c.mid, mids)))
        for table in (schema.registered_model_tags, _ALIASES, _MODELS):
            connection.execute(delete(table).where(Among.numbers(table.c.mid, mids)))


def drop_versions(connection: Connection, vids: Any) -> None:
    """Forget the versions that the statement `vids` names, with their tags."""
    for table in (schema.model_version_tags, _VERSIONS):
        connection.execute(delete(table).where(table.c.vid.in_(vids)))


def registered_row(model: RegisteredModel) -> dict[str, Any]:
    """The row of `registered_models`, but for its numbers."""
    return {
        "name": model.name,
        "creation_timestamp": model.creation_timestamp,
        "last_updated_timestamp": model.last_updated_timestamp,
        "description": model.description,
    }


def version_row(version: ModelVersion) -> dict[str, Any]:
    """The row of `model_versions`, but for the numbers of itself and its model."""
    return {column.name: getattr(version, column.name) for column in _FACTS}


def tag_rows(owner: str, number: int, tags: dict[str, str]) -> list[dict[str, Any]]:
    """Rows of the tags of a model (`owner` "mid") or version ("vid")."""
    return [{owner: number, "key": key, "value": value} for key, value in tags.items()]


def _texts(connection: Connection, table: Table, owner: str, numbers: list[int]) -> dict[int, dict[str, str]]:
    texts: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for number, key, value in connection.execute(
        select(table.c[owner], table.c.key, table.c.value)
        .where(Among.numbers(table.c[owner], numbers))
        .order_by(table.c.key)
    ):
        texts[number][key] = value
    return texts


def _aliases(connection: Connection, mids: list[int]) -> dict[int, dict[str, int]]:
    found: defaultdict[int, dict[str, int]] = defaultdict(dict)
    statement = select(_ALIASES).where(Among.numbers(_ALIASES.c.mid, mids)).order_by(_ALIASES.c.alias)
    for row in connection.execute(statement):
        found[row.mid][row.alias] = row.version
    return found


def _version_aliases(connection: Connection, vids: list[int]) -> dict[int, list[str]]:
    found: defaultdict[int, list[str]] = defaultdict(list)
    joined = (_ALIASES.c.mid == _VERSIONS.c.mid) & (_ALIASES.c.version == _VERSIONS.c.version)
    statement = (
        select(_VERSIONS.c.vid, _ALIASES.c.alias).join(_ALIASES, joined).where(Among.numbers(_VERSIONS.c.vid, vids))
    )
    for vid, alias in connection.execute(statement.order_by(_ALIASES.c.alias)):
        found[vid].append(alias)
    return found
