"""A running tracking server as a source: MLflow's of 1.x to 3.x, or ours."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from msgspec import structs

from millstream.drivers.artifacts.base import Artifacts
from millstream.drivers.rest.client import RestClient
from millstream.formats.wire import replies
from millstream.stores.imports import server_registry
from millstream.stores.imports.base import Problem, SourceRegistered, SourceRun
from millstream.stores.imports.server_artifacts import ServerArtifacts, of_model, of_run
from millstream.values.entities import DELETED, Experiment, LoggedModel, Metric, RunInfo
from millstream.values.errors import (
    BadRequest,
    DataDamaged,
    EndpointNotFound,
    InvalidValue,
    NotFound,
    NotSupported,
)
from millstream.values.names import check_model_id

PAGE = 200
MODELS = 50
POINTS = 25_000
# So many runs are asked about ahead of the one that is written, by so many threads.
AHEAD, THREADS = 16, 8


class ServerSource:
    """Runs of one server."""

    def __init__(self, client: RestClient) -> None:
        """Ask through `client`."""
        self._client = client
        self.place = client.public
        self._pool = ThreadPoolExecutor(THREADS)
        self._has_models: bool | None = None
        self._linked: dict[str, set[str]] = {}

    def experiments(self, problem: Problem) -> list[Experiment]:
        """All experiments by id."""
        try:
            found = list(self._pages("experiments/search", "experiments", view_type="ALL"))
        except EndpointNotFound:
            # Before 1.28 there was only this.
            found = self._client.get("experiments/list", {"view_type": "ALL"}).get("experiments", [])
        experiments = []
        for reply in found:
            try:
                experiments.append(replies.experiment(reply))
            except DataDamaged as error:
                problem(f"{error}; the experiment is left out")
        return sorted(experiments, key=lambda item: (len(item.experiment_id), item.experiment_id))

    def count_runs(self, experiment_id: str) -> int:
        """All runs."""
        return sum(1 for _ in self._search(experiment_id, 1000))

    def runs(self, experiment_id: str, problem: Problem) -> Iterator[SourceRun]:
        """All runs, the oldest first; points are fetched for some of them ahead."""
        waiting: deque[tuple[Any, RunInfo, Future[tuple[Any, list[list[Metric]]]]]] = deque()
        whole = self._knows_models(experiment_id)
        try:
            for reply in self._search(experiment_id, PAGE):
                try:
                    info = replies.run_info(reply)
                except DataDamaged as error:
                    problem(f"{error}; the run is left out")
                    continue
                keys = sorted({str(item["key"]) for item in reply.get("data", {}).get("metrics", ())})
                waiting.append((reply, info, self._pool.submit(self._rest, info.run_id, keys, problem, whole=whole)))
                if len(waiting) > AHEAD:
                    yield from self._finish(*waiting.popleft(), problem)
            while waiting:
                yield from self._finish(*waiting.popleft(), problem)
        finally:
            for _, _, future in waiting:
                future.cancel()

    def _finish(
        self, reply: Any, info: RunInfo, future: Future[tuple[Any, list[list[Metric]]]], problem: Problem
    ) -> Iterator[SourceRun]:
        try:
            found, points = future.result()
            data = reply.get("data", {})
            inputs, outputs = replies.inputs(found or reply), replies.outputs(found or reply)
            linked = self._linked.setdefault(info.experiment_id, set())
            linked.update(item.model_id for item in inputs.model_inputs)
            linked.update(item.model_id for item in outputs.model_outputs)
            yield SourceRun(
                info=info,
                deleted_time=None,
                params=replies.texts(data.get("params")),
                tags=replies.texts(data.get("tags")),
                points=partial(iter, points),
                inputs=inputs,
                outputs=outputs,
            )
        except (NotFound, DataDamaged, KeyError, TypeError, ValueError) as error:
            problem(f"run {info.run_id}: {error}; the run is left out")

    def _knows_models(self, experiment_id: str) -> bool:
        """Whether the server is of MLflow 3: its lists of runs leave out the logged models that a run used."""
        if self._has_models is None:
            try:
                self._client.post("logged-models/search", {"experiment_ids": [experiment_id], "max_results": 1})
                self._has_models = True
            except EndpointNotFound:
                self._has_models = False
        return self._has_models

    def _rest(
        self, run_id: str, keys: Sequence[str], problem: Problem, *, whole: bool
    ) -> tuple[Any, list[list[Metric]]]:
        """A run's points and, when it is asked for `whole`, what the server says of it alone."""
        found = self._client.get("runs/get", {"run_id": run_id})["run"] if whole else None
        return found, self._series(run_id, keys, problem)

    def _series(self, run_id: str, keys: Sequence[str], problem: Problem) -> list[list[Metric]]:
        return [list(self._history(run_id, key, problem)) for key in keys]

    def _history(self, run_id: str, key: str, problem: Problem) -> Iterator[Metric]:
        parameters = {"run_id": run_id, "run_uuid": run_id, "metric_key": key, "max_results": POINTS}
        bad = 0
        while True:
            try:
                reply = self._client.get("metrics/get-history", parameters)
            except (BadRequest, InvalidValue):
                # Some stores of MLflow 2 cannot give a history in pages.
                if parameters.pop("max_results", None) is None:
                    raise
                continue
            for item in reply.get("metrics", ()):
                try:
                    yield replies.point(item)
                except (KeyError, TypeError, ValueError, OverflowError):
                    bad += 1
            token = reply.get("next_page_token")
            if not token or parameters.get("page_token") == token:
                break
            parameters["page_token"] = token
        if bad:
            problem(f"run {run_id}, metric {key!r}: {bad} point(s) cannot be read and are left out")

    def artifacts(self, info: RunInfo) -> Artifacts | None:
        """The run's artifacts, wherever they are: the server fetches them."""
        return ServerArtifacts(self._client, info.run_id, of_run(info.run_id))

    def count_models(self, experiment_id: str) -> int:
        """All that are not deleted."""
        return sum(1 for _ in self._search_models(experiment_id))

    def models(self, experiment_id: str, problem: Problem) -> Iterator[LoggedModel]:
        """All logged models; of deleted ones, which a server does not list, those that the experiment's runs name."""
        linked = self._linked.pop(experiment_id, set())
        for reply in self._search_models(experiment_id):
            try:
                model = replies.logged_model(reply)
            except DataDamaged as error:
                problem(f"{error}; the logged model is left out")
                continue
            linked.discard(model.model_id)
            yield model
        for model_id in sorted(linked):
            deleted = self._deleted_model(model_id, problem)
            if deleted is not None and deleted.experiment_id == experiment_id:
                yield deleted

    def _deleted_model(self, model_id: str, problem: Problem) -> LoggedModel | None:
        """A model that the server did not list but has; None for one that it has no more, or never had."""
        try:
            reply = self._client.get(f"logged-models/{check_model_id(model_id)}", {"allow_deleted": "true"})
            return structs.replace(replies.logged_model(reply["model"]), lifecycle_stage=DELETED)
        except (EndpointNotFound, NotFound):
            return None
        except (BadRequest, DataDamaged, InvalidValue, KeyError) as error:
            problem(f"logged model {model_id!r}: {error}; it is left out")
            return None

    def _search_models(self, experiment_id: str) -> Iterator[Any]:
        try:
            yield from self._pages("logged-models/search", "models", MODELS, experiment_ids=[experiment_id])
        except EndpointNotFound:
            return  # Before 3.0 there were none.

    def model_artifacts(self, model: LoggedModel) -> Artifacts | None:
        """The logged model's artifacts; NotSupported for a deleted one, whose files no server gives out."""
        if model.lifecycle_stage == DELETED:
            raise NotSupported("a server that belong to deleted logged models")
        return ServerArtifacts(self._client, model.model_id, of_model(check_model_id(model.model_id)))

    def count_registered(self) -> int:
        """All registered models; their versions are counted when they come."""
        return sum(1 for _ in server_registry.list_models(self._client))

    def registered(self, problem: Problem) -> Iterator[SourceRegistered]:
        """All registered models, by name; none where the server has no registry."""
        return server_registry.read(self._client, problem)

    def close(self) -> None:
        """Close all connections; what is asked for ahead is given up."""
        self._pool.shutdown(cancel_futures=True)
        self._client.close()

    def _search(self, experiment_id: str, page: int) -> Iterator[Any]:
        return self._pages(
            "runs/search",
            "runs",
            page,
            experiment_ids=[experiment_id],
            run_view_type="ALL",
            order_by=["attributes.start_time ASC"],
        )

    def _pages(self, name: str, field: str, page: int = 1000, **body: Any) -> Iterator[Any]:
        token = None
        while True:
            reply = self._client.post(name, {**body, "max_results": page, "page_token": token})
            yield from reply.get(field, ())
            if not reply.get("next_page_token") or reply["next_page_token"] == token:
                return
            token = reply["next_page_token"]
