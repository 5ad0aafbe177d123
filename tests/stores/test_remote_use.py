"""Connections of the remote store (threads, forks, certificates, time limits), and runs as users keep them there."""

from __future__ import annotations

import gc
import json
import os
import ssl
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import millstream
from millstream.drivers.rest.client import RestClient
from millstream.drivers.rest.credentials import make_tls
from millstream.stores.database import DatabaseStore
from millstream.stores.embedded import EmbeddedStore
from millstream.stores.remote import RemoteStore
from millstream.values import queries
from millstream.values.errors import (
    DataDamaged,
    InvalidValue,
    Unavailable,
)
from millstream.values.servers import ServerUri
from tests.drivers.test_rest_client import Script
from tests.remotes import Served
from tests.stores.calls import get, history, log, new_run, search

RUN = {"run": {"info": {"run_id": "f" * 32, "experiment_id": "0"}}}


# --- connections ---


def test_a_thread_leaves_no_connection_behind(remote_store: RemoteStore) -> None:
    store = remote_store
    run = new_run(store)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number in range(3):
            thread = threading.Thread(target=log, args=(store, run, [(f"m{number}", 1.0)]))
            thread.start()
            thread.join()
        gc.collect()
    assert len(store.client.pool._free) == 1
    assert set(get(store, run).data.metrics) == {"m0", "m1", "m2"}


