"""Time of one filtered, sorted page of 100 out of 1,000 runs in an mlruns tree: Millstream and the real MLflow.

    python benchmarks/search.py [--runs 1000] [--rounds 3] [--json]

The tree (10 params, 10 metrics of 20 points, 5 tags a run) is written as plain files, by neither library.
"Cold" is Millstream's first search in a process, without an index; "new process" the first with an index that
another process made; "warm" the next ones. MLflow keeps no index. All must give the same run ids.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
from pathlib import Path

from data import EXPERIMENT, FILTER, ORDER, write_tree
from measure import Answer, Clock, Worker, arguments, medians, pythons, report, serve


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
