"""Runs worth comparing: params, metrics, tags and code that differ in part; files of many kinds; two experiments."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path

from millstream.tracking.client import MlflowClient
from millstream.values.entities import Metric, Param

HISTORY = "mlflow.log-model.history"
REQUIREMENTS = (
    "numpy==1.26.0\npandas==2.2.1\nscikit-learn==1.5.0\n",
    "numpy==2.1.0\npandas==2.2.1\nscikit_learn==1.5.0\n",
)
DIFF = "diff --git a/train.py b/train.py\n-rate = {old}\n+rate = {new}\n same\n"


def picture(red: int, green: int, blue: int, size: int = 24) -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    row = b"\0" + bytes((red, green, blue)) * size
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * size)) + chunk(b"IEND", b"")
    )


def log_compared(store: Path) -> dict[str, str]:
    """Three runs of the experiment "비교 compare" and one of "other", by name; and the ids of both experiments."""
    client = MlflowClient(str(store))
    found = {name: client.create_experiment(name) for name in ("비교 compare", "other")}
    for number, name in enumerate(("first", "second", "셋째 <b>third</b>", "elsewhere")):
        run = client.create_run(found["other" if number == 3 else "비교 compare"], run_name=name).info.run_id
        found[name] = run
        for key, value in {"lr": 0.1 / (number + 1), "batch": 32, "optimizer": "adam" if number % 2 else "sgd"}.items():
            client.log_param(run, key, value)
        if number == 1:
            client.log_param(run, "only here", "yes")
        for step in range(20):
            client.log_metric(run, "val/loss", 2.0 / (step + 1) + number / 10, step=step)
            client.log_metric(run, "val/acc", 1 - 1 / (step + 2) - number / 20, step=step)
        client.log_metric(run, "constant", 1.5)
        client.log_metric(run, "broken", float("nan") if number else 0.5)
        client.set_tag(run, "team", "가" if number else "나")
        client.set_tag(run, "mlflow.source.git.commit", f"{number // 2}" * 40)
        client.set_tag(run, "mlflow.source.name", "train.py")
        client.set_tag(run, "mlflow.source.git.diff", DIFF.format(old=number, new=number + 1))
        client.log_text(run, REQUIREMENTS[number % 2], "model/requirements.txt")
        client.log_text(run, "python: 3.11.7\n", "model/python_env.yaml")
        client.set_tag(run, HISTORY, json.dumps([{"run_id": run, "artifact_path": "model"}]))
        lines = [f"line {line}" for line in range(60)]
        lines[30] = f"line of {number}"
        client.log_text(run, "\n".join(lines) + "\n", "logs/out.txt")
        if number != 2:
            client.log_text(run, "not everywhere", "some.txt")
        file = store.parent / "plot.png"
        file.write_bytes(picture(80 * number, 120, 200))
        client.log_artifact(run, str(file))
        client.set_terminated(run, "FAILED" if number == 1 else "FINISHED")
    return found


def log_wide(store: Path, runs: int, keys: int) -> list[str]:
    """Runs with as many params, of which one in ten differs, and a tenth as many metrics."""
    client = MlflowClient(str(store))
    experiment = client.create_experiment(f"wide {runs}")
    found = []
    for number in range(runs):
        run = client.create_run(experiment, run_name=f"wide {number}").info.run_id
        params = [Param(f"key {key:03}", str(number % 7 if key % 10 == 0 else key)) for key in range(keys)]
        metrics = [Metric(f"m{key:03}", number + key, 1_700_000_000_000, 0) for key in range(keys // 10)]
        client.log_batch(run, params=params, metrics=metrics)
        client.set_terminated(run)
        found.append(run)
    return found
