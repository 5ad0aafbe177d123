"""Stores that the pages are measured with: a long and wide table, many curves, and runs that log meanwhile."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Run plainly, as the writer, this is not below the root.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from millstream.stores.open import open_store
from millstream.values import names, ops
from millstream.values.entities import Metric, Param, RunStatus

T0 = 1_700_000_000_000
TURN = 0.1
LOT = 200


def fill_rows(uri: str, rows: int, columns: int = 1000) -> None:
    """An experiment of `rows` runs with 10 metrics and 10 params; each hundredth has a hundred of `columns` further."""
    store = open_store(uri)
    chance = random.Random(1)
    experiment = store.write(ops.CreateExperiment(name="rows", time=T0))
    batches = []
    for number in range(rows):
        run_id = names.new_run_id()
        store.write(
            ops.CreateRun(run_id=run_id, experiment_id=experiment, start_time=T0 + number, run_name=f"run-{number}")
        )
        keys = [f"m{index}" for index in range(10)]
        if number % 100 == 0:
            keys += chance.sample([f"wide/{index:03d}" for index in range(columns)], min(columns, 100))
        texts = {"lr": str(chance.choice([0.1, 0.01, 0.001])), "batch": "32", "seed": str(number % 5)}
        texts |= {f"p{index}": chance.choice("abcdef") for index in range(7)}
        batches.append(
            ops.LogBatch(
                run_id=run_id,
                metrics=tuple(Metric(key, chance.random(), T0 + number, 0) for key in keys),
                params=tuple(Param(*item) for item in texts.items()),
            )
        )
        if len(batches) == LOT or number == rows - 1:
            store.log_all(batches)
            batches = []
    store.close()


def fill_charted(uri: str, runs: int, metrics: int, points: int) -> str:
    """An experiment of runs that have ended, each with curves of so many points; its id."""
    store = open_store(uri)
    chance = random.Random(2)
    experiment = store.write(ops.CreateExperiment(name="charted", time=T0))
    for number in range(runs):
        run_id = names.new_run_id()
        store.write(
            ops.CreateRun(run_id=run_id, experiment_id=experiment, start_time=T0 + number, run_name=f"run-{number}")
        )
        for index in range(metrics):
            level, noise = chance.random(), chance.random() / 5
            curve = (level + math.exp(-step / 90) + noise * chance.random() for step in range(points))
            some = tuple(Metric(f"m{index}", value, T0 + step * 1000, step) for step, value in enumerate(curve))
            store.write(ops.LogBatch(run_id=run_id, metrics=some))
        store.write(
            ops.UpdateRun(run_id=run_id, status=RunStatus.to_string(RunStatus.FINISHED), end_time=T0 + points * 1000)
        )
    store.close()
    return experiment


@contextmanager
def writing(uri: str, runs: int) -> Iterator[str]:
    """An experiment whose `runs` runs log ten points a second each, from another process; its id."""
    store = open_store(uri)
    experiment = store.write(ops.CreateExperiment(name=f"live {time.time_ns()}", time=T0))
    store.close()
    command = [sys.executable, __file__, uri, experiment, str(runs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        writer.stdout.readline()
        try:
            yield experiment
        finally:
            writer.kill()


def write(uri: str, experiment: str, runs: int) -> None:
    """Log until this process is killed; says when all runs have their first points."""
    store = open_store(uri)
    now = time.time_ns() // 1_000_000
    ids = [names.new_run_id() for _ in range(runs)]
    for number, run_id in enumerate(ids):
        store.write(ops.CreateRun(run_id=run_id, experiment_id=experiment, start_time=now, run_name=f"live-{number}"))
    tick = 0
    while True:
        step, begun = tick // 10, time.monotonic()
        point = time.time_ns() // 1_000_000
        store.log_all(
            [
                ops.LogBatch(run_id=run, metrics=(Metric(f"m{tick % 10}", math.sin(step / 9 + place), point, step),))
                for place, run in enumerate(ids)
            ]
        )
        tick += 1
        if tick == 100:
            print("ready", flush=True)
        # The first hundred points come at once.
        if tick >= 100:
            time.sleep(max(0.0, begun + TURN - time.monotonic()))


if __name__ == "__main__":
    write(sys.argv[1], sys.argv[2], int(sys.argv[3]))
