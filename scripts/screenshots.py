"""Pictures of the pages for the docs: a store with runs and models made up for it, a server, and a browser.

    make screenshots            # all of them, into docs/images
    python scripts/screenshots.py runs-table compare

The same pictures each time but for dates. Needs Chromium, playwright (`make setup` has it) and the built pages.
"""

from __future__ import annotations

import math
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pandas as pd
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import millstream  # noqa: E402
from millstream import MlflowClient  # noqa: E402
from millstream.entities import Metric, Param  # noqa: E402
from tests.journeys.pages import CHROMIUM, serving  # noqa: E402

IMAGES = ROOT / "docs" / "images"
STEPS = 120
PACE = 9000
RUNS = 24
DESK = {"width": 1360, "height": 800}
PHONE = {"width": 390, "height": 800}
NOTE = """# Wide ResNet on CIFAR-10

Compared with the run before: **mixup** helps from epoch 60 on.

| split | accuracy |
|---|---|
| val | 0.941 |
| test | 0.938 |
"""


class Ids(NamedTuple):
    """What addresses are made of."""

    experiment: str
    runs: list[str]
    model: str


class Shot(NamedTuple):
    """A picture: its name, what follows the server's address, how the browser is, what is done first."""

    name: str
    path: Callable[[Ids], str]
    browser: Mapping[str, Any] = MappingProxyType({})
    prepare: Callable[[Any], object] | None = None


def curve(kind: str, step: int, skill: float, chance: random.Random) -> float:
    """A value of a training that learns."""
    noise = chance.gauss(0, 0.015)
    done = 1 - math.exp(-step / (12 + 30 * (1 - skill)))
    return 2.3 * (1 - done) + 0.35 * (1 - skill) + noise if kind == "loss" else (0.72 + 0.23 * skill) * done + noise


def curves(started: int, skill: float, chance: random.Random) -> list[Metric]:
    """All points of a training that began at `started` (ms)."""
    levels = {"gpu_0_utilization_percentage": 92.0, "system_memory_usage_megabytes": 18_400.0}
    made = {
        f"{split}/{kind}": [curve(kind, step, skill - (0.08 if split == "val" else 0), chance) for step in range(STEPS)]
        for split in ("train", "val")
        for kind in ("loss", "acc")
    }
    made |= {
        f"system/{key}": [level + chance.gauss(0, level / 15) for _ in range(STEPS)] for key, level in levels.items()
    }
    return [
        Metric(key, value, started + step * PACE, step)
        for key, values in made.items()
        for step, value in enumerate(values)
    ]


def train(client: MlflowClient, experiment: str, number: int, started: int, parent: str | None) -> str:
    """One run with its params, curves, system metrics and files."""
    chance = random.Random(number)
    augment = chance.choice(["none", "flip", "mixup"])
    skill = {"none": 0.2, "flip": 0.5, "mixup": 0.8}[augment] + chance.uniform(-0.15, 0.15)
    params = {
        "lr": chance.choice([0.1, 0.03, 0.01]),
        "optimizer": chance.choice(["sgd", "adamw"]),
        "augment": augment,
        "batch_size": chance.choice([128, 256]),
        "seed": number,
    }
    tags = {"team": "vision", "mlflow.note.content": NOTE, **({"mlflow.parentRunId": parent} if parent else {})}
    name = f"wrn28-{params['optimizer']}-{augment}" if parent else f"sweep {number // 8 + 1}"
    run: str = client.create_run(experiment, start_time=started, tags=tags, run_name=name).info.run_id
    points = curves(started, skill, chance)
    client.log_batch(run, metrics=points, params=[Param(key, str(value)) for key, value in params.items()])
    losses = "".join(f"{point.step},{point.value:.4f}\n" for point in points if point.key == "val/loss")
    client.log_text(run, "epoch,loss\n" + losses, "tables/loss.csv")
    client.log_text(run, NOTE, "report.md")
    client.log_dict(run, {"name": name, "params": params}, "config.json")
    client.set_terminated(run, "FAILED" if number == 5 else "FINISHED", end_time=started + STEPS * PACE)
    return run


