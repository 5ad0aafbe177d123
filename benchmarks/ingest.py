"""Writing points into a database through the store: batches, single points, many threads, many processes.

    python benchmarks/ingest.py [--points 100000] [--singles 100] [--writers 64] [--json]

Millstream only, over SQLite and over a PostgreSQL server of its own (without fsync; left out where none is installed).
The values are a noisy loss curve of doubles. Every writer waits for its answer before it writes again. `bytes` is by
how much the database has grown, indexes included, for each point; the run has ended then, as runs do. PostgreSQL still
keeps the rows that merging replaced. Within a minute its autovacuum gives their room free for new points, though not
back to the disk; so `bytes next` is by how much as many points again make the vacuumed database grow, vacuumed again.
SQLite uses such room at once and has no second figure.
"""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

from measure import Answer, Clock, arguments

from millstream.stores.open import open_store
from millstream.values import ops, queries
from millstream.values.entities import Metric
from tests import servers

SHAPES = ((1, 1000), (10, 100), (100, 10), (1000, 1))


def curve(first: int, count: int) -> list[float]:
    """A stretch of a noisy loss curve."""
    noise = random.Random(first)
    return [0.3 + 2.5 * math.exp(-step / 5000) + noise.gauss(0, 0.05) for step in range(first, first + count)]


def begin(store: Any) -> str:
    """A new run."""
    return str(store.write(ops.CreateRun(run_id=f"r{time.time_ns()}", experiment_id="0", start_time=1)).info.run_id)


