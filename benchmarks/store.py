"""Searches over 10,000 runs in every store: Millstream's three and the real MLflow's two, in one run.

    python benchmarks/store.py [--runs 10000] [--rounds 5] [--data DIR] [--json]

Asked is a filtered, sorted page of 100 runs, and all runs as a pandas DataFrame, from stores that were asked before
("warm"). Pages are asked for more than two seconds apart, as a directory is looked over every two seconds where the
kernel does not tell what changed; "again" is the same page at once. For the mlruns tree also: the index from nothing
("cold"), a page right after another program wrote one run ("catch-up"), and the pages of a process in its first
seconds, each of which has the kernel tell of 2,000 runs more. MLflow's file store reads every file for every answer,
so it gets a tenth of the runs; its ratios are not printed. Everybody must give the same run ids.

The runs are made once and kept in DIR: the tree as plain files, Millstream's SQLite database through its store,
MLflow's through its own package and table definitions. PostgreSQL is started for the measurement and filled from the
SQLite database; its processor time is not the client's, so compare wall there.
"""

from __future__ import annotations

import importlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from data import EXPERIMENT, FILTER, ORDER, T0, BenchRun, make_runs, write_run, write_tree
from measure import Answer, Clock, Worker, arguments, medians, pythons, report, serve

MLFLOW = "mlflow, SQLite"
VERSION = "1"
# A directory is looked over every two seconds.
APART_SECONDS = 2.1


# --- the worker's side: one library over one store ---


class Asked:
    """One library over one store; each method answers a request of the parent."""

    def __init__(self, library: str, uri: str, runs: int) -> None:
        """Nothing is opened yet: a store may still have to be made."""
        self.library = library
        self.uri = uri
        self.runs = runs
        self.client: Any = None

    def opened(self) -> Any:
        """The library's client of the store."""
        self.client = self.client or importlib.import_module(self.library).MlflowClient(self.uri)
        return self.client

    def page(self, _: str) -> Answer:
        """A filtered, sorted page."""
        client = self.opened()
        clock = Clock()
        found = client.search_runs([EXPERIMENT], FILTER, max_results=100, order_by=ORDER)
        return {**clock.read(), "ids": [run.info.run_id for run in found]}

    def frame(self, _: str) -> Answer:
        """All runs as a DataFrame."""
        module = importlib.import_module(self.library)
        module.set_tracking_uri(self.uri)
        clock = Clock()
        found = module.search_runs([EXPERIMENT], max_results=100_000)
        return {**clock.read(), "shape": list(found.shape), "ids": [str(found["run_id"].iloc[-1])]}

    def index(self, _: str) -> Answer:
        """Millstream's index of a tree, from nothing."""
        store = importlib.import_module("millstream.stores.open").open_store(self.uri)
        store.progress = importlib.import_module("millstream.cli.progress").progress_bar("Reading the tree")
        clock = Clock()
        store.reindex()
        return clock.read()

    def new(self, number: str) -> Answer:
        """A page after somebody else wrote a run."""
        (run,) = make_runs(1)
        home = Path(self.uri.removeprefix("file://"), EXPERIMENT)
        write_run(home, run._replace(run_id=f"{int(number):032x}", number=int(number)))
        return self.page("")

    def make(self, _: str) -> Answer:
        """The data."""
        if self.library == "mlflow":
            fill_mlflow(self.opened(), self.uri, self.runs)
        else:
            fill_millstream(self.uri, self.runs)
        return {}


def work(library: str, uri: str, runs: int) -> None:
    """Answer the parent's requests, each a method's name and an argument."""
    asked = Asked(library, uri, runs)

    def answer(request: str) -> Answer:
        word, _, argument = request.partition(" ")
        found: Answer = getattr(asked, word)(argument)
        return found

    serve(answer)


def fill_millstream(uri: str, runs: int) -> None:
    """The runs through the store's own ops, one batch a run."""
    ops = importlib.import_module("millstream.values.ops")
    entities = importlib.import_module("millstream.values.entities")
    store = importlib.import_module("millstream.stores.open").open_store(uri)
    store.write(ops.CreateExperiment(name="bench", time=T0, experiment_id=EXPERIMENT))
    for run in make_runs(runs):
        store.write(
            ops.CreateRun(
                run_id=run.run_id, experiment_id=EXPERIMENT, start_time=run.start, user_id="bench",
                run_name=f"run-{run.number}",
            )
        )  # fmt: skip
        metrics = tuple(entities.Metric(key, *point) for key, *point in points_of(run))
        params = tuple(entities.Param(*item) for item in run.params.items())
        tags = tuple(entities.RunTag(*item) for item in run.tags.items())
        store.write(ops.LogBatch(run_id=run.run_id, metrics=metrics, params=params, tags=tags))
        store.write(ops.UpdateRun(run_id=run.run_id, status="FINISHED", end_time=run.start + 500))
    store.close()


def points_of(run: BenchRun) -> Iterator[tuple[str, float, int, int]]:
    """(key, value, time, step) of every point."""
    for key, values in run.metrics.items():
        for step, value in enumerate(values):
            yield key, value, run.start + step, step


