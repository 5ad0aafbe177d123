"""Train with three settings, one run each below one parent run: python sweep.py."""

from __future__ import annotations

import mlflow
from train import arguments, train

SETTINGS = (
    ("small steps", "--lr 0.005"),
    ("as given", "--lr 0.05"),
    ("wide", "--lr 0.1 --hidden 128"),
)


def main() -> None:
    """Print one line a run; the runs are in experiment `digits`."""
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="sweep"):
        best = 0.0
        for name, options in SETTINGS:
            with mlflow.start_run(run_name=name, nested=True) as run:
                accuracy = train(arguments().parse_args(options.split()))
                print(f"{name:12} {run.info.run_id} validation accuracy {accuracy:.3f}")
            best = max(best, accuracy)
        mlflow.log_metric("best_accuracy", best)


if __name__ == "__main__":
    main()
