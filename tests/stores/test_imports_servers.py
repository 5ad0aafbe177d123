"""A server as a source that is old, broken or hostile."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from millstream.stores.base import Store
from millstream.stores.imports.base import Options
from millstream.stores.imports.importer import Importer
from millstream.stores.imports.servers import ServerSource
from millstream.stores.imports.summary import Summary
from millstream.stores.open import close_stores, open_store
from millstream.values import queries
from millstream.values.errors import BadRequest, EndpointNotFound

RUN = {
    "info": {"run_uuid": "abc", "experiment_id": "7", "status": "RUNNING", "start_time": 5, "artifact_uri": "s3://b"},
    "data": {
        "metrics": [{"key": "loss"}],
        "params": [{"key": "a"}],
        "tags": [{"key": "mlflow.runName", "value": "이름"}],
    },
}


class FakeServer:
    """What a client would get: replies by name; None for a route that is not there."""

    public = "http://fake"

    def __init__(self, **replies: Any) -> None:
        self.replies: dict[str, Any] = {
            "experiments/search": {"experiments": [{"experiment_id": "7", "name": "먼 곳"}]},
            "runs/search": {"runs": [RUN]},
            "metrics/get-history": {"metrics": [{"key": "loss", "value": "NaN", "timestamp": 1, "step": 2}]},
            "artifacts/list": {},
            **{name.replace("__", "/").replace("_h", "-h"): reply for name, reply in replies.items()},
        }
        self.opened: list[str] = []

    def get(self, name: str, parameters: Any) -> Any:
        reply = self.replies.get(name)
        if callable(reply):
            reply = reply(parameters)
        if reply is None:
            raise EndpointNotFound(name)
        return reply

    post = get

    def open(self, path: str, parameters: Any) -> BinaryIO:
        self.opened.append(parameters.get("path") or parameters["artifact_file_path"])
        return io.BytesIO(b"content")

    def close(self) -> None:
        pass


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Store]:
    yield open_store(f"sqlite:///{tmp_path}/runs.db")
    close_stores()


def bring(server: FakeServer, target: Store) -> Summary:
    source = ServerSource(server)  # type: ignore[arg-type]
    try:
        return Importer(source, target, Options()).run()
    finally:
        source.close()


def test_an_old_server_is_understood(target: Store) -> None:
    def unpaged(parameters: dict[str, Any]) -> Any:
        if "max_results" in parameters:
            raise BadRequest("no pages here")
        return {"metrics": [{"key": "loss", "value": 0.5, "timestamp": 1}]}

    listed = {"experiments": [{"experiment_id": "7", "name": "먼 곳", "lifecycle_stage": "active"}]}
    server = FakeServer(experiments__search=None, experiments__list=listed, metrics__get_history=unpaged)
    assert bring(server, target).problems == []
    run = target.read(queries.GetRun(run_id="abc"))
    assert (run.info.run_name, run.data.params, run.data.metrics) == ("이름", {"a": ""}, {"loss": 0.5})


def test_paths_that_lead_elsewhere_are_refused(target: Store, tmp_path: Path) -> None:
    names = ["../up", "/etc/passwd", "a/../../b", "sub/deep", "%2e%2e/x", "back\\slash", "good"]
    files = [{"path": name, "is_dir": False, "file_size": 7} for name in names]
    loop = {"path": "dir", "is_dir": True}

    def listing(parameters: dict[str, Any]) -> Any:
        return {"files": [*files, loop]}

    server = FakeServer(artifacts__list=listing)
    summary = bring(server, target)
    assert server.opened == ["good"]
    assert (summary.files, summary.runs_created) == (1, 1)
    assert len(summary.problems) == 6 + len(files) + 1
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.read_bytes() == b"content"]
    assert [path.name for path in written] == ["good"]


def test_a_file_that_was_cut_off_is_not_kept(target: Store) -> None:
    server = FakeServer(artifacts__list={"files": [{"path": "model.bin", "file_size": 8}]})
    (problem,) = bring(server, target).problems
    assert "only 7 of 8 bytes" in problem
    assert target.read(queries.ListArtifacts(run_id="abc")) == []


@pytest.mark.parametrize(
    "run", [{}, {"info": {}}, {"info": {**RUN["info"], "status": "DONE"}}, {"info": {**RUN["info"], "start_time": "x"}}]
)
def test_runs_that_are_none_are_named(target: Store, run: Any) -> None:
    summary = bring(FakeServer(runs__search={"runs": [run, RUN]}), target)
    assert (summary.runs_created, len(summary.problems)) == (1, 1)
