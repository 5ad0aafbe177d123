"""The registry, as a client asks for it."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from millstream.formats.wire import model_versions, registered_models, replies
from millstream.formats.wire.calls.call import Call, Fields, call, find, read_nothing, texts
from millstream.formats.wire.calls.experiments import page_of
from millstream.values import ops, queries
from millstream.values.entities import ModelVersion, RegisteredModel


def read_version(reply: Any) -> ModelVersion:
    """A version with the aliases that stand for it; DataDamaged when the reply is none."""
    found = replies.model_version(reply)
    return structs.replace(found, aliases=[str(alias) for alias in reply.get("aliases") or ()])


def _registered(reply: Any) -> RegisteredModel:
    found = replies.registered_model(reply)
    return structs.replace(found, latest_versions=[read_version(item) for item in reply.get("latest_versions") or ()])


def _versions(reply: Fields, _what: object) -> list[ModelVersion]:
    return [read_version(item) for item in reply.get("model_versions") or ()]


def _version(reply: Fields, _what: object) -> ModelVersion:
    return read_version(reply["model_version"])


def _model(reply: Fields, _what: object) -> RegisteredModel:
    return _registered(reply["registered_model"])


def _of(*names: str, **renamed: str) -> Any:
    """Asks with the fields of these names, and with those that the wire calls otherwise."""

    def ask(what: Any) -> Fields:
        found = {name: getattr(what, name) for name in names}
        found |= {name: getattr(what, own) for name, own in renamed.items()}
        if "version" in found:
            found["version"] = str(found["version"])
        return found

    return ask


def _search(query: queries.SearchRegisteredModels | queries.SearchModelVersions) -> Fields:
    return {
        "filter": query.filter or None,
        "order_by": list(query.order_by) or None,
        "max_results": query.max_results,
        "page_token": query.page_token,
    }


def _create_version(op: ops.CreateModelVersion) -> Fields:
    return {
        "name": op.name,
        "source": op.source,
        "run_id": op.run_id,
        "run_link": op.run_link,
        "description": op.description,
        "model_id": op.model_id,
        "tags": texts(op.tags) or None,
    }


def _create_model(op: ops.CreateRegisteredModel) -> Fields:
    return {"name": op.name, "description": op.description, "tags": texts(op.tags) or None}


def _route(path: str, method: str | None = None) -> Any:
    return find((*registered_models.ROUTES, *model_versions.ROUTES), path, method)


_MODELS, _VERSIONS = "registered-models/", "model-versions/"
PLACE = call(
    queries.GetModelVersion,
    _route(_VERSIONS + "get-download-uri"),
    _of("name", "version"),
    lambda reply, _: str(reply.get("artifact_uri") or ""),
)
"""Where the files of a version are; not what the version itself is."""

CALLS: tuple[Call, ...] = (
    call(ops.CreateRegisteredModel, _route(_MODELS + "create"), _create_model, _model),
    call(ops.RenameRegisteredModel, _route(_MODELS + "rename"), _of("name", "new_name"), _model),
    call(ops.UpdateRegisteredModel, _route(_MODELS + "update"), _of("name", "description"), _model),
    call(ops.DeleteRegisteredModel, _route(_MODELS + "delete"), _of("name"), read_nothing),
    call(ops.SetRegisteredModelTag, _route(_MODELS + "set-tag"), _of("name", "key", "value"), read_nothing),
    call(ops.DeleteRegisteredModelTag, _route(_MODELS + "delete-tag"), _of("name", "key"), read_nothing),
    call(ops.SetModelAlias, _route(_MODELS + "alias", "POST"), _of("name", "alias", "version"), read_nothing),
    call(ops.DeleteModelAlias, _route(_MODELS + "alias", "DELETE"), _of("name", "alias"), read_nothing),
    call(ops.CreateModelVersion, _route(_VERSIONS + "create"), _create_version, _version),
    call(ops.UpdateModelVersion, _route(_VERSIONS + "update"), _of("name", "version", "description"), _version),
    call(
        ops.TransitionModelVersion,
        _route(_VERSIONS + "transition-stage"),
        _of("name", "version", "stage", archive_existing_versions="archive"),
        _version,
    ),
    call(ops.DeleteModelVersion, _route(_VERSIONS + "delete"), _of("name", "version"), read_nothing),
    call(ops.SetModelVersionTag, _route(_VERSIONS + "set-tag"), _of("name", "version", "key", "value"), read_nothing),
    call(ops.DeleteModelVersionTag, _route(_VERSIONS + "delete-tag"), _of("name", "version", "key"), read_nothing),
    call(queries.GetRegisteredModel, _route(_MODELS + "get"), _of("name"), _model),
    call(
        queries.SearchRegisteredModels,
        _route(_MODELS + "search"),
        _search,
        lambda reply, _: page_of(reply, "registered_models", _registered),
    ),
    call(
        queries.GetLatestVersions,
        _route(_MODELS + "get-latest-versions"),
        lambda query: {"name": query.name, "stages": list(query.stages) or None},
        _versions,
    ),
    call(queries.GetModelVersion, _route(_VERSIONS + "get"), _of("name", "version"), _version),
    call(queries.GetModelVersionByAlias, _route(_MODELS + "alias", "GET"), _of("name", "alias"), _version),
    call(
        queries.SearchModelVersions,
        _route(_VERSIONS + "search"),
        _search,
        lambda reply, _: page_of(reply, "model_versions", read_version),
    ),
)
