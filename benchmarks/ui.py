"""The pages in Chromium against a real server on a real store: requests, bytes, processor time, scrolling, sorting.

    python benchmarks/ui.py [--runs 10000] [--columns 1000] [--store URI] [--rounds 3] [--json]

Without --store a SQLite file is filled with `runs` runs of 10 metrics and 10 params, every hundredth of which has a
hundred of `columns` further metrics. "cpu" is the processor time of the browser's renderers, from /proc; the server's
is not in it. Scrolling asks for frames as quickly as the browser gives them: on a machine without a GPU, which draws
with the processor, other work beside it shows at once. Each row says its gate; exits with 1 when one is missed.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from measure import arguments
from playwright.sync_api import sync_playwright

from millstream.server.static import PAGES
from millstream.stores.open import open_store
from millstream.values import names, ops
from millstream.values.entities import Metric, Param
from millstream.values.queries import GetExperimentByName
from tests.journeys.pages import CHROMIUM, serving

T0 = 1_700_000_000_000
TICKS = os.sysconf("SC_CLK_TCK")
ROW = "[role=row][aria-rowindex='2']"

# Resolves once the first row shows what `ready` wants, two frames later: then it has been painted.
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
    } else if (performance.now() - from > 20000) fail(new Error(`the first row stays "${text}"`));
    else requestAnimationFrame(look);
  };
  look();
})
"""
FILLED = """() => /0\\.\\d{3}/.test(document.querySelector("[aria-rowindex='2']").innerText)"""
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


class Gate(NamedTuple):
    """A figure and the bound it must keep: at most, or at least where `more`."""

    title: str
    value: float
    unit: str
    bound: float
    more: bool = False

    @property
    def kept(self) -> bool:
        """Whether it is."""
        return self.value >= self.bound if self.more else self.value <= self.bound


def fill(uri: str, runs: int, columns: int) -> str:
    """An experiment with `runs` runs; its id."""
    store = open_store(uri)
    chance = random.Random(1)
    experiment = store.write(ops.CreateExperiment(name="bench", time=T0))
    batches = []
    for number in range(runs):
        run_id = names.new_run_id()
        store.write(
            ops.CreateRun(run_id=run_id, experiment_id=experiment, start_time=T0 + number, run_name=f"run-{number}")
        )
        keys = [f"m{index}" for index in range(10)]
        if number % 100 == 0:
            keys += chance.sample([f"wide/{index:03d}" for index in range(columns)], min(columns, 100))
        texts = {"lr": str(chance.choice([0.1, 0.01, 0.001])), "batch": "32", "seed": str(number % 5)}
        texts |= {f"p{index}": chance.choice("abcdef") for index in range(7)}
        batches.append(
            ops.LogBatch(
                run_id=run_id,
                metrics=tuple(Metric(key, chance.random(), T0 + number, 0) for key in keys),
                params=tuple(Param(*item) for item in texts.items()),
            )
        )
        if len(batches) == 200 or number == runs - 1:
            store.log_all(batches)
            batches = []
    store.close()
    return experiment


