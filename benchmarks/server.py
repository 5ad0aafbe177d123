"""The server beside the real `mlflow server`: points, pages, memory, start, files large and small.

    python benchmarks/server.py [--quick] [--rounds 5] [--runs 10000] [--data DIR] [--json]

Servers are started as their users start them (MLflow's with four workers on SQLite, ours with one process on each of
its stores) and asked in turns over connections that are kept. Each row is printed as soon as it is known: the median
over the rounds, how often ours is better, and how often it should be. "cpu" is the processor time of all the server's
processes for one request. "This machine" is what a fixed loop of Python takes: rows of times in which it differs
cannot be compared. If MLflow's environment has a driver for PostgreSQL, points go to it there too. A 500 MB file goes
through nginx as well, where it is installed. --quick: 200 runs, a 50 MB file, 200 small files, one round.
"""

from __future__ import annotations

import itertools
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from data import EXPERIMENT, FILTER, ORDER
from exchange import Lane, call, download, drive, make_file, post, request, upload
from hosts import Host, start_nginx, start_ours, start_theirs, watched
from measure import arguments, pythons
from store import APART_SECONDS, VERSION, default_folder, postgresql, prepare

from tests import servers

Figures = dict[str, float]
MLFLOW = "mlflow"
WRITERS = 8
API = "/api/2.0/mlflow/"
PROXY = "/api/2.0/mlflow-artifacts/artifacts/"


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    runs: int
    seconds: float
    large: int
    small: int
    starts: int


class Sheet:
    """The rows, printed as they come."""

    def __init__(self, as_json: bool) -> None:
        """Nothing is known yet."""
        self.as_json = as_json
        self.rows: list[dict[str, Any]] = []

    def add(
        self,
        title: str,
        figures: dict[str, float],
        unit: str,
        wanted: float = 0,
        than: str = MLFLOW,
        more: bool = False,
    ) -> None:
        """A row of `figures`; ours are to be `wanted` times those of `than`: less, or `more`."""
        other = figures.get(than)
        times = {
            name: (figure / other if more else other / figure)
            for name, figure in figures.items()
            if other and figure and name != than and name not in (MLFLOW, "nginx")
        }
        self.rows.append({"row": title, "unit": unit, "figures": figures, "times": times, "wanted": wanted})
        if self.as_json:
            return
        print(f"{title} [{unit}]" + (f", wanted: {wanted:g} × {than}" if wanted else ""))
        for name, figure in figures.items():
            print(f"  {name:24} {figure:12.2f}" + (f"   {times[name]:8.2f} ×" if name in times else ""))
        sys.stdout.flush()

    def machine(self) -> None:
        """How quick the machine is now."""
        figures = []
        for _ in range(3):
            begun = time.process_time()
            sum(number * number for number in range(1_000_000))
            figures.append(time.process_time() - begun)
        self.add("this machine", {"loop": min(figures) * 1e3}, "ms")


def of_rounds(rounds: int, hosts: list[Host], measure: Callable[[Host], Figures]) -> dict[str, Figures]:
    """Medians by figure and host; the hosts in turns, after a round to warm up."""
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number in range(rounds + 1):
        for host in hosts:
            for name, figure in measure(host).items():
                if number:
                    found[name][host.name].append(figure)
    return {
        name: {host: statistics.median(figures) for host, figures in by_host.items()} for name, by_host in found.items()
    }


# --- start and memory ---


def measure_starts(sheet: Sheet, starters: list[Callable[[], Host]], starts: int) -> None:
    """Servers over stores that are there, one after the other."""
    seconds: dict[str, list[float]] = defaultdict(list)
    memory: dict[str, list[float]] = defaultdict(list)
    for _ in range(starts):
        for start in starters:
            host = start()
            seconds[host.name].append(host.wait())
            call(host.port, API + "experiments/search", max_results=10)
            time.sleep(3)  # MLflow's workers are still loading when the first of them answers
            memory[host.name].append(host.memory())
            host.stop()
    sheet.add("start to first answer", {name: statistics.median(list_) for name, list_ in seconds.items()}, "s", 10)
    sheet.add("idle memory of the tree", {name: statistics.median(list_) for name, list_ in memory.items()}, "MB", 10)


# --- points ---


class Writers:
    """Eight who log to runs of their own."""

    def __init__(self, seconds: float) -> None:
        """Each round takes `seconds`."""
        self.seconds = seconds
        self.runs: dict[int, list[str]] = {}
        self.step = itertools.count()

    def points(self, run: str) -> Iterator[bytes]:
        """Requests without end."""
        for step in self.step:
            yield post(
                API + "runs/log-metric", run_id=run, key="loss", value=step / 7, timestamp=1_700_000_000_000, step=step
            )

    def log(self, host: Host) -> dict[str, float]:
        """One round."""
        if host.port not in self.runs:
            self.runs[host.port] = [new_run(host.port) for _ in range(WRITERS)]
        before = host.cpu()
        answers, seconds = drive(host.port, [self.points(run) for run in self.runs[host.port]], self.seconds)
        return {"rate": answers / seconds, "cpu": (host.cpu() - before) / answers * 1e3}


