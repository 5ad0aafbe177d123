"""Callers that log to a server without a pause, and remember what they were told."""

from __future__ import annotations

import http.client
import itertools
import json
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager

T0 = 1_700_000_000_000
JSON = {"Content-Type": "application/json"}


class Caller:
    """Logs one point after the other on connections that it keeps; a point is told once, never again."""

    def __init__(self, port: int, run: str, steps: Iterator[int]) -> None:
        self.said: list[int] = []
        self.failures: list[str] = []
        self._port, self._run, self._steps = port, run, steps
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._log)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _log(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        for step in self._steps:
            if self._ended.is_set():
                break
            if connection.sock is not None and select.select([connection.sock], [], [], 0)[0]:
                connection.close()  # the server has ended it, as every client's pool looks before it sends again
            body = json.dumps({"run_id": self._run, "key": "m", "value": step / 3, "timestamp": T0, "step": step})
            try:
                connection.request(
                    "POST", "/api/2.0/mlflow/runs/log-metric", body, {"Content-Type": "application/json"}
                )
                reply = connection.getresponse()
                text = reply.read()
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
                connection.close()
                continue
            if reply.status == 200:
                self.said.append(step)
            else:
                self.failures.append(f"{reply.status} {text!r}")
        connection.close()


def post(port: int, path: str, **fields: object) -> dict[str, object]:
    """The answer to one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", f"/api/2.0/mlflow/{path}", json.dumps(fields), JSON)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    assert reply.status == 200, text
    answer: dict[str, object] = json.loads(text)
    return answer


def new_run(port: int) -> str:
    """Id of a new run in the default experiment."""
    created: dict[str, dict[str, dict[str, str]]] = post(port, "runs/create", experiment_id="0")  # type: ignore[assignment]
    return created["run"]["info"]["run_id"]


@contextmanager
def callers(count: int, port: int, run: str) -> Iterator[list[Caller]]:
    """So many callers at work; they have stopped afterwards."""
    steps = itertools.count()
    at_work = [Caller(port, run, steps) for _ in range(count)]
    for caller in at_work:
        caller.start()
    try:
        yield at_work
    finally:
        for caller in at_work:
            caller.stop()


def wait_for_points(at_work: list[Caller], more: int) -> None:
    """Until each of them has logged so many more points, or failed."""
    marks = [len(caller.said) + more for caller in at_work]
    while any(len(caller.said) < mark and not caller.failures for caller, mark in zip(at_work, marks, strict=True)):
        threading.Event().wait(0.01)
