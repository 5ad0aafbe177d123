"""The clients' command line against a server; as `life`. The commands are the real ones, called within one process."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import life
import world


def _say(library: Any, store: str, *words: str) -> str:
    """What a command prints; RuntimeError when it fails."""
    from click.testing import CliRunner
    from mlflow.cli import cli

    library.set_tracking_uri(store)
    done = CliRunner().invoke(cli, words, env={"MLFLOW_TRACKING_URI": store})
    if done.exit_code:
        raise RuntimeError(f"mlflow {' '.join(words)} ended with {done.exit_code}: {done.output} {done.exception}")
    return str(done.stdout)


def commands(library: Any, store: str, mark: str, source: str, target: str) -> Any:
    """``mlflow experiments``, ``runs`` and ``artifacts``, one after the other; what they say and what is then there."""

    def say(*words: str) -> str:
        return _say(library, store, *words)

    speaker = library.MlflowClient(store)
    name = mark + " 명령"
    say("experiments", "create", "-n", name)
    experiment = speaker.get_experiment_by_name(name).experiment_id
    say("experiments", "rename", "-x", experiment, "--new-name", name + " 2")
    run_id = speaker.create_run(experiment, start_time=world.T0, tags={"mlflow.runName": "명령 하나"}).info.run_id
    speaker.log_param(run_id, "lr", "0.1")
    speaker.log_metric(run_id, "손실", 0.5)
    say("artifacts", "log-artifact", "-r", run_id, "-l", str(Path(source, "a.txt")), "-a", "하나")
    say("artifacts", "log-artifacts", "-r", run_id, "-l", source, "-a", "전부")
    listed = json.loads(say("artifacts", "list", "-r", run_id, "-a", "전부"))
    os.makedirs(target, exist_ok=True)
    down = say("artifacts", "download", "-r", run_id, "-a", "전부", *_into(library, target)).strip().splitlines()[-1]
    described = json.loads(say("runs", "describe", "--run-id", run_id))
    say("experiments", "csv", "-x", experiment, "-o", str(Path(target, "표.csv")))
    with open(Path(target, "표.csv"), encoding="utf-8", newline="") as file:
        rows = [[row["run_id"] == run_id, row["params.lr"], row["metrics.손실"]] for row in csv.DictReader(file)]
    seen = {
        "experiments": name + " 2" in say("experiments", "search" if life.since(library, 2, 0) else "list"),
        "runs": [word in say("runs", "list", "--experiment-id", experiment) for word in (run_id, "명령 하나")],
        "listed": sorted(entry["path"] for entry in listed),
        "down": down,
        "described": [described["info"]["run_id"] == run_id, described["data"]["params"], described["data"]["metrics"]],
        "table": rows,
    }
    stages = []
    for words in (
        ("runs", "delete", "--run-id", run_id),
        ("runs", "restore", "--run-id", run_id),
        ("experiments", "delete", "-x", experiment),
        ("experiments", "restore", "-x", experiment),
    ):
        say(*words)
        stages.append(
            [speaker.get_run(run_id).info.lifecycle_stage, speaker.get_experiment(experiment).lifecycle_stage]
        )
    return {**seen, "stages": stages}


def _into(library: Any, target: str) -> list[str]:
    """Options that name where a download goes; MLflow 1 chooses a place by itself."""
    return ["-d", target] if life.since(library, 2, 0) else []
