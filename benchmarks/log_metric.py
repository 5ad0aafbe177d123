"""Cost of one `log_metric` call on an mlruns tree: Millstream, the real MLflow, and a bare `os.write`.

    python benchmarks/log_metric.py [--calls 1000] [--rounds 7] [--json]

Each round makes `calls` calls on one metric in each worker, in turns; medians over the rounds are shown.
"""

from __future__ import annotations

import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from measure import Answer, Clock, Worker, arguments, medians, pythons, report, serve

BARE = "one os.write"


def work(library: str, calls: int) -> None:
    """Worker: log `calls` points a request."""
    if library == "bare":
        serve(lambda _: _write(calls))
        return
    mlflow = importlib.import_module(library)
    mlflow.set_tracking_uri(Path("mlruns").resolve().as_uri())
    mlflow.set_experiment("bench")
    with mlflow.start_run():
        serve(lambda request: _log(mlflow, int(request) * calls, calls))


def _log(mlflow: Any, first: int, calls: int) -> Answer:
    clock = Clock()
    for step in range(first, first + calls):
        mlflow.log_metric("loss", 0.5, step=step)
    return clock.read(calls)


def _write(calls: int) -> Answer:
    file = os.open("points", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    clock = Clock()
    for step in range(calls):
        os.write(file, f"1700000000000 0.5 {step}\n".encode())
    answer = clock.read(calls)
    os.close(file)
    return answer


def compare(calls: int, rounds: int, as_json: bool) -> None:
    """Parent: ask the workers in turns and print."""
    with tempfile.TemporaryDirectory() as folder:
        found = pythons()
        workers = {
            "millstream log_metric": Worker(found["millstream"], "millstream", Path(folder, "ours"), calls),
            "mlflow log_metric": Worker(found["mlflow"], "mlflow", Path(folder, "theirs"), calls),
            BARE: Worker(found["millstream"], "bare", Path(folder, "bare"), calls),
        }
        samples: dict[str, list[Answer]] = {name: [] for name in workers}
        for number in range(rounds + 1):
            for name, worker in workers.items():
                samples[name].append(worker(str(number)))
        for worker in workers.values():
            worker.stop()
    rows = {name: medians(list_[1:]) for name, list_ in samples.items()}  # the first round warms up
    against = {"millstream log_metric": "mlflow log_metric", BARE: "millstream log_metric"}
    report(f"log_metric, per call ({rounds} × {calls} calls)", rows, against, "µs", as_json)


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], int(sys.argv[3]))
        return
    options = arguments(__doc__, calls=1000, rounds=7)
    compare(options.calls, options.rounds, options.json)


if __name__ == "__main__":
    main()
