"""Time of one filtered, sorted page of 100 out of 1,000 runs in an mlruns tree: Millstream and the real MLflow.

    python benchmarks/search.py [--runs 1000] [--rounds 3] [--json]

The tree (10 params, 10 metrics of 20 points, 5 tags a run) is written as plain files, by neither library.
"Cold" is Millstream's first search in a process, without an index; "new process" the first with an index that
another process made; "warm" the next ones. MLflow keeps no index. All must give the same run ids.
"""

from __future__ import annotations

import importlib
import random
import sys
import tempfile
from pathlib import Path

from measure import Answer, Clock, Worker, arguments, medians, pythons, report, serve

FILTER = "metrics.m0 < 0.9 AND params.p1 != 'b' AND tags.t2 LIKE 'v%'"
ORDER = ["metrics.m3 DESC", "params.p4 ASC"]
EXPERIMENT = "123456789012345678"
T0 = 1_700_000_000_000


def write_tree(root: Path, runs: int) -> None:
    """An experiment with `runs` runs in MLflow's layout."""
    chance = random.Random(1)
    home = root / EXPERIMENT
    (root / ".trash").mkdir(parents=True)
    home.mkdir()
    (home / "meta.yaml").write_text(
        f"artifact_location: {home.as_uri()}\ncreation_time: {T0}\nexperiment_id: '{EXPERIMENT}'\n"
        f"last_update_time: {T0}\nlifecycle_stage: active\nname: bench\n"
    )
    for number in range(runs):
        _write_run(home, f"{number:032x}", number, chance)


def _write_run(home: Path, run_id: str, number: int, chance: random.Random) -> None:
    run = home / run_id
    for part in ("metrics", "params", "tags", "artifacts"):
        (run / part).mkdir(parents=True)
    start = T0 + number * 1000
    (run / "meta.yaml").write_text(
        f"artifact_uri: {(run / 'artifacts').as_uri()}\nend_time: {start + 500}\nentry_point_name: ''\n"
        f"experiment_id: '{EXPERIMENT}'\nlifecycle_stage: active\nrun_id: '{run_id}'\nrun_name: run-{number}\n"
        f"source_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: {start}\nstatus: 3\n"
        "tags: []\nuser_id: bench\n"
    )
    for index in range(10):
        (run / "params" / f"p{index}").write_text(chance.choice("abcdef"))
        points = (f"{start + step} {chance.random()!r} {step}\n" for step in range(20))
        (run / "metrics" / f"m{index}").write_text("".join(points))
    for index in range(5):
        (run / "tags" / f"t{index}").write_text(f"{chance.choice('uvw')}{number}")


def work(library: str, root: Path) -> None:
    """Worker: one page a request; a client of its own each time, as a new command or request would have."""
    client = importlib.import_module(library).MlflowClient(root.as_uri())

    def answer(_: str) -> Answer:
        clock = Clock()
        found = client.search_runs([EXPERIMENT], FILTER, max_results=100, order_by=ORDER)
        return {**clock.read(), "ids": [run.info.run_id for run in found]}

    serve(answer)


def compare(runs: int, rounds: int, as_json: bool) -> None:
    """Parent: write the tree, ask the workers in turns and print."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "mlruns")
        write_tree(root, runs)
        found = pythons()
        samples: dict[str, list[Answer]] = {"cold": [], "new process": [], "warm": [], "mlflow": []}
        theirs = Worker(found["mlflow"], "mlflow", Path(folder, "theirs"), root)
        for number in range(rounds):
            home = Path(folder, f"ours-{number}")
            for kind in ("cold", "new process"):
                ours = Worker(found["millstream"], "millstream", home, root)
                samples[kind].append(ours(""))
                samples["warm"] += [ours("") for _ in range(5)] if kind == "new process" else []
                ours.stop()
            samples["mlflow"].append(theirs(""))
        theirs.stop()
    answers = {tuple(one["ids"]) for rows in samples.values() for one in rows}
    if len(answers) != 1 or not next(iter(answers)):
        raise SystemExit("The libraries do not give the same runs (or none); the times mean nothing.")
    rows = {_label(kind): medians(list_) for kind, list_ in samples.items()}
    against = {_label(kind): _label("mlflow") for kind in samples if kind != "mlflow"}
    title = f"filtered, sorted page of {len(next(iter(answers)))} out of {runs} runs ({rounds} rounds)"
    report(title, rows, against, "ms", as_json)


def _label(kind: str) -> str:
    return "mlflow file store" if kind == "mlflow" else f"millstream, {kind}"


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], Path(sys.argv[3]))
        return
    options = arguments(__doc__, runs=1000, rounds=3)
    compare(options.runs, options.rounds, options.json)


if __name__ == "__main__":
    main()
