"""Logs runs from three threads with ``mlflow`` or ``millstream`` until its input ends; a JSON line for each run.

``python logging_client.py mlflow files``: with files, too.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

# What MLflow prints must not mix with it.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)

POINTS = 10
LARGE = 7 * 2**20


def log_runs(client: Any, experiment: str, thread: int, ended: threading.Event) -> None:
    number = 0
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "large.bin")
        file.write_bytes(bytes([thread]) * LARGE)
        while not ended.is_set():
            name = f"{thread}-{number}"
            run = client.create_run(experiment, run_name=name)
            client.log_param(run.info.run_id, "이름", name)
            for step in range(POINTS):
                client.log_metric(run.info.run_id, "m", step / 3, timestamp=step, step=step)
            if "files" in sys.argv:
                client.log_text(run.info.run_id, name, "글.txt")
            if "files" in sys.argv and number % 4 == 0:
                client.log_artifact(run.info.run_id, str(file), "안")
            client.set_terminated(run.info.run_id)
            print(json.dumps([name, run.info.run_id]), file=answers, flush=True)
            number += 1


def main() -> None:
    """Log until nobody gives more input."""
    ended, failed = threading.Event(), []
    client = importlib.import_module(sys.argv[1]).MlflowClient()
    experiment = client.create_experiment("실제")

    def work(thread: int) -> None:
        try:
            log_runs(client, experiment, thread, ended)
        except BaseException as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    print(json.dumps(["experiment", experiment]), file=answers, flush=True)
    for thread in threads:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in threads:
        thread.join()
    sys.exit(len(failed))


if __name__ == "__main__":
    main()
