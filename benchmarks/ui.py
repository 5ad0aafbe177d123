"""The pages in Chromium: every goal a gate, on every store, beside MLflow's own pages on the same runs.

    python benchmarks/ui.py [--quick] [--rounds 3] [--runs 10000] [--rows 100000] [--data DIR] [--json]

Opened with an empty profile is the page of 200 and of `runs` runs (the data of `store.py`), of our server on mlruns,
SQLite and PostgreSQL and of `mlflow server`, in turns. Then ours alone: a table of `rows` rows and 1,000 metrics in
SQLite is scrolled, sorted and filtered; 200 runs of 10 metrics and 500 points are charted, pointed at, and 100 runs
that log 10 points a second each are followed. Requests, bytes, nodes and heap are exact on a busy machine too.
"cpu" is the processor time of the renderers, with the 0.4 s and more that Chromium takes for an empty page; "wall",
frames and milliseconds are those of this machine, which draws with its processor, and of all else that it does.
Each row says its gate; exits with 1 when one is missed. --quick: 200 and 1,000 runs, 10,000 rows, one round.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from browser import TALL, Browser, browsing
from data import EXPERIMENT
from hosts import Host, start_ours, start_theirs
from measure import arguments
from playwright.sync_api import sync_playwright
from server import up
from store import VERSION, default_folder, made, postgresql, prepare
from uistores import fill_charted, fill_rows, writing

from millstream.server.static import PAGES

MLFLOW = "mlflow"
CHARTS = 10
ROW = "[role=row][aria-rowindex='2']"

# Resolves once the first row shows something else than `before`, two frames later: then it has been painted.
UNTIL = """
([what, before]) => new Promise((done, fail) => {
  const from = performance.now();
  if (what) document.querySelector(what).click();
  const look = () => {
    const row = document.querySelector("[role=row][aria-rowindex='2']");
    const grid = document.querySelector(".grid");
    const count = document.querySelector(".count");
    const text = row && count ? row.innerText + count.innerText : "";
    if (text && !text.includes("…") && text !== before && grid && !grid.classList.contains("stale")) {
      requestAnimationFrame(() => requestAnimationFrame(() => done([performance.now() - from, text])));
    } else if (performance.now() - from > 60000) fail(new Error(`the first row stays "${text}"`));
    else requestAnimationFrame(look);
  };
  look();
})
"""
FILLED = """() => /0\\.\\d{3}/.test(document.querySelector("[aria-rowindex='2']")?.innerText ?? "")"""
THEIRS = """() => document.querySelectorAll("a[href*='/runs/0']").length > 10"""
SCROLL = """
([axis, pixels, seconds]) => new Promise((done) => {
  const grid = document.querySelector(".grid");
  const times = [];
  const step = (now) => {
    times.push(now);
    if (now - times[0] > seconds * 1000) {
      const gaps = times.slice(1).map((at, i) => at - times[i]).sort((a, b) => a - b);
      return done([1000 * gaps.length / (now - times[0]), gaps[Math.floor(gaps.length * 0.95)]]);
    }
    grid[axis] += pixels;
    requestAnimationFrame(step);
  };
  requestAnimationFrame(step);
})
"""
# Whether so many charts have ink of lines: a canvas of axes alone has a few thousand coloured points at most.
DRAWN = """
([charts, lines]) => {
  const filled = (host) => host.getAttribute("aria-label").includes(`${lines} lines`);
  const hosts = [...document.querySelectorAll(".chart-host")].filter(filled);
  return hosts.length >= charts && hosts.every((host) => {
    const canvas = host.querySelector("canvas");
    if (!canvas.width) return false;
    const small = new OffscreenCanvas(64, 32).getContext("2d");
    small.drawImage(canvas, canvas.width * 0.2, 0, canvas.width * 0.8, canvas.height * 0.85, 0, 0, 64, 32);
    return small.getImageData(0, 0, 64, 32).data.filter((value, at) => at % 4 === 3 && value > 20).length > 60;
  });
}
"""
HOVER = """
(count) => {
  const host = document.querySelector(".chart-host");
  const box = host.getBoundingClientRect();
  const times = [];
  for (let i = 0; i < count; i++) {
    const clientX = box.left + 60 + (box.width - 90) * ((i * 37) % count) / count;
    const clientY = box.top + 20 + (box.height - 60) * ((i * 17) % count) / count;
    const from = performance.now();
    host.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true, pointerType: "mouse" }));
    times.push(performance.now() - from);
  }
  return times.sort((a, b) => a - b)[Math.floor(count * 0.95)];
}
"""


# How long at a time, of all the time that it is at work for more than 2 ms, the main thread answers nobody.
BLOCKED = """
(seconds) => new Promise((done) => {
  const { port1, port2 } = new MessageChannel();
  const gaps = [], from = performance.now();
  let last = from;
  port1.onmessage = () => {
    const now = performance.now();
    if (now - last > 2) gaps.push(now - last);
    if (now - from > seconds * 1000) return done(gaps.sort((a, b) => a - b)[Math.floor(gaps.length * 0.95)] ?? 0);
    last = performance.now();
    port2.postMessage(null);
  };
  port2.postMessage(null);
})
"""


class Gate(NamedTuple):
    """A figure and the bound it must keep: at most, or at least where `more`; None for what is only told."""

    title: str
    value: float
    unit: str
    bound: float | None = None
    more: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.bound is None or (self.value >= self.bound if self.more else self.value <= self.bound)


class Sheet:
    """The rows, printed as they come."""

    def __init__(self, as_json: bool) -> None:
        """Nothing is known yet."""
        self.as_json = as_json
        self.rows: list[Gate] = []

    def add(self, *row: Any, more: bool = False) -> None:
        """One more; see `Gate`."""
        gate = Gate(*row, more=more)
        self.rows.append(gate)
        if self.as_json:
            return
        bound = "" if gate.bound is None else f"{'≥' if gate.more else '≤'} {gate.bound:g}"
        state = "" if gate.bound is None else "kept" if gate.kept else "MISSED"
        print(f"  {gate.title:54} {gate.value:9.1f} {gate.unit:6} {bound:8} {state}", flush=True)


# --- the page of an experiment's runs, opened by somebody new ---


def open_ours(browser: Browser, host: Host) -> None:
    """The table alone: charts are a goal of their own."""
    browser.page.goto(f"http://127.0.0.1:{host.port}/e/{EXPERIMENT}?c.pane=table", wait_until="commit")
    browser.page.wait_for_function(FILLED, timeout=120_000)


def open_theirs(browser: Browser, host: Host) -> None:
    """As MLflow opens it."""
    address = f"http://127.0.0.1:{host.port}/#/experiments/{EXPERIMENT}/runs"
    browser.page.goto(address, wait_until="commit")
    browser.page.wait_for_function(THEIRS, timeout=240_000)


def open_page(playwright: Any, host: Host) -> dict[str, float]:
    """What it takes until the rows are there."""
    with browsing(playwright) as browser:
        start = browser.page.evaluate("performance.timeOrigin + performance.now()")
        (open_theirs if host.name == MLFLOW else open_ours)(browser, host)
        figures = {
            "wall": browser.page.evaluate("performance.timeOrigin + performance.now()") - start,
            "cpu": browser.cpu(),
            "requests": browser.requests(),
            "kilobytes": browser.kilobytes(),
            "script": browser.kilobytes(".js"),
            "nodes": browser.nodes(),
            "heap": browser.heap(),
        }
        if browser.hosts() != {f"127.0.0.1:{host.port}"} and host.name != MLFLOW:
            raise SystemExit(f"{host.name}: the page asked {browser.hosts()}.")
        return figures


PAGE_GATES: dict[str, tuple[str, str, float | None]] = {
    "requests": ("requests", "", 8),
    "kilobytes": ("bytes", "KB", 250),
    "script": ("scripts", "KB", 60),
    "cpu": ("renderer", "s cpu", 1.2),
    "wall": ("wall (of an idle machine)", "ms", 800),
    "nodes": ("nodes", "", None),
    "heap": ("heap", "MB", None),
}


def measure_pages(sheet: Sheet, playwright: Any, hosts: list[Host], runs: int, rounds: int) -> None:
    """All hosts in turns."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        for host in hosts:
            for name, figure in open_page(playwright, host).items():
                # The first round warms up.
                if number:
                    found[host.name, name].append(figure)
    for host in hosts:
        for name, (title, unit, bound) in PAGE_GATES.items():
            wanted = None if host.name == MLFLOW else bound
            sheet.add(f"{host.name}, {runs} runs: {title}", statistics.median(found[host.name, name]), unit, wanted)


