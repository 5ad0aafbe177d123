"""Many small files through a server: each library's own client with its own server, up and down.

    python benchmarks/files.py [--count 2000] [--size 10000] [--rounds 3] [--json]

cpu is that of client and server together, wall is what a user waits. Every file that comes back is compared.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from measure import Answer, Clock, Worker, arguments, medians, pythons, report, serve

LIBRARIES = ("millstream", "mlflow")


def work(library: str, address: str, folder: str) -> None:
    """The worker: sends the files of `folder` to a new run, and fetches them."""
    lib: Any = import_module(library)
    lib.set_tracking_uri(address)
    lib.set_experiment("files")
    runs: list[str] = []

    def answer(request: str) -> Answer:
        if request == "new":
            with lib.start_run() as run:
                runs.append(run.info.run_id)
            return {}
        clock = Clock()
        if request == "up":
            lib.tracking.MlflowClient().log_artifacts(runs[-1], folder, "some")
            return clock.read()
        with tempfile.TemporaryDirectory() as target:
            lib.artifacts.download_artifacts(run_id=runs[-1], artifact_path="some", dst_path=target)
            found = clock.read()
            for file in Path(folder).iterdir():
                if Path(target, "some", file.name).read_bytes() != file.read_bytes():
                    raise SystemExit(f"{file.name} came back as another one.")
        return found

    serve(answer)


def measure(worker: Worker, host: Any, request: str) -> Answer:
    """One way of all files; the server's processor time included."""
    before = host.cpu()
    found = worker(request)
    return {"wall": found["wall"], "cpu": found["cpu"] + host.cpu() - before}


def compare(count: int, size: int, rounds: int, as_json: bool) -> None:
    """Print the table."""
    from hosts import start_ours, start_theirs  # with psutil, which MLflow's environment has not

    home = Path(tempfile.mkdtemp(prefix="millstream-files-"))
    files = home / "files"
    files.mkdir()
    for number in range(count):
        (files / f"{number:05}.txt").write_bytes(number.to_bytes(8, "big") * (size // 8))
    hosts = {
        "millstream": start_ours(f"file://{home}/mlruns", home / "ours", "millstream"),
        "mlflow": start_theirs(f"sqlite:///{home}/mlflow.db", home / "theirs", "mlflow"),
    }
    workers: dict[str, Worker] = {}
    found: dict[str, list[Answer]] = {f"{library}, {way}": [] for way in ("up", "down") for library in LIBRARIES}
    try:
        for library, host in hosts.items():
            host.wait()
            address = f"http://127.0.0.1:{host.port}"
            workers[library] = Worker(pythons()[library], library, home / library, address, files)
        for number in range(rounds + 1):
            for library, worker in workers.items():
                worker("new")
                for way in ("up", "down"):
                    figures = measure(worker, hosts[library], way)
                    if number:  # the first one warms up
                        found[f"{library}, {way}"].append(figures)
    finally:
        for worker in workers.values():
            worker.stop()
        for host in hosts.values():
            host.stop()
        shutil.rmtree(home)
    rows = {name: medians(all_rounds) for name, all_rounds in found.items()}
    against = {f"millstream, {way}": f"mlflow, {way}" for way in ("up", "down")}
    report(f"{count} files of {size} bytes, client and server", rows, against, "s", as_json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:5])
    else:
        options = arguments(__doc__, count=2000, size=10_000, rounds=3)
        compare(options.count, options.size, options.rounds, options.json)
