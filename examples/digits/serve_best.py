"""Serve the best model of experiment `digits` and ask it about ten images: python serve_best.py."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import data
import mlflow
import numpy as np

WANTED = 0.8  # of the ten images, this part must be right
PATIENCE = 60.0  # seconds until the server must answer


def best_run() -> str:
    """Id of the run with the highest accuracy on the validation images."""
    runs = mlflow.search_runs(
        experiment_names=["digits"],
        filter_string="metrics.valid_accuracy > 0 and attributes.status = 'FINISHED'",
        order_by=["metrics.valid_accuracy DESC"],
        max_results=1,
        output_format="list",
    )
    if not runs:
        sys.exit("Experiment 'digits' has no finished run yet; make some with: python sweep.py")
    print(f"best run {runs[0].info.run_id}: validation accuracy {runs[0].data.metrics['valid_accuracy']:.3f}")
    return runs[0].info.run_id


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until_up(server: subprocess.Popen, address: str) -> None:
    """Return when the server answers; end the program when it cannot."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if server.poll() is not None:
            sys.exit(f"The server ended with exit code {server.returncode}.")
        try:
            with urllib.request.urlopen(f"{address}/ping", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit(f"The server did not answer within {PATIENCE:.0f} s.")


def ask(address: str, rows: dict) -> np.ndarray:
    """The digits that the served model sees in `rows`."""
    request = urllib.request.Request(
        f"{address}/invocations",
        data=json.dumps({"dataframe_split": rows}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        scores = json.load(response)["predictions"]
    return np.array([[row[str(digit)] for digit in range(10)] for row in scores]).argmax(axis=1)


def main() -> int:
    """Exit code 0 when enough of the ten answers are right."""
    run_id = best_run()
    _, pixels, _, labels = data.load()
    ten, truth = pixels.head(10), labels.head(10).to_numpy()
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", f"runs:/{run_id}/model", "-p", str(port)]
    server = subprocess.Popen([*command, "--no-conda"])
    try:
        address = f"http://127.0.0.1:{port}"
        wait_until_up(server, address)
        predicted = ask(address, ten.to_dict(orient="split"))
    finally:
        server.terminate()
        server.wait()
    print("predicted", *predicted)
    print("truth    ", *truth)
    right = int((predicted == truth).sum())
    print(f"{right} of {len(truth)} right")
    return 0 if right >= WANTED * len(truth) else 1


if __name__ == "__main__":
    sys.exit(main())