class Larger(millstream.pyfunc.PythonModel):  # type: ignore[misc]
    """A model small enough for a picture."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> Any:
        """Which rows are large."""
        return [value > 1 for value in model_input["width"]]


def fill(store: Path) -> Ids:
    """All that is in the pictures."""
    millstream.set_tracking_uri(str(store))
    client = MlflowClient()
    now = int(time.time() * 1000)
    for name in ("vision/ImageNet", "vision/segmentation/cells", "language/번역", "language/summaries", "baselines"):
        other = client.create_experiment(name)
        for number in range(3):
            train(client, other, 100 + number, now - (90 - number) * 3_600_000, "0" * 32)
    experiment = client.create_experiment("vision/CIFAR-10")
    runs: list[str] = []
    parent: str | None = None
    for number in range(RUNS):
        if number % 8 == 0:
            parent = None
        runs.append(train(client, experiment, number, now - (RUNS - number) * 1_500_000, parent))
        parent = parent or runs[-1]
    frame = pd.DataFrame({"width": [0.5, 1.4], "height": [1, 2]})
    signature = millstream.models.infer_signature(frame, [False, True])
    for run in runs[1:4]:
        with millstream.start_run(run):
            millstream.pyfunc.log_model(
                name="model", python_model=Larger(), signature=signature, input_example=frame,
                pip_requirements=["pandas"], registered_model_name="cifar-classifier",
            )  # fmt: skip
        started = client.get_run(run).info.start_time
        client.set_terminated(run, end_time=started + STEPS * PACE)
    client.set_registered_model_alias("cifar-classifier", "champion", "2")
    client.update_registered_model("cifar-classifier", description="Which of ten things a small picture shows.")
    return Ids(experiment, runs, "cifar-classifier")


KOREAN_DARK = {"locale": "ko-KR", "color_scheme": "dark"}
SHOTS = (
    Shot("experiments", lambda ids: ""),
    Shot("runs-table", lambda ids: f"e/{ids.experiment}"),
    Shot(
        "runs-groups-dark-ko",
        lambda ids: f"e/{ids.experiment}?group=p:augment&c.draw=bands&c.group=p:augment",
        KOREAN_DARK,
    ),
    Shot("phone-ko", lambda ids: f"e/{ids.experiment}", {"locale": "ko-KR", "viewport": PHONE}),
    Shot("run", lambda ids: f"r/{ids.runs[3]}"),
    Shot("run-charts", lambda ids: f"r/{ids.runs[3]}/metrics"),
    Shot("run-artifacts", lambda ids: f"r/{ids.runs[3]}/artifacts?path=report.md"),
    Shot("compare", lambda ids: "compare?runs=" + ",".join(ids.runs[1:5])),
    Shot("models", lambda ids: "models"),
    Shot("model", lambda ids: f"models/{ids.model}"),
    Shot("model-version", lambda ids: f"models/{ids.model}/v/2", KOREAN_DARK),
)


@contextmanager
def browser() -> Iterator[Any]:
    """Chromium."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


def take(opened: Any, address: str, shot: Shot, ids: Ids) -> None:
    """One picture, some seconds after the page has come: what it follows never ends, so no quiet can be waited for."""
    context = opened.new_context(**{"locale": "en-US", "viewport": DESK, "reduced_motion": "reduce", **shot.browser})
    page = context.new_page()
    page.goto(f"{address}/{shot.path(ids)}")
    page.wait_for_selector("main")
    page.wait_for_timeout(2500)
    if shot.prepare:
        shot.prepare(page)
    page.screenshot(path=IMAGES / f"{shot.name}.png")
    context.close()


def main() -> None:
    """Command line: names of pictures, or none for all."""
    wanted = sys.argv[1:]
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="millstream-") as folder:
        store = Path(folder) / "mlruns"
        ids = fill(store)
        with serving(store) as address, browser() as opened:
            for shot in SHOTS:
                if not wanted or shot.name in wanted:
                    take(opened, address, shot, ids)
                    print(f"docs/images/{shot.name}.png", file=sys.stderr)


if __name__ == "__main__":
    main()
