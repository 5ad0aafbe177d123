"""Answers get lost, requests come twice, servers are busy or die: each op of the remote store has one effect."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from millstream.drivers.rest.client import RestClient
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.remote import RemoteStore
from millstream.values import entities, names, ops, queries
from millstream.values.entities import Metric, Param, RunTag, ViewType
from millstream.values.errors import MillstreamError, Unavailable
from millstream.values.servers import ServerUri
from tests.middlemen import BEFORE, BUSY, LOSE, TWICE, Middleman, between
from tests.remotes import Served
from tests.server.conftest import start as start  # the fixture
from tests.server.started import Started
from tests.stores.calls import T0, get, history, log, new_run

Opener = Callable[[str], RemoteStore]


@pytest.fixture
def open_remote() -> Iterator[Opener]:
    """Opens a client that waits for nothing."""
    opened: list[RemoteStore] = []

    def opener(address: str) -> RemoteStore:
        server = ServerUri.parse(address)
        opened.append(RemoteStore(server, RestClient(server, sleep=lambda _: None)))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture(params=["directory", "sqlite"])
def behind(request: pytest.FixtureRequest, open_tree: Any, open_database: Any) -> EmbeddedStore | DatabaseStore:
    """The store of the server."""
    store: EmbeddedStore | DatabaseStore = (open_tree if request.param == "directory" else open_database)()
    return store


@pytest.fixture
def middleman(served: Served, behind: Any) -> Iterator[Middleman]:
    served.serve(behind)
    with between(served.address) as made:
        yield made


DATASET = entities.DatasetInput(entities.Dataset("꽃", "d1", "local", "{}"))


class Life:
    """One op of each kind that the wire can say, one after the other; how each is written is given."""

    def __init__(self, store: RemoteStore) -> None:
        self.store = store

    def ops(self) -> Iterator[Callable[[], Any]]:
        """Each writes one op; what follows needs what it made."""
        w = self.store.write
        made: dict[str, Any] = {}

        def keep(name: str, op: ops.Op[Any]) -> Callable[[], Any]:
            return lambda: made.__setitem__(name, w(op))

        yield keep("experiment", ops.CreateExperiment(name="하나", time=T0))
        experiment = made["experiment"]
        for op in (
            ops.RenameExperiment(experiment_id=experiment, name="둘", time=T0),
            ops.SetExperimentTag(experiment_id=experiment, key="k", value="v"),
            ops.SetExperimentTag(experiment_id=experiment, key="gone", value="v"),
            ops.DeleteExperimentTag(experiment_id=experiment, key="gone"),
            ops.DeleteExperiment(experiment_id=experiment, time=T0),
            ops.RestoreExperiment(experiment_id=experiment, time=T0),
        ):
            yield lambda op=op: w(op)  # type: ignore[misc]
        run = names.new_run_id()
        self.run = run
        yield keep("run", ops.CreateRun(run_id=run, experiment_id=experiment, start_time=T0))
        yield keep("model", ops.CreateLoggedModel(model_id="m-x", experiment_id=experiment, time=T0, name="net"))
        model = made["model"].model_id
        plain, point = Metric("m", 1.0, T0, 0), Metric("m", 1.0, T0, 0, None, model)
        for op in (
            ops.LogBatch(
                run_id=run,
                metrics=(plain, plain, point),
                params=(Param("p", "1"),),
                tags=(RunTag("t", "1"), RunTag("u", "1")),
            ),
            ops.LogBatch(run_id=run, metrics=tuple(Metric("long", float(i), T0, i) for i in range(2500))),
            ops.UpdateRun(run_id=run, status="FINISHED", end_time=T0 + 1, run_name="끝"),
            ops.DeleteTag(run_id=run, key="u"),
            ops.LogInputs(run_id=run, datasets=(DATASET,), models=(entities.ModelInput(model),)),
            ops.LogOutputs(run_id=run, models=(entities.ModelOutput(model, 1),)),
            ops.DeleteRun(run_id=run, time=T0),
            ops.RestoreRun(run_id=run),
            ops.FinalizeLoggedModel(model_id=model, status="READY", time=T0),
            ops.SetLoggedModelTags(model_id=model, tags={"a": "1", "b": "2"}),
            ops.DeleteLoggedModelTag(model_id=model, key="a"),
            ops.LogLoggedModelParams(model_id=model, params={"p": "1"}),
            ops.CreateRegisteredModel(name="net", time=T0),
            ops.RenameRegisteredModel(name="net", new_name="꽃", time=T0),
            ops.UpdateRegisteredModel(name="꽃", description="글", time=T0),
            ops.SetRegisteredModelTag(name="꽃", key="k", value="v"),
            ops.SetRegisteredModelTag(name="꽃", key="gone", value="v"),
            ops.DeleteRegisteredModelTag(name="꽃", key="gone"),
            *(ops.CreateModelVersion(name="꽃", source="s3://b/x", time=T0) for _ in range(3)),
            ops.UpdateModelVersion(name="꽃", version=1, description="one", time=T0),
            ops.TransitionModelVersion(name="꽃", version=1, stage="Staging", time=T0),
            ops.SetModelVersionTag(name="꽃", version=1, key="k", value="v"),
            ops.SetModelVersionTag(name="꽃", version=1, key="gone", value="v"),
            ops.DeleteModelVersionTag(name="꽃", version=1, key="gone"),
            ops.SetModelAlias(name="꽃", alias="best", version=1),
            ops.SetModelAlias(name="꽃", alias="gone", version=1),
            ops.DeleteModelAlias(name="꽃", alias="gone"),
            ops.DeleteModelVersion(name="꽃", version=2, time=T0),
            ops.CreateRegisteredModel(name="away", time=T0),
            ops.DeleteRegisteredModel(name="away"),
            ops.CreateLoggedModel(model_id="m-y", experiment_id=experiment, time=T0, name="other"),
        ):
            yield lambda op=op: w(op)  # type: ignore[misc]
        (other,) = (
            found.model_id
            for found in self.store.read(queries.SearchLoggedModels(experiment_ids=(experiment,)))
            if found.name == "other"
        )
        yield lambda: w(ops.DeleteLoggedModel(model_id=other, time=T0))

    def check(self, store: Any) -> None:
        """Each had its effect, and had it once."""
        found = store.read(queries.SearchExperiments(view=ViewType.ALL))
        assert sorted((item.name, item.lifecycle_stage) for item in found) == [("Default", "active"), ("둘", "active")]
        (experiment,) = (item for item in found if item.name == "둘")
        assert experiment.tags == {"k": "v"}
        ids = (experiment.experiment_id,)
        (run,) = store.read(queries.SearchRuns(experiment_ids=ids, view=ViewType.ALL))
        assert run.info.run_id == self.run
        assert (run.info.status, run.info.run_name, run.info.lifecycle_stage) == ("FINISHED", "끝", "active")
        assert (run.data.params, run.data.tags) == ({"p": "1"}, {"t": "1", "mlflow.runName": "끝"})
        assert history(store, self.run, "m") == [(0, 1.0, T0)] * 2
        assert history(store, self.run, "long") == [(i, float(i), T0) for i in range(2500)]
        assert (len(run.inputs.dataset_inputs), len(run.outputs.model_outputs)) == (1, 1)
        (model,) = store.read(queries.SearchLoggedModels(experiment_ids=ids))
        assert (model.name, model.status, model.tags, model.params) == ("net", "READY", {"b": "2"}, {"p": "1"})
        assert [point.value for point in model.metrics] == [1.0]
        (registered,) = store.read(queries.SearchRegisteredModels())
        assert (registered.name, registered.description, registered.tags) == ("꽃", "글", {"k": "v"})
        assert registered.aliases == {"best": 1}
        versions = store.read(queries.SearchModelVersions(order_by=("version_number ASC",)))
        told = [(v.version, v.description or None, v.current_stage, v.tags) for v in versions]
        assert told == [(1, "one", "Staging", {"k": "v"}), (3, None, "None", {})]


FAULTS = [[LOSE], [TWICE], [BUSY, BEFORE], [BEFORE, LOSE, BUSY, LOSE, TWICE]]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda words: "-".join(words))
def test_every_kind_of_op_has_one_effect(
    middleman: Middleman, behind: Any, open_remote: Opener, fault: list[str]
) -> None:
    life = Life(open_remote(middleman.address))
    kinds = set()
    for write in life.ops():
        middleman.plan = [*fault]
        write()
        assert middleman.plan == []
        kinds.add(middleman.requests[-1][:2])
    life.check(behind)
    life.check(life.store)
    writes = [asked for asked in middleman.requests if asked[0] != "GET" and not asked[1].endswith("/search")]
    keys = Counter(asked[2].get("Idempotency-Key") for asked in writes)
    assert None not in keys
    bodies: dict[Any, set[Any]] = {}
    for _, path, headers, body in writes:
        bodies.setdefault(headers["Idempotency-Key"], set()).add((path, body))
    assert all(len(found) == 1 for found in bodies.values())
    assert fault == [TWICE] or len(keys) < len(writes)
    assert len(kinds) > 25


def test_a_refused_op_is_refused_however_often_it_is_heard(
    middleman: Middleman, behind: Any, open_remote: Opener
) -> None:
    store = open_remote(middleman.address)
    run = new_run(store)
    log(store, run, params={"p": "1"})
    for fault in FAULTS:
        middleman.plan = [*fault]
        with pytest.raises(MillstreamError, match="already '1'"):
            log(store, run, [("m", 1.0)], {"p": "2"})
    assert get(behind, run).data.metrics == {}


def test_a_server_that_is_away_is_named_in_the_end(served: Served, open_remote: Opener, caplog: Any) -> None:
    secret = "geheim"
    store = open_remote(f"http://kim:{secret}@127.0.0.1:9/mlflow")
    with pytest.raises(Unavailable) as caught:
        new_run(store)
    text = f"{caught.value} {caplog.text}"
    assert "http://***@127.0.0.1:9/mlflow" in text
    assert "POST /api/2.0/mlflow/runs/create after 8 tries" in text
    assert "trying again" in caplog.text
    assert secret not in text
    assert secret not in f"{store!r} {store.server!r} {vars(store)!r}"


def test_a_killed_server_loses_and_doubles_nothing(
    start: Callable[..., Started], tmp_path: Path, open_remote: Opener
) -> None:
    """Killed again and again among threads that log, and started again at its port."""
    options = ("--backend-store-uri", f"sqlite:///{tmp_path}/runs.db")
    server = start("server", *options)
    server_uri = ServerUri.parse(server.address)
    store = RemoteStore(server_uri, RestClient(server_uri, sleep=lambda _: time.sleep(0.05)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1000")
        run = new_run(store)
        stop = threading.Event()
        written: dict[int, int] = {}
        failures: list[Exception] = []

        def work(number: int) -> None:
            try:
                for step in itertools.count():
                    written[number] = step
                    log(store, run, [(f"m{number}", float(step), step)], tags={f"t{number}": str(step)})
                    if stop.is_set():
                        return
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            before = dict(written)
            while any(written.get(number, 0) < before.get(number, 0) + 5 for number in range(4)):
                time.sleep(0.01)
                assert not failures
            server.process.kill()
            server.process.wait()
            server = start("server", *options, port=server.port)
        before = dict(written)
        while any(written[number] < before[number] + 5 for number in range(4)):
            time.sleep(0.01)
            assert not failures
        stop.set()
        for thread in threads:
            thread.join()
    assert not failures
    for number in range(4):
        assert [step for step, _, _ in history(store, run, f"m{number}")] == list(range(written[number] + 1))
        assert get(store, run).data.tags[f"t{number}"] == str(written[number])
    with suppress(MillstreamError):
        store.close()
