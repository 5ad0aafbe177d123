"""A store as clients of a server see it: artifacts that the server passes on have ``mlflow-artifacts:`` URIs.

The store keeps the true places, so that its files can be opened without a server.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.artifacts.open import open_artifacts
from millstream.drivers.files.bells import Bell
from millstream.server.owners import SCHEME, Owner, find_owner
from millstream.server.places import Places
from millstream.server.sources import served_files, settle_search, settle_source, show_registered, show_version
from millstream.stores.addresses import sign
from millstream.stores.base import Store
from millstream.values import queries
from millstream.values.entities import Experiment, LoggedModel, ModelVersion, Page, RegisteredModel, Run, RunInfo
from millstream.values.errors import NotSupported
from millstream.values.ops import CreateExperiment, CreateModelVersion, LogBatch, Op
from millstream.values.paths import RelPath
from millstream.values.queries import Query

T = TypeVar("T")


class ServedStore:
    """Answers as `store` does, with its places mapped both ways."""

    def __init__(self, store: Store, places: Places) -> None:
        """Serve `store`; `places` says what is passed on and where new experiments may keep artifacts."""
        self.store = store
        self.places = places

    def bell(self) -> Bell:
        """As the store's."""
        return self.store.bell()

    @property
    def uri(self) -> str:
        """The URI that opens the store."""
        return self.store.uri

    def write(self, op: Op[T]) -> T:
        """Carry out `op`; the place of an experiment or model version must be one that clients may name."""
        if isinstance(op, CreateExperiment):
            return cast(T, self.store.write(self.places.settle(op)))
        if isinstance(op, CreateModelVersion):
            return cast(T, self._show(self.store.write(settle_source(op, self, self.places))))
        return cast(T, self._show(self.store.write(op)))

    def log_all(self, batches: Sequence[LogBatch]) -> list[Exception | None]:
        """Carry out batches."""
        return self.store.log_all(batches)

    def read(self, query: Query[T]) -> T:
        """Answer `query`; artifacts are listed wherever they are."""
        if isinstance(query, queries.ListArtifacts):
            return cast(T, self.artifacts(query.run_id).list(RelPath.parse(query.path)))
        if isinstance(query, queries.ListModelArtifacts):
            return cast(T, self.model_artifacts(query.model_id).list(RelPath.parse(query.path)))
        if isinstance(query, queries.SignArtifact):
            return cast(T, sign(self, query))
        if isinstance(query, queries.SearchModelVersions):
            return cast(T, self._show(self.store.read(settle_search(query, self, self.places))))
        found = self.store.read(query)
        if isinstance(query, queries.GetLatestVersions):
            return cast(T, [self._show(version) for version in cast(list[ModelVersion], found)])
        return cast(T, self._show(found))

    def artifacts(self, run_id: str) -> Artifacts:
        """The artifacts of a run; NotFound for an unknown run, NotSupported where this server may not look."""
        return self._open(
            partial(self.store.artifacts, run_id),
            lambda: self.store.read(queries.GetRunInfo(run_id=run_id)).artifact_uri,
        )

    def model_artifacts(self, model_id: str, *, deleted: bool = False) -> Artifacts:
        """As `artifacts`, of a logged model."""
        return self._open(
            partial(self.store.model_artifacts, model_id, deleted=deleted),
            lambda: self.store.read(queries.GetLoggedModel(model_id=model_id, deleted=deleted)).artifact_location,
        )

    def logged_model(self, run_id: str, name: str) -> Artifacts | None:
        """The directory of the logged model `name` that the run made."""
        found = self.store.logged_model(run_id, name)
        return None if found is None else self._checked(found)

    def version_files(self, query: queries.GetModelVersion) -> tuple[Artifacts, RelPath]:
        """The files of a version of a registered model; NotSupported where this server may not look."""
        return served_files(self.store.read(query), self)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def find(self, path: RelPath) -> tuple[Artifacts, RelPath]:
        """Whose artifacts a path of the proxied store names, and the path below them."""
        owner, below = find_owner(path)
        return self.of(owner), below

    def of(self, owner: Owner) -> Artifacts:
        """The artifacts of a run or logged model, as `artifacts`."""
        return self.model_artifacts(owner.id) if owner.kind == "model" else self.artifacts(owner.id)

    def _open(self, find: Callable[[], Artifacts], uri: Callable[[], str]) -> Artifacts:
        """What `find` finds; but what MLflow noted as passed on by a server lies where the operator says.

        The URI is read only where it matters: most requests for a file would read the same twice.
        """
        try:
            found = find()
            if found.location.scheme != SCHEME:
                return self._checked(found)
            if self.places.destination is None or self.places.home_of(str(found.location)) is None:
                return self._checked(found)
        except NotSupported:
            if self.places.home_of(uri()) is None:
                raise
        home = self.places.home_of(uri())
        assert home is not None
        return open_artifacts(home)

    def _checked(self, artifacts: Artifacts) -> Artifacts:
        place = artifacts.location
        passed_on = place.scheme == SCHEME and not place.authority and artifacts.local_path(RelPath()) is not None
        if not passed_on and not self.places.may_open(place):
            raise NotSupported(
                f"This server does not go to {place}; clients do by themselves. Start it with "
                "--artifacts-destination and a URI above that one to have it pass on what is there."
            )
        return artifacts

    def _show(self, found: Any) -> Any:
        places = self.places
        match found:
            case Run():
                return structs.replace(found, info=places.show_run(found.info))
            case RunInfo():
                return places.show_run(found)
            case Experiment():
                return places.show_experiment(found)
            case LoggedModel():
                return places.show_model(found)
            case ModelVersion():
                return show_version(found, places)
            case RegisteredModel():
                return show_registered(found, places)
            case queries.RunTable():
                return places.show_table(found)
            case Page():
                return Page((self._show(item) for item in found), found.token)
        return found