def new_run(port: int) -> str:
    """Id of a new run in the default experiment."""
    return str(call(port, API + "runs/create", experiment_id="0", start_time=1)["run"]["info"]["run_id"])


# --- pages ---


def page_of_clients(_: Host) -> bytes:
    """What MLflow's client and its pages ask."""
    fields = {"experiment_ids": [EXPERIMENT], "filter": FILTER, "max_results": 100, "order_by": ORDER}
    return post("/ajax-api/2.0/mlflow/runs/search", **fields)


def page_of_ui(host: Host) -> bytes:
    """What the pages of each server ask for the table of runs as it opens, newest first."""
    fields = {"experiment_ids": [EXPERIMENT], "order_by": ["attributes.start_time DESC"]}
    if host.name == MLFLOW:
        return post("/ajax-api/2.0/mlflow/runs/search", **fields, max_results=100, run_view_type="ACTIVE_ONLY")
    return post("/api/ui/runs", **fields, limit=100)


def measure_pages(sheet: Sheet, hosts: list[Host], rounds: int) -> None:
    """Pages more than two seconds apart; see `store.py`. Everybody must find the same runs."""
    for title, ask in (("search page", page_of_clients), ("page of the UI", page_of_ui)):
        seen: set[str] = set()

        def measure(host: Host, ask: Callable[[Host], bytes] = ask, seen: set[str] = seen) -> dict[str, float]:
            time.sleep(APART_SECONDS / len(hosts))
            lane = Lane(host.port)
            before, begun = host.cpu(), time.perf_counter()
            body = lane.ask(ask(host))
            figures = {"wall": (time.perf_counter() - begun) * 1e3, "cpu": (host.cpu() - before) * 1e3}
            lane.close()
            seen.add(json.dumps(ids_of(json.loads(body))))
            return figures

        found = of_rounds(rounds, hosts, measure)
        if len(seen) != 1 or "[]" in seen:
            raise SystemExit(f"{title}: the servers give other runs, or none; the times mean nothing.")
        sheet.add(title, found["wall"], "ms", 20)
        sheet.add(f"{title}, cpu", found["cpu"], "ms")


def ids_of(page: Any) -> list[str]:
    """Ids of the runs of either page."""
    return [run["info"]["run_id"] for run in page["runs"]] if "runs" in page else page["run_id"]


# --- files ---


def place(host: Host, run: str, name: str) -> str:
    """Where a file of a run goes."""
    return f"/{run}/{name}" if host.name == "nginx" else f"{PROXY}0/{run}/artifacts/{name}"


def measure_large(sheet: Sheet, hosts: list[Host], file: Path, rounds: int) -> None:
    """One large file up and down."""
    size = file.stat().st_size
    runs = {host.name: "run" if host.name == "nginx" else new_run(host.port) for host in hosts}
    growth: dict[str, float] = defaultdict(float)

    def measure(host: Host) -> dict[str, float]:
        path = place(host, runs[host.name], "large.bin")
        with watched(host) as found:
            up = upload(host.port, path, file)
            down = download(host.port, path, size)
        growth[host.name] = max(growth[host.name], found["growth"])
        return {"up": size / up / 1e6, "down": size / down / 1e6}

    found = of_rounds(rounds, hosts, measure)
    for way in ("up", "down"):
        sheet.add(f"file of {size // 10**6} MB, {way}", found[way], "MB/s", 0.5, "nginx", more=True)
    sheet.add("growth of memory meanwhile, at most", dict(growth), "MB")


def measure_small(sheet: Sheet, hosts: list[Host], count: int, rounds: int) -> None:
    """Many small files up and down, by as many callers as there are writers."""
    body = b"x" * 10_000

    def measure(host: Host) -> dict[str, float]:
        run = new_run(host.port)
        paths = [place(host, run, f"some/{number:05}.txt") for number in range(count)]
        puts = [iter([request("PUT", path, body) for path in paths[start::WRITERS]]) for start in range(WRITERS)]
        gets = [iter([request("GET", path) for path in paths[start::WRITERS]]) for start in range(WRITERS)]
        return {"up": drive(host.port, puts)[1], "down": drive(host.port, gets)[1]}

    found = of_rounds(rounds, hosts, measure)
    for way in ("up", "down"):
        sheet.add(f"{count} files of 10 KB, {way}", found[way], "s", 5)


# --- all ---