def batches(run: str, keys: int, each: int, points: int) -> Iterator[ops.LogBatch]:
    """Batches of `each` points of `keys` metrics, `points` in all."""
    for first in range(0, points // keys, each):
        values = curve(first, each)
        yield ops.LogBatch(
            run_id=run,
            metrics=tuple(
                Metric(f"loss/{key}", values[place] + key, 1_700_000_000_000 + 20 * (first + place), first + place)
                for place in range(each)
                for key in range(keys)
            ),
        )


def write(store: Any, todo: list[ops.LogBatch], seconds: list[float]) -> None:
    """Write one after the other; how long each took goes to `seconds`."""
    for op in todo:
        start = time.perf_counter()
        store.write(op)
        seconds.append(time.perf_counter() - start)


def measured(points: int, work: Callable[[list[float]], None]) -> Answer:
    """Figures of `work`, which writes `points` points and collects the seconds of each write."""
    seconds: list[float] = []
    clock = Clock()
    work(seconds)
    answer = clock.read(points)
    seconds.sort()
    p99 = seconds[int(len(seconds) * 0.99)] if seconds else math.nan
    return {"points/s": 1 / answer["wall"], "cpu µs": answer["cpu"] * 1e6, "p99 ms": p99 * 1e3}


def in_threads(store: Any, todo: list[list[ops.LogBatch]]) -> Callable[[list[float]], None]:
    """A thread for each list of batches."""

    def work(seconds: list[float]) -> None:
        threads = [Thread(target=write, args=(store, one, seconds)) for one in todo]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return work


def in_processes(uri: str, runs: list[str], singles: int) -> Answer:
    """A process for each of `runs`; neither their start nor their end is counted."""
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", uri]
    workers = [
        subprocess.Popen([*command, run, str(singles)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for run in runs
    ]
    pipes: list[tuple[Any, Any]] = [(worker.stdin, worker.stdout) for worker in workers]
    for _, answers in pipes:
        answers.readline()
    start = time.perf_counter()
    for requests, _ in pipes:
        print("go", file=requests, flush=True)
    found = [json.loads(answers.readline()) for _, answers in pipes]
    wall = time.perf_counter() - start
    for worker in workers:
        if worker.communicate() and worker.returncode:
            raise SystemExit(f"A writer ended with {worker.returncode}.")
    points = len(runs) * singles
    seconds = sorted(second for one in found for second in one["seconds"])
    cpu = sum(one["cpu"] for one in found) / points * 1e6
    return {"points/s": points / wall, "cpu µs": cpu, "p99 ms": seconds[int(len(seconds) * 0.99)] * 1e3}


def worker(uri: str, run: str, singles: int) -> None:
    """One of many processes: write when told to, answer with what it took, end when told to."""
    store = open_store(uri)
    todo = list(batches(run, 1, 1, singles + 1))
    store.write(todo.pop(0))
    print("ready", flush=True)
    sys.stdin.readline()
    seconds: list[float] = []
    clock = Clock()
    write(store, todo, seconds)
    print(json.dumps({"cpu": clock.read()["cpu"], "seconds": seconds}), flush=True)
    # An interpreter that ends takes more of the processor than a hundred writes: not while others still write.
    sys.stdin.read()


def with_size(uri: Callable[[], str], points: int, work: Callable[[Any, str], Answer]) -> Answer:
    """Figures of `work` on a new database, with the bytes a point that it takes once the runs have ended.

    On PostgreSQL also with those that the same work takes a second time, when there is room from the first.
    """
    place = uri()
    store = open_store(place)
    before = size(store)
    answer = to_the_end(store, work)
    answer["bytes"] = (size(store) - before) / points
    if store.database.path is None:
        store.write(ops.Compact())
        before = size(store)
        to_the_end(store, work)
        store.write(ops.Compact())
        answer["bytes next"] = (size(store) - before) / points
    store.close()
    return answer


def to_the_end(store: Any, work: Callable[[Any, str], Answer]) -> Answer:
    """Figures of `work` in a new run; afterwards all runs have ended."""
    run = begin(store)
    answer = work(store, run)
    for found in store.read(queries.SearchRuns(experiment_ids=("0",), filter="status = 'RUNNING'", max_results=1000)):
        store.write(ops.UpdateRun(run_id=found.info.run_id, status="FINISHED"))
    return answer


def size(store: Any) -> int:
    """Bytes of the tables and indexes."""
    with store._open().engine.connect() as connection:
        if store.database.path is None:
            sizes = (
                "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
                "WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
            )
            schema = connection.exec_driver_sql("SELECT current_schema()").scalar_one()
            return int(connection.exec_driver_sql(sizes, (schema,)).scalar_one())
        pages = [connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in ("page_count", "freelist_count")]
        return int(pages[0] - pages[1]) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


class Table:
    """The rows; each is printed when it is known, as the whole takes minutes."""

    columns = ("points/s", "cpu µs", "p99 ms", "bytes", "bytes next")

    def __init__(self, silent: bool) -> None:
        """Print the head, or nothing at all when `silent`."""
        self.silent = silent
        self.rows: dict[str, Answer] = {}
        names = "".join(f"{name:>12}" for name in self.columns)
        self._print(f"ingest, each figure for one point, p99 for one write\n  {'':54}{names}")

    def add(self, name: str, row: Answer) -> None:
        """One more row."""
        self.rows[name] = row
        figures = (f"{row[column]:12.1f}" if column in row else f"{'':12}" for column in self.columns)
        self._print(f"  {name:54}{''.join(figures)}")

    def _print(self, line: str) -> None:
        if not self.silent:
            print(line, flush=True)


def compare(table: Table, kind: str, uri: Callable[[], str], points: int, singles: int, writers: int) -> None:
    """All ways to write to one kind of database."""

    def add(name: str, count: int, work: Callable[[Any, str], Answer]) -> None:
        table.add(f"{kind}: {name}", with_size(uri, count, work))

    for keys, each in SHAPES:

        def batched(store: Any, run: str, keys: int = keys, each: int = each) -> Answer:
            todo = list(batches(run, keys, each, points))
            return measured(points, lambda seconds: write(store, todo, seconds))

        add(f"batches of {keys} × {each}", points, batched)

    def alone(store: Any, run: str) -> Answer:
        todo = list(batches(run, 1, 1, 20 * singles))
        return measured(len(todo), lambda seconds: write(store, todo, seconds))

    add("single points, one writer", 20 * singles, alone)
    for shared in (False, True):

        def threads(store: Any, run: str, shared: bool = shared) -> Answer:
            runs = [run if shared else begin(store) for _ in range(writers)]
            todo = [list(batches(one, 1, 1, singles)) for one in runs]
            return measured(writers * singles, in_threads(store, todo))

        def processes(store: Any, run: str, shared: bool = shared) -> Answer:
            runs = [run if shared else begin(store) for _ in range(writers)]
            return in_processes(store.uri, runs, singles)

        to = "one run" if shared else "a run each"
        add(f"single points, {writers} threads, {to}", writers * singles, threads)
        add(f"single points, {writers} processes, {to}", writers * singles, processes)


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        worker(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    options = arguments(__doc__, points=100_000, singles=100, writers=64)
    sizes = (options.points, options.singles, options.writers)
    table = Table(options.json)
    with tempfile.TemporaryDirectory() as folder:
        compare(table, "SQLite", lambda: f"sqlite:///{folder}/{time.time_ns()}.db", *sizes)
    if servers.missing() is None:
        with servers.running(servers.AS_INSTALLED) as server:
            compare(table, "PostgreSQL", lambda: servers.new_schema(server), *sizes)
    if options.json:
        print(json.dumps({"title": "ingest", "rows": table.rows}, indent=1))


if __name__ == "__main__":
    main()
