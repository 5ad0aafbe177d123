"""Clients that log whole runs over HTTP, hide what MLflow's client would hide, and remember what they were told."""

from __future__ import annotations

import http.client
import json
import random
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote

from msgspec import Struct

API = "/api/2.0/mlflow"
FILES = "/api/2.0/mlflow-artifacts/artifacts"
POINTS = 8
SMALL, LARGE = 10_000, 9 * 2**20
"""Bytes of files; the larger one goes to the bucket in parts."""
TRIES = 8
"""MLflow's client sends a request once and again up to seven times, over more than four minutes."""
AGAIN = {408, 429, 500, 502, 503, 504}
"""At these, and when the connection breaks."""


class Logged(Struct):
    """A run, all of which was acknowledged."""

    name: str
    run_id: str
    files: dict[str, int]


class Refused(Exception):
    """An error that no retry hid."""


class Client:
    """Logs one run after the other on a connection that it keeps, each change under a key of its own."""

    def __init__(self, port: int, experiment: str, number: int) -> None:
        self.logged: list[Logged] = []
        self.failures: list[str] = []
        self.retries: list[str] = []
        self._experiment, self._number = experiment, number
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Once the run that is under way has ended."""
        self._ended.set()
        self._thread.join()

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def _work(self) -> None:
        try:
            while not self._ended.is_set():
                self._log(f"client {self._number} 달리기 {len(self.logged)}")
        except (Refused, AssertionError, LookupError) as error:
            self.failures.append(repr(error))
        finally:
            self.close()

    def _log(self, name: str) -> None:
        made = self.post("runs/create", experiment_id=self._experiment, run_name=name, start_time=1)
        run_id = made["run"]["info"]["run_id"]
        self.post("runs/log-batch", run_id=run_id, params=[{"key": "이름", "value": name}])
        # Never all at once, so that some are on their way at any moment.
        large = (len(self.logged) + self._number) % 4 == 0
        files = {"작은 것.bin": SMALL, **({"안/large.bin": LARGE} if large else {})}
        for step in range(POINTS):
            self.post("runs/log-metric", run_id=run_id, key="m", value=step / 3, timestamp=step, step=step)
        for path, size in files.items():
            place = f"{FILES}/{self._experiment}/{run_id}/artifacts/{path}"
            self.ask("PUT", quote(place), content_of(name, path, size), {})
        self.post("runs/update", run_id=run_id, status="FINISHED", end_time=2)
        self.logged.append(Logged(name, run_id, files))

    def post(self, path: str, **fields: Any) -> Any:
        """The answer to a change under a new key."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": f'"{uuid.uuid4()}"'}
        return json.loads(self.ask("POST", f"{API}/{path}", json.dumps(fields).encode(), headers))

    def ask(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> bytes:
        """The answer; Refused when MLflow's client would have raised."""
        said = ""
        for attempt in range(TRIES):
            if attempt:
                self.retries.append(said)
                threading.Event().wait(0.02 * 2**attempt)  # MLflow's client waits a hundred times as long
            try:
                self._connection.request(method, path, body, headers)
                reply = self._connection.getresponse()
                answer = reply.read()
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                said = repr(error)
                continue
            if reply.status == 200:
                return answer
            said = f"{method} {path}: {reply.status} {answer[:300]!r}"
            if reply.status not in AGAIN:
                break
        raise Refused(said)


def content_of(name: str, path: str, size: int) -> bytes:
    """What is in a file."""
    return random.Random(f"{name} {path}").randbytes(size)


@contextmanager
def clients(count: int, port: int, experiment: str) -> Iterator[list[Client]]:
    """So many at work; they have stopped afterwards."""
    at_work = [Client(port, experiment, number) for number in range(count)]
    for client in at_work:
        client.start()
    try:
        yield at_work
    finally:
        for client in at_work:
            client.stop()


def wait_for_runs(at_work: list[Client], more: int) -> None:
    """Until each has logged so many more runs, or failed."""
    marks = [len(client.logged) + more for client in at_work]
    while any(len(client.logged) < mark and not client.failures for client, mark in zip(at_work, marks, strict=True)):
        threading.Event().wait(0.01)


def check(reader: Client, experiment: str, logged: list[Logged]) -> None:
    """All that was acknowledged is there, once, and nothing else."""
    found = {}
    token = None
    while token != "":
        page = {"experiment_ids": [experiment], "max_results": 100, "page_token": token or ""}
        answer = json.loads(reader.ask("POST", f"{API}/runs/search", json.dumps(page).encode(), _JSON))
        for run in answer["runs"]:
            assert run["info"]["run_name"] not in found
            found[run["info"]["run_name"]] = run
        token = answer.get("next_page_token", "")
    assert sorted(found) == sorted(run.name for run in logged)
    for run in logged:
        info, data = found[run.name]["info"], found[run.name]["data"]
        assert (info["run_id"], info["status"]) == (run.run_id, "FINISHED")
        assert data["params"] == [{"key": "이름", "value": run.name}]
        history = reader.ask("GET", f"{API}/metrics/get-history?run_id={run.run_id}&metric_key=m", None, {})
        points = [(point["step"], point["value"]) for point in json.loads(history)["metrics"]]
        assert sorted(points) == [(step, step / 3) for step in range(POINTS)]
        for path, size in run.files.items():
            place = f"{FILES}/{experiment}/{run.run_id}/artifacts/{path}"
            assert reader.ask("GET", quote(place), None, {}) == content_of(run.name, path, size)


_JSON = {"Content-Type": "application/json"}
