"""kill -9 of the server while clients log to it: what it answered is in its store, once."""

from __future__ import annotations

import http.client
import itertools
import json
import random
import threading
from functools import partial
from pathlib import Path

from millstream.stores.open import close_stores, open_store
from tests.faults.checker import settings
from tests.faults.conftest import KILLS
from tests.faults.nursery import Nursery
from tests.faults.work import T0, Work, answer, read_journal
from tests.server.started import started
from tests.stores.calls import get, history, new_run, search

CLIENTS = 3
KEYED = 8
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


class Keyed:
    """Logs points and makes runs, each under a key; what was not answered it sends again to the next server."""

    def __init__(self, run: str, steps: itertools.count[int]) -> None:
        self.tried: list[int] = []
        self._run, self._steps = run, steps
        self._pending: int | None = None

    def log(self, port: int, *, last: bool = False) -> threading.Thread:
        """Log until the server dies; only what is pending when it is the `last` one."""
        thread = threading.Thread(target=self._log, args=(port, last))
        thread.start()
        return thread

    def _log(self, port: int, last: bool) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            while self._pending is not None or not last:
                if self._pending is None:
                    self._pending = next(self._steps)
                    self.tried.append(self._pending)
                step = self._pending
                if step % 5:
                    point = {"key": "m", "value": step / 3, "timestamp": T0, "step": step}
                    path, fields = "log-batch", {"run_id": self._run, "metrics": [point]}
                else:
                    path, fields = "create", {"experiment_id": "0", "run_name": str(step)}
                headers = {"Content-Type": "application/json", "Idempotency-Key": f'"step {step}"'}
                connection.request("POST", f"/api/2.0/mlflow/runs/{path}", json.dumps(fields), headers)
                reply = connection.getresponse()
                said = reply.read()
                assert reply.status == 200, said
                self._pending = None
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


def test_what_is_sent_again_with_its_key_is_there_once(nursery: Nursery, uri: str, tmp_path: Path, seed: int) -> None:
    rng = random.Random(f"{seed} keys")
    store = open_store(uri)
    run = new_run(store)
    steps = itertools.count(1)
    clients = [Keyed(run, steps) for _ in range(KEYED)]
    kills = max(2, round(KILLS * SHARE))
    for number in range(kills):
        journal = tmp_path / f"journal {number}"
        work = Work(answer, uri, journal, die_at=rng.randrange(10, 200), environment=settings())
        pid, port = port_of(nursery, work)
        threads = [client.log(port) for client in clients]
        for thread in threads:
            thread.join()
        assert nursery.wait(pid)
    with started(uri, tmp_path) as server:
        for thread in [client.log(server.port, last=True) for client in clients]:
            thread.join()
    tried = sorted(step for client in clients for step in client.tried)
    assert sorted(step for step, _, _ in history(store, run, "m")) == [step for step in tried if step % 5]
    names = [found.info.run_name for found in map(partial(get, store), search(store)) if found.info.run_id != run]
    assert sorted(names, key=int) == [str(step) for step in tried if not step % 5]
    close_stores()
