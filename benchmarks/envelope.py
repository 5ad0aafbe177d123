"""Time of drawing one series of 10,000,000 points 2,000 pixels wide, at several zooms, on each store.

    python benchmarks/envelope.py [--points 10000000] [--width 2000] [--rounds 3] [--json]

"Cold" is the first envelope of a process at that zoom, "warm" the next ones. The file is read by the index before.
PostgreSQL is started as the tests start it; the environment variable MILLSTREAM_BENCH_POSTGRESQL names a server to
use instead. The envelopes of all stores must be equal.
"""

from __future__ import annotations

import math
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import Answer, Clock, Worker, arguments, medians, report, serve

RUN = "b" * 32
T0 = 1_700_000_000_000
BATCH = 200_000


def points(count: int) -> Iterator[tuple[int, float, int]]:
    """(time, value, step): a loss that falls and trembles, with one spike and one NaN."""
    chance = random.Random(7)
    time = T0
    for step in range(count):
        time += chance.randrange(8, 13)
        value = 2.3 * math.exp(-5 * step / count) + 0.1 + chance.gauss(0, 0.02)
        if step == count // 3:
            value = 50.0
        elif step == count // 7:
            value = math.nan
        yield time, value, step


def fill(uri: str, count: int) -> None:
    """Worker's preparation: a run with one series; a file is written as such, quicker than through the store."""
    from millstream.stores.open import open_store
    from millstream.values import ops
    from millstream.values.entities import Metric

    store = open_store(uri)
    store.write(ops.CreateRun(run_id=RUN, experiment_id="0", start_time=T0))
    if not uri.startswith("file:"):
        batch: list[Metric] = []
        for time, value, step in points(count):
            batch.append(Metric("loss", value, time, step))
            if len(batch) == BATCH or step == count - 1:
                store.write(ops.LogBatch(run_id=RUN, metrics=tuple(batch)))
                batch = []
        return
    path = Path(uri.removeprefix("file://"), "0", RUN, "metrics", "loss")
    with path.open("w", encoding="ascii") as file:
        file.writelines(f"{time} {value!r} {step}\n" for time, value, step in points(count))


def work(uri: str, count: int, width: int) -> None:
    """Worker: ``prepare``, or one envelope a request, "x low high"."""
    from millstream.stores.open import open_store
    from millstream.values import queries

    def answer(request: str) -> Answer:
        clock = Clock()
        if request == "fill":
            fill(uri, count)
            return {**clock.read()}
        if request == "index":
            open_store(uri).read(queries.GetRun(run_id=RUN))
            return {**clock.read()}
        x, low, high = request.split()
        envelope = open_store(uri).read(
            queries.MetricEnvelope(run_id=RUN, key="loss", x=x, low=int(low), high=int(high), width=width)
        )
        taken = clock.read()
        seen = repr(
            [getattr(envelope, name) for name in ("column", "count", "first", "last", "min", "max", "nan_count")]
        )
        return {**taken, "seen": seen, "columns": len(envelope.column)}

    serve(answer)


def zooms(count: int) -> dict[str, str]:
    """What is looked at, by name."""
    span = 10 * count
    return {
        "all, by step": f"step 0 {count - 1}",
        "all, by time": f"relative 0 {span}",
        "half, by step": f"step {count // 5} {count // 5 + count // 2}",
        "1 %, by step": f"step {count // 3 - count // 200} {count // 3 + count // 200}",
        "2,000 points": f"step {count // 7 - 1000} {count // 7 + 999}",
        "far out": f"step {-count * 3} {count * 5}",
    }


@contextmanager
def places(folder: Path) -> Iterator[dict[str, str]]:
    """The URI of each store."""
    found = {"files": (folder / "mlruns").as_uri(), "sqlite": f"sqlite:///{folder}/runs.db"}
    named = os.environ.get("MILLSTREAM_BENCH_POSTGRESQL")
    if named:
        yield {**found, "postgresql": named}
        return
    from tests import servers

    reason = servers.missing()
    if reason:
        print(f"PostgreSQL is left out: {reason}.", file=sys.stderr)
        yield found
        return
    with servers.running(servers.AS_INSTALLED) as uri:
        yield {**found, "postgresql": servers.new_schema(uri)}


def compare(options: Any) -> None:
    """Parent: fill each store, look at every zoom, and print."""
    rows: dict[str, Answer] = {}
    seen: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name, places(Path(name)) as uris:
        for store, uri in uris.items():
            home = Path(name, f"home-{store}")
            given = (uri, options.points, options.width)
            first = Worker(Path(sys.executable), "millstream", home, *given)
            rows[f"{store}: write"] = first("fill")
            rows[f"{store}: first look (index)"] = first("index")
            first.stop()
            for zoom, request in zooms(options.points).items():
                worker = Worker(Path(sys.executable), "millstream", home, *given)
                worker("step 0 0")  # opens what is to be opened
                cold = worker(request)
                warm = [worker(request) for _ in range(options.rounds)]
                seen.setdefault(zoom, set()).update(answer["seen"] for answer in (cold, *warm))
                rows[f"{store}: {zoom}, cold"] = cold
                rows[f"{store}: {zoom}, warm"] = medians(warm)
                worker.stop()
    if any(len(answers) != 1 for answers in seen.values()):
        raise SystemExit("The stores do not draw the same; the times mean nothing.")
    rows = {name: {figure: row[figure] for figure in ("cpu", "wall")} for name, row in rows.items()}
    title = f"envelope {options.width} px wide of {options.points:,} points ({options.rounds} rounds)"
    report(title, rows, {}, "ms", options.json)


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
        return
    compare(arguments(__doc__, points=10_000_000, width=2000, rounds=3))


if __name__ == "__main__":
    main()