def test_a_connection_that_was_closed_meanwhile_costs_no_try(
    script: Script, scripted: RemoteStore, monkeypatch: Any
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    body = json.dumps(RUN).encode()
    # The server hangs up after each answer that names its length itself.
    script.answers = [(200, {"Content-Length": str(len(body))}, body)]
    for _ in range(20):
        assert scripted.read(queries.GetRunInfo(run_id="f" * 32)).run_id == "f" * 32
    assert len(script.requests) == 20


KILLED = """
import sys, threading, os, signal
import millstream
from millstream.drivers.rest.connection import Connection
send = Connection._send
def send_and_be_told(self, connected, head, body):
    failed = send(self, connected, head, body)
    if b'"step":7' in body:
        signal.raise_signal(signal.SIGTERM)  # while the answer is waited for
    return failed
Connection._send = send_and_be_told
millstream.set_tracking_uri(sys.argv[1])
run = millstream.start_run()
print(run.info.run_id, flush=True)
for step in range(20):
    millstream.log_metric("m", step, step=step)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_a_program_that_is_told_to_end_in_the_middle_of_a_call_says_so_at_the_server(remote_store: RemoteStore) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, remote_store.uri], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (-15, "")
    run = get(remote_store, done.stdout.strip())
    assert run.info.status == "KILLED"
    assert len(history(remote_store, run.info.run_id, "m")) == 8


def test_a_call_in_the_middle_of_another_has_a_connection_of_its_own(remote_store: RemoteStore) -> None:
    pool = remote_store.client.pool
    with pool.connection() as outer:
        with pool.connection() as inner:
            assert inner is not outer
        run = new_run(remote_store)
    assert get(remote_store, run).info.status == "RUNNING"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_speaks_for_itself(remote_store: RemoteStore) -> None:
    store = remote_store
    run = new_run(store)
    children = []
    for number in range(3):
        child = os.fork()
        if child == 0:
            try:
                for step in range(20):
                    log(store, run, [(f"m{number}", float(step), step)])
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    for step in range(20):
        log(store, run, [("own", float(step), step)])
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    for key in ("own", "m0", "m1", "m2"):
        assert [step for step, _, _ in history(store, run, key)] == list(range(20))


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate of 127.0.0.1 with its key in one file."""
    path = tmp_path / "증명서.pem"
    try:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key", "-out", path,
             "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
            check=True, capture_output=True,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    path.write_text(path.read_text() + (tmp_path / "key").read_text())
    return path


def test_certificates_are_checked(script: Script, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    body = json.dumps(RUN).encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        address = f"https://127.0.0.1:{server.server_address[1]}"

        def ask() -> str:
            store = RemoteStore(ServerUri.parse(address))
            try:
                return store.read(queries.GetRunInfo(run_id="f" * 32)).run_id
            finally:
                store.close()

        with pytest.raises(Unavailable, match="MLFLOW_TRACKING_SERVER_CERT_PATH"):
            ask()
        monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
        assert ask() == "f" * 32
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(certificate))
        with pytest.raises(InvalidValue, match="Set one of them"):
            ask()
        monkeypatch.delenv("MLFLOW_TRACKING_INSECURE_TLS")
        monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", str(certificate))
        assert ask() == "f" * 32
        with pytest.raises(Unavailable, match="speaks http"):
            RemoteStore(ServerUri.parse(script.address.replace("http", "https"))).read(queries.GetRun(run_id="f" * 32))
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH"])
def test_certificates_that_cannot_be_read_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    (tmp_path / "none.pem").write_text("nothing")
    for place in ("none.pem", "no such file"):
        monkeypatch.setenv(name, str(tmp_path / place))
        with pytest.raises(InvalidValue, match=name):
            make_tls()


# --- as users have it ---


def test_a_process_that_logs_stays_light(served: Served, behind: EmbeddedStore) -> None:
    served.serve(behind)
    code = (
        "import sys, millstream; millstream.set_tracking_uri(sys.argv[1])\n"
        "with millstream.start_run(): millstream.log_metric('m', 1.0); millstream.log_param('p', 1)\n"
        "heavy = {'sqlalchemy', 'sqlite3', 'numpy', 'pandas', 'starlette', 'uvicorn', 'anyio', 'asyncio', 'click'}\n"
        "heavy |= {'http.client', 'email'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, served.address], check=True)
    (run,) = search(behind)
    assert get(behind, run).info.status == "FINISHED"


def test_functions_work_at_a_server(remote_store: RemoteStore, served: Served, behind: EmbeddedStore) -> None:
    millstream.set_tracking_uri(served.address)
    experiment = millstream.set_experiment("실험 하나")
    with millstream.start_run(run_name="첫째", tags={"t": "값"}) as run:
        millstream.log_params({f"p{number}": number for number in range(250)})
        millstream.log_metrics({"m": float("inf"), "n/a": 2.0}, step=2**62)
        millstream.log_text("안녕", "글/인사.txt")
        with millstream.start_run(nested=True):
            pass
    with pytest.raises(ZeroDivisionError), millstream.start_run() as broken:
        1 / 0  # noqa: B018
    frame = millstream.search_runs(filter_string="params.p7 = '7'")
    assert list(frame["run_id"]) == [run.info.run_id]
    assert frame["metrics.m"][0] == float("inf")
    assert millstream.get_run(broken.info.run_id).info.status == "FAILED"
    assert millstream.count_runs() == 3
    assert millstream.artifacts.load_text(f"runs:/{run.info.run_id}/글/인사.txt") == "안녕"
    found = millstream.search_runs(output_format="list", columns=["metrics.m"])
    assert {item.info.experiment_id for item in found} == {experiment.experiment_id}
    assert all(item.data.params == {} for item in found)
    assert millstream.metric_envelope(run.info.run_id, "m").first == [float("inf")]
    version = millstream.MlflowClient().create_registered_model("꽃").name
    assert version == behind.read(queries.GetRegisteredModel(name="꽃")).name


def test_tables_tell_the_uris_that_runs_have(served: Served, open_database: Callable[[], DatabaseStore]) -> None:
    served.serve(open_database(), serve_artifacts=True)
    store = RemoteStore(ServerUri.parse(served.address))
    run = new_run(store)
    uri = get(store, run).info.artifact_uri
    assert uri == f"mlflow-artifacts:/0/{run}/artifacts"
    assert store.read(queries.TabulateRuns(experiment_ids=("0",))).artifact_uri == [uri]
    store.close()


def test_a_time_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = ServerUri.parse(f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()
        with pytest.raises(Unavailable, match="after 2 tries: timed out"):
            RemoteStore(server, RestClient(server, sleep=lambda _: None)).read(queries.GetRun(run_id="f" * 32))
        assert time.monotonic() - begun >= 2


def test_damage_is_told_of_the_server(scripted: RemoteStore, script: Script) -> None:
    script.answers = [(200, {}, b'{"experiment": {"name": "x"}}')]
    with pytest.raises(DataDamaged, match=r"http://127.0.0.1.*describes an experiment badly"):
        scripted.read(queries.GetExperiment(experiment_id="1"))