# --- a long and wide table ---


def measure_table(sheet: Sheet, playwright: Any, name: str, address: str, rounds: int, wide: bool) -> None:
    """Scrolling, sorting and filtering in one page."""
    with browsing(playwright) as browser:
        page = browser.page
        page.goto(f"{address}?c.pane=table")
        page.evaluate(UNTIL, [None, ""])
        page.wait_for_timeout(1000)
        down = [page.evaluate(SCROLL, ["scrollTop", 90, 2.0]) for _ in range(rounds)]
        fps, late = (statistics.median(column) for column in zip(*down, strict=True))
        sheet.add(f"{name}: scrolling down", fps, "fps", 55, more=True)
        sheet.add(f"{name}: 95th percentile of a frame", late, "ms", 33.5)
        page.evaluate("document.querySelector('.grid').scrollTop = 0")
        page.wait_for_timeout(500)
        filters = [filtering(page, number) for number in range(rounds + 1)]
        sorts, both = [], []
        for number in range(rounds + 1):
            sorts.append(act(page, lambda: f'[data-column="m:m{number % 5}"] .sort'))  # noqa: B023 — called at once
            both.append(filtering(page, number))
        sheet.add(f"{name}: sorted by a metric", statistics.median(sorts[1:]), "ms", 200)
        sheet.add(f"{name}: filtered", statistics.median(filters[1:]), "ms", 200)
        sheet.add(f"{name}: filtered while sorted", statistics.median(both[1:]), "ms")
        if wide:
            columns = "&".join(f"col=m:wide/{index:03d}" for index in range(1000))
            page.goto(f"{address}?c.pane=table&{columns}")
            page.locator(f"{ROW} .run-name").wait_for()
            page.wait_for_timeout(500)
            across = [page.evaluate(SCROLL, ["scrollLeft", 40, 2.0]) for _ in range(rounds)]
            fps = statistics.median(rate for rate, _ in across)
            sheet.add(f"{name}: across 1,000 columns", fps, "fps", 55, more=True)