def measure_all(sheet: Sheet, plan: Plan, data: Path, home: Path) -> None:
    """Every row."""
    full = prepare(data, plan.runs)
    fresh = {"mlruns": f"file://{home}/new/mlruns", "SQLite": f"sqlite:///{home}/new.db"}
    theirs = f"sqlite:///{home}/mlflow.db"
    sheet.machine()
    with postgresql(full["sqlite"]) as postgres:
        more = {"PostgreSQL": servers.new_schema(postgres)} if postgres else {}
        measure_writes(sheet, plan, fresh | more, theirs, home)
        sheet.machine()
        stores = {"mlruns": full["tree"], "SQLite": full["sqlite"], **({"PostgreSQL": postgres} if postgres else {})}
        with ExitStack() as ending:
            hosts = [start_ours(uri, home / f"{name} full", name) for name, uri in stores.items()]
            hosts.append(start_theirs(full["mlflow sqlite"], home / "full", MLFLOW))
            measure_pages(sheet, up(ending, hosts), plan.rounds)
    sheet.machine()
    starters = [
        lambda: start_ours(fresh["mlruns"], home / "start", "mlruns"),
        lambda: start_ours(fresh["SQLite"], home / "start", "SQLite"),
        lambda: start_theirs(theirs, home / "start theirs", MLFLOW),
    ]
    measure_starts(sheet, starters, plan.starts)
    sheet.machine()


def measure_writes(sheet: Sheet, plan: Plan, ours: dict[str, str], theirs: str, home: Path) -> None:
    """Points and files, into stores that are new: made here, so that later starts are those of every day."""
    with ExitStack() as ending:
        hosts = [start_ours(uri, home / name, name) for name, uri in ours.items()]
        hosts = up(ending, [*hosts, start_theirs(theirs, home / "theirs", MLFLOW)])
        found = of_rounds(plan.rounds, hosts, Writers(plan.seconds).log)
        sheet.add("log-metric, 8 writers", found["rate"], "requests/s", 20, more=True)
        sheet.add("log-metric, cpu", found["cpu"], "ms/request")
        if "PostgreSQL" in ours:
            measure_alike(sheet, plan, next(host for host in hosts if host.name == "PostgreSQL"), ours, home)
        of_files = [hosts[0], hosts[-1]]
        measure_small(sheet, of_files, plan.small, max(1, plan.rounds // 2))
        nginx = start_nginx(home / "nginx")
        if nginx is None:
            print("Without nginx, which is not installed.", file=sys.stderr)
        else:
            of_files += up(ending, [nginx])
        measure_large(sheet, of_files, make_file(home / "large.bin", plan.large), max(1, plan.rounds // 2))
        sheet.add("memory of the tree afterwards", {host.name: host.memory() for host in hosts}, "MB")


def measure_alike(sheet: Sheet, plan: Plan, host: Host, ours: dict[str, str], home: Path) -> None:
    """Points with both servers on the same PostgreSQL, if MLflow's environment has a driver for it."""
    if subprocess.run(
        [pythons()[MLFLOW], "-c", "import sqlalchemy; sqlalchemy.create_engine('postgresql://')"],
        capture_output=True,
        check=False,
    ).returncode:
        print(
            "Without MLflow on PostgreSQL: its environment has no driver for it, such as psycopg[binary].",
            file=sys.stderr,
        )
        return
    theirs = servers.new_schema(ours["PostgreSQL"].partition("?")[0])
    with ExitStack() as ending:
        hosts = up(ending, [start_theirs(theirs, home / "theirs on PostgreSQL", MLFLOW)])
        found = of_rounds(plan.rounds, [host, *hosts], Writers(plan.seconds).log)
        sheet.add("log-metric, 8 writers, both on PostgreSQL", found["rate"], "requests/s", 20, more=True)
        sheet.add("log-metric, cpu, both on PostgreSQL", found["cpu"], "ms/request")


def up(ending: ExitStack, hosts: list[Host]) -> list[Host]:
    """`hosts` once they answer; `ending` stops them."""
    for host in hosts:
        ending.callback(host.stop)
    for host in hosts:
        host.wait()
    return hosts


def main() -> None:
    """Command line."""
    # The servers are stopped however this ends.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    quick = "--quick" in sys.argv
    options = arguments(__doc__, rounds=1 if quick else 5, runs=200 if quick else 10_000, data=default_folder())
    plan = Plan(
        options.rounds, options.runs, 0.5 if quick else 1.5, 50 * 10**6 if quick else 500 * 10**6,
        200 if quick else 2000, 1 if quick else 3,
    )  # fmt: skip
    sheet = Sheet(options.json)
    data = Path(options.data).resolve() / f"store-{VERSION}-{options.runs}"
    with tempfile.TemporaryDirectory(prefix="millstream-server-") as folder:
        measure_all(sheet, plan, data, Path(folder))
    if options.json:
        print(json.dumps(sheet.rows, indent=1))


if __name__ == "__main__":
    main()
