"""Artifact listings on the wire. Contents travel outside of JSON."""

from __future__ import annotations

from typing import Any

from millstream.formats.wire import answers, encode
from millstream.formats.wire.decode import Text
from millstream.formats.wire.needs import read
from millstream.formats.wire.route import Given, Request, Route
from millstream.formats.wire.runs import checked_run
from millstream.values import queries
from millstream.values.entities import FileInfo
from millstream.values.paths import RelPath


class List(Request, frozen=True, kw_only=True):
    """Fields of artifacts/list; `path` is from the run's artifact root."""

    run_id: Text
    path: str = ""


class Fetch(Request, frozen=True, kw_only=True):
    """Fields of get-artifact and upload-artifact."""

    run_id: Text
    path: Text


class ListProxied(Request, frozen=True, kw_only=True):
    """Fields of a listing of the proxied artifact store; `path` is from its root."""

    path: str = ""


class Proxied(Request, frozen=True, kw_only=True):
    """The path of a file or directory of the proxied artifact store, from its root."""

    path: Text


def _get_info(request: List) -> queries.GetRunInfo:
    return queries.GetRunInfo(run_id=checked_run(request.run_id))


def _list(request: List, _given: Given) -> queries.ListArtifacts:
    return queries.ListArtifacts(run_id=checked_run(request.run_id), path=str(RelPath.parse(request.path)))


def _reply(files: list[FileInfo], given: Given) -> dict[str, Any]:
    return encode.without_empty(
        root_uri=given.first.artifact_uri,
        files=[encode.file(item) for item in files],
    )


ROUTES = (
    Route(
        methods=("GET",),
        path="artifacts/list",
        needs=read(run="run_id"),
        request=List,
        speaks=queries.ListArtifacts,
        call=_list,
        reply=_reply,
        answer=answers.Files,
        first=_get_info,
    ),
)