def filtering(page: Any, number: int) -> float:
    """Milliseconds until a filter's rows have been painted; then all runs are shown again."""
    page.get_by_label("Filter runs").fill(f"metrics.m{number % 5 + 5} < 0.{number + 3} and params.p1 != 'a'")
    took = act(page, lambda: ".filter button[type=submit]")
    page.get_by_role("button", name="Clear the filter").click()
    page.wait_for_timeout(300)
    return took


def act(page: Any, what: Callable[[], str]) -> float:
    """Milliseconds from a click until other rows have been painted."""
    _, text = page.evaluate(UNTIL, [None, ""])
    took, _ = page.evaluate(UNTIL, [what(), text])
    return float(took)


# --- charts ---


def measure_charts(sheet: Sheet, playwright: Any, address: str, experiment: str, rounds: int) -> None:
    """200 runs in 10 charts, all in sight, and a pointer over them."""
    found: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds + 1):
        with browsing(playwright, TALL) as browser:
            page = browser.page
            page.goto(f"{address}/e/{experiment}?c.pane=charts&c.scope=all&c.draw=lines", wait_until="commit")
            page.wait_for_function(DRAWN, arg=[CHARTS, 200], timeout=120_000)
            figures = {
                "wall": page.evaluate("performance.now()"),
                "cpu": browser.cpu(),
                "megabytes": browser.kilobytes() / 1000,
                "heap": browser.heap(),
                "hover": page.evaluate(HOVER, 120),
            }
            for name, figure in figures.items():
                if number:
                    found[name].append(figure)
    typical = {name: statistics.median(figures) for name, figures in found.items()}
    sheet.add("200 runs in 10 charts: drawn (of an idle machine)", typical["wall"], "ms", 1500)
    sheet.add("200 runs in 10 charts: renderer", typical["cpu"], "s cpu")
    sheet.add("200 runs in 10 charts: bytes in all", typical["megabytes"], "MB", 2)
    sheet.add("200 runs in 10 charts: heap", typical["heap"], "MB", 60)
    sheet.add("pointer in 10 charts of 200 runs, 95th percentile", typical["hover"], "ms", 8)


