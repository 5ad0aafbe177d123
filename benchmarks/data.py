"""The runs that stores are measured with: 10 params, 10 metrics of 20 points, 5 tags each; always the same ones.

Standard library only: the Python of either library makes the same runs.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

EXPERIMENT = "123456789012345678"
FILTER = "metrics.m0 < 0.9 AND params.p1 != 'b' AND tags.t2 LIKE 'v%'"
ORDER = ["metrics.m3 DESC", "params.p4 ASC"]
T0 = 1_700_000_000_000


class BenchRun(NamedTuple):
    """A finished run; every metric has one value a step."""

    run_id: str
    number: int
    params: dict[str, str]
    metrics: dict[str, list[float]]
    tags: dict[str, str]

    @property
    def start(self) -> int:
        """When it began, in ms; it took half a second."""
        return T0 + self.number * 1000


def make_runs(count: int) -> Iterator[BenchRun]:
    """The first `count` runs."""
    chance = random.Random(1)
    for number in range(count):
        params, metrics = {}, {}
        for index in range(10):
            params[f"p{index}"] = chance.choice("abcdef")
            metrics[f"m{index}"] = [chance.random() for _ in range(20)]
        tags = {f"t{index}": f"{chance.choice('uvw')}{number}" for index in range(5)}
        yield BenchRun(f"{number:032x}", number, params, metrics, tags)


def write_tree(root: Path, runs: int) -> None:
    """An experiment with `runs` runs in MLflow's layout, as plain files, by neither library."""
    home = root / EXPERIMENT
    (root / ".trash").mkdir(parents=True)
    home.mkdir()
    (home / "meta.yaml").write_text(
        f"artifact_location: {home.as_uri()}\ncreation_time: {T0}\nexperiment_id: '{EXPERIMENT}'\n"
        f"last_update_time: {T0}\nlifecycle_stage: active\nname: bench\n"
    )
    for run in make_runs(runs):
        write_run(home, run)


def write_run(home: Path, run: BenchRun) -> None:
    """The files of one run; its directory is there from one moment to the next, as with a copied run."""
    folder = home / run.run_id
    for part in ("metrics", "params", "tags", "artifacts"):
        (folder / part).mkdir(parents=True)
    (folder / "meta.yaml").write_text(
        f"artifact_uri: {(folder / 'artifacts').as_uri()}\nend_time: {run.start + 500}\nentry_point_name: ''\n"
        f"experiment_id: '{EXPERIMENT}'\nlifecycle_stage: active\nrun_id: '{run.run_id}'\nrun_name: run-{run.number}\n"
        f"source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {run.start}\nstatus: 3\n"
        "tags: []\nuser_id: bench\n"
    )
    for key, value in run.params.items():
        (folder / "params" / key).write_text(value)
    for key, values in run.metrics.items():
        points = (f"{run.start + step} {value!r} {step}\n" for step, value in enumerate(values))
        (folder / "metrics" / key).write_text("".join(points))
    for key, value in run.tags.items():
        (folder / "tags" / key).write_text(value)
