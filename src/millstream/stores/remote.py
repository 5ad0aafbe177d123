"""The remote store: a tracking server keeps everything, ours or MLflow's; ops and queries travel as its requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.files.bells import Bell
from millstream.drivers.rest.client import RestClient
from millstream.formats.model_uris import is_model_uri
from millstream.formats.wire.calls.call import Call
from millstream.formats.wire.calls.registry import PLACE
from millstream.formats.wire.calls.runs import split
from millstream.formats.wire.calls.table import CALLS
from millstream.stores.remote_lists import Lists
from millstream.values import ops, queries
from millstream.values.entities import ACTIVE, DELETED, FileInfo, LoggedModel, ModelVersion
from millstream.values.errors import (
    BadRequest,
    DataDamaged,
    EndpointNotFound,
    InvalidValue,
    MillstreamError,
    NotFound,
    NotSupported,
)
from millstream.values.names import check_model_id, check_run_id
from millstream.values.paths import Location, RelPath
from millstream.values.rights import EVERYTHING
from millstream.values.rules import check
from millstream.values.servers import ServerUri

T = TypeVar("T")

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
# What a reply raises that has not the shape that was agreed on.
_BROKEN = (AttributeError, IndexError, KeyError, TypeError, ValueError, OverflowError)

_FROM_3 = "which servers do from MLflow 3 on"
# Routes that servers of MLflow 2 do not have, by their beginning.
_SINCE = {
    "experiments/delete-experiment-tag": _FROM_3,
    "logged-models": _FROM_3,
    "logged-models/search": _FROM_3,
    "runs/outputs": _FROM_3,
}

# Where everything is defined that other stores carry out and answer.
_VALUES = ops.__name__.removesuffix("ops")


class RemoteStore:
    """Experiments, runs and models of one server. Nothing is asked before the first use."""

    def __init__(self, server: ServerUri, client: RestClient | None = None) -> None:
        """Speak to `server`, by `client` if one is given."""
        self.server = server
        self.client = client or RestClient(server)
        self._lists = Lists(self)
        self._readers: dict[type, Callable[[Any], Any]] = {
            **self._lists.readers,
            queries.GetLoggedModel: self._model,
            queries.GetModelVersion: self._version,
            queries.GetModelVersionByAlias: self._version,
            queries.ListArtifacts: self._list_artifacts,
            queries.ListModelArtifacts: self._list_artifacts,
        }

    @property
    def uri(self) -> str:
        """The address that opens this store again, with its password: for programs, not for people."""
        return self.server.text

    @property
    def public(self) -> str:
        """The address for people and logs."""
        return self.server.public

    def write(self, op: ops.Op[T]) -> T:
        """Have the server carry out `op`, once, however often the request must be sent.

        A batch that is longer than a request may be travels in several; what comes before one that is refused stays.
        """
        check(op)
        key = _key(op)
        if isinstance(op, ops.LogBatch):
            for number, part in enumerate(split(op)):
                self.ask(CALLS[ops.LogBatch], part, f"{key}.{number}" if number else key)
            return cast(T, None)
        if isinstance(op, ops.CreateExperiment) and op.experiment_id is not None:
            raise NotSupported(f"The id of an experiment of {self.public} is chosen by the server; leave it out.")
        if isinstance(op, ops.CreateModelVersion):
            op = cast(ops.Op[T], self._in_its_words(op))
        found = self.ask(self._call(op), op, key)
        if found is None and isinstance(op, ops.SetLoggedModelTags):
            found = self.read(queries.GetLoggedModel(model_id=op.model_id))
        return cast(T, self._placed(found) if isinstance(found, ModelVersion) else found)

    def log_all(self, batches: Sequence[ops.LogBatch]) -> list[Exception | None]:
        """Carry out several batches one after the other; the error of each, or None."""
        return [self._outcome(op) for op in batches]

    def _outcome(self, op: ops.LogBatch) -> Exception | None:
        try:
            self.write(op)
        except MillstreamError as error:
            return error
        return None

    def read(self, query: queries.Query[T]) -> T:
        """Have the server answer `query`."""
        if getattr(query, "seen", EVERYTHING) != EVERYTHING:
            raise NotSupported(f"What a user may see of {self.public} is said by that server, to whom logs in there.")
        reader = self._readers.get(type(query))
        return cast(T, self.answer(query) if reader is None else reader(query))

    def answer(self, query: queries.Query[T]) -> T:
        """What the server answers to the request of `query`, as it is."""
        return cast(T, self.ask(self._call(query), query))

    def ask(self, call: Call, what: Any, key: str | None = None) -> Any:
        """What the server makes of `what`, asked by `call`."""
        try:
            reply = self.client.ask(call.message(what), key)
        except (BadRequest, EndpointNotFound) as error:
            since = "which only servers of Millstream do" if call.own else _SINCE.get(call.path.partition("/{")[0], "")
            if since and not isinstance(error, InvalidValue) and (call.own or isinstance(error, EndpointNotFound)):
                raise NotSupported(self._no_answer(call, since, error)) from error
            raise
        try:
            return call.read(reply, what)
        except DataDamaged as error:
            raise DataDamaged(f"{self.public}: {error.message}") from error
        except _BROKEN as error:
            kind = type(what).__name__
            raise DataDamaged(f"{self.public} answers {kind} with what is no answer ({error!r:.200}).") from error

    def _no_answer(self, call: Call, since: str, error: MillstreamError) -> str:
        return f"{self.public} does not answer {call.kind.__name__}, {since} ({error.message:.200})"

    def _call(self, what: Any) -> Call:
        call = CALLS.get(type(what))
        if call is not None:
            return call
        name = type(what).__name__
        if type(what).__module__.startswith(_VALUES):
            raise NotSupported(
                f"{name} cannot be asked of a server: {self.public} has no such request. Do it where its store is, on "
                "the server's machine, with that store as tracking URI."
            )
        raise InvalidValue(f"{name} is not a question that can be answered.")

    def artifacts(self, run_id: str) -> Artifacts:
        """The run's artifacts, where its artifact URI says."""
        check_run_id(run_id)
        return self._open(self.read(queries.GetRunInfo(run_id=run_id)).artifact_uri)

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        """The logged model's artifacts, where its location says."""
        return self._open(self.read(queries.GetLoggedModel(model_id=model_id, deleted=deleted)).artifact_location)

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        """The newest logged model of this name among the run's outputs, None when there is none."""
        check_run_id(run_id)
        found: list[LoggedModel] = []
        for output in self.read(queries.GetRun(run_id=run_id)).outputs.model_outputs:
            with suppress(NotFound):
                model = self.read(queries.GetLoggedModel(model_id=output.model_id))
                if model.name == name and model.lifecycle_stage == ACTIVE:
                    found.append(model)
        newest = max(found, key=lambda model: (model.creation_timestamp, model.model_id), default=None)
        return None if newest is None else self._open(newest.artifact_location)

    def bell(self) -> Bell:
        """NotSupported: who wants to hear of changes asks the server itself."""
        raise NotSupported(f"{self.public} tells of changes by itself, at /api/ui/changes.")

    def close(self) -> None:
        """Close all connections; they open again when used."""
        self.client.close()

    def after_fork(self) -> None:
        """Nothing: a child opens connections of its own by itself."""

    def _open(self, uri: str) -> Artifacts:
        return open_artifacts(Location.parse(uri, base=Path.cwd()), self.client.server.text)

    def _list_artifacts(self, query: queries.ListArtifacts | queries.ListModelArtifacts) -> list[FileInfo]:
        return self.answer(structs.replace(query, path=str(RelPath.parse(query.path))))

    def _model(self, query: queries.GetLoggedModel) -> LoggedModel:
        check_model_id(query.model_id)
        try:
            return self.answer(structs.replace(query, deleted=False))
        except NotFound:
            if not query.deleted:
                raise
        # A reply does not say whether the model is deleted. One that is only found so is.
        return structs.replace(self.answer(query), lifecycle_stage=DELETED)

    def _in_its_words(self, op: ops.CreateModelVersion) -> ops.CreateModelVersion:
        """`op` with the source as MLflow's clients name it: the run's artifact URI as the server has it, and a path."""
        if not op.run_id or not op.source.startswith("file:"):
            return op
        root = self.read(queries.GetRunInfo(run_id=op.run_id)).artifact_uri.rstrip("/")
        place, below = Location.parse(op.source).path, Location.parse(root, base=Path.cwd()).path
        path = place.removeprefix(below)
        if not f"{place}/".startswith(f"{below}/") or "%" in path:
            return op
        return structs.replace(op, source=root + path)

    def _version(self, query: queries.GetModelVersion | queries.GetModelVersionByAlias) -> ModelVersion:
        return self._placed(self.answer(query))

    def _placed(self, version: ModelVersion) -> ModelVersion:
        """`version` with the place that its ``models:`` source meant, which only a question of its own tells."""
        if not is_model_uri(version.source):
            return version
        place = self.ask(PLACE, queries.GetModelVersion(name=version.name, version=version.version))
        return structs.replace(version, storage_location=place if place and place != version.source else None)


def _key(op: ops.Op[Any]) -> str:
    """The idempotency key of `op`: its id, or what stands for it in a header, and a new one where it has none."""
    if not op.op_id:
        return uuid4().hex
    return op.op_id if _KEY.fullmatch(op.op_id) else sha256(op.op_id.encode("utf-8", "surrogatepass")).hexdigest()
