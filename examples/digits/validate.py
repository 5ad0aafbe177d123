"""Load the model of a run and measure it again on the validation images: python validate.py --run-id RUN_ID."""

from __future__ import annotations

import argparse

import data
import mlflow
import mlflow.pyfunc


def main() -> None:
    """Log the accuracy to a run of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run-id", required=True)
    run_id = parser.parse_args().run_id
    _, pixels, _, labels = data.load()
    model = mlflow.pyfunc.load_model(f"runs:/{run_id}/model")
    with mlflow.start_run():
        predicted = model.predict(pixels).to_numpy().argmax(axis=1)
        accuracy = float((predicted == labels.to_numpy()).mean())
        mlflow.log_metric("valid_accuracy", accuracy)
        mlflow.set_tag("validates", run_id)
        print(f"model of run {run_id}: validation accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