def fill_mlflow(client: Any, uri: str, runs: int) -> None:
    """The runs as rows of MLflow's own tables; logging them call by call would take an hour."""
    import sqlalchemy

    models = importlib.import_module("mlflow.store.tracking.dbmodels.models")
    client.search_experiments()  # makes the tables
    engine = sqlalchemy.create_engine(uri)
    with engine.begin() as connection:
        source = make_runs(runs)
        while some := list(islice(source, 500)):
            for table, rows in mlflow_rows(models, some):
                connection.execute(table.insert(), rows)
    engine.dispose()


def mlflow_rows(models: Any, runs: list[BenchRun]) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    """Tables and rows for `runs`; with the experiment itself when the first run is among them."""
    if runs[0].number == 0:
        row = {"experiment_id": int(EXPERIMENT), "name": "bench", "artifact_location": "/bench", "creation_time": T0}
        yield models.SqlExperiment.__table__, [row | {"last_update_time": T0, "lifecycle_stage": "active"}]
    yield models.SqlRun.__table__, [
        {
            "run_uuid": run.run_id, "name": f"run-{run.number}", "source_type": "LOCAL", "source_name": "",
            "entry_point_name": "", "user_id": "bench", "status": "FINISHED", "start_time": run.start,
            "end_time": run.start + 500, "source_version": "", "lifecycle_stage": "active",
            "artifact_uri": f"/bench/{run.run_id}/artifacts", "experiment_id": int(EXPERIMENT),
        }
        for run in runs
    ]  # fmt: skip
    for table, name in ((models.SqlParam, "params"), (models.SqlTag, "tags")):
        yield (
            table.__table__,
            [
                {"run_uuid": run.run_id, "key": key, "value": value}
                for run in runs
                for key, value in getattr(run, name).items()
            ],
        )
    points = [
        {"run_uuid": run.run_id, "key": key, "value": value, "timestamp": time, "step": step, "is_nan": False}
        for run in runs
        for key, value, time, step in points_of(run)
    ]
    yield models.SqlMetric.__table__, points
    yield models.SqlLatestMetric.__table__, [point for point in points if point["step"] == 19]


# --- the parent's side ---


def prepare(folder: Path, runs: int) -> dict[str, str]:
    """URIs of the stores below `folder`, which are made where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    found = pythons()
    few = max(100, runs // 10)
    uris = {
        "tree": f"file://{folder}/mlruns",
        "sqlite": f"sqlite:///{folder}/millstream.db",
        "mlflow sqlite": f"sqlite:///{folder}/mlflow.db",
        "mlflow tree": f"file://{folder}/few/mlruns",
    }
    for name, count in (("tree", runs), ("mlflow tree", few)):
        with made(folder, f"{name} {count}", uris[name].removeprefix("file://")) as missing:
            if missing:
                write_tree(Path(uris[name].removeprefix("file://")), count)
    for name, library in (("sqlite", "millstream"), ("mlflow sqlite", "mlflow")):
        with made(folder, name, uris[name].removeprefix("sqlite:///")) as missing:
            if missing:
                worker = Worker(found[library], library, folder, uris[name], runs, script=__file__)
                worker("make")
                worker.stop()
    return uris


@contextmanager
def made(folder: Path, name: str, path: str) -> Iterator[bool]:
    """Whether the data at `path` is still to be made; noted as whole afterwards, thrown away after an error."""
    note = folder / f"{name} is whole"
    if note.exists():
        yield False
        return
    print(f"Making the data of {name}, once, in {folder} …", file=sys.stderr)
    shutil.rmtree(path, ignore_errors=True)
    for end in ("", "-wal", "-shm"):
        Path(path + end).unlink(missing_ok=True)
    yield True
    note.touch()


@contextmanager
def postgresql(source: str) -> Iterator[str | None]:
    """The URI of a server that holds what the SQLite database `source` holds; None where there is no PostgreSQL."""
    from tests import servers

    if reason := servers.missing():
        print(f"Without PostgreSQL: {reason}.", file=sys.stderr)
        yield None
        return
    with servers.running(servers.AS_INSTALLED) as uri:
        print("Filling PostgreSQL …", file=sys.stderr)
        copy_tables(source, uri)
        yield uri


def copy_tables(source: str, target: str) -> None:
    """Every row of Millstream's database `source` into the new database `target`."""
    from sqlalchemy import delete, select, text

    from millstream.drivers.sql import engine, ledger, write
    from millstream.stores.open import open_store
    from millstream.values.queries import DescribeStore

    for uri in (source, target):  # makes the tables, and brings old ones up to date
        store = open_store(uri)
        store.read(DescribeStore())
        store.close()
    old, new = engine.sqlite_engine(Path(source.removeprefix("sqlite:///"))), engine.postgresql_engine(target)
    with old.connect() as reading, new.begin() as writing:
        for table in ledger.TABLES:
            if table is ledger.schema_version:
                continue
            writing.execute(delete(table))
            for some in reading.execute(select(table)).partitions(20_000):
                write.insert_rows(writing, table, [dict(row._mapping) for row in some])
        writing.execute(text("ANALYZE"))
    old.dispose()
    new.dispose()