class Browser:
    """Chromium with a profile of its own, and the processor time of its renderers."""

    def __init__(self, playwright: Any, folder: str) -> None:
        """Start it."""
        self._folder = folder
        self.context = playwright.chromium.launch_persistent_context(
            folder, executable_path=CHROMIUM, args=["--no-sandbox"], viewport={"width": 1440, "height": 900}
        )

    def cpu(self) -> float:
        """Seconds so far of renderers that live."""
        parents: dict[int, int] = {}
        commands: dict[int, str] = {}
        times: dict[int, float] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                commands[int(entry.name)] = (entry / "cmdline").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(fields[1])
            times[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        (main,) = (
            pid for pid, text in commands.items() if f"--user-data-dir={self._folder}" in text and "--type=" not in text
        )

        def is_ours(pid: int) -> bool:
            while pid > 1 and pid != main:
                pid = parents.get(pid, 0)
            return pid == main

        return sum(seconds for pid, seconds in times.items() if "--type=renderer" in commands[pid] and is_ours(pid))


def first_page(playwright: Any, address: str) -> dict[str, float]:
    """What it takes until the rows are there, with a cold profile."""
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(playwright, folder)
        page = browser.context.pages[0]
        replies: list[Any] = []
        page.on("response", lambda reply: replies.append(reply))
        start = time.perf_counter()
        page.goto(f"{address}?c.pane=table", wait_until="commit")
        page.locator(f"{ROW} .run-name").wait_for()
        page.wait_for_function(FILLED)
        wall = time.perf_counter() - start
        found = [reply for reply in replies if "api/ui/changes" not in reply.url]
        sizes = {reply.url: int(reply.headers.get("content-length", 0)) for reply in found}
        figures = {
            "wall": wall,
            "cpu": browser.cpu(),
            "requests": len(replies),
            "kilobytes": sum(sizes.values()) / 1000,
            "script": sum(size for url, size in sizes.items() if url.endswith(".js")) / 1000,
        }
        browser.context.close()
        return figures


def in_use(playwright: Any, address: str, rounds: int) -> dict[str, float]:
    """Scrolling both ways, sorting and filtering in one page."""
    with tempfile.TemporaryDirectory() as folder:
        browser = Browser(playwright, folder)
        page = browser.context.pages[0]
        page.goto(f"{address}?c.pane=table")
        _, text = page.evaluate(UNTIL, [None, ""])
        page.wait_for_timeout(1000)
        figures: dict[str, float] = {}
        down = [page.evaluate(SCROLL, ["scrollTop", 90, 2.0]) for _ in range(rounds)]
        figures["fps"], figures["p95"] = (statistics.median(column) for column in zip(*down, strict=True))
        page.evaluate("document.querySelector('.grid').scrollTop = 0")
        page.wait_for_timeout(500)
        sorts, filters = [], []
        for number in range(rounds):
            _, text = page.evaluate(UNTIL, [None, ""])
            took, _ = page.evaluate(UNTIL, [f'[data-column="m:m{number % 5}"] .sort', text])
            sorts.append(took)
            page.wait_for_timeout(300)
            _, text = page.evaluate(UNTIL, [None, ""])
            page.get_by_label("Filter runs").fill(f"metrics.m{number % 5 + 5} < 0.{number + 3} and params.p1 != 'a'")
            took, _ = page.evaluate(UNTIL, [".filter button[type=submit]", text])
            filters.append(took)
            page.get_by_role("button", name="Clear the filter").click()
            page.wait_for_timeout(300)
        figures["sort"], figures["filter"] = statistics.median(sorts), statistics.median(filters)
        wide = "&".join(f"col=m:wide/{index:03d}" for index in range(1000))
        page.goto(f"{address}?c.pane=table&{wide}")
        page.locator(f"{ROW} .run-name").wait_for()
        page.wait_for_timeout(500)
        across = [page.evaluate(SCROLL, ["scrollLeft", 40, 2.0]) for _ in range(rounds)]
        figures["wide fps"] = statistics.median(fps for fps, _ in across)
        browser.context.close()
        return figures


def gates(first: list[dict[str, float]], use: dict[str, float]) -> list[Gate]:
    """The figures with their bounds."""
    typical = {name: statistics.median(one[name] for one in first) for name in first[0]}
    whole = sum(path.stat().st_size for path in (PAGES / "assets").glob("*.js.gz")) / 1000
    return [
        Gate("scripts of the first page, gzip", typical["script"], "KB", 60),
        Gate("scripts of all pages, gzip", whole, "KB", 250),
        Gate("requests to the rows", typical["requests"], "", 8),
        Gate("bytes to the rows", typical["kilobytes"], "KB", 250),
        Gate("renderer to the rows", typical["cpu"], "s cpu", 1.2),
        Gate("rows are there after (an idle machine)", typical["wall"] * 1000, "ms", 800),
        Gate("scrolling all rows", use["fps"], "fps", 55, more=True),
        Gate("95th percentile of a frame", use["p95"], "ms", 33),
        Gate("scrolling across all columns", use["wide fps"], "fps", 55, more=True),
        Gate("sorted by a metric", use["sort"], "ms", 200),
        Gate("filtered", use["filter"], "ms", 200),
    ]


@contextmanager
def store_of(uri: str, runs: int, columns: int) -> Iterator[tuple[str, str]]:
    """The store to measure with, and the experiment in it."""
    if uri:
        yield uri, experiment_of(uri)
        return
    with tempfile.TemporaryDirectory() as folder:
        made = f"sqlite:///{folder}/runs.db"
        yield made, fill(made, runs, columns)


def experiment_of(uri: str) -> str:
    """The experiment "bench" of a store."""
    return open_store(uri).read(GetExperimentByName(name="bench")).experiment_id


def main() -> None:
    """Measure and print."""
    given = arguments(__doc__, runs=10_000, columns=1000, store="", rounds=3)
    with store_of(given.store, given.runs, given.columns) as (uri, experiment), serving(uri) as server:
        address = f"{server}/e/{experiment}"
        with sync_playwright() as playwright:
            first_page(playwright, address)
            first = [first_page(playwright, address) for _ in range(given.rounds)]
            found = gates(first, in_use(playwright, address, given.rounds))
    if given.json:
        print(json.dumps([gate._asdict() | {"kept": gate.kept} for gate in found], indent=1))
    else:
        print(f"The table of runs, load {os.getloadavg()[0]:.1f}")
        for gate in found:
            sign = "≥" if gate.more else "≤"
            missed = "" if gate.kept else "MISSED"
            print(f"  {gate.title:42} {gate.value:9.1f} {gate.unit:6} {sign} {gate.bound:<6g} {missed}")
    if not all(gate.kept for gate in found):
        sys.exit(1)


if __name__ == "__main__":
    main()