def measure_live(sheet: Sheet, playwright: Any, address: str, uri: str, seconds: float) -> None:
    """The main thread while 100 runs log 10 points a second each."""
    with writing(uri, 100) as experiment, browsing(playwright) as browser:
        page = browser.page
        page.goto(f"{address}/e/{experiment}?c.scope=all", wait_until="commit")
        page.wait_for_function(DRAWN, arg=[1, 100], timeout=120_000)
        page.wait_for_timeout(2000)
        asked, busy = browser.requests("ui/curves"), browser.main_thread()
        page.wait_for_timeout(seconds * 1000)
        ticks = browser.requests("ui/curves") - asked
        busy = browser.main_thread() - busy
        blocked = page.evaluate(BLOCKED, seconds)
    sheet.add("100 runs log 10 points/s: looks at them in a second", ticks / seconds, "", 1, more=True)
    sheet.add("100 runs log 10 points/s: main thread in a second", 1000 * busy / seconds, "ms cpu")
    sheet.add("100 runs log 10 points/s: it is blocked, 95th percentile", blocked, "ms", 16)


# --- all ---


class Plan(NamedTuple):
    """How much is measured."""

    rounds: int
    runs: tuple[int, ...]
    rows: int
    data: Path


@contextmanager
def serving_all(plan: Plan, runs: int, home: Path) -> Iterator[list[Host]]:
    """Every server over the same runs."""
    uris = prepare(plan.data / f"store-{VERSION}-{runs}", runs)
    with postgresql(uris["sqlite"]) as postgres, ExitStack() as ending:
        more = {"PostgreSQL": postgres} if postgres else {}
        ours = {"mlruns": uris["tree"], "SQLite": uris["sqlite"], **more}
        hosts = [start_ours(uri, home / f"{name} {runs}", name) for name, uri in ours.items()]
        yield up(ending, [*hosts, start_theirs(uris["mlflow sqlite"], home / f"theirs {runs}", MLFLOW)])


def measure_all(sheet: Sheet, plan: Plan, playwright: Any, home: Path) -> None:
    """Every row."""
    whole = sum(one.stat().st_size for one in PAGES.glob("assets/*.js.gz")) / 1000
    sheet.add("scripts of all pages, gzip", whole, "KB", 250)
    for runs in plan.runs:
        with serving_all(plan, runs, home) as hosts:
            measure_pages(sheet, playwright, hosts, runs, plan.rounds)
            for host in hosts[:-1] if runs == plan.runs[-1] else ():
                address = f"http://127.0.0.1:{host.port}/e/{EXPERIMENT}"
                measure_table(sheet, playwright, f"{host.name}, {runs} rows", address, plan.rounds, wide=False)
    database = plan.data / f"rows-{VERSION}-{plan.rows}.db"
    with made(plan.data, database.name, str(database)) as missing:
        if missing:
            fill_rows(f"sqlite:///{database}", plan.rows)
    charted = f"sqlite:///{home}/charted.db"
    experiment = fill_charted(charted, 200, CHARTS, 500)
    with ExitStack() as ending:
        uris = {"rows": f"sqlite:///{database}", "charts": charted}
        hosts = [start_ours(uri, home / name, name) for name, uri in uris.items()]
        rows, charts = (f"http://127.0.0.1:{host.port}" for host in up(ending, hosts))
        measure_table(sheet, playwright, f"SQLite, {plan.rows} rows", f"{rows}/e/1", plan.rounds, wide=True)
        measure_charts(sheet, playwright, charts, experiment, plan.rounds)
        measure_live(sheet, playwright, charts, charted, 5 * plan.rounds)


def main() -> None:
    """Measure and print."""
    quick = "--quick" in sys.argv
    given = arguments(
        __doc__, rounds=1 if quick else 3, runs=1000 if quick else 10_000, rows=10_000 if quick else 100_000,
        data=default_folder(),
    )  # fmt: skip
    sheet = Sheet(given.json)
    if not given.json:
        print(f"The pages, load {os.getloadavg()[0]:.1f}")
    plan = Plan(given.rounds, tuple(sorted({200, given.runs})), given.rows, Path(given.data).resolve())
    with tempfile.TemporaryDirectory(prefix="millstream-ui-") as home, sync_playwright() as playwright:
        measure_all(sheet, plan, playwright, Path(home))
    if given.json:
        print(json.dumps([gate._asdict() | {"kept": gate.kept} for gate in sheet.rows], indent=1))
    if not all(gate.kept for gate in sheet.rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