def measure(uris: dict[str, str], folder: Path, runs: int, rounds: int) -> dict[str, list[Answer]]:
    """Ask all stores in turns; MLflow less often, as its answers take long."""
    found = pythons()
    stores = {
        "mlruns": ("millstream", uris["tree"]),
        "SQLite": ("millstream", uris["sqlite"]),
        "PostgreSQL": ("millstream", uris.get("postgresql", "")),
        MLFLOW: ("mlflow", uris["mlflow sqlite"]),
        "mlflow, files": ("mlflow", uris["mlflow tree"]),
    }
    workers = {
        name: Worker(found[library], library, folder, uri, runs) for name, (library, uri) in stores.items() if uri
    }
    samples = {"tree: page in the first seconds": list(first_pages(workers["mlruns"], runs))}
    for request in ("page", "frame"):
        for number in range(rounds + 1):
            if request == "page":
                time.sleep(APART_SECONDS)
            for name, worker in workers.items():
                answers = {request: worker(request)}
                if request == "page" and "mlflow" not in name:
                    answers["page again"] = worker(request)
                for label, answer in answers.items():
                    print(f"{label}: {name}: {answer['cpu'] * 1e3:.1f} ms", file=sys.stderr)
                    if number:  # the first answer is there to warm up
                        samples.setdefault(f"{label}: {name}", []).append(answer)
                        check_alike(request, name, answer, samples)
    for worker in workers.values():
        worker.stop()
    return samples


def first_pages(worker: Worker, runs: int) -> Iterator[Answer]:
    """Pages of a process over a tree, after the very first, until the kernel tells it of all runs."""
    from millstream.stores.sentries import RUNS_A_LOOK

    worker("page")
    for _ in range(-(-runs // RUNS_A_LOOK)):
        time.sleep(APART_SECONDS)
        answer = worker("page")
        print(f"page in the first seconds: {answer['cpu'] * 1e3:.1f} ms", file=sys.stderr)
        yield answer


def check_alike(request: str, name: str, answer: Answer, samples: dict[str, list[Answer]]) -> None:
    """Stop when two stores of the same runs do not answer alike."""
    expected = samples[f"{request}: mlruns"][0]["ids"]
    if name != "mlflow, files" and (answer["ids"] != expected or not expected):
        raise SystemExit(f"{name} gives other runs than the tree (or none); the times mean nothing.")


def measure_index(uri: str, runs: int, rounds: int) -> dict[str, list[Answer]]:
    """The index of the tree from nothing, then after single new runs, which are removed again."""
    python = pythons()["millstream"]
    samples: dict[str, list[Answer]] = {"index: cold": [], "index: catch-up and page": []}
    home = Path(uri.removeprefix("file://"), EXPERIMENT)
    with tempfile.TemporaryDirectory() as folder:
        worker = Worker(python, "millstream", Path(folder), uri, runs)
        try:
            samples["index: cold"].append(worker("index"))
            for _ in first_pages(worker, runs):
                pass
            for number in range(runs, runs + max(3, rounds)):
                samples["index: catch-up and page"].append(worker(f"new {number}"))
        finally:
            worker.stop()
            for number in range(runs, runs + max(3, rounds)):
                shutil.rmtree(home / f"{number:032x}", ignore_errors=True)
    return samples


def show(samples: dict[str, list[Answer]], runs: int, rounds: int, as_json: bool) -> None:
    """Print medians and ratios."""
    rows = {name: medians(list_) for name, list_ in samples.items()}
    few = max(100, runs // 10)
    against = {
        name: f"{name.partition(':')[0].removesuffix(' again')}: {MLFLOW}"
        for name in rows
        if name.startswith(("page", "frame")) and "mlflow" not in name
    }
    label = {name: name + (f" ({few} runs only)" if "files" in name else "") for name in rows}
    title = f"{runs} runs of 10 params, 10 metrics × 20 points, 5 tags; medians of {rounds} rounds, warm but for 'cold'"
    report(title, {label[name]: row for name, row in rows.items()}, against, "ms", as_json)


def default_folder() -> str:
    """The user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "millstream", "benchmarks")


def main() -> None:
    """Command line."""
    if sys.argv[1:2] == ["--worker"]:
        work(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    options = arguments(__doc__, runs=10_000, rounds=5, data=default_folder())
    folder = Path(options.data).resolve() / f"store-{VERSION}-{options.runs}"
    uris = prepare(folder, options.runs)
    with postgresql(uris["sqlite"]) as server:
        samples = measure(uris | ({"postgresql": server} if server else {}), folder, options.runs, options.rounds)
    show(
        samples | measure_index(uris["tree"], options.runs, options.rounds), options.runs, options.rounds, options.json
    )


if __name__ == "__main__":
    main()
