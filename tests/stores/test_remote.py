"""What the remote store does by itself: opening, keys, logins, retries, forks, refusals, servers that know less."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from millstream.drivers.rest.client import RestClient
from millstream.formats.wire.calls.table import CALLS
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.imports.open import check_apart
from millstream.stores.open import find_store, open_store
from millstream.stores.remote import RemoteStore
from millstream.values import names, ops, queries
from millstream.values.entities import Metric
from millstream.values.errors import (
    AlreadyExists,
    InvalidState,
    InvalidValue,
    MillstreamError,
    NotFound,
    NotPermitted,
    NotSupported,
    OutOfTime,
    Unavailable,
)
from millstream.values.rights import Seen
from millstream.values.servers import ServerUri
from tests.drivers.test_rest_client import Script, refusal
from tests.remotes import Served
from tests.stores.calls import T0, log, new_experiment, new_run, search
from tests.stores.test_embedded import every

RUN = {"run": {"info": {"run_id": "f" * 32, "experiment_id": "0"}}}


# --- opening ---


def test_an_address_is_opened_once(served: Served) -> None:
    store = open_store(served.address)
    assert open_store(served.address + "/") is store
    assert open_store(served.address.replace("http", "HTTP", 1)) is store
    assert open_store(served.address.replace("//", "//kim:x@")) is not store
    assert (store.uri, find_store(served.address).public) == (served.address, served.address)


def test_the_environment_names_a_server(
    remote_store: RemoteStore, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = remote_store
    monkeypatch.setenv("MLFLOW_TRACKING_URI", served.address)
    assert open_store() is store
    found = find_store()
    assert not found.is_directory
    assert served.address in found.how


@pytest.mark.parametrize(
    "bad", ["http://", "http://host:99999", "https://a b", "http://h/?x=1", "http://h/#x", "http://h\n/", "HTTP://[::1"]
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(InvalidValue):
        open_store(bad)


def test_an_address_is_shown_without_its_password() -> None:
    found = find_store("https://kim:ge%40heim@host/team/")
    server = found.server
    assert server is not None
    assert (server.user, server.password and server.password.reveal()) == ("kim", "ge@heim")
    assert found.public == "https://***@host/team"
    assert "heim" not in f"{found!r} {found.how} {found.public} {server!r} {server}"


# --- what travels ---


def test_every_write_has_a_key_of_its_own_and_reads_have_none(scripted: RemoteStore, script: Script) -> None:
    for _ in range(2):
        scripted.write(ops.RestoreRun(run_id="f" * 32))
    scripted.write(ops.RestoreRun(run_id="f" * 32, op_id="mine"))
    points = tuple(Metric("m", 0.0, T0, step) for step in range(2001))
    scripted.write(ops.LogBatch(run_id="f" * 32, metrics=points, op_id="long"))
    scripted.read(queries.SearchExperiments())
    one, two, *rest = (headers.get("Idempotency-Key") for _, _, headers, _ in script.requests)
    assert one != two
    assert rest == ["mine", "long", "long.1", "long.2", None]
    assert all(len(key or "") == 32 for key in (one, two))


def test_a_wrong_op_is_refused_without_a_question(scripted: RemoteStore, script: Script) -> None:
    for op in (
        ops.CreateExperiment(name="", time=T0),
        ops.RestoreRun(run_id="../x"),
        ops.LogBatch(run_id="f" * 32, metrics=(Metric("m", 0.0, -1),)),
        ops.FinalizeLoggedModel(model_id="m-1", status="DONE", time=T0),
    ):
        with pytest.raises(InvalidValue):
            scripted.write(op)
    assert script.requests == []


def test_the_login_travels_and_is_shown_nowhere(
    script: Script, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def sent(address: str) -> str:
        server = ServerUri.parse(address)
        store = RemoteStore(server, RestClient(server, sleep=lambda _: None))
        script.answers = [(503, {}, b""), (401, {}, refusal("UNAUTHORIZED", "who?"))]
        with pytest.raises(NotPermitted, match=r"wants a login\. who\? Set MLFLOW_TRACKING_USERNAME") as caught:
            store.read(queries.GetRun(run_id="f" * 32))
        store.close()
        assert "geheim" not in f"{caught.value!r} {caplog.text} {store!r}"
        return script.requests[-1][2].get("Authorization", "")

    assert sent(script.address) == ""
    assert sent(script.address.replace("//", "//kim:geheim@")) == "Basic a2ltOmdlaGVpbQ=="
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "geheim")
    assert sent(script.address) == "Bearer geheim"
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "kim")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "geheim")
    assert sent(script.address) == "Basic a2ltOmdlaGVpbQ=="
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "geheim\n")
    with pytest.raises(InvalidValue, match="line end") as caught:
        sent(script.address)
    assert "geheim" not in str(caught.value)


# --- busy servers, and refusals ---


def test_a_server_may_say_how_long_to_wait(script: Script) -> None:
    pauses: list[float] = []
    server = ServerUri.parse(script.address)
    store = RemoteStore(server, RestClient(server, sleep=pauses.append))
    script.answers = [(429, {"Retry-After": "7"}, b""), (503, {"Retry-After": "x"}, b""), (200, {}, b"{}")]
    store.write(ops.RestoreRun(run_id="f" * 32))
    assert pauses[0] == 7
    assert 0.75 <= pauses[1] <= 1.25
    script.answers = [(503, {"Retry-After": "1e9"}, b""), (200, {}, b"{}")]
    store.write(ops.RestoreRun(run_id="f" * 32))
    assert pauses[2] == 300
    store.close()


def test_how_often_and_how_long_is_a_setting(scripted: RemoteStore, script: Script, monkeypatch: Any) -> None:
    script.answers = [(503, {}, refusal("TEMPORARILY_UNAVAILABLE", "voll"))]
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    with pytest.raises(Unavailable, match=r"POST /api/2\.0/mlflow/runs/restore after 3 tries: 503 voll"):
        scripted.write(ops.RestoreRun(run_id="f" * 32))
    assert len(script.requests) == 3
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0")
    with pytest.raises(InvalidValue, match="MLFLOW_HTTP_REQUEST_TIMEOUT=0"):
        RemoteStore(scripted.server).read(queries.GetRun(run_id="f" * 32))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "INVALID_PARAMETER_VALUE", InvalidValue),
        (400, "INVALID_STATE", InvalidState),
        (400, "RESOURCE_ALREADY_EXISTS", AlreadyExists),
        (404, "RESOURCE_DOES_NOT_EXIST", NotFound),
        (403, "PERMISSION_DENIED", NotPermitted),
        (501, "NOT_IMPLEMENTED", NotSupported),
        (504, "DEADLINE_EXCEEDED", OutOfTime),
        (500, "IO_ERROR", MillstreamError),
        (418, "SOMETHING_NEW", MillstreamError),
    ],
)
def test_refusals_are_errors_with_the_servers_words(
    scripted: RemoteStore, script: Script, status: int, code: str, kind: type[MillstreamError]
) -> None:
    script.answers = [(status, {}, refusal(code, "왜 안 되나"))]
    with pytest.raises(kind, match="왜 안 되나") as caught:
        scripted.write(ops.RestoreRun(run_id="f" * 32))
    assert len(script.requests) == 1
    if code != "SOMETHING_NEW":
        assert caught.value.error_code in (code, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b'{"run": {}}', b'{"run": {"info": {"run_id": 5}}}', b"\xff", b""])
def test_an_answer_that_is_none_is_named(scripted: RemoteStore, script: Script, body: bytes) -> None:
    script.answers = [(200, {}, body)]
    with pytest.raises(MillstreamError, match=r"http://127\.0\.0\.1"):
        scripted.read(queries.GetRun(run_id="f" * 32))
    with pytest.raises(MillstreamError):
        scripted.write(ops.CreateExperiment(name="x", time=T0))


def test_a_state_is_told_from_a_value(remote_store: RemoteStore) -> None:
    store = remote_store
    run = new_run(store)
    store.write(ops.DeleteRun(run_id=run, time=T0))
    with pytest.raises(InvalidState, match="restore"):
        log(store, run, [("m", 1.0)])


# --- what a server cannot ---


def test_what_is_done_with_a_store_itself_is_refused(remote_store: RemoteStore) -> None:
    store = remote_store
    run = new_run(store)
    for op in (
        ops.MoveRuns(run_ids=(run,), experiment_id="0"),
        ops.PurgeRun(run_id=run),
        ops.PurgeExperiment(experiment_id="0"),
        ops.PurgeLoggedModel(model_id="m-1"),
        ops.FinishPurges(time=T0),
        ops.Compact(),
    ):
        with pytest.raises(NotSupported, match=f"{type(op).__name__} cannot be asked of a server: http://127"):
            store.write(op)
    for query in (
        queries.MeasureSpace(),
        queries.FindDeleted(),
        queries.SignArtifact(path="x", method="GET", seconds=1),
    ):
        with pytest.raises(NotSupported, match=type(query).__name__):
            store.read(query)
    with pytest.raises(NotSupported, match="chosen by the server"):
        new_experiment(store, experiment_id="7")
    with pytest.raises(NotSupported, match="logs in"):
        store.read(queries.SearchExperiments(seen=Seen()))
    with pytest.raises(NotSupported, match="takes no imports"):
        check_apart(None, "x", store)  # type: ignore[arg-type]
    assert search(store) == [run]


def blank(kind: type) -> Any:
    """One of this kind that says nothing."""
    return kind(**dict.fromkeys(kind.__struct_fields__))


def test_every_op_and_query_is_asked_or_refused(scripted: RemoteStore, script: Script) -> None:
    refused = {
        "Import", "MoveRuns", "Purge", "FinishPurges", "Compact", "MeasureSpace", "FindDeleted", "SignArtifact",
        "ReadChanges", "CountPoints", "ReadSteps", "WasDone",
    }  # fmt: skip
    for kind in every(ops.Op) | every(queries.Query):
        if kind.__name__.startswith(tuple(refused)):
            with pytest.raises(NotSupported, match=kind.__name__):
                scripted._call(blank(kind))
        else:
            assert CALLS[kind].kind is kind


def test_a_server_that_knows_less_is_asked_for_pages(scripted: RemoteStore, script: Script) -> None:
    def run(number: int, **data: Any) -> dict[str, Any]:
        info = {"run_id": f"{number:032x}", "experiment_id": "0", "run_name": f"r{number}", "status": "FINISHED"}
        pairs = [{"key": "p", "value": str(number)}]
        return {
            "info": info,
            "data": {"params": pairs, "metrics": [{"key": "m", "value": "NaN", "timestamp": 1}]} | data,
        }

    none = (404, {}, b"<html>")
    pages = [
        (200, {}, json.dumps({"runs": [run(0), run(1)], "next_page_token": "more"}).encode()),
        (200, {}, json.dumps({"runs": [run(2, metrics=[])]}).encode()),
    ]
    script.answers = [none, *pages, none]
    table = scripted.read(
        queries.TabulateRuns(experiment_ids=("0",), offset=1, limit=2, columns=("metrics.m", "tags.t"))
    )
    assert (table.total, table.run_name) == (3, ["r1", "r2"])
    assert repr((table.metrics, table.params, table.tags)) == repr(
        ({"m": [float("nan"), None]}, {}, {"t": [None, None]})
    )
    script.answers = [none, *pages, none]
    assert scripted.read(queries.CountRuns(experiment_ids=("0",))) == 3
    experiments = {"experiments": [{"experiment_id": "0", "name": "Default"}]}
    script.answers = [none, (200, {}, json.dumps(experiments).encode()), *pages, none]
    facts = scripted.read(queries.DescribeStore())
    assert (facts.kind, facts.experiments, facts.runs, facts.exists) == ("MLflow server", 1, 3, True)
    script.answers = [none]
    for query in (
        queries.MetricEnvelope(run_id="f" * 32, key="m"),
        queries.FacetRuns(experiment_ids=("0",), keys=("params.p",)),
        queries.TabulateRuns(experiment_ids=("0",), columns=("metrics.m.min",)),
    ):
        with pytest.raises(NotSupported, match="only servers of Millstream"):
            scripted.read(query)


def test_the_id_of_a_server_that_makes_ids_is_the_runs(scripted: RemoteStore, script: Script) -> None:
    script.answers = [(200, {}, json.dumps(RUN).encode())]
    own = names.new_run_id()
    made = scripted.write(ops.CreateRun(run_id=own, experiment_id="0", start_time=T0))
    assert made.info.run_id == "f" * 32
    assert json.loads(script.requests[0][3])["run_id"] == own


def test_the_id_of_the_client_is_taken_once(remote_store: RemoteStore, behind: EmbeddedStore) -> None:
    store = remote_store
    run_id = names.new_run_id()
    other = new_experiment(store)
    for _ in range(2):
        assert new_run(store, run_id=run_id, start_time=T0) == run_id
    with pytest.raises(AlreadyExists):
        new_run(store, other, run_id=run_id)
    with pytest.raises(InvalidValue):
        store.client.post("runs/create", {"experiment_id": "0", "run_id": "../x"})
    assert search(behind, ids=["0", other]) == [run_id]


def test_tables_longer_than_a_window_are_put_together(
    remote_store: RemoteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = remote_store
    runs = [new_run(store) for _ in range(7)]
    log(store, runs[0], [("old", 1.0)], {"p": "x"})
    log(store, runs[6], [("new", 2.0)])
    whole = store.read(queries.TabulateRuns(experiment_ids=("0",)))
    monkeypatch.setattr("millstream.stores.remote_lists.names.MAX_RESULTS", 3)
    for limit in (7, 1000):
        assert store.read(queries.TabulateRuns(experiment_ids=("0",), limit=limit)) == whole
    few = store.read(queries.TabulateRuns(experiment_ids=("0",), limit=4, offset=1))
    assert (few.total, few.run_id) == (7, whole.run_id[1:5])


def test_samples_beyond_mlflows_limit_come_from_the_pages_route(
    remote_store: RemoteStore, behind: EmbeddedStore
) -> None:
    store = remote_store
    run = new_run(store)
    log(store, run, [("m", float(step), step) for step in range(6000)])
    query = queries.SampledHistories(run_ids=(run,), key="m", max_results=4000)
    found = store.read(query)
    assert found == behind.read(query)
    assert 1000 < len(found) <= 4000
