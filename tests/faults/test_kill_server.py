"""kill -9 of the server while clients log to it: what it answered is in its store, once."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from pathlib import Path

from millstream.stores.open import close_stores, open_store
from tests.faults.checker import settings
from tests.faults.conftest import KILLS
from tests.faults.nursery import Nursery
from tests.faults.work import T0, Work, answer, read_journal
from tests.stores.calls import history, new_run, search

CLIENTS = 3
# The share of all kills that hits servers, over three kinds of stores.
SHARE = 0.1 / 3


class Client:
    """Logs one point after the other to a server until it dies; remembers what it was told."""

    def __init__(self, port: int, run: str, steps: itertools.count[int]) -> None:
        self.said: list[int] = []
        self.tried: list[int] = []
        self._port, self._run, self._steps = port, run, steps
        self.thread = threading.Thread(target=self._log)

    def _log(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        try:
            for step in self._steps:
                self.tried.append(step)
                metric = {"key": "m", "value": step / 3, "timestamp": T0, "step": step}
                body = json.dumps({"run_id": self._run, "metrics": [metric]})
                connection.request("POST", "/api/2.0/mlflow/runs/log-batch", body, {"Content-Type": "application/json"})
                reply = connection.getresponse()
                said = reply.read()
                assert reply.status == 200, said
                self.said.append(step)
        except (OSError, http.client.HTTPException):
            return
        finally:
            connection.close()


def port_of(nursery: Nursery, work: Work) -> tuple[int, int]:
    """A server that answers soon: its process and its port, which listens before it answers."""
    pid = nursery.start(work)
    while True:
        notes = read_journal(work.journal).notes if work.journal.exists() else {}
        if "port" in notes:
            return pid, notes["port"]


def test_what_a_killed_server_answered_is_there_once(nursery: Nursery, uri: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"{seed} server")
    store = open_store(uri)
    run = new_run(store)
    steps = itertools.count()
    said: set[int] = set()
    tried: set[int] = set()
    for number in range(max(2, round(KILLS * SHARE))):
        journal = tmp_path / f"journal {number}"
        # Each point passes some failpoints, so it answers a few of them before it dies.
        work = Work(answer, uri, journal, die_at=rng.randrange(10, 120), environment=settings())
        pid, port = port_of(nursery, work)
        clients = [Client(port, run, steps) for _ in range(CLIENTS)]
        for client in clients:
            client.thread.start()
        for client in clients:
            client.thread.join()
        assert nursery.wait(pid)
        for client in clients:
            said.update(client.said)
            tried.update(client.tried)
        found = [step for step, value, _ in history(store, run, "m") if value == step / 3]
        assert len(found) == len(set(found))
        assert said <= set(found) <= tried
        assert search(store) == [run]
    assert said
    close_stores()
